// From a name to a connection that is logged in.

#include "sluice/io/channel_stream.hpp"
#include "sluice/io/client.hpp"
#include "sluice/io/client_connection.hpp"
#include "sluice/io/command_stream.hpp"
#include "sluice/io/connect_tcp.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/socket_stream.hpp"
#include "sluice/io/weak_algorithms.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::seconds proxy_end_max{3};  // longer than a command has to end

result<connection> fail(const connect_options& options, connect_failure why) {
    if (options.on_failure) options.on_failure(why);
    return why.error;
}

asio::awaitable<bool> cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

using opened_stream = result<std::unique_ptr<byte_stream>>;

void set_type_of_service(tcp::socket& socket, int value) {
    error_code unknown;
    const bool v4 = socket.local_endpoint(unknown).protocol() == tcp::v4();
    // Nothing depends on it: a system that does not take it is none the worse.
    static_cast<void>(::setsockopt(socket.native_handle(), v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                   v4 ? IP_TOS : IPV6_TCLASS, &value, sizeof value));
}

asio::awaitable<opened_stream> connect_socket(asio::any_io_executor strand,
                                              const connect_options& options, std::string& what,
                                              bool& loopback) {
    auto socket = co_await connect_tcp(strand, options, what);
    if (!socket) co_return socket.error();
    error_code ignored;
    socket->set_option(tcp::no_delay(true), ignored);
    socket->set_option(asio::socket_base::keep_alive(options.tcp_keep_alive), ignored);
    if (options.type_of_service) set_type_of_service(*socket, *options.type_of_service);
    const auto there = socket->remote_endpoint(ignored);
    loopback = !ignored && there.address().is_loopback();
    co_return std::make_unique<socket_stream>(std::move(*socket));
}

// How a proxy command has ended, and who waits for that.
struct proxy_ending {
    explicit proxy_ending(asio::any_io_executor strand) : told(std::move(strand)) {}

    std::optional<int> status;  // of wait(2)
    asio::steady_timer told;
};

// A command that has ended by itself, and not since we left it, is why a connection was lost. Its
// end may be told a little after that of its output.
asio::awaitable<void> blame_proxy(std::shared_ptr<proxy_ending> proxy, const std::string& command,
                                  std::string& text) {
    if (!proxy->status) {
        proxy->told.expires_after(proxy_end_max);
        static_cast<void>(co_await proxy->told.async_wait(as_result));
    }
    if (!proxy->status || !WIFEXITED(*proxy->status)) co_return;
    text = "the proxy command ended with status " + std::to_string(WEXITSTATUS(*proxy->status)) +
           ": " + command;
}

asio::awaitable<result<connection>> log_in(std::unique_ptr<byte_stream> stream,
                                           std::unique_ptr<client_login> login,
                                           std::shared_ptr<proxy_ending> proxy) {
    const auto c = std::make_shared<client_connection>(std::move(stream), std::move(login));
    const auto [failed] = co_await asio::async_initiate<decltype(as_result), void(error_code)>(
        [](auto handler, std::shared_ptr<client_connection> over) {
            over->async_login(std::move(handler));
        },
        as_result, c);
    if (!failed) co_return connection(c);
    connect_failure why = c->failure();
    why.error = failed;
    const std::string& command = c->login().options().proxy_command;
    if (proxy && failed == errc::connection_lost) co_await blame_proxy(proxy, command, why.text);
    co_return fail(c->login().options(), std::move(why));
}

asio::awaitable<result<connection>> connect_over(std::unique_ptr<byte_stream> stream,
                                                 asio::any_io_executor strand,
                                                 connect_options options);

asio::awaitable<std::tuple<error_code, session>> open_channel(connection& over, std::string host,
                                                              std::uint16_t port) {
    co_return co_await over.open_direct_tcpip(std::move(host), port, as_result);
}

// A channel of `over` to there. Like a socket it has connect_timeout to be connected.
asio::awaitable<opened_stream> connect_channel(connection over, const connect_options& to) {
    error_code failed;
    session channel;
    if (to.connect_timeout <= to.connect_timeout.zero()) {
        std::tie(failed, channel) = co_await open_channel(over, to.host, to.port);
    } else {
        asio::steady_timer timer(over.get_executor(), to.connect_timeout);
        auto first = co_await (open_channel(over, to.host, to.port) || pass(timer));
        if (first.index() == 1)
            failed = asio::error::timed_out;
        else
            std::tie(failed, channel) = std::move(std::get<0>(first));
    }
    if (failed) co_return failed;
    // `over` is let go of: it says goodbye when the channel is closed.
    co_return make_channel_stream(std::move(channel));
}

// By way of jump_hosts: the first as it is reached itself, each of the others by a channel of the
// one before. `what` is behind the last one's words.
asio::awaitable<opened_stream> connect_by_jumps(asio::any_io_executor strand,
                                                const connect_options& options, std::string& what) {
    what = "too many jump hosts";
    if (options.jump_hosts.size() > limits::jump_hosts_max) co_return errc::bad_config;
    const auto why = std::make_shared<std::string>();  // the hop's connection may keep it
    std::unique_ptr<byte_stream> stream;
    for (std::size_t i = 0; i < options.jump_hosts.size(); ++i) {
        connect_options hop = options.jump_hosts[i];
        const bool last = i + 1 == options.jump_hosts.size();
        const connect_options& next = last ? options : options.jump_hosts[i + 1];
        const std::string name = hop.host;
        hop.on_failure = [why, told = hop.on_failure](const connect_failure& f) {
            *why = f.text;
            if (told) told(f);
        };
        auto over = co_await connect_over(std::move(stream), strand, std::move(hop));
        if (!over) {
            what = "jump host " + name + ": " + *why;
            co_return over.error();
        }
        what = "jump host " + name + " cannot connect to " + next.host + " port " +
               std::to_string(next.port);
        auto connected = co_await connect_channel(std::move(*over), next);
        if (!connected) {
            what += ": " + connected.error().message();
            co_return connected.error();
        }
        stream = std::move(*connected);
    }
    co_return std::move(stream);
}

asio::awaitable<opened_stream> connect_stream(asio::any_io_executor strand,
                                              const connect_options& options, std::string& what,
                                              std::shared_ptr<proxy_ending>& proxy,
                                              bool& loopback) {
    if (!options.jump_hosts.empty()) co_return co_await connect_by_jumps(strand, options, what);
    if (options.proxy_command.empty()) {
        auto socket = co_await connect_socket(strand, options, what, loopback);
        if (!socket) what += ": " + socket.error().message();
        co_return socket;
    }
    proxy = std::make_shared<proxy_ending>(strand);
    auto command = start_command_stream(strand, options.proxy_command, [proxy](int status) {
        proxy->status = status;
        proxy->told.cancel();
    });
    if (!command) what = "cannot run the proxy command: " + command.error().message();
    co_return command;
}

asio::awaitable<result<connection>> connect_over(std::unique_ptr<byte_stream> stream,
                                                 asio::any_io_executor strand,
                                                 connect_options options) {
    co_await asio::this_coro::throw_if_cancelled(false);
    warn_of_weak_algorithms(options.protocol.transport, options.protocol.auth.public_key_algorithms,
                            options.log);
    auto login = std::make_unique<client_login>(std::move(options), strand);
    co_await login->prepare();
    std::shared_ptr<proxy_ending> proxy;
    if (!stream) {
        std::string what;
        bool loopback = false;
        auto connected = co_await connect_stream(strand, login->options(), what, proxy, loopback);
        if (!connected) co_return fail(login->options(), {connected.error(), what, {}});
        if (loopback) login->reached_on_loopback();
        stream = std::move(*connected);
    }
    if (co_await cancelled()) {
        const error_code e = asio::error::operation_aborted;
        co_return fail(login->options(), {e, e.message(), {}});
    }
    co_return co_await log_in(std::move(stream), std::move(login), std::move(proxy));
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
