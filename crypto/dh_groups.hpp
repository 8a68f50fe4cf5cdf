#pragma once

#include "sluice/wire/bytes.hpp"

#include <span>

namespace sluice::crypto {

/// A finite-field Diffie-Hellman group: a safe prime and a generator.
struct dh_group {
    bytes prime;  // big-endian, no leading zeros
    bytes generator{2};
    unsigned strength_bits = 0;  // security level, for the size of the private exponent; or unknown
};

/// The MODP groups of RFC 3526.
const dh_group& modp_group14();  ///< 2048 bits
const dh_group& modp_group15();  ///< 3072 bits
const dh_group& modp_group16();  ///< 4096 bits
const dh_group& modp_group17();  ///< 6144 bits
const dh_group& modp_group18();  ///< 8192 bits

/// All of them, the smallest first.
std::span<const dh_group* const> modp_groups();

}  // namespace sluice::crypto
