#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/channel/events.hpp"

#include <cstdint>
#include <string>
#include <variant>

namespace sluice {

/// Somebody asks to be let in: see `server_endpoint::question`, go on with `answer`.
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

}  // namespace sluice
