#pragma once

#include "sluice/auth/client_auth.hpp"
#include "sluice/auth/server_auth.hpp"
#include "sluice/channel/mux.hpp"
#include "sluice/endpoint/drain.hpp"
#include "sluice/transport/config.hpp"
#include "sluice/wire/clock.hpp"

namespace sluice {

/// Everything that one server-side connection needs to know. Shared by all connections of a server
/// and not changed while one of them lives.
struct server_config {
    transport_config transport;
    server_auth_config auth;
    mux_config channels;
    end_config end;

    /// From the first byte to a successful login; 0: no limit. OpenSSH's LoginGraceTime.
    duration login_grace = std::chrono::minutes(2);

    /// After this long without a byte from the peer it is asked for a sign of life; 0: never.
    /// OpenSSH's ClientAliveInterval, which is off there; dead peers hold memory, so here it is on.
    duration keepalive_interval = std::chrono::seconds(60);
    unsigned keepalive_count_max = 3;  // unanswered, in a row; ClientAliveCountMax

    /// Tells the client all host keys after login (hostkeys-00@openssh.com, PROTOCOL 2.5).
    bool announce_host_keys = true;
};

/// Everything that one client-side connection needs to know.
struct client_config {
    /// `known_hosts::ordered` puts host_key_algorithms into the order that suits the server.
    transport_config transport{role::client};

    /// May be added to until the host key is accepted: what an agent holds, say.
    client_auth_config auth;

    mux_config channels;
    end_config end;

    /// How long the server may keep us waiting before we are logged in, 0: for ever. It runs anew
    /// after each answer of the application's, and not while that is awaited.
    duration login_timeout = std::chrono::minutes(2);

    /// After this long without a byte from the server it is asked for a sign of life; 0: never.
    /// OpenSSH's ServerAliveInterval, which is off there; a dead network then goes unnoticed.
    duration keepalive_interval = std::chrono::seconds(30);
    unsigned keepalive_count_max = 3;  // unanswered, in a row; ServerAliveCountMax
};

}  // namespace sluice
