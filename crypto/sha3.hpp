#pragma once

// Private to crypto/: the functions of FIPS 202 that ML-KEM is made of.

#include "sluice/wire/bytes.hpp"

#include <initializer_list>

namespace sluice::crypto {

enum class sha3_kind { sha3_256, sha3_512, shake128, shake256 };

/// Hashes the parts one behind the other. `out` is filled: its size is the digest's, or for SHAKE
/// whatever is wanted.
void sha3(sha3_kind kind, std::initializer_list<bytes_view> parts, mutable_bytes_view out);

}  // namespace sluice::crypto
