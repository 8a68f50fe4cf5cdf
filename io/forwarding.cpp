#include "sluice/io/forwarding.hpp"

#include "sluice/io/connect_tcp.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/task_scope.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <chrono>
#include <memory>

namespace asio = boost::asio;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;
using stream_socket = asio::generic::stream_protocol::socket;

constexpr std::chrono::seconds linger{2};  // as endpoint/'s own

// What the two directions of a relay share.
struct relayed {
    relayed(stream_socket from, session over)
        : socket(std::move(from)), channel(std::move(over)), timer(channel.get_executor()) {
        // Pieces go on as they come, whoever connected. A unix socket has no such option.
        error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    }

    void reset_socket() {
        error_code ignored;
        socket.set_option(asio::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
    }

    stream_socket socket;
    session channel;
    asio::steady_timer timer;
    relay_report report;
    bool socket_ended = false;   // in what it gives
    bool channel_ended = false;  // by EOF
    bool left_alone = false;     // the socket is not waited for any more
};

asio::awaitable<void> carry_to_channel(std::shared_ptr<relayed> r) {
    auto block = std::make_unique<std::uint8_t[]>(wire::bulk_block_size);
    bool channel_takes = true;
    for (;;) {
        const auto [ended, n] = co_await r->socket.async_read_some(
            asio::buffer(block.get(), wire::bulk_block_size), as_result);
        if (ended) {
            r->socket_ended = true;
            r->timer.cancel();
            if (ended != asio::error::eof && !r->left_alone && !r->report.socket_error)
                r->report.socket_error = ended;
            // A write that failed has taken the error, and reading saw a mere end.
            if (r->report.socket_error)
                r->channel.break_off();
            else
                r->channel.send_eof();
            if (r->channel_ended) r->channel.close(asio::detached);
            co_return;
        }
        std::size_t taken = 0;
        if (channel_takes) {
            const auto [failed, written] =
                co_await asio::async_write(r->channel, asio::buffer(block.get(), n), as_result);
            taken = written;
            channel_takes = !failed;
        }
        r->report.to_channel += taken;
        r->report.discarded += n - taken;
    }
}

// A reset drops what the socket's peer has not acknowledged: so long is waited for that.
asio::awaitable<void> send_what_is_queued(std::shared_ptr<relayed> r) {
    const auto until = asio::steady_timer::clock_type::now() + linger;
    for (auto pause = std::chrono::milliseconds(1);; pause *= 2) {
        int queued = 0;
        const bool known = ::ioctl(r->socket.native_handle(), SIOCOUTQ, &queued) == 0;
        if (!known || queued == 0 || asio::steady_timer::clock_type::now() > until) co_return;
        r->timer.expires_after(pause);
        // Woken early when the socket ends in what it gives: it may still take.
        static_cast<void>(co_await r->timer.async_wait(as_result));
    }
}

asio::awaitable<void> carry_to_socket(std::shared_ptr<relayed> r) {
    auto block = std::make_unique<std::uint8_t[]>(wire::bulk_block_size);
    for (;;) {
        const auto [ended, n] = co_await r->channel.async_read_some(
            asio::buffer(block.get(), wire::bulk_block_size), as_result);
        if (ended == asio::error::eof) break;
        if (ended) {
            // Closed because the socket broke, or on its own.
            if (!r->report.socket_error) r->report.channel_error = ended;
            r->left_alone = true;
            co_await send_what_is_queued(r);
            r->reset_socket();
            co_return;
        }
        const auto [failed, written] =
            co_await asio::async_write(r->socket, asio::buffer(block.get(), n), as_result);
        r->report.to_socket += written;
        if (failed) {
            // The other direction reads what had come before, and breaks off the channel.
            if (!r->report.socket_error) r->report.socket_error = failed;
            co_return;
        }
    }
    r->channel_ended = true;
    error_code ignored;
    r->socket.shutdown(stream_socket::shutdown_send, ignored);
    if (r->socket_ended) co_return;

    static_cast<void>(co_await r->channel.wait_exit(as_result));  // none comes: until it is closed
    if (r->socket_ended) co_return;
    r->timer.expires_after(linger);
    static_cast<void>(co_await r->timer.async_wait(as_result));
    r->left_alone = true;
    r->socket.close(ignored);
}

asio::awaitable<result<relay_report>> carry(stream_socket socket, session channel) {
    const auto r = std::make_shared<relayed>(std::move(socket), std::move(channel));
    task_scope both(r->channel.get_executor());
    // Whatever ends this coroutine ends both.
    struct ending {
        ~ending() {
            if (done) return;
            both.cancel();
            r.reset_socket();
            r.channel.break_off();
        }
        task_scope& both;
        relayed& r;
        bool done = false;
    } at_end{both, *r};
    both.spawn(carry_to_channel(r));
    both.spawn(carry_to_socket(r));
    co_await both.join();
    // Its error is in the report, where it was the first.
    auto [lost, closed] = co_await r->channel.close(as_result);
    if (lost && !r->report.channel_error && !r->report.socket_error) r->report.channel_error = lost;
    r->report.channel = std::move(closed);
    at_end.done = true;
    co_return std::move(r->report);
}

asio::awaitable<void> closed(session& channel) {
    static_cast<void>(co_await channel.wait_exit(as_result));
}

std::uint32_t reason_of(const error_code& e) {
    if (e == asio::error::no_permission) return open_failure::administratively_prohibited;
    if (e == errc::too_many_requests) return open_failure::resource_shortage;
    return open_failure::connect_failed;
}

asio::awaitable<void> connect_through(session channel, std::shared_ptr<dialler> by,
                                      dialler::request to, std::function<void()> forbidden) {
    const auto executor = channel.get_executor();
    auto first =
        co_await (dialler::dial(std::move(by), executor, std::move(to)) || closed(channel));
    if (first.index() == 1) co_return;
    auto& socket = std::get<0>(first);
    if (!socket) {
        const error_code why = socket.error();
        if (why == asio::error::no_permission) forbidden();
        channel.core()->send([why](mux_port& p) { p.refuse_open(reason_of(why), why.message()); });
        co_return;
    }
    channel.core()->send([](mux_port& p) { p.accept_open(); });
    stream_socket connected(std::move(*socket));
    static_cast<void>(co_await relay(std::move(connected), std::move(channel), as_result));
}

}  // namespace

void start_relay(stream_socket socket, session channel, completion<relay_report> done) {
    const asio::any_io_executor strand = channel.get_executor();
    run_as_operation(strand, carry(std::move(socket), std::move(channel)), std::move(done));
}

coroutine_handler::task serve_direct_tcpip(std::shared_ptr<dialler> by, dialler::request to,
                                           std::function<void()> forbidden) {
    return [by = std::move(by), to = std::move(to), forbidden = std::move(forbidden)](
               std::shared_ptr<session_core> channel, std::stop_token) {
        return connect_through(session(std::move(channel)), by, to, forbidden);
    };
}

}  // namespace sluice
