#include "sluice/tools/sluice_forward.hpp"

#include "sluice/io/forwarding.hpp"
#include "sluice/tools/sluice_connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t forward_parts_max = 4;

// The text up to the next colon, or what is in brackets; nothing where there is neither.
std::optional<std::string> next_part(std::string_view& text) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == text.npos) return std::nullopt;
        std::string part(text.substr(1, close - 1));
        text.remove_prefix(close + 1);
        if (!text.empty() && !text.starts_with(':')) return std::nullopt;
        if (!text.empty()) text.remove_prefix(1);
        return part;
    }
    const auto colon = text.find(':');
    std::string part(text.substr(0, colon));
    text.remove_prefix(colon == text.npos ? text.size() : colon + 1);
    return part;
}

std::optional<std::uint16_t> port_of(const std::string& text) {
    std::uint16_t port = 0;
    const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (e != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return port;
}

std::string text_of(const tcp::endpoint& at) {
    const std::string address = at.address().to_string();
    return (at.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(at.port());
}

asio::awaitable<void> carry(connection& c, tcp::socket accepted, const forward& how, bool verbose) {
    auto [e, channel] = co_await c.open_direct_tcpip(how.host, how.host_port, as_result);
    if (e) {
        complain(how.host + " port " + std::to_string(how.host_port) + ": " + e.message());
        // It is to look as it does where the connection was made.
        error_code ignored;
        accepted.set_option(asio::socket_base::linger(true, 0), ignored);
        accepted.close(ignored);
        co_return;
    }
    asio::generic::stream_protocol::socket socket(std::move(accepted));
    const auto [cancelled, r] = co_await relay(std::move(socket), std::move(channel), as_result);
    if (!verbose || cancelled) co_return;
    std::string text = how.host + " port " + std::to_string(how.host_port) + ": " +
                       std::to_string(r.to_channel) + " bytes there, " +
                       std::to_string(r.to_socket) + " back";
    if (r.socket_error) text += "; here: " + r.socket_error.message();
    if (r.channel_error) text += "; there: " + r.channel_error.message();
    complain(text);
}

asio::awaitable<void> accept(connection& c, std::shared_ptr<tcp::acceptor> from, forward how,
                             bool verbose) {
    const auto keep = std::make_shared<forward>(std::move(how));
    const auto executor = co_await asio::this_coro::executor;
    for (;;) {
        auto [e, accepted] = co_await from->async_accept(as_result);
        if (e == asio::error::operation_aborted) co_return;
        if (e) {
            complain("cannot accept: " + e.message());
            asio::steady_timer pause(executor, std::chrono::seconds(1));
            co_await pause.async_wait(as_result);
            if (!from->is_open()) co_return;
            continue;
        }
        asio::co_spawn(executor, carry(c, std::move(accepted), *keep, verbose),
                       [keep](std::exception_ptr) {});
    }
}

std::shared_ptr<tcp::acceptor> listen(asio::any_io_executor executor, const forward& how) {
    error_code e;
    const auto address = asio::ip::make_address(how.bind, e);
    auto made = std::make_shared<tcp::acceptor>(executor);
    const tcp::endpoint at(address, how.port);
    if (!e) made->open(at.protocol(), e);
    if (!e) made->set_option(tcp::acceptor::reuse_address(true), e);
    if (!e) made->bind(at, e);
    if (!e) made->listen(asio::socket_base::max_listen_connections, e);
    if (!e) return made;
    complain("cannot listen on " + how.bind + " port " + std::to_string(how.port) + ": " +
             e.message());
    return nullptr;
}

asio::awaitable<int> serve(connection& c, const std::vector<forward>& forwards, bool verbose) {
    const auto executor = co_await asio::this_coro::executor;
    asio::signal_set told(executor, SIGINT, SIGTERM);
    local_forwards listening;
    std::string ways;
    for (const forward& f : forwards) {
        if (!listening.add(c, executor, f, verbose)) co_return exit_no_session;
        ways += text_of(listening.last()) + " to " + f.host + " port " +
                std::to_string(f.host_port) + '\n';
    }
    std::fputs(ways.c_str(), stdout);
    std::fflush(stdout);
    const auto ended = co_await (told.async_wait(as_result) || c.closed(as_result));
    listening.close();
    if (ended.index() == 0) co_return 0;
    complain("the connection has ended");
    co_return exit_no_session;
}

}  // namespace

bool local_forwards::add(connection& c, asio::any_io_executor executor, const forward& how,
                         bool verbose) {
    auto made = listen(executor, how);
    if (!made) return false;
    listening_.push_back(std::move(made));
    asio::co_spawn(executor, accept(c, listening_.back(), how, verbose), asio::detached);
    return true;
}

void local_forwards::close() {
    for (const auto& one : listening_) {
        error_code ignored;
        one->close(ignored);
    }
}

std::optional<std::vector<std::string>> forward_parts(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        auto part = next_part(text);
        if (!part || parts.size() == forward_parts_max) return std::nullopt;
        parts.push_back(std::move(*part));
    }
    return parts;
}

std::optional<forward> forward_of(std::string_view text) {
    const auto split = forward_parts(text);
    if (!split || split->size() < 3) return std::nullopt;
    const std::vector<std::string>& parts = *split;
    if (std::ranges::any_of(parts, &std::string::empty)) return std::nullopt;
    forward f;
    const std::size_t at = parts.size() - 3;
    if (at == 1) f.bind = parts[0] == "localhost" ? "127.0.0.1" : parts[0];
    const auto port = port_of(parts[at]);
    const auto host_port = port_of(parts[at + 2]);
    if (!port || !host_port || *host_port == 0) return std::nullopt;
    f.port = *port;
    f.host = parts[at + 1];
    f.host_port = *host_port;
    return f;
}

std::vector<forward> local_forwards_of(const ssh_config& config, std::vector<std::string>& faults) {
    std::vector<forward> all;
    for (const ssh_forward& one : config.local_forward) {
        if (!one.listen.path.empty() || !one.connect->path.empty()) {
            faults.push_back("LocalForward: sockets with a path are not served");
            continue;
        }
        forward f{{}, one.listen.port, one.connect->host.value_or(""), one.connect->port};
        const std::string bind = one.listen.host.value_or(*config.gateway_ports ? "" : "localhost");
        if (bind == "localhost")
            f.bind = "127.0.0.1";
        else if (bind.empty() || bind == "*")
            f.bind = "0.0.0.0";
        else
            f.bind = bind;
        all.push_back(std::move(f));
    }
    return all;
}

int forward_connections(client_settings settings, const forward_arguments& arguments) {
    std::vector<forward> forwards;
    for (const std::string& text : arguments.forwards) {
        auto f = forward_of(text);
        if (!f) {
            complain(text + ": expected [BIND:]PORT:HOST:HOSTPORT");
            return exit_no_session;
        }
        forwards.push_back(std::move(*f));
    }
    const auto done = with_connection(std::move(settings), arguments.verbose, [&](connection& c) {
        return serve(c, forwards, arguments.verbose);
    });
    return done.outcome == close_outcome::drained ? done.status : exit_no_session;
}

}  // namespace sluice
