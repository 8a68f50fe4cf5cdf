#pragma once

#include "sluice/crypto/kem.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

namespace sluice::crypto {

// Streamlined NTRU Prime with p = 761, q = 4591, w = 286 (NTRU Prime round 3 submission).

constexpr std::size_t sntrup761_encapsulation_key_size = 1158;  // bytes
constexpr std::size_t sntrup761_decapsulation_key_size = 1763;
constexpr std::size_t sntrup761_ciphertext_size = 1039;
constexpr std::size_t sntrup761_shared_secret_size = 32;

/// A fresh pair of keys. Takes 761 words of four bytes from `random` for each candidate of g until
/// one is invertible (nearly always the first), 761 words for f, then 191 bytes.
kem_keys sntrup761_generate(random_source& random);

/// A fresh secret for the owner of the key. Takes 761 words of four bytes from `random`.
/// Errors: bad_public_value when the key has the wrong length.
result<kem_encapsulation> sntrup761_encapsulate(bytes_view encapsulation_key,
                                                random_source& random);

/// The secret in the ciphertext. A ciphertext that was changed gives another, useless secret and
/// no error: implicit rejection. Its time does not tell.
/// Errors: bad_public_value for a ciphertext of the wrong length, bad_key for such a key.
result<secret_bytes> sntrup761_decapsulate(bytes_view decapsulation_key, bytes_view ciphertext);

}  // namespace sluice::crypto
