#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/channel/messages.hpp"
#include "sluice/channel/reply_order.hpp"
#include "sluice/channel/turns.hpp"
#include "sluice/channel/window.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace sluice {

struct mux_config {
    std::size_t channels_max = limits::channels_max;  // open at once, of both sides
    std::uint32_t window_size = limits::window_size;  // bytes we let the peer send ahead
    std::uint32_t packet_size_max = limits::channel_packet_size_max;  // data in one of its packets
    std::size_t channel_output_max = limits::channel_output_max;      // queued bytes, see writable
    std::size_t connection_output_max = limits::connection_output_max;
};

/// What the channels of one connection share.
struct channel_surroundings {
    const mux_config& config;
    wire::payload_sink& sink;
    channel_event_queue events;
    turn_order turns;
    std::size_t queued = 0;            // bytes, all channels
    mutable bool queue_bound = false;  // some channel's writable() was cut short by `queued`
    bytes scratch;                     // for messages that are not of a fixed size
    std::size_t unasked_replies = 0;   // of the peer

    /// A reply of the peer's to a request that wanted none: phpseclib, older dropbear and others
    /// answer all. Ignored. Errors: unexpected_message beyond limits::unasked_replies_max.
    result<> take_unasked_reply();
};

/// One channel (RFC 4254 §5): its windows, its queue and the order of what is sent. Its two
/// directions are two machines, of which each only ever moves down its list of states.
class channel {
public:
    enum class opening { by_peer, by_us, done };
    enum class sending { open, eof_queued, eof_sent, close_sent };
    enum class receiving { open, eof_received, close_received };

    channel(channel_surroundings& around, channel_id id, std::string_view kind, opening state);
    ~channel();
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    channel_id id() const { return id_; }
    opening opening_state() const { return opening_; }

    /// Both directions are closed: its owner destroys it.
    bool closed() const {
        return sending_ == sending::close_sent && receiving_ == receiving::close_received;
    }
    bool closing() const { return close_wanted_; }
    /// Nothing was said yet that ends our data.
    bool takes_output() const { return sending_ == sending::open; }

    // Opening. The peer's number, window and packet size come from its OPEN or its CONFIRMATION.
    void set_peer(std::uint32_t number, std::uint32_t window, std::uint32_t packet_size_max);
    void accept();
    void refuse(std::uint32_t reason, std::string_view text);
    void on_confirmed();

    /// A message for a channel that is open. Errors: those of its decoding, unexpected_message,
    /// window_exceeded, too_much_data, window_overflow, too_many_requests.
    result<> on_message(bytes_view payload);

    // What the application does; see mux.
    void write(wire::buffer chunk, std::uint32_t extended_type);
    std::size_t writable() const;
    void consumed(std::size_t n);
    void request(const channel_request& request, bool want_reply);
    void reply(bool success);
    void send_eof();
    void exit(const channel_request& request);
    void close();
    void break_off();
    void cut();

    /// Sends what the turn's credit, the window and the sink allow. `turn` is this channel's own.
    void take_turn();

    /// Tells the application that there is room, where it has found too little.
    void announce_room(bool room_elsewhere);

    channel_report report() const;

private:
    struct pending {
        wire::buffer chunk;
        std::uint32_t extended_type;
    };

    result<> on_data(bytes_view data, std::uint32_t extended_type);
    result<> on_late_data(bytes_view data);
    result<> on_window_adjust(std::uint32_t n);
    result<> on_request(const channel_request_message& m);
    result<> on_reply(bool success);
    result<> on_eof();
    result<> on_close();
    result<> on_message_while_open(bytes_view payload);
    result<> on_message_after_eof(bytes_view payload);

    bool can_send() const;
    bool queue_empty() const { return first_ == queue_.size(); }
    std::size_t room() const;
    std::size_t send_from(wire::buffer& chunk, std::uint32_t extended_type, std::int64_t credit);
    void enqueue(wire::buffer chunk, std::uint32_t extended_type);
    void drop_output();
    void advance();
    void send_close();
    void send_reply(bool success);
    void credit(std::size_t n);
    void send_control(std::uint8_t number);

    channel_surroundings& around_;
    turn turn_;
    channel_id id_;
    opening opening_;
    sending sending_ = sending::open;
    receiving receiving_ = receiving::open;
    bool close_wanted_ = false;  // CLOSE follows as soon as all before it is sent
    bool broken_off_ = false;    // and EOF is not sent before it

    std::uint32_t peer_number_ = 0;
    std::uint32_t peer_packet_max_ = 0;
    send_window send_window_;
    receive_window receive_window_;

    std::vector<pending> queue_;  // from first_ on
    std::size_t first_ = 0;
    std::size_t queued_ = 0;  // bytes in it
    mutable std::size_t least_room_seen_ = std::numeric_limits<std::size_t>::max();

    bytes exit_message_;            // waits for the queue and EOF
    bool exit_sent_ = false;        // or waits
    std::uint64_t close_mark_ = 0;  // of the sink, behind our CLOSE
    reply_order replies_;           // to requests of the peer
    std::size_t replies_due_ = 0;   // to requests of ours
    channel_report report_;
};

}  // namespace sluice
