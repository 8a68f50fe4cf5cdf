#pragma once

#include "sluice/channel/channel.hpp"
#include "sluice/channel/events.hpp"
#include "sluice/channel/messages.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The connection protocol of one connection (RFC 4254), of either side: the table of channels,
/// global requests, and who sends next. Payloads in by `on_message`, payloads out into the sink,
/// news by `next_event`.
///
/// Calls that name a channel which is gone do nothing: the peer may have closed it meanwhile.
class mux {
public:
    /// Both must outlive the mux; `config` is copied.
    mux(const mux_config& config, wire::payload_sink& sink);
    ~mux();
    mux(const mux&) = delete;
    mux& operator=(const mux&) = delete;

    /// Whether a message number (80 to 127) is one of ours; others get UNIMPLEMENTED.
    static bool knows(std::uint8_t number);

    /// Takes one payload whose number is known. Take all events before the payload goes.
    ///
    /// Errors end the connection, and every later call returns the same one: those of decoding,
    /// unknown_channel, unexpected_message, window_exceeded, window_overflow, too_much_data,
    /// too_many_requests, bad_value.
    result<> on_message(bytes_view payload);

    std::optional<channel_event> next_event();

    // --- opening ---

    void accept_open(channel_id id);
    /// `reason` is one of open_failure (RFC 4254 §5.1).
    void refuse_open(channel_id id, std::uint32_t reason, std::string_view text);

    /// Opens a channel; channel_opened_event or channel_open_failed_event follows. Data, EOF and
    /// CLOSE may be given before and wait. Errors: too_many_channels, draining, or the one that
    /// ended us.
    result<channel_id> open(const channel_open_type& type);

    /// From here on every open of the peer's is refused with `text`, those the application has not
    /// answered too, and our own are closed as soon as they are confirmed. `channel_closed_event`
    /// tells of either. Existing channels go on.
    void admit_no_more(std::string_view text);

    // --- requests ---

    /// Sends a request now, ahead of data that waits for window. With `want_reply`, one
    /// channel_reply_event each follows, in order. Not for exit-status and exit-signal, see below.
    void request(channel_id id, const channel_request& request, bool want_reply);

    /// Answers the oldest unanswered request of the peer that wants a reply.
    void reply(channel_id id, bool success);

    void global(const global_request& request, bool want_reply);
    /// Answers the oldest unanswered global request; `data` goes with a success only.
    void global_reply(bool success, bytes_view data = {});

    // --- data ---

    /// Sends what window and sink allow before it returns; keeps the rest, without a copy of bulk.
    /// Data behind send_eof, close or the peer's CLOSE counts as undelivered.
    void write(channel_id id, wire::buffer chunk, std::uint32_t extended_type = 0);

    /// Bytes that may be queued now, within the bounds of the channel and the connection. The bound
    /// is kept by asking first: a larger chunk is taken all the same. When this was less than all,
    /// channel_writable_event tells that more is free, at the latest when the queue has emptied;
    /// then write, however large the next chunk is. With nothing queued on the channel it is never
    /// less than the channel's share, connection_output_max / channels_max: who wants more than
    /// that at once may wait for other channels' queues.
    std::size_t writable(channel_id id) const;

    /// The application is done with `n` bytes of channel_data_event; the peer is credited in time.
    void consumed(channel_id id, std::size_t n);

    /// The sink has room again: all channels go on, by turns of bytes, those with little first.
    void flush();

    // --- closing: each waits for the data before it ---

    void send_eof(channel_id id);
    /// Also ends our data: EOF goes before it. The first of the two counts.
    void exit_status(channel_id id, std::uint32_t status);
    void exit_signal(channel_id id, const exit_signal_request& signal);
    /// What was written, EOF, CLOSE. The peer's data is discarded and credited from here on, its
    /// requests are refused, and of the events only channel_closed_event is left. A channel whose
    /// open is not answered yet is refused, or closed as soon as it is confirmed.
    void close(channel_id id);
    /// As `close`, but without an EOF: what is written here broke off somewhere, and is no whole.
    void break_off(channel_id id);
    /// CLOSE now; what is queued is undelivered.
    void cut(channel_id id);
    /// Tells an OpenSSH peer that we read no more (PROTOCOL 2.1).
    void send_eow(channel_id id);

    // --- what is there ---

    /// Replies to global requests of ours that have not come.
    std::size_t global_replies_due() const { return global_replies_due_; }
    bool has_pending_output() const { return around_.queued != 0; }
    std::size_t open_channels() const { return count_; }
    std::vector<channel_id> channels() const;
    /// So far; for a connection that ends before its channels do.
    channel_report report(channel_id id) const;
    std::uint64_t late_window_adjusts() const { return late_window_adjusts_; }
    /// Replies, to requests of either kind, that nobody had asked for.
    std::size_t unasked_replies() const { return around_.unasked_replies; }

private:
    channel* find(channel_id id) const;
    channel& add(std::string_view kind, channel::opening state);
    void remove(channel& c);
    void finish(channel& c);
    void announce_room();

    result<> dispatch(bytes_view payload);
    result<> on_channel_message(bytes_view payload);
    result<> on_open(bytes_view payload);
    result<> on_open_confirmation(bytes_view payload);
    result<> on_open_failure(bytes_view payload);
    result<> on_global_request(bytes_view payload);
    result<> on_global_reply(bool success, bytes_view data);
    result<> on_unknown_channel(channel_id id, std::uint8_t number);
    void send_global_reply(bool success, bytes_view data);

    const mux_config config_;
    channel_surroundings around_;
    error_code error_;

    // Slot id % size; the size is a power of two and at least twice the number of channels.
    std::vector<std::unique_ptr<channel>> slots_;
    std::size_t count_ = 0;
    channel_id next_id_ = 0;  // counts up, so that no number is used again soon
    std::array<channel_id, limits::lately_closed_channels> lately_closed_{};
    std::size_t closed_ = 0;  // ever
    std::uint64_t late_window_adjusts_ = 0;

    bool no_more_sessions_ = false;
    std::string no_more_text_;            // not empty: nothing is admitted any more
    reply_order global_replies_;          // to requests of the peer
    std::size_t global_replies_due_ = 0;  // to requests of ours
};

}  // namespace sluice
