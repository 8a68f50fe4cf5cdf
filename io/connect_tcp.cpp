#include "sluice/io/connect_tcp.hpp"

#include "sluice/io/coroutine_operation.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

asio::awaitable<error_code> connect_untimed(tcp::socket& socket, tcp::endpoint address) {
    const auto [e] = co_await socket.async_connect(address, as_result);
    co_return e;
}

constexpr std::chrono::seconds between_attempts{1};  // as ssh(1)

// In the order of the resolver.
asio::awaitable<result<std::vector<tcp::endpoint>>> resolve(asio::any_io_executor executor,
                                                            const std::string& host,
                                                            std::uint16_t port,
                                                            address_family family) {
    tcp::resolver resolver(executor);
    const std::string service = std::to_string(port);
    const auto flags = tcp::resolver::numeric_service;
    std::vector<tcp::endpoint> all;
    error_code failed;
    if (family == address_family::any) {
        const auto [e, found] = co_await resolver.async_resolve(host, service, flags, as_result);
        failed = e;
        all.assign(found.begin(), found.end());
    } else {
        const auto protocol = family == address_family::v4 ? tcp::v4() : tcp::v6();
        const auto [e, found] =
            co_await resolver.async_resolve(protocol, host, service, flags, as_result);
        failed = e;
        all.assign(found.begin(), found.end());
    }
    if (failed) co_return failed;
    co_return all;
}

// The address of an interface that fits a destination; of IPv6, no link-local one.
std::optional<tcp::endpoint> address_of(const std::string& interface, const tcp& protocol) {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> freed(first, ::freeifaddrs);
    for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || interface != one->ifa_name) continue;
        if (one->ifa_addr->sa_family != protocol.family()) continue;
        tcp::endpoint at;
        const std::size_t size = protocol == tcp::v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::memcpy(at.data(), one->ifa_addr, size);
        at.resize(size);
        at.port(0);
        if (at.address().is_v6() && at.address().to_v6().is_link_local()) continue;
        return at;
    }
    return std::nullopt;
}

// Gives our end the address that `options` wants.
asio::awaitable<error_code> bind_as_wished(tcp::socket& socket, const tcp& protocol,
                                           const connect_options& options, std::string& what) {
    if (options.bind_address.empty() && options.bind_interface.empty()) co_return error_code();
    std::optional<tcp::endpoint> from;
    if (!options.bind_address.empty()) {
        what = "cannot use the address " + options.bind_address;
        const auto family = protocol == tcp::v4() ? address_family::v4 : address_family::v6;
        const auto found = co_await resolve(socket.get_executor(), options.bind_address, 0, family);
        if (!found) co_return found.error();
        if (!found->empty()) from = found->front();
    } else {
        what = "cannot use an address of " + options.bind_interface;
        from = address_of(options.bind_interface, protocol);
    }
    if (!from) co_return asio::error::host_not_found;
    error_code e;
    socket.open(protocol, e);
    if (!e) socket.bind(*from, e);
    co_return e;
}

asio::awaitable<result<tcp::socket>> connect_to_one(asio::any_io_executor executor,
                                                    const std::vector<tcp::endpoint>& addresses,
                                                    const connect_options& options,
                                                    std::string& what) {
    error_code last = asio::error::host_not_found;
    for (const tcp::endpoint& address : addresses) {
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            co_return asio::error::operation_aborted;
        tcp::socket socket(executor);
        last = co_await bind_as_wished(socket, address.protocol(), options, what);
        if (last) continue;
        what = "cannot connect to " + address.address().to_string() + " port " +
               std::to_string(address.port());
        last = co_await connect_socket(socket, address, options.connect_timeout);
        if (!last) co_return std::move(socket);
    }
    co_return last;
}

}  // namespace

asio::awaitable<error_code> connect_socket(tcp::socket& socket, tcp::endpoint address,
                                           std::chrono::nanoseconds timeout) {
    if (timeout <= timeout.zero()) co_return co_await connect_untimed(socket, address);
    asio::steady_timer timer(socket.get_executor(), timeout);
    const auto first = co_await (connect_untimed(socket, address) || pass(timer));
    if (first.index() == 1) co_return error_code(asio::error::timed_out);
    co_return std::get<0>(first);
}

asio::awaitable<result<tcp::socket>> connect_tcp(asio::any_io_executor executor,
                                                 const connect_options& options,
                                                 std::string& what) {
    what = "cannot resolve " + options.host;
    const auto addresses = co_await resolve(executor, options.host, options.port, options.family);
    if (!addresses) co_return addresses.error();
    for (unsigned attempt = 1;; ++attempt) {
        auto socket = co_await connect_to_one(executor, *addresses, options, what);
        if (socket || attempt >= options.connection_attempts) co_return socket;
        if (socket.error() == asio::error::operation_aborted) co_return socket;
        asio::steady_timer pause(executor, between_attempts);
        const auto [cancelled] = co_await pause.async_wait(as_result);
        if (cancelled) co_return cancelled;
    }
}

}  // namespace sluice
