#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/channel/events.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

/// Server: somebody asks to be let in. Client: something is needed to get in. See `question`, go on
/// with `answer`.
struct auth_question_event {};

/// The user is logged in; channels may follow.
struct authenticated_event {
    authenticated_user user;
};

/// A key exchange was finished, the first or a later one.
struct keys_changed_event {
    bool first = false;
};

/// The peer sent DISCONNECT. The text is the peer's: escape it before it is shown.
struct peer_disconnected_event {
    std::uint32_t reason_code = 0;
    std::string description;
};

/// What the application of a server sees of one connection.
using server_event = std::variant<auth_question_event, authenticated_event, keys_changed_event,
                                  peer_disconnected_event, channel_event>;

/// The host key of the first key exchange; the server has proved that it holds it. Whether it is
/// that server's is for the application to say: `accept_host_key` or `refuse_host_key`.
struct host_key_event {
    crypto::presented_key shown;
    std::string algorithm;  // that it was proven by: "ssh-ed25519-cert-v01@openssh.com"
};

/// A text for the user before the login (RFC 4252 §5.4). The server's: escape it before it is
/// shown.
struct banner_event {
    std::string text;
};

/// We are logged in; channels may follow.
struct logged_in_event {
    std::vector<std::string> methods;  // that convinced the server, in order
};

/// The answer to `send_ping`: the server has taken all that was sent before.
struct pong_event {
    bytes data;
};

/// The answer to `ask_for_proof`: the keys if the server has proven all of them, none otherwise.
struct host_keys_proven_event {
    std::vector<crypto::public_key> keys;
};

/// What the application of a client sees of one connection.
using client_event = std::variant<host_key_event, banner_event, auth_question_event,
                                  logged_in_event, keys_changed_event, pong_event,
                                  host_keys_proven_event, peer_disconnected_event, channel_event>;

}  // namespace sluice
