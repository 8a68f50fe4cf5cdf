#pragma once

#include "sluice/auth/server_auth.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// One attempt to log in, as an application gets to decide it.
struct login_attempt {
    auth_question question;
    std::string peer_address;  // numeric, without port
};

/// What a login may do; filled from the options of an authorized key. Those of all steps of a login
/// hold together; a step is refused that forces another command than one before it.
struct session_rights {
    std::optional<std::string> forced_command;  // runs instead of whatever is asked for
    std::vector<std::pair<std::string, std::string>> environment;
    bool port_forwarding = true;  // as far as the server permits it
};

struct login_verdict {
    auth_answer answer = auth_answer::refuse;
    session_rights rights;
};

/// Decides who gets in. One object serves all connections of a server, from any of its threads.
class authenticator {
public:
    virtual ~authenticator() = default;

    /// Runs on the connection's strand; may suspend for as long as it likes and is cancelled
    /// (terminal) when the connection ends first. It takes the same time and gives the same answer
    /// for a user who does not exist as for a wrong password or key. A signature has been checked
    /// before `auth_question::kind::public_key` is asked. An exception refuses.
    virtual boost::asio::awaitable<login_verdict> check(login_attempt attempt) = 0;
};

}  // namespace sluice
