#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

// Names of requests, as sftp-server(8) has them in -p, -P and -Q: "open", "lsetstat", "fsync".
namespace sluice::sftp {

/// Of the request with that packet type (draft-02 §3); empty for what is no request of its own,
/// such as SSH_FXP_INIT and SSH_FXP_EXTENDED.
std::string_view request_name(std::uint8_t number);

/// Of an extended request: what stands before the "@".
constexpr std::string_view request_name(std::string_view extended) {
    return extended.substr(0, extended.find('@'));
}

/// All that the server knows, in the order of their numbers, then the extended ones.
std::vector<std::string_view> request_names();

}  // namespace sluice::sftp
