#pragma once

#include "sluice/auth/agent_server.hpp"
#include "sluice/io/connect_options.hpp"
#include "sluice/io/log.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sluice {

struct agent_service_options {
    std::string socket_path = {};

    /// Of keys that are added without one (ssh-agent -t); none: until they are removed.
    std::optional<std::chrono::seconds> lifetime = {};

    /// Whether a key may be used that is to be confirmed; empty: it may not. Cancelled at the end.
    asked<bool, agent_confirmation> on_confirm = {};
    log_sink log = {};
};

/// An SSH agent on a unix socket, which only its own user and root may connect to.
///
/// Everything happens on one strand of the executor. Destroying it closes it.
class agent_service {
public:
    agent_service(boost::asio::any_io_executor executor, agent_service_options options);
    ~agent_service();
    agent_service(const agent_service&) = delete;
    agent_service& operator=(const agent_service&) = delete;

    /// Makes the socket, with mode 0600, and serves whoever connects. Once.
    ///
    /// Errors: those of the system, as when something of that name is there; permission_denied for
    /// a folder that others may change; too_long for the path.
    result<> listen();

    /// Calls it with the keys, on the strand.
    void with_keys(std::function<void(agent_keyring&)> what);

    /// From any thread: takes the socket away, ends all connections and wipes the keys.
    void close();

private:
    class running;
    std::shared_ptr<running> running_;
};

}  // namespace sluice
