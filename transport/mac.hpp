#pragma once

#include "sluice/crypto/hash.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sluice {

/// One row of the table of MACs.
struct mac_info {
    std::string_view name;
    std::optional<crypto::hash_kind> hash;  // of an HMAC; nothing: UMAC (RFC 4418)
    std::size_t tag_size;                   // bytes
    std::size_t key_size;                   // bytes
    bool etm;      // encrypt-then-MAC: over the ciphertext, length in clear (PROTOCOL 1.5)
    bool offered;  // in the default offer; the others are there for who asks for them
    bool weak;     // whoever asks for it is warned
};

/// In order of preference.
std::span<const mac_info> macs();

/// Null when unknown.
const mac_info* find_mac(std::string_view name);

}  // namespace sluice
