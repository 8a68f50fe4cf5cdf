#include "sluice/io/connect_tcp.hpp"

#include "sluice/io/coroutine_operation.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

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

}  // namespace

asio::awaitable<result<tcp::socket>> connect_tcp(asio::any_io_executor executor, std::string host,
                                                 std::uint16_t port,
                                                 std::chrono::nanoseconds timeout,
                                                 std::string& what) {
    tcp::resolver resolver(executor);
    what = "cannot resolve " + host;
    const auto [unresolved, addresses] = co_await resolver.async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service, as_result);
    if (unresolved) co_return unresolved;
    error_code last = asio::error::host_not_found;
    for (const auto& entry : addresses) {
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            co_return asio::error::operation_aborted;
        what = "cannot connect to " + entry.endpoint().address().to_string() + " port " +
               std::to_string(port);
        tcp::socket socket(executor);
        last = co_await connect_socket(socket, entry.endpoint(), timeout);
        if (!last) co_return std::move(socket);
    }
    co_return last;
}

}  // namespace sluice
