#include "sluice/transport/mac.hpp"

#include "sluice/transport/table.hpp"

#include <array>

namespace sluice {
namespace {

constexpr std::array table{
    mac_info{"hmac-sha2-256-etm@openssh.com", crypto::hash_kind::sha256, true, true},
    mac_info{"hmac-sha2-512-etm@openssh.com", crypto::hash_kind::sha512, true, true},
    mac_info{"hmac-sha2-256", crypto::hash_kind::sha256, false, false},  // RFC 6668
    mac_info{"hmac-sha2-512", crypto::hash_kind::sha512, false, false},
};

}  // namespace

std::span<const mac_info> macs() { return table; }
const mac_info* find_mac(std::string_view name) { return find_row(macs(), name); }

}  // namespace sluice
