// From a name to a connection that is logged in.

#include "sluice/io/client.hpp"
#include "sluice/io/client_connection.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/socket_stream.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

result<connection> fail(const connect_options& options, connect_failure why) {
    if (options.on_failure) options.on_failure(why);
    return why.error;
}

asio::awaitable<bool> cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

asio::awaitable<error_code> connect_untimed(tcp::socket& socket, tcp::endpoint address) {
    const auto [e] = co_await socket.async_connect(address, as_result);
    co_return e;
}

asio::awaitable<void> pass(asio::steady_timer& timer) {
    static_cast<void>(co_await timer.async_wait(as_result));
}

asio::awaitable<error_code> connect_socket(tcp::socket& socket, tcp::endpoint address,
                                           std::chrono::nanoseconds timeout) {
    if (timeout <= timeout.zero()) co_return co_await connect_untimed(socket, address);
    asio::steady_timer timer(socket.get_executor(), timeout);
    const auto first = co_await (connect_untimed(socket, address) || pass(timer));
    if (first.index() == 1) co_return error_code(asio::error::timed_out);
    co_return std::get<0>(first);
}

// Each address in turn; the error is that of the last.
asio::awaitable<result<std::unique_ptr<byte_stream>>> connect_tcp(asio::any_io_executor strand,
                                                                  const connect_options& options,
                                                                  std::string& what) {
    tcp::resolver resolver(strand);
    what = "cannot resolve " + options.host;
    const auto [unresolved, addresses] = co_await resolver.async_resolve(
        options.host, std::to_string(options.port), tcp::resolver::numeric_service, as_result);
    if (unresolved) co_return unresolved;
    error_code last = asio::error::host_not_found;
    for (const auto& entry : addresses) {
        if (co_await cancelled()) co_return asio::error::operation_aborted;
        what = "cannot connect to " + entry.endpoint().address().to_string() + " port " +
               std::to_string(options.port);
        tcp::socket socket(strand);
        last = co_await connect_socket(socket, entry.endpoint(), options.connect_timeout);
        if (last) continue;
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        socket.set_option(asio::socket_base::keep_alive(true), ignored);
        co_return std::make_unique<socket_stream>(std::move(socket));
    }
    co_return last;
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
    auto login = std::make_unique<client_login>(std::move(options), strand);
    co_await login->prepare();
    if (!stream) {
        std::string what;
        auto connected = co_await connect_tcp(strand, login->options(), what);
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
