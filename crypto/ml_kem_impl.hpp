#pragma once

// Private to crypto/: the two implementations of ML-KEM. Keys of one work with the other.

#include "sluice/crypto/ml_kem.hpp"

namespace sluice::crypto {

constexpr std::size_t ml_kem_seed_size = 64;     // bytes, d || z
constexpr std::size_t ml_kem_message_size = 32;  // bytes, m

/// The functions of ml_kem.hpp, without random choices. Lengths of all arguments are right.
struct ml_kem_implementation {
    kem_keys (*generate)(ml_kem_set, bytes_view seed);
    result<kem_encapsulation> (*encapsulate)(ml_kem_set, bytes_view key, bytes_view message);
    result<secret_bytes> (*decapsulate)(ml_kem_set, bytes_view key, bytes_view ciphertext);
};

/// Ours, from FIPS 203.
extern const ml_kem_implementation ml_kem_own;

/// OpenSSL's, or null: it has one from 3.5 on, if its providers are not cut down.
const ml_kem_implementation* ml_kem_of_openssl();

}  // namespace sluice::crypto
