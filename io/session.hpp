#pragma once

#include "sluice/io/first_buffer.hpp"
#include "sluice/io/session_core.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace sluice {

/// A terminal that a session is to have (RFC 4254 §6.2).
struct terminal {
    std::string term = "xterm";
    std::uint32_t columns = 80;
    std::uint32_t rows = 24;
    std::uint32_t width_pixels = 0;
    std::uint32_t height_pixels = 0;
    bytes encoded_modes{0};  // TTY_OP_END alone: no modes (RFC 4254 §8)
};

/// One of the two streams of a session: an Asio AsyncReadStream and AsyncWriteStream. A light
/// handle; it may be copied and does not keep the session from being closed.
class session_stream {
public:
    using executor_type = boost::asio::any_io_executor;

    session_stream(std::shared_ptr<session_core> core, std::uint32_t which)
        : core_(std::move(core)), which_(which) {}

    executor_type get_executor() const { return core_->executor(); }

    /// Reads into the first buffer that is not empty; see session::async_read_some.
    template <class MutableBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, std::shared_ptr<session_core> core, std::uint32_t which,
               boost::asio::mutable_buffer space) {
                core->async_read(which, {static_cast<std::uint8_t*>(space.data()), space.size()},
                                 std::move(handler));
            },
            token, core_, which_, first_buffer<boost::asio::mutable_buffer>(buffers));
    }

    /// Writes of the first buffer that is not empty; see session::async_write_some.
    template <class ConstBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, std::shared_ptr<session_core> core, std::uint32_t which,
               boost::asio::const_buffer data) {
                core->async_write(which,
                                  {static_cast<const std::uint8_t*>(data.data()), data.size()},
                                  std::move(handler));
            },
            token, core_, which_, first_buffer<boost::asio::const_buffer>(buffers));
    }

private:
    std::shared_ptr<session_core> core_;
    std::uint32_t which_;
};

/// One channel, in either role: a command, a shell, a subsystem or a connection through the peer.
/// Its data is an Asio AsyncReadStream and AsyncWriteStream; `errors` is a second one.
///
/// All members may be called from any thread, an object from one at a time. Operations complete
/// with an error_code; their cancellation, of any type, ends the waiting and nothing else: what the
/// peer was asked it was asked.
///
/// What the peer sent before its EOF, its CLOSE, its DISCONNECT or the end of the stream can be
/// read however late. Behind it asio::error::eof is given for an EOF and for nothing else;
/// otherwise channel_closed, peer_disconnected, connection_lost or what else ended the connection,
/// which all other operations get too.
///
/// Destroying the handle closes the channel in order, without waiting for it: what was written is
/// sent, what comes is thrown away.
class session {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Of no channel: may be assigned to and destroyed.
    session() = default;
    explicit session(std::shared_ptr<session_core> core) : core_(std::move(core)) {}
    session(session&&) = default;
    session& operator=(session&& other) noexcept {
        if (core_) core_->abandon();
        core_ = std::move(other.core_);
        return *this;
    }
    ~session() {
        if (core_) core_->abandon();
    }

    explicit operator bool() const { return core_ != nullptr; }

    /// The strand of the connection.
    executor_type get_executor() const { return core_->executor(); }

    // --- data ---

    /// Completes when there is something, with as much as there is room for. The peer may send as
    /// much again when it was read: who does not read stops it. One read at a time.
    template <class MutableBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
        return output().async_read_some(buffers, std::forward<Token>(token));
    }

    /// Completes when some of it is queued, which waits while a megabyte is (mux_config). What is
    /// queued is sent before EOF and CLOSE. One write at a time.
    template <class ConstBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
        return output().async_write_some(buffers, std::forward<Token>(token));
    }

    /// Stderr. The two share one window: who reads only one of them may wait for ever, unless
    /// `discard_errors`.
    session_stream errors() const { return {core_, 1}; }
    void discard_errors() { core_->discard_errors(); }

    /// Nothing more is written; the peer reads the end behind what was. Reading goes on.
    void send_eof() {
        core_->send([core = core_.get()](mux_port&) { core->send_eof(); });
    }

    // --- requests of a client: request_refused where the server says no ---

    template <class Token = boost::asio::use_awaitable_t<>>
    auto request_exec(std::string command, Token&& token = {}) {
        return request<exec_request>(std::move(command), std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto request_subsystem(std::string name, Token&& token = {}) {
        return request<subsystem_request>(std::move(name), std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto request_shell(Token&& token = {}) {
        return ask([](mux_port& port) { port.request(shell_request{}, true); },
                   std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto request_pty(terminal t, Token&& token = {}) {
        return ask(
            [t = std::move(t)](mux_port& port) {
                port.request(pty_request{t.term, t.columns, t.rows, t.width_pixels, t.height_pixels,
                                         t.encoded_modes},
                             true);
            },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto request_env(std::string name, std::string value, Token&& token = {}) {
        return ask(
            [name = std::move(name), value = std::move(value)](mux_port& port) {
                port.request(env_request{name, value}, true);
            },
            std::forward<Token>(token));
    }

    // --- these have no reply ---

    void send_window_change(std::uint32_t columns, std::uint32_t rows) {
        core_->send([=](mux_port& port) {
            port.request(window_change_request{columns, rows, 0, 0}, false);
        });
    }
    /// `name` is without "SIG".
    void send_signal(std::string name) {
        core_->send([name = std::move(name)](mux_port& port) {
            port.request(signal_request{name}, false);
        });
    }

    // --- the end ---

    /// How the command ended, as soon as the server says so; with neither status nor signal when
    /// the channel is closed and it did not.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto wait_exit(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, exit_result)>(
            [](auto handler, std::shared_ptr<session_core> core) {
                core->async_wait_exit(std::move(handler));
            },
            token, core_);
    }

    /// A server's: sends what was written, EOF, the status or signal, and CLOSE.
    void exit(std::uint32_t status) {
        core_->send([status](mux_port& port) { port.exit(status); });
    }

    /// Sends what was written, EOF and CLOSE, and waits for the peer's CLOSE. What the peer still
    /// sends is thrown away: read to the end before, if it matters. Several may wait.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto close(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, channel_report)>(
            [](auto handler, std::shared_ptr<session_core> core) {
                core->async_close(std::move(handler));
            },
            token, core_);
    }

    /// Sends what was written, and CLOSE without an EOF: behind the last byte the peer reads an
    /// error, not an end of file. Where the end was sent already, `close` without the waiting.
    void break_off() {
        core_->send([core = core_.get()](mux_port&) { core->break_off(); });
    }

    /// CLOSE at once: what is queued is lost, and told by the report.
    void cut() {
        core_->send([](mux_port& port) { port.cut(); });
    }

    const std::shared_ptr<session_core>& core() const { return core_; }

private:
    session_stream output() const { return {core_, 0}; }

    template <class Request, class Token>
    auto request(std::string text, Token&& token) {
        return ask([text = std::move(text)](mux_port& port) { port.request(Request{text}, true); },
                   std::forward<Token>(token));
    }

    template <class Token>
    auto ask(std::function<void(mux_port&)> send, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [](auto handler, std::shared_ptr<session_core> core,
               std::function<void(mux_port&)> what) {
                core->async_request(std::move(what), std::move(handler));
            },
            token, core_, std::move(send));
    }

    std::shared_ptr<session_core> core_;
};

}  // namespace sluice
