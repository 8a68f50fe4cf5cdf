#pragma once

#include "sluice/channel/mux.hpp"
#include "sluice/endpoint/drain.hpp"
#include "sluice/endpoint/timers.hpp"
#include "sluice/transport/transport.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace sluice {

/// What both ends of an SSH connection have in common: bytes in and out, channels, and the way to
/// the end. `client_endpoint` and `server_endpoint` add their role and the events.
///
/// A driver reads from the stream while `wants_input` (`prepare_input`, `commit_input`), writes
/// what `output` holds (`consume_output`), and calls `poll` until it gives nothing whenever it did
/// one of these, an answer was given, a channel was used, or `next_deadline` has passed. When
/// `wants_shutdown`, it shuts the stream for sending and says so by `stream_shut`; what ends the
/// stream it tells by `stream_ended`, behind the bytes that came before; when `closed`, it closes
/// the stream.
class endpoint {
public:
    virtual ~endpoint() = default;
    endpoint(const endpoint&) = delete;
    endpoint& operator=(const endpoint&) = delete;

    // --- bytes ---

    /// Space for at least `n` bytes.
    mutable_bytes_view prepare_input(std::size_t n) { return transport_.prepare_input(n); }
    void commit_input(std::size_t n, time_point now);

    /// Whether to read on. At the end what comes is discarded until the peer's FIN.
    bool wants_input() const;

    bytes_view output() { return transport_.output(); }
    void consume_output(std::size_t n);

    // --- channels ---

    /// The channels; only when `authenticated`.
    mux& channels();
    const mux& channels() const;
    bool authenticated() const { return mux_ != nullptr; }

    // --- the end ---

    /// Admits nothing new, waits until every channel has closed, then says DISCONNECT; at
    /// `deadline` from now what is left is cut. Closing the channels, each by its kind, is the
    /// application's. Before the login it is a cut. Calling it again can only bring the deadline
    /// nearer.
    void drain(duration deadline, time_point now);

    /// Ends at once: every channel is cut, DISCONNECT follows as the last packet.
    void cut(disconnect_reason reason, std::string_view description, time_point now);

    connection_state state() const { return drain_.state(); }

    /// Nothing more happens on channels: what `output` still holds is all there will be.
    bool finished() const { return state() > connection_state::draining; }

    /// DISCONNECT, or the last packet before the peer's, is out.
    bool wants_shutdown() {
        return state() == connection_state::disconnecting && transport_.output_size() == 0;
    }
    void stream_shut(time_point now) { drain_.half_closed(now); }

    /// The peer's FIN (no error), or what broke the stream.
    void stream_ended(error_code error, time_point now);
    bool closed() const { return state() == connection_state::closed; }

    /// Why it ended, for the operations that it ended; no error while it has not.
    error_code end_error() const;

    /// How it ended; only when `finished`.
    close_outcome outcome() const { return drain_.report().outcome; }

    /// What became of the connection, so far or at last.
    close_report report() const;

    virtual time_point next_deadline() const = 0;
    void release_idle_memory() { transport_.release_idle_memory(); }
    /// Begins a key exchange, unless one is under way or the login is not finished: with delayed
    /// compression (PROTOCOL 1.1) a client that awaits the answer may send nothing else.
    void rekey(time_point now) {
        if (authenticated()) transport_.rekey(now);
    }
    const transport& lower() const { return transport_; }

protected:
    endpoint(const transport_config& transport, role own, const end_config& end,
             keepalive_timer keepalive, time_point now);

    /// Whether the role wants more input while the connection lives.
    virtual bool role_wants_input() const = 0;
    /// Sends the request that the peer answers if it is alive.
    virtual void ask_for_life() = 0;

    void begin_channels(const mux_config& config, time_point now);

    /// Ends the connection for an error: DISCONNECT with the reason for it.
    void fail(error_code error, time_point now);

    /// What is due by the clock, and the next step to the end. Before anything else in `poll`, and
    /// again when nothing is left to be polled.
    result<> advance(time_point now);

    /// Takes note of an event of the mux on its way up.
    void note(const channel_event& event);
    /// Whether the pong is the one that `drain` asked for.
    bool answers_drain(const transport_pong& pong);
    void on_peer_disconnect(const transport_disconnected& bye, time_point now);

    /// Whether a global request of the peer may not be granted any more.
    bool refused_by_drain(const global_request_event& event);

    time_point next_common_deadline() const;

    const end_config& end_;
    transport transport_;
    std::unique_ptr<mux> mux_;  // only behind a successful login
    keepalive_timer keepalive_;
    connection_drain drain_;
    error_code error_;  // final: every later poll gives it

private:
    void drop_channels();
    void leave(time_point now);
    void ask_for_receipt(time_point now);

    bool pinged_ = false;  // for a receipt; the pong is still due
};

}  // namespace sluice
