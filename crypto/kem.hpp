#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/secret.hpp"

namespace sluice::crypto {

/// What every key encapsulation mechanism has in common: the one side makes a pair of keys, the
/// other encapsulates a fresh secret to the public one, the first decapsulates it.
struct kem_keys {
    bytes encapsulation_key;         // public
    secret_bytes decapsulation_key;  // holds the other one too
};

struct kem_encapsulation {
    bytes ciphertext;
    secret_bytes shared_secret;
};

}  // namespace sluice::crypto
