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
    std::vector<std::shared_ptr<tcp::acceptor>> listening;
    for (const forward& f : forwards) {
        listening.push_back(listen(executor, f));
        if (!listening.back()) co_return exit_no_session;
    }
    for (std::size_t i = 0; i < forwards.size(); ++i) {
        std::printf("%s to %s port %u\n", text_of(listening[i]->local_endpoint()).c_str(),
                    forwards[i].host.c_str(), unsigned{forwards[i].host_port});
        asio::co_spawn(executor, accept(c, listening[i], forwards[i], verbose), asio::detached);
    }
    std::fflush(stdout);
    const auto ended = co_await (told.async_wait(as_result) || c.closed(as_result));
    for (const auto& one : listening)
        one->close();
    if (ended.index() == 0) co_return 0;
    complain("the connection has ended");
    co_return exit_no_session;
}

}  // namespace

std::optional<forward> forward_of(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        auto part = next_part(text);
        if (!part || part->empty() || parts.size() == 4) return std::nullopt;
        parts.push_back(std::move(*part));
    }
    if (parts.size() < 3) return std::nullopt;
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
