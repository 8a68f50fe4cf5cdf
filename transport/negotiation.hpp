#pragma once

#include "sluice/transport/cipher.hpp"
#include "sluice/transport/compression.hpp"
#include "sluice/transport/identification.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/wire/error.hpp"

#include <string>

namespace sluice {

// Names in kex_algorithms that are marks and no methods.
inline constexpr std::string_view ext_info_c = "ext-info-c";                      // RFC 8308 §2.1
inline constexpr std::string_view kex_strict_c = "kex-strict-c-v00@openssh.com";  // PROTOCOL 1.10
inline constexpr std::string_view kex_strict_s = "kex-strict-s-v00@openssh.com";

/// What two KEXINITs lead to (RFC 4253 §7.1).
struct negotiated {
    struct direction {
        const cipher_info* cipher = nullptr;
        const mac_info* mac = nullptr;  // null when the cipher brings its own tag
        const compression_info* compression = nullptr;
    };

    const kex_info* kex = nullptr;
    std::string host_key_algorithm;
    direction client_to_server;
    direction server_to_client;
    bool guess_is_wrong = false;  // of a first_kex_packet_follows by the peer of `own`
};

/// Errors: no_common_kex, no_common_host_key, no_common_cipher, no_common_mac,
/// no_common_compression.
result<negotiated> negotiate(const kexinit& client, const kexinit& server, role own);

}  // namespace sluice
