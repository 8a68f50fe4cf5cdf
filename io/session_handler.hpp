#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/descriptor_budget.hpp"
#include "sluice/io/session.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// Who is logged in, for those who make something for a session.
struct session_info {
    std::string user;
    std::string peer_address;
    std::uint16_t local_port = 0;  // that the client came to; 0: none
    std::string local_address{};   // likewise; numeric, empty: none
    session_rights rights;

    /// What the connection may have open, where the server counts it.
    std::shared_ptr<descriptor_account> descriptors{};
};

/// A session that a client has begun, as the coroutine that serves it sees it. Its data is an Asio
/// stream (see `session`); reading gives what the client sends, writing is its standard output,
/// `errors` its standard error.
class served_session : public session {
public:
    served_session(std::shared_ptr<session_core> core, session_info who, std::string what,
                   std::vector<std::pair<std::string, std::string>> environment,
                   std::stop_token stop)
        : session(std::move(core)),
          who_(std::move(who)),
          what_(std::move(what)),
          environment_(std::move(environment)),
          stop_(std::move(stop)) {}

    const session_info& who() const { return who_; }

    /// The command, or the name of the subsystem; empty for a shell.
    const std::string& what() const { return what_; }

    /// What the client set by "env", as far as it is accepted.
    const std::vector<std::pair<std::string, std::string>>& environment() const {
        return environment_;
    }

    /// The server drains: come to an end soon. At its deadline the coroutine is cancelled.
    bool stop_requested() const { return stop_.stop_requested(); }
    const std::stop_token& stop_token() const { return stop_; }

private:
    session_info who_;
    std::string what_;
    std::vector<std::pair<std::string, std::string>> environment_;
    std::stop_token stop_;
};

/// Serves one session, on the strand of its connection. When it returns, what was written is sent,
/// then EOF, the exit status that it returns, and CLOSE. When it throws, the exit status is 255.
/// Its connection ends behind it: it is awaited, and cancelled when there is no more time.
using session_handler = std::function<boost::asio::awaitable<std::uint32_t>(served_session&)>;

}  // namespace sluice
