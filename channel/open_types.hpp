#pragma once

#include "sluice/channel/named_list.hpp"

#include <cstdint>
#include <string_view>
#include <variant>

/// What SSH_MSG_CHANNEL_OPEN carries behind its regular fields, one struct a channel type. Views
/// live as long as the payload.
namespace sluice {

// RFC 4254 §6.1
struct session_channel {
    static constexpr std::string_view name = "session";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// RFC 4254 §7.2: from the side that accepted a connection, for the other to connect on.
struct direct_tcpip_channel {
    static constexpr std::string_view name = "direct-tcpip";

    std::string_view host_to_connect;
    std::uint32_t port_to_connect = 0;
    std::string_view originator_address;
    std::uint32_t originator_port = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.host_to_connect, m.port_to_connect, m.originator_address, m.originator_port);
    }
};

// RFC 4254 §7.2: a connection to a port that a tcpip-forward asked for.
struct forwarded_tcpip_channel {
    static constexpr std::string_view name = "forwarded-tcpip";

    std::string_view address_connected;
    std::uint32_t port_connected = 0;
    std::string_view originator_address;
    std::uint32_t originator_port = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.address_connected, m.port_connected, m.originator_address,
                     m.originator_port);
    }
};

// OpenSSH PROTOCOL 2.4
struct direct_streamlocal_channel {
    static constexpr std::string_view name = "direct-streamlocal@openssh.com";

    std::string_view socket_path;
    std::string_view reserved;
    std::uint32_t reserved_number = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.socket_path, m.reserved, m.reserved_number);
    }
};

// OpenSSH PROTOCOL 2.4
struct forwarded_streamlocal_channel {
    static constexpr std::string_view name = "forwarded-streamlocal@openssh.com";

    std::string_view socket_path;
    std::string_view reserved;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.socket_path, m.reserved); }
};

// RFC 9987 §7, in the form that OpenSSH made common: a connection to the agent.
struct auth_agent_channel {
    static constexpr std::string_view name = "auth-agent@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

using channel_open_type =
    std::variant<session_channel, direct_tcpip_channel, forwarded_tcpip_channel,
                 direct_streamlocal_channel, forwarded_streamlocal_channel, auth_agent_channel>;

using open_type_list = named::list<channel_open_type>;

}  // namespace sluice
