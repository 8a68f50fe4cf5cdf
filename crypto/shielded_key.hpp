#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/error.hpp"

namespace sluice::crypto {

/// The same key, which between signatures is in memory only encrypted, under a hash of 16 KiB of
/// random bytes: whoever reads memory with an error here and there, by a fault of the processor or
/// of the memory, has to read all of these without one. The random bytes are not swapped out, where
/// the system allows that, and in no core. For keys that are kept long and used by strangers'
/// leave, as a server's host keys: each signature also reads the key anew.
///
/// `write_pkcs8` does not write such a key. Errors: those of writing the key.
result<private_key> shielded(const private_key& key, random_source& random);

}  // namespace sluice::crypto
