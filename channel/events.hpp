#pragma once

#include "sluice/channel/global_requests.hpp"
#include "sluice/channel/open_types.hpp"
#include "sluice/channel/requests.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// News of the connection protocol. Views live until the next `mux::on_message`.
namespace sluice {

/// Our number for a channel.
using channel_id = std::uint32_t;

/// What became of one channel. It adds up: what was written is sent or undelivered, what came in
/// was given to the application or discarded.
struct channel_report {
    std::string_view kind;                // channel type; static storage
    bool ours = false;                    // opened by this side
    bool confirmed = false;               // both sides agreed to it
    std::uint64_t bytes_sent = 0;         // data of ours that went out, of every type
    std::uint64_t bytes_undelivered = 0;  // data of ours that was written and never went out
    std::uint64_t bytes_received = 0;     // data of the peer, discarded or not
    std::uint64_t bytes_discarded = 0;    // of those, that came while we closed or behind an EOF
    bool eof_sent = false;
    bool eof_received = false;
    bool close_sent = false;
    bool close_received = false;
    /// The peer's CLOSE came when ours had left: the answer, so it has all we sent. (Nothing tells
    /// an answer from a CLOSE of its own that was under way just then.)
    bool acknowledged = false;
    std::size_t requests_unanswered = 0;       // of the peer, refused because the channel closed
    std::size_t replies_missing = 0;           // to requests of ours
    std::optional<std::uint32_t> exit_status;  // that passed, in either direction
    std::string exit_signal;                   // likewise; without "SIG"
};

/// The peer wants to open a channel; answer with accept_open or refuse_open.
struct channel_open_event {
    channel_id id;
    channel_open_type type;
};

/// The peer has confirmed a channel of ours.
struct channel_opened_event {
    channel_id id;
};

/// The peer has refused a channel of ours; the id is gone.
struct channel_open_failed_event {
    channel_id id;
    std::uint32_t reason;  // open_failure::…
    std::string_view description;
    channel_report report;
};

/// Never empty. Credit it by `consumed`, at once or later.
struct channel_data_event {
    channel_id id;
    bytes_view data;
    std::uint32_t extended_type;  // 0: ordinary data, 1: stderr
};

/// The peer sends no more data.
struct channel_eof_event {
    channel_id id;
};

/// With `want_reply`, answer by `reply`.
struct channel_request_event {
    channel_id id;
    channel_request request;
    bool want_reply;
};

/// The reply to the oldest unanswered request of ours on that channel.
struct channel_reply_event {
    channel_id id;
    bool success;
};

/// There is room to write again, after `writable` was found too small.
struct channel_writable_event {
    channel_id id;
};

/// Both sides have sent CLOSE; the id is gone.
struct channel_closed_event {
    channel_id id;
    channel_report report;
};

/// With `want_reply`, answer by `global_reply`.
struct global_request_event {
    global_request request;
    bool want_reply;
};

/// The reply to the oldest unanswered global request of ours.
struct global_reply_event {
    bool success;
    bytes_view data;  // what came behind SSH_MSG_REQUEST_SUCCESS
};

using channel_event =
    std::variant<channel_open_event, channel_opened_event, channel_open_failed_event,
                 channel_data_event, channel_eof_event, channel_request_event, channel_reply_event,
                 channel_writable_event, channel_closed_event, global_request_event,
                 global_reply_event>;

/// Events in order. A message makes at most one, and a channel is writable once, so the queue is
/// never longer than the channels and a few; it keeps its memory, so that data costs no allocation.
class channel_event_queue {
public:
    void push(channel_event event) { events_.push_back(std::move(event)); }

    std::optional<channel_event> next() {
        if (next_ == events_.size()) {
            events_.clear();
            next_ = 0;
            return std::nullopt;
        }
        return std::move(events_[next_++]);
    }

private:
    std::vector<channel_event> events_;
    std::size_t next_ = 0;
};

}  // namespace sluice
