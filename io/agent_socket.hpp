#pragma once

#include "sluice/auth/agent.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Private to io/: an authentication agent at the other end of a unix socket. One request at a
/// time. After an error of the connection it is finished.
class agent_socket {
public:
    using socket_type = boost::asio::local::stream_protocol::socket;

    explicit agent_socket(boost::asio::any_io_executor executor) : socket_(std::move(executor)) {}

    /// Errors: those of the system.
    boost::asio::awaitable<result<>> connect(std::string path);
    bool connected() const { return socket_.is_open(); }
    void close();

    /// Errors: those of the system, of agent_client, and auth_denied when the agent refuses.
    boost::asio::awaitable<result<std::vector<agent_identity>>> list();
    boost::asio::awaitable<result<bytes>> sign(bytes key_blob, std::string algorithm, bytes data);

    /// Its views are not needed any more when it returns.
    boost::asio::awaitable<result<>> bind_session(const agent_session_binding& binding);

    /// What `ask` asks for, one request; its own error is given without any being made. Errors: the
    /// same, but a refusal is a reply.
    using request = std::function<result<>(agent_client&)>;
    boost::asio::awaitable<result<agent_reply>> ask(request ask);

    /// The socket, for others to talk to the agent.
    socket_type release() { return std::move(socket_); }

private:
    boost::asio::awaitable<result<agent_reply>> converse();

    socket_type socket_;
    agent_client agent_;
};

}  // namespace sluice
