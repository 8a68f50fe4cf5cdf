#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/io/session_handler.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>

namespace sluice {

/// How a server, or one of its connections, comes to its end.
struct drain_options {
    /// What has not finished by then is cut.
    std::chrono::nanoseconds deadline = std::chrono::seconds(30);
    drain_policy policy = {};
};

/// One connection of a server, as the coroutine that follows it sees it. All on its strand.
class served_connection {
public:
    virtual ~served_connection() = default;

    virtual boost::asio::any_io_executor get_executor() = 0;
    virtual const session_info& who() const = 0;

    /// Sessions that are open, or whose handler has not returned.
    virtual std::size_t sessions() const = 0;

    /// Until a session was opened and none is left.
    virtual boost::asio::awaitable<void> sessions_ended() = 0;

    /// Ends the connection; see server::drain. Its end cancels the coroutine where it waits then.
    virtual void drain(const drain_options& how) = 0;
    virtual void cut() = 0;

    /// The server drains, or the connection does.
    virtual std::stop_token stop_token() const = 0;
};

/// Follows one connection from its login on. The connection does not end before it has returned;
/// when the connection is gone, it is asked to stop, and cancelled after the grace time.
using connection_handler = std::function<boost::asio::awaitable<void>(served_connection&)>;

}  // namespace sluice
