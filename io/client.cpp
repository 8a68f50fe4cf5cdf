#include "sluice/io/client.hpp"

#include "sluice/io/client_connection.hpp"
#include "sluice/io/coroutine_operation.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <boost/asio/this_coro.hpp>

#include <tuple>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::size_t read_size = 64 * 1024;

using shared = std::shared_ptr<client_connection>;

// --- run ----------------------------------------------------------------------------------------

// Up to the end, which is only ever an EOF.
asio::awaitable<error_code> read_all(std::shared_ptr<session_core> core, std::uint32_t which,
                                     std::string& into, std::size_t size_max) {
    session_stream from(core, which);
    bytes space(read_size);
    for (;;) {
        const auto [e, n] = co_await from.async_read_some(asio::buffer(space), as_result);
        if (e == asio::error::eof) co_return error_code();
        if (e) co_return e;
        if (into.size() + n > size_max) {
            core->send([](mux_port& port) { port.cut(); });  // ends the others too
            co_return errc::too_long;
        }
        into.append(as_text(bytes_view(space).first(n)));
    }
}

// A command need not read what it is given: that it did not is no failure.
asio::awaitable<error_code> write_all(session& to, const std::string& input) {
    error_code failed;
    for (std::size_t at = 0; at < input.size();) {
        const auto [e, n] = co_await to.async_write_some(
            asio::buffer(input.data() + at, input.size() - at), as_result);
        failed = e;
        if (e) break;
        at += n;
    }
    to.send_eof();
    co_return failed;
}

asio::awaitable<std::tuple<error_code, session>> open_session(shared c) {
    co_return co_await asio::async_initiate<decltype(as_result), void(error_code, session)>(
        [](auto handler, shared over) { over->async_open_session(std::move(handler)); }, as_result,
        std::move(c));
}

asio::awaitable<error_code> run_on(session& channel, std::string command,
                                   const run_options& options, run_result& outcome) {
    const auto [refused] = co_await channel.request_exec(std::move(command), as_result);
    if (refused) co_return refused;
    const auto [out, err, written] =
        co_await (read_all(channel.core(), 0, outcome.out, options.output_max) &&
                  read_all(channel.core(), 1, outcome.err, options.output_max) &&
                  write_all(channel, options.input));
    // Where one was cut off, the other only says that the channel is closed.
    if (out == errc::too_long || err == errc::too_long) co_return errc::too_long;
    const error_code ended = out ? out : err;
    if (ended && ended != errc::channel_closed) co_return ended;
    auto [unknown, exit] = co_await channel.wait_exit(as_result);
    if (unknown) co_return unknown;
    outcome.whole = !ended;
    if (ended && !exit.status && exit.signal.empty()) co_return ended;
    outcome.exit = std::move(exit);
    const auto [e, report] = co_await channel.close(as_result);
    co_return e;
}

asio::awaitable<result<run_result>> run_command(shared c, std::string command,
                                                run_options options) {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto [failed, channel] = co_await open_session(c);
    if (failed) co_return failed;
    run_result outcome;
    const error_code broken = co_await run_on(channel, std::move(command), options, outcome);
    if (broken) {
        channel.cut();
        co_return broken;
    }
    co_return outcome;
}

}  // namespace

connection::connection(std::shared_ptr<client_connection> open) : shared_(std::move(open)) {}

connection& connection::operator=(connection&& other) noexcept {
    if (shared_) shared_->let_go();
    shared_ = std::move(other.shared_);
    return *this;
}

connection::~connection() {
    if (shared_) shared_->let_go();
}

connection::executor_type connection::get_executor() const { return shared_->executor(); }

void connection::cut() { shared_->cut(); }

void connection::start_run(shared c, std::string command, run_options options,
                           completion<run_result> done) {
    const auto strand = c->executor();
    run_as_operation(strand, run_command(std::move(c), std::move(command), std::move(options)),
                     std::move(done));
}

void connection::start_open_session(shared c, completion<session> done) {
    c->async_open_session(std::move(done));
}

void connection::start_open_sftp(shared c, completion<sftp_client> done) {
    c->async_open_sftp(std::move(done));
}

void connection::start_open_direct_tcpip(shared c, std::string host, std::uint16_t port,
                                         completion<session> done) {
    c->async_open(
        [owner = c.get(), host = std::move(host), port](mux& channels) -> result<channel_id> {
            if (owner->login().host_key_changed()) return errc::host_key_rejected;
            // Nobody connected to us, so there is no originator to tell of.
            return channels.open(direct_tcpip_channel{host, port, "127.0.0.1", 0});
        },
        std::move(done));
}

void connection::start_ping(shared c, completion<> done) { c->async_ping(std::move(done)); }

void connection::start_rekey(shared c, completion<> done) { c->async_rekey(std::move(done)); }

void connection::start_drain(shared c, duration deadline, completion<close_report> done) {
    c->async_closed(std::move(done));
    c->drain(deadline);
}

void connection::start_closed(shared c, completion<close_report> done) {
    c->async_closed(std::move(done));
}

}  // namespace sluice
