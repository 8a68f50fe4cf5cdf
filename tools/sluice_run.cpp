#include "sluice/tools/sluice_run.hpp"

#include "sluice/tools/sluice_connection.hpp"
#include "sluice/tools/sluice_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <unistd.h>

namespace asio = boost::asio;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t chunk_size = 256 * 1024;

asio::awaitable<void> copy_in(session& to) {
    local_stream in(co_await asio::this_coro::executor, STDIN_FILENO);
    bytes space(chunk_size);
    error_code e;
    while (!e) {
        const std::size_t n = co_await in.read(space, e);
        for (std::size_t at = 0; at < n && !e;) {
            const auto [failed, written] =
                co_await to.async_write_some(asio::buffer(space.data() + at, n - at), as_result);
            e = failed;
            at += written;
        }
    }
    if (e != asio::error::operation_aborted) to.send_eof();
}

// Up to the end of the stream; another error is one.
template <class Stream>
asio::awaitable<error_code> copy_out(Stream from, int fd) {
    local_stream out(co_await asio::this_coro::executor, fd);
    bytes space(chunk_size);
    for (;;) {
        const auto [e, n] = co_await from.async_read_some(asio::buffer(space), as_result);
        if (n != 0) {
            const error_code failed = co_await out.write(bytes_view(space).first(n));
            if (failed) co_return failed;
        }
        if (e) co_return e == asio::error::eof ? error_code() : e;
    }
}

int fail(std::string_view text) {
    complain(text);
    return exit_no_session;
}

// Without waiting for an answer, as ssh(1): a server need not take them.
void send_environment(session& channel, const client_settings& settings) {
    for (const auto& [name, value] : settings.environment)
        channel.core()->send(
            [wanted = env_request{name, value}](mux_port& port) { port.request(wanted, false); });
}

asio::awaitable<int> talk(connection& c, const client_settings& settings,
                          const run_arguments& arguments) {
    auto [unopened, channel] = co_await c.open_session(as_result);
    if (unopened) co_return fail("cannot open a session: " + unopened.message());
    send_environment(channel, settings);
    const auto [refused] = co_await channel.request_exec(arguments.command, as_result);
    if (refused) co_return fail("the command was refused: " + refused.message());

    asio::cancellation_signal enough;
    bool reading = !arguments.no_input;
    if (arguments.no_input)
        channel.send_eof();
    else
        asio::co_spawn(co_await asio::this_coro::executor, copy_in(channel),
                       asio::bind_cancellation_slot(enough.slot(),
                                                    [&](std::exception_ptr) { reading = false; }));

    session_stream output(channel.core(), 0);
    const auto [out, err] =
        co_await (copy_out(output, STDOUT_FILENO) && copy_out(channel.errors(), STDERR_FILENO));
    enough.emit(asio::cancellation_type::terminal);
    const auto [unknown, exit] = co_await channel.wait_exit(as_result);
    // Its buffer is ours.
    while (reading)
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    static_cast<void>(co_await channel.close(as_result));
    const error_code ended = out ? out : err;
    // Some servers never send EOF; if one tells how the command ended, that will be the end.
    const bool told = !unknown && (exit.status || !exit.signal.empty());
    if (ended && !(told && ended == errc::channel_closed))
        co_return fail("output is not whole: " + ended.message());
    if (unknown) co_return fail(unknown.message());
    if (exit.status) co_return static_cast<int>(*exit.status & 0xff);
    if (!exit.signal.empty()) co_return fail("the command was ended by signal " + exit.signal);
    co_return fail("the server did not say how the command ended");
}

}  // namespace

int run_command(client_settings settings, run_arguments arguments) {
    const auto& configured = settings.config.remote_command;
    if (configured && !arguments.command.empty())
        return fail("a command and RemoteCommand: one of them is too many");
    if (configured) arguments.command = *configured;
    if (arguments.command.empty()) return fail("no command");
    arguments.no_input = arguments.no_input || *settings.config.stdin_null;
    return with_connection(settings, arguments.verbose,
                           [&](connection& c) { return talk(c, settings, arguments); })
        .status;
}

}  // namespace sluice
