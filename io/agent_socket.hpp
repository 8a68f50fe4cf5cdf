#pragma once

#include "sluice/auth/agent.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// An authentication agent at the other end of a unix socket. One request at a time. After an error
/// it is finished.
class agent_socket {
public:
    explicit agent_socket(boost::asio::any_io_executor executor) : socket_(std::move(executor)) {}

    /// Errors: those of the system.
    boost::asio::awaitable<result<>> connect(std::string path);
    bool connected() const { return socket_.is_open(); }
    void close();

    /// Errors: those of the system, of agent_client, and auth_denied when the agent refuses.
    boost::asio::awaitable<result<std::vector<agent_identity>>> list();
    boost::asio::awaitable<result<bytes>> sign(bytes key_blob, std::string algorithm, bytes data);

private:
    boost::asio::awaitable<result<agent_reply>> converse();

    boost::asio::local::stream_protocol::socket socket_;
    agent_client agent_;
};

/// Path of the agent that the environment names ($SSH_AUTH_SOCK), or nothing.
std::string environment_agent();

}  // namespace sluice
