#pragma once

#include "sluice/channel/requests.hpp"
#include "sluice/sftp/drain_policy.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// What becomes of each kind of session while a server drains.
struct drain_policy {
    sftp::drain_policy sftp = sftp::drain_policy::finish_handles;

    /// Commands get SIGHUP first; otherwise they are waited for as they are.
    bool hang_up_commands = false;
};

/// What the handler of one channel sees of it, in either role. All calls are made on `executor()`,
/// the strand of the connection. The port outlives the handler.
class channel_port {
public:
    virtual ~channel_port() = default;

    virtual boost::asio::any_io_executor executor() const = 0;

    /// Bytes that may be queued now. `channel_handler::on_writable` tells when there is room again
    /// after this was too small. 0 once the channel is closed.
    virtual std::size_t writable() const = 0;

    /// Queues one chunk for the peer, in order, and sends what the window allows before it returns.
    /// `extended_type` 0 is ordinary data, 1 is stderr (RFC 4254 §5.2). A chunk that is larger than
    /// `writable()` is taken all the same: the bound is kept by asking first.
    virtual void write(wire::buffer chunk, std::uint32_t extended_type = 0) = 0;

    /// Credits the peer's window with `n` bytes that the handler is done with.
    virtual void consumed(std::size_t n) = 0;

    /// Tells a peer that knows how (OpenSSH, PROTOCOL 2.1) that we read no more of its data.
    virtual void send_eow() = 0;

    /// Ends our direction in protocol order: what was written, then EOF. Once.
    virtual void send_eof() = 0;

    /// Queues EOF (where it is not queued yet), exit-status or exit-signal, and CLOSE, behind what
    /// was written. Once, one of the two.
    virtual void exit(std::uint32_t status) = 0;
    virtual void exit_signal(std::string_view signal_name, bool core_dumped,
                             std::string_view message) = 0;

    /// The last call of a handler, exactly once, when nothing of it runs any more: it is destroyed
    /// soon after, not within the call.
    virtual void finished() = 0;
};

/// Serves one channel. Called on the connection's strand only.
class channel_handler {
public:
    virtual ~channel_handler() = default;

    /// Data of the peer; the view dies with the call. Every byte is credited, at once or later, by
    /// `channel_port::consumed`.
    virtual void on_data(bytes_view data, std::uint32_t extended_type) = 0;

    /// The peer sends no more data.
    virtual void on_eof() = 0;

    /// There is room to write again.
    virtual void on_writable() = 0;

    /// The peer asked for a signal to be delivered (RFC 4254 §6.9); whether it was.
    virtual bool on_signal(std::string_view signal_name) {
        static_cast<void>(signal_name);
        return false;
    }

    /// The peer reads no more of our data (eow@openssh.com).
    virtual void on_eow() {}

    /// Another request of the peer; whether it was granted. Views die with the call.
    virtual bool on_request(const channel_request& request) {
        static_cast<void>(request);
        return false;
    }

    /// The reply to the oldest unanswered request of ours.
    virtual void on_reply(bool success) { static_cast<void>(success); }

    /// The server is going to stop: take on nothing new, finish what was begun, then end the
    /// channel as if it had come to its end. Those who only ever do one thing have nothing to
    /// change.
    virtual void on_drain(const drain_policy& policy) { static_cast<void>(policy); }

    /// The channel is closed in both directions, or the connection is gone. What was received is
    /// still dealt with; nothing is sent any more. Then call `finished()` if that has not happened
    /// yet.
    virtual void on_closed() = 0;

    /// There is no more time, after `on_closed`: end at once, and call `finished()`.
    virtual void cancel() {}
};

}  // namespace sluice
