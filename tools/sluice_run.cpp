#include "sluice/tools/sluice_run.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tools/sluice_connection.hpp"
#include "sluice/tools/sluice_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <tuple>

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

asio::awaitable<error_code> ask_for(session& channel, const run_arguments& arguments) {
    error_code refused;
    switch (arguments.kind) {
    case session_kind::command:
        std::tie(refused) = co_await channel.request_exec(arguments.command, as_result);
        break;
    case session_kind::shell: std::tie(refused) = co_await channel.request_shell(as_result); break;
    case session_kind::subsystem:
        std::tie(refused) = co_await channel.request_subsystem(arguments.command, as_result);
        break;
    }
    co_return refused;
}

std::string_view name_of(session_kind kind) {
    switch (kind) {
    case session_kind::command: return "command";
    case session_kind::shell: return "shell";
    case session_kind::subsystem: return "subsystem";
    }
    return {};
}

}  // namespace

asio::awaitable<int> run_session(connection& c, const client_settings& settings,
                                 const run_arguments& arguments) {
    auto [unopened, channel] = co_await c.open_session(as_result);
    if (unopened) co_return fail("cannot open a session: " + unopened.message());
    send_environment(channel, settings);
    const error_code refused = co_await ask_for(channel, arguments);
    if (refused)
        co_return fail("the " + std::string(name_of(arguments.kind)) +
                       " was refused: " + refused.message());
    if (arguments.on_start) arguments.on_start();

    asio::cancellation_signal enough;
    bool reading = !arguments.no_input;
    if (arguments.no_input)
        channel.send_eof();
    else
        asio::co_spawn(co_await asio::this_coro::executor, copy_in(channel),
                       asio::bind_cancellation_slot(enough.slot(),
                                                    [&](std::exception_ptr) { reading = false; }));

    session_stream output(channel.core(), 0);
    const auto [out, err] = co_await (copy_out(output, arguments.output) &&
                                      copy_out(channel.errors(), arguments.errors));
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
    if (!arguments.tells_end) co_return exit_no_session;
    if (!exit.signal.empty()) co_return fail("the command was ended by signal " + exit.signal);
    co_return fail("the server did not say how the command ended");
}

asio::awaitable<int> run_streams(session channel) {
    const auto executor = co_await asio::this_coro::executor;
    asio::cancellation_signal enough;
    bool reading = true;
    asio::co_spawn(
        executor, copy_in(channel),
        asio::bind_cancellation_slot(enough.slot(), [&](std::exception_ptr) { reading = false; }));
    const error_code broken = co_await copy_out(session_stream(channel.core(), 0), STDOUT_FILENO);
    // Whoever reads what we write learns of the end; what is still to be sent may go on.
    const file_descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!broken && nowhere && ::dup2(nowhere.get(), STDOUT_FILENO) >= 0)
        static_cast<void>(co_await channel.wait_exit(as_result));
    enough.emit(asio::cancellation_type::terminal);
    while (reading)
        co_await asio::post(executor, asio::use_awaitable);
    static_cast<void>(co_await channel.close(as_result));
    if (broken && broken != errc::channel_closed) co_return fail(broken.message());
    co_return 0;
}

}  // namespace sluice
