#pragma once

#include "sluice/crypto/kem.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

namespace sluice::crypto {

/// Parameter sets of ML-KEM (FIPS 203 §8).
enum class ml_kem_set { ml_kem_768, ml_kem_1024 };

struct ml_kem_sizes {
    std::size_t encapsulation_key;  // bytes
    std::size_t decapsulation_key;
    std::size_t ciphertext;
};
constexpr std::size_t ml_kem_shared_secret_size = 32;  // bytes

constexpr ml_kem_sizes sizes_of(ml_kem_set set) {
    return set == ml_kem_set::ml_kem_768 ? ml_kem_sizes{1184, 2400, 1088}
                                         : ml_kem_sizes{1568, 3168, 1568};
}

/// A fresh pair of keys (FIPS 203 §7.1), from the seed d || z: 64 bytes of `random`.
kem_keys ml_kem_generate(ml_kem_set set, random_source& random);

/// A fresh secret for the owner of the key (§7.2), from m: 32 bytes of `random`.
/// Errors: bad_public_value when the key has the wrong length or a coefficient beyond the modulus.
result<kem_encapsulation> ml_kem_encapsulate(ml_kem_set set, bytes_view encapsulation_key,
                                             random_source& random);

/// The secret in the ciphertext (§7.3). A ciphertext that was changed gives another, useless
/// secret and no error: implicit rejection. Its time does not tell.
/// Errors: bad_public_value for a ciphertext of the wrong length; bad_key for a key of the wrong
/// length or whose parts do not belong together.
result<secret_bytes> ml_kem_decapsulate(ml_kem_set set, bytes_view decapsulation_key,
                                        bytes_view ciphertext);

}  // namespace sluice::crypto
