#include "sluice/io/agent_connection.hpp"

#include "sluice/io/agent_socket.hpp"
#include "sluice/io/coroutine_operation.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdlib>

namespace asio = boost::asio;

namespace sluice {

class agent_connection::shared {
public:
    explicit shared(asio::any_io_executor on) : strand(std::move(on)), socket(strand) {}

    const asio::any_io_executor strand;
    agent_socket socket;
    bool busy = false;
};

namespace {

// So that its end is seen whatever ends the request.
class turn {
public:
    explicit turn(bool& busy) : busy_(busy) { busy_ = true; }
    ~turn() { busy_ = false; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

private:
    bool& busy_;
};

template <class Shared>
asio::awaitable<result<agent_reply>> request_over(std::shared_ptr<Shared> over,
                                                  agent_socket::request what) {
    co_await asio::this_coro::throw_if_cancelled(false);
    if (over->busy) co_return error_code(asio::error::already_started);
    const turn own(over->busy);
    if (!over->socket.connected()) co_return error_code(asio::error::not_connected);
    auto reply = co_await over->socket.ask(std::move(what));
    if (reply && std::holds_alternative<agent_refusal>(*reply)) co_return errc::auth_denied;
    co_return std::move(reply);
}

}  // namespace

std::string environment_agent() {
    const char* path = std::getenv("SSH_AUTH_SOCK");
    return path == nullptr ? "" : path;
}

void agent_connection::start_request(std::shared_ptr<shared> over, request what,
                                     completion<agent_reply> done) {
    const auto strand = over->strand;
    run_as_operation(strand, request_over(std::move(over), std::move(what)), std::move(done));
}

asio::awaitable<result<agent_connection>> agent_connection::open(asio::any_io_executor strand,
                                                                 std::string path) {
    co_await asio::this_coro::throw_if_cancelled(false);
    agent_connection c;
    c.shared_ = std::make_shared<shared>(std::move(strand));
    const auto connected = co_await c.shared_->socket.connect(std::move(path));
    if (!connected) co_return connected.error();
    co_return std::move(c);
}

void start_connect_agent(asio::any_io_executor executor, std::string path,
                         completion<agent_connection> done) {
    const asio::any_io_executor strand = asio::make_strand(executor);
    run_as_operation(strand, agent_connection::open(strand, std::move(path)), std::move(done));
}

}  // namespace sluice
