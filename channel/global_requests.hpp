#pragma once

#include "sluice/channel/named_list.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

/// What SSH_MSG_GLOBAL_REQUEST carries behind `want_reply`, one struct a request name. Views live
/// as long as the payload. To add one: write the struct, list it in `global_request`.
namespace sluice {

// RFC 4254 §7.1. A success to port 0 carries the port that was bound, as a uint32.
struct tcpip_forward_request {
    static constexpr std::string_view name = "tcpip-forward";

    std::string_view address_to_bind;
    std::uint32_t port_to_bind = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.address_to_bind, m.port_to_bind);
    }
};

// RFC 4254 §7.1
struct cancel_tcpip_forward_request {
    static constexpr std::string_view name = "cancel-tcpip-forward";

    std::string_view address_to_bind;
    std::uint32_t port_to_bind = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.address_to_bind, m.port_to_bind);
    }
};

// OpenSSH PROTOCOL 2.4
struct streamlocal_forward_request {
    static constexpr std::string_view name = "streamlocal-forward@openssh.com";

    std::string_view socket_path;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.socket_path); }
};

// OpenSSH PROTOCOL 2.4
struct cancel_streamlocal_forward_request {
    static constexpr std::string_view name = "cancel-streamlocal-forward@openssh.com";

    std::string_view socket_path;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.socket_path); }
};

// OpenSSH PROTOCOL 2.2: the sender opens no further session.
struct no_more_sessions_request {
    static constexpr std::string_view name = "no-more-sessions@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// OpenSSH PROTOCOL 2.5: a server's host keys, one string each up to the end of the payload.
struct hostkeys_request {
    static constexpr std::string_view name = "hostkeys-00@openssh.com";

    std::vector<bytes_view> host_keys;  // at most limits::host_keys_max

    static void put(const hostkeys_request& m, wire::writer& w);
    static void get(wire::reader& r, hostkeys_request& m);
};

// OpenSSH PROTOCOL 2.5: asks for a signature by each of these keys.
struct hostkeys_prove_request {
    static constexpr std::string_view name = "hostkeys-prove-00@openssh.com";

    std::vector<bytes_view> host_keys;  // at most limits::host_keys_max

    static void put(const hostkeys_prove_request& m, wire::writer& w);
    static void get(wire::reader& r, hostkeys_prove_request& m);
};

// OpenSSH's sign of life on a connection; any answer will do.
struct global_keepalive_request {
    static constexpr std::string_view name = "keepalive@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

using global_request =
    std::variant<tcpip_forward_request, cancel_tcpip_forward_request, streamlocal_forward_request,
                 cancel_streamlocal_forward_request, no_more_sessions_request, hostkeys_request,
                 hostkeys_prove_request, global_keepalive_request>;

/// The request of that name; nothing where we know none. Errors: those of its fields.
result<std::optional<global_request>> decode_global_request(std::string_view name,
                                                            bytes_view request_specific);

/// Appends the whole payload of SSH_MSG_GLOBAL_REQUEST.
void encode_global_request(const global_request& request, bool want_reply, bytes& out);

}  // namespace sluice
