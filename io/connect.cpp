// From a name to a connection that is logged in.

#include "sluice/io/client.hpp"
#include "sluice/io/client_connection.hpp"
#include "sluice/io/connect_tcp.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/socket_stream.hpp"
#include "sluice/io/weak_algorithms.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

result<connection> fail(const connect_options& options, connect_failure why) {
    if (options.on_failure) options.on_failure(why);
    return why.error;
}

asio::awaitable<bool> cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

asio::awaitable<result<std::unique_ptr<byte_stream>>> connect_stream(asio::any_io_executor strand,
                                                                     const connect_options& options,
                                                                     std::string& what) {
    auto socket =
        co_await connect_tcp(strand, options.host, options.port, options.connect_timeout, what);
    if (!socket) co_return socket.error();
    error_code ignored;
    socket->set_option(tcp::no_delay(true), ignored);
    socket->set_option(asio::socket_base::keep_alive(true), ignored);
    co_return std::make_unique<socket_stream>(std::move(*socket));
}

asio::awaitable<result<connection>> log_in(std::unique_ptr<byte_stream> stream,
                                           std::unique_ptr<client_login> login) {
    const auto c = std::make_shared<client_connection>(std::move(stream), std::move(login));
    const auto [failed] = co_await asio::async_initiate<decltype(as_result), void(error_code)>(
        [](auto handler, std::shared_ptr<client_connection> over) {
            over->async_login(std::move(handler));
        },
        as_result, c);
    if (!failed) co_return connection(c);
    connect_failure why = c->failure();
    why.error = failed;
    co_return fail(c->login().options(), std::move(why));
}

asio::awaitable<result<connection>> connect_over(std::unique_ptr<byte_stream> stream,
                                                 asio::any_io_executor strand,
                                                 connect_options options) {
    co_await asio::this_coro::throw_if_cancelled(false);
    warn_of_weak_algorithms(options.protocol.transport, options.protocol.auth.public_key_algorithms,
                            options.log);
    auto login = std::make_unique<client_login>(std::move(options), strand);
    co_await login->prepare();
    if (!stream) {
        std::string what;
        auto connected = co_await connect_stream(strand, login->options(), what);
        if (!connected) {
            const error_code e = connected.error();
            co_return fail(login->options(), {e, what + ": " + e.message(), {}});
        }
        stream = std::move(*connected);
    }
    if (co_await cancelled()) {
        const error_code e = asio::error::operation_aborted;
        co_return fail(login->options(), {e, e.message(), {}});
    }
    co_return co_await log_in(std::move(stream), std::move(login));
}

}  // namespace

void start_connect(asio::any_io_executor executor, connect_options options,
                   completion<connection> done) {
    const asio::any_io_executor strand = asio::make_strand(executor);
    run_as_operation(strand, connect_over(nullptr, strand, std::move(options)), std::move(done));
}

void start_connect(std::unique_ptr<byte_stream> stream, connect_options options,
                   completion<connection> done) {
    const asio::any_io_executor strand = stream->executor();
    run_as_operation(strand, connect_over(std::move(stream), strand, std::move(options)),
                     std::move(done));
}

}  // namespace sluice
