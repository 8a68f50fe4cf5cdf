#pragma once

#include "sluice/crypto/hash.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice {

/// One row of the table of MACs. The tag is the whole digest; so is the key.
struct mac_info {
    std::string_view name;
    crypto::hash_kind hash;
    bool etm;      // encrypt-then-MAC: over the ciphertext, length in clear (PROTOCOL 1.5)
    bool offered;  // in the default offer; the others are there for who asks for them

    constexpr std::size_t size() const { return crypto::hash_size(hash); }
};

/// In order of preference.
std::span<const mac_info> macs();

/// Null when unknown.
const mac_info* find_mac(std::string_view name);

}  // namespace sluice
