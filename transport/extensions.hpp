#pragma once

#include "sluice/transport/messages.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// What the peer announced by EXT_INFO (RFC 8308); unknown extensions are ignored.
struct peer_extensions {
    std::vector<std::string> server_sig_algs;
    bool ping = false;       // ping@openssh.com, version 0
    bool hostbound = false;  // publickey-hostbound@openssh.com, version 0
    bool seen = false;

    /// Takes in one EXT_INFO; a later one replaces what it names again.
    result<> update(const ext_info& message);
};

/// The payload of the EXT_INFO that a server sends behind its first NEWKEYS: server-sig-algs, then
/// the others by name and value.
bytes server_ext_info(const std::vector<std::string>& public_key_algorithms,
                      const std::vector<std::pair<std::string, std::string>>& others);

}  // namespace sluice
