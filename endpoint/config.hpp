#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/channel/mux.hpp"
#include "sluice/transport/config.hpp"
#include "sluice/wire/clock.hpp"

namespace sluice {

/// Everything that one server-side connection needs to know. Shared by all connections of a server
/// and not changed while one of them lives.
struct server_config {
    transport_config transport;
    server_auth_config auth;
    mux_config channels;

    /// From the first byte to a successful login; 0: no limit. OpenSSH's LoginGraceTime.
    duration login_grace = std::chrono::minutes(2);

    /// After this long without a byte from the peer it is asked for a sign of life; 0: never.
    /// OpenSSH's ClientAliveInterval, which is off there; dead peers hold memory, so here it is on.
    duration keepalive_interval = std::chrono::seconds(60);
    unsigned keepalive_count_max = 3;  // unanswered, in a row; ClientAliveCountMax

    /// Tells the client all host keys after login (hostkeys-00@openssh.com, PROTOCOL 2.5).
    bool announce_host_keys = true;
};

}  // namespace sluice
