#include "sluice/io/agent_socket.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_size = 4096;
constexpr std::size_t path_length_max = 107;  // of sockaddr_un, without its zero

}  // namespace

asio::awaitable<result<>> agent_socket::connect(std::string path) {
    if (path.size() > path_length_max) co_return errc::too_long;
    const asio::local::stream_protocol::endpoint address(path);
    const auto [e] = co_await socket_.async_connect(address, as_result);
    if (!e) co_return result<>();
    close();
    co_return e;
}

void agent_socket::close() {
    error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<result<std::vector<agent_identity>>> agent_socket::list() {
    agent_.request_identities();
    auto reply = co_await converse();
    if (!reply) co_return reply.error();
    auto* found = std::get_if<agent_identities>(&*reply);
    if (found == nullptr) co_return errc::auth_denied;
    co_return std::move(found->identities);
}

asio::awaitable<result<bytes>> agent_socket::sign(bytes key_blob, std::string algorithm,
                                                  bytes data) {
    agent_.request_signature(key_blob, algorithm, data);
    auto reply = co_await converse();
    if (!reply) co_return reply.error();
    auto* signature = std::get_if<agent_signature>(&*reply);
    if (signature == nullptr) co_return errc::auth_denied;
    co_return std::move(signature->blob);
}

asio::awaitable<result<>> agent_socket::bind_session(const agent_session_binding& binding) {
    agent_.bind_session(binding);
    const auto reply = co_await converse();
    if (!reply) co_return reply.error();
    if (std::holds_alternative<agent_refusal>(*reply)) co_return errc::auth_denied;
    co_return result<>();
}

asio::awaitable<result<agent_reply>> agent_socket::ask(request ask) {
    const auto made = ask(agent_);
    if (!made) co_return made.error();
    auto reply = co_await converse();
    co_return std::move(reply);
}

asio::awaitable<result<agent_reply>> agent_socket::converse() {
    error_code failed;
    while (!failed) {
        auto reply = agent_.next();
        if (!reply) {
            failed = reply.error();
            break;
        }
        if (*reply) co_return std::move(**reply);
        if (const bytes_view output = agent_.output(); !output.empty()) {
            const auto [e, n] = co_await socket_.async_write_some(
                asio::buffer(output.data(), output.size()), as_result);
            agent_.consume_output(n);
            failed = e;
        } else {
            const mutable_bytes_view space = agent_.prepare_input(read_size);
            const auto [e, n] = co_await socket_.async_read_some(
                asio::buffer(space.data(), space.size()), as_result);
            agent_.commit_input(n);
            failed = e;
        }
    }
    close();
    co_return failed;
}

}  // namespace sluice
