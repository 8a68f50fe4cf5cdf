#include "sluice/channel/channel.hpp"

#include "sluice/channel/plain_text.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

// Chunks up to this size are gathered while they wait: a packet each would cost more than a copy.
constexpr std::size_t small_chunk = 2048;
constexpr std::size_t gathered_max = 16 * 1024;

// What a waiting chunk is charged besides its bytes, so that tiny ones are bounded too.
constexpr std::size_t chunk_overhead = 64;

// A waiting chunk may take this many times its size in memory.
constexpr std::size_t sparse_factor = 8;

// Up to so much in the queue, a channel that was silent goes before bulk.
constexpr std::size_t little_queue = 4096;

// A sink with less room than this gets a packet of this size all the same, not many tiny ones.
constexpr std::size_t packet_min = 4096;

template <std::size_t N>
class fixed_message {
public:
    explicit fixed_message(std::uint8_t number) { raw_[size_++] = number; }
    fixed_message& put(std::uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8)
            raw_[size_++] = static_cast<std::uint8_t>(value >> shift);
        return *this;
    }
    bytes_view view() const { return {raw_.data(), size_}; }

private:
    std::array<std::uint8_t, N> raw_;
    std::size_t size_ = 0;
};

}  // namespace

result<> channel_surroundings::take_unasked_reply() {
    if (unasked_replies == limits::unasked_replies_max) return errc::unexpected_message;
    ++unasked_replies;
    return {};
}

channel::channel(channel_surroundings& around, channel_id id, std::string_view kind, opening state)
    : around_(around), id_(id), opening_(state), receive_window_(around.config.window_size) {
    turn_.owner = this;
    report_.kind = kind;
    report_.ours = state == opening::by_us;
}

channel::~channel() {
    around_.turns.remove(turn_);
    around_.queued -= queued_;
}

// --- opening ----------------------------------------------------------------------------------

void channel::set_peer(std::uint32_t number, std::uint32_t window, std::uint32_t packet_size_max) {
    peer_number_ = number;
    peer_packet_max_ = packet_size_max;
    send_window_ = send_window(window);
}

void channel::accept() {
    expects(opening_ == opening::by_peer);
    opening_ = opening::done;
    report_.confirmed = true;
    around_.sink.send(fixed_message<17>(channel_open_confirmation::number)
                          .put(peer_number_)
                          .put(id_)
                          .put(around_.config.window_size)
                          .put(around_.config.packet_size_max)
                          .view());
}

void channel::refuse(std::uint32_t reason, std::string_view text) {
    expects(opening_ == opening::by_peer);
    around_.scratch.clear();
    wire::encode(channel_open_failure{peer_number_, reason, text, {}}, around_.scratch);
    around_.sink.send(around_.scratch);
}

void channel::on_confirmed() {
    expects(opening_ == opening::by_us);
    opening_ = opening::done;
    report_.confirmed = true;
    if (!close_wanted_) around_.events.push(channel_opened_event{id_});
    if (can_send()) around_.turns.add(turn_, queued_ <= little_queue);
    advance();
}

// --- what comes in ----------------------------------------------------------------------------

result<> channel::on_message(bytes_view payload) {
    switch (receiving_) {
    case receiving::open: return on_message_while_open(payload);
    case receiving::eof_received: return on_message_after_eof(payload);
    case receiving::close_received: return errc::unexpected_message;
    }
    unreachable();
}

result<> channel::on_message_while_open(bytes_view payload) {
    switch (payload.front()) {
    case channel_data::number: {
        const auto m = wire::decode<channel_data>(payload);
        return m ? on_data(m->data, 0) : m.error();
    }
    case channel_extended_data::number: {
        const auto m = wire::decode<channel_extended_data>(payload);
        return m ? on_data(m->data, m->data_type_code) : m.error();
    }
    case channel_eof::number: {
        const auto m = wire::decode<channel_eof>(payload);
        return m ? on_eof() : m.error();
    }
    }
    return on_message_after_eof(payload);
}

// What may still come behind an EOF, and so at any time: all but data (RFC 4254 §5.3). Data and an
// EOF that come there all the same are that channel's fault, and no other's.
result<> channel::on_message_after_eof(bytes_view payload) {
    switch (payload.front()) {
    case channel_data::number: {
        const auto m = wire::decode<channel_data>(payload);
        return m ? on_late_data(m->data) : m.error();
    }
    case channel_extended_data::number: {
        const auto m = wire::decode<channel_extended_data>(payload);
        return m ? on_late_data(m->data) : m.error();
    }
    case channel_eof::number: {
        const auto m = wire::decode<channel_eof>(payload);
        return m ? result<>() : m.error();
    }
    case channel_window_adjust::number: {
        const auto m = wire::decode<channel_window_adjust>(payload);
        return m ? on_window_adjust(m->bytes_to_add) : m.error();
    }
    case channel_request_message::number: {
        const auto m = wire::decode<channel_request_message>(payload);
        return m ? on_request(*m) : m.error();
    }
    case channel_success::number: {
        const auto m = wire::decode<channel_success>(payload);
        return m ? on_reply(true) : m.error();
    }
    case channel_failure::number: {
        const auto m = wire::decode<channel_failure>(payload);
        return m ? on_reply(false) : m.error();
    }
    case channel_close::number: {
        const auto m = wire::decode<channel_close>(payload);
        return m ? on_close() : m.error();
    }
    }
    return errc::unexpected_message;
}

result<> channel::on_data(bytes_view data, std::uint32_t extended_type) {
    if (data.size() > around_.config.packet_size_max) return errc::too_much_data;
    if (const auto taken = receive_window_.take(data.size()); !taken) return taken.error();
    report_.bytes_received += data.size();
    if (close_wanted_) {
        // Nobody reads any more. Crediting what is discarded lets a peer that is closing too get
        // rid of its data; behind our CLOSE nothing may be sent, and the peer drops its own.
        report_.bytes_discarded += data.size();
        credit(data.size());
    } else if (!data.empty()) {
        around_.events.push(channel_data_event{id_, data, extended_type});
    }
    return {};
}

// Its reader was told of the end. It is not credited, so the window bounds it.
result<> channel::on_late_data(bytes_view data) {
    if (data.size() > around_.config.packet_size_max) return errc::too_much_data;
    if (const auto taken = receive_window_.take(data.size()); !taken) return taken.error();
    report_.bytes_received += data.size();
    report_.bytes_discarded += data.size();
    return {};
}

result<> channel::on_window_adjust(std::uint32_t n) {
    if (const auto added = send_window_.add(n); !added) return added.error();
    if (can_send()) around_.turns.add(turn_, queued_ <= little_queue);
    return {};
}

result<> channel::on_request(const channel_request_message& m) {
    auto decoded = decode_channel_request(m.request_type, m.type_specific.data);
    if (!decoded) return decoded.error();
    if (*decoded) {
        if (const auto* status = std::get_if<exit_status_request>(&**decoded))
            report_.exit_status = status->exit_status;
        if (const auto* signal = std::get_if<exit_signal_request>(&**decoded))
            report_.exit_signal = signal->signal_name.substr(0, limits::name_length_max);
    }
    if (sending_ == sending::close_sent) return {};

    // A keepalive wants any answer at all; OpenSSH's own is a failure too.
    const bool ours_to_answer = close_wanted_ || !*decoded || !is_plain(**decoded) ||
                                std::holds_alternative<keepalive_request>(**decoded);
    if (m.want_reply) {
        if (ours_to_answer && replies_.empty()) {
            send_reply(false);
        } else {
            if (replies_.size() == limits::pending_requests_max) return errc::too_many_requests;
            replies_.add(ours_to_answer ? reply_order::reply::failure
                                        : reply_order::reply::awaited);
        }
    }
    if (!ours_to_answer)
        around_.events.push(channel_request_event{id_, std::move(**decoded), m.want_reply});
    return {};
}

result<> channel::on_reply(bool success) {
    if (replies_due_ == 0) return around_.take_unasked_reply();
    --replies_due_;
    if (!close_wanted_) around_.events.push(channel_reply_event{id_, success});
    return {};
}

result<> channel::on_eof() {
    receiving_ = receiving::eof_received;
    report_.eof_received = true;
    if (!close_wanted_) around_.events.push(channel_eof_event{id_});
    return {};
}

result<> channel::on_close() {
    receiving_ = receiving::close_received;
    report_.close_received = true;
    if (sending_ == sending::close_sent) {
        // One that came before ours left was said without knowing of it.
        report_.acknowledged = around_.sink.has_left(close_mark_);
        return {};
    }
    // The peer opens no more window, so what is queued has nowhere to go (RFC 4254 §5.3).
    drop_output();
    send_close();
    return {};
}

// --- what goes out ----------------------------------------------------------------------------

bool channel::can_send() const {
    return opening_ == opening::done && !queue_empty() && send_window_.left() != 0;
}

void channel::write(wire::buffer chunk, std::uint32_t extended_type) {
    if (sending_ != sending::open) {
        report_.bytes_undelivered += chunk.size();
        return;
    }
    const bool may_send_now = opening_ == opening::done && queue_empty() && around_.turns.empty();
    if (may_send_now) send_from(chunk, extended_type, std::numeric_limits<std::int64_t>::max());
    if (chunk.empty()) return;
    enqueue(std::move(chunk), extended_type);
    if (can_send()) around_.turns.add(turn_, queued_ <= little_queue);
}

std::size_t channel::send_from(wire::buffer& chunk, std::uint32_t extended_type,
                               std::int64_t credit) {
    std::size_t sent = 0;
    while (!chunk.empty() && send_window_.left() != 0 && static_cast<std::int64_t>(sent) < credit) {
        const std::size_t welcome = around_.sink.room();
        if (welcome == 0) break;
        const std::size_t n =
            std::min({chunk.size(), std::size_t{send_window_.left()}, std::size_t{peer_packet_max_},
                      std::max(welcome, packet_min)});
        const auto length = static_cast<std::uint32_t>(n);
        if (extended_type == 0) {
            const auto head = fixed_message<9>(channel_data::number).put(peer_number_).put(length);
            around_.sink.send(head.view(), chunk.view().first(n));
        } else {
            const auto head = fixed_message<13>(channel_extended_data::number)
                                  .put(peer_number_)
                                  .put(extended_type)
                                  .put(length);
            around_.sink.send(head.view(), chunk.view().first(n));
        }
        send_window_.take(length);
        chunk.consume(n);
        sent += n;
    }
    report_.bytes_sent += sent;
    return sent;
}

void channel::enqueue(wire::buffer chunk, std::uint32_t extended_type) {
    queued_ += chunk.size();
    around_.queued += chunk.size();
    if (chunk.size() <= small_chunk && !queue_empty() &&
        queue_.back().extended_type == extended_type) {
        wire::buffer& last = queue_.back().chunk;
        if (last.space().size() < chunk.size() && last.capacity() < gathered_max) {
            // Doubling: every byte is moved a constant number of times.
            wire::buffer larger(std::min(gathered_max, 2 * (last.size() + chunk.size())));
            std::memcpy(larger.space().data(), last.view().data(), last.size());
            larger.commit(last.size());
            last = std::move(larger);
        }
        if (last.space().size() >= chunk.size()) {
            std::memcpy(last.space().data(), chunk.view().data(), chunk.size());
            last.commit(chunk.size());
            return;
        }
    }
    // A large buffer with little in it would cost more memory than the bounds allow for.
    if (chunk.capacity() / sparse_factor > chunk.size())
        chunk = wire::buffer::copy_of(chunk.view());
    queue_.push_back({std::move(chunk), extended_type});
}

void channel::take_turn() {
    while (can_send() && turn_.credit > 0) {
        pending& front = queue_[first_];
        const std::size_t sent = send_from(front.chunk, front.extended_type, turn_.credit);
        if (sent == 0) break;  // the sink is full
        turn_.credit -= static_cast<std::int64_t>(sent);
        queued_ -= sent;
        around_.queued -= sent;
        if (!front.chunk.empty()) continue;
        front.chunk = {};
        // Moving down is paid for by the chunks sent since the last move.
        if (++first_ >= 32 && first_ * 2 >= queue_.size()) {
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }
    if (queue_empty()) {
        queue_.clear();
        first_ = 0;
    }
    if (!can_send()) around_.turns.idle(turn_);
    announce_room(false);
    advance();
}

void channel::drop_output() {
    if (!exit_message_.empty()) {
        exit_message_ = {};
        report_.exit_status.reset();
        report_.exit_signal.clear();
    }
    report_.bytes_undelivered += queued_;
    around_.queued -= std::exchange(queued_, 0);
    queue_ = std::vector<pending>();
    first_ = 0;
    around_.turns.remove(turn_);
}

// EOF, exit-status and CLOSE take no window, but wait for the data before them.
void channel::advance() {
    if (opening_ != opening::done || !queue_empty()) return;
    if (sending_ == sending::eof_queued) {
        if (!broken_off_) send_control(channel_eof::number);
        sending_ = sending::eof_sent;
        report_.eof_sent = !broken_off_;
    }
    if (sending_ != sending::eof_sent) return;
    if (!exit_message_.empty()) {
        // Written before the peer's number was known, so that is filled in now.
        const auto number = fixed_message<5>(channel_request_message::number).put(peer_number_);
        std::ranges::copy(number.view(), exit_message_.begin());
        around_.sink.send(exit_message_);
        exit_message_ = {};
    }
    if (close_wanted_) send_close();
}

void channel::send_control(std::uint8_t number) {
    around_.sink.send(fixed_message<5>(number).put(peer_number_).view());
}

void channel::send_reply(bool success) {
    send_control(success ? channel_success::number : channel_failure::number);
}

void channel::send_close() {
    while (!replies_.empty()) {
        ++report_.requests_unanswered;
        send_reply(false);
        replies_.answered([this](bool success) { send_reply(success); });
    }
    send_control(channel_close::number);
    close_mark_ = around_.sink.mark();
    sending_ = sending::close_sent;
    close_wanted_ = true;
    report_.close_sent = true;
}

void channel::credit(std::size_t n) {
    // Behind the peer's EOF it is worth nothing, behind our CLOSE it is forbidden.
    if (receiving_ != receiving::open || sending_ == sending::close_sent) return;
    const auto adjust = receive_window_.consumed(n);
    if (!adjust) return;
    around_.sink.send(
        fixed_message<9>(channel_window_adjust::number).put(peer_number_).put(*adjust).view());
}

// --- what the application does ----------------------------------------------------------------

std::size_t channel::room() const {
    const auto left = [](std::size_t max, std::size_t used) { return used < max ? max - used : 0; };
    const mux_config& config = around_.config;
    const std::size_t used = queued_ + (queue_.size() - first_) * chunk_overhead;
    const std::size_t here = left(config.channel_output_max, used);
    const std::size_t everywhere = left(config.connection_output_max, around_.queued);
    if (here <= everywhere) return here;
    // However full the others' queues are, each channel has its share: a window that stays shut
    // delays nobody else.
    around_.queue_bound = true;
    const std::size_t share =
        config.connection_output_max / std::max<std::size_t>(config.channels_max, 1);
    return std::min(here, std::max(everywhere, left(std::max<std::size_t>(share, 1), used)));
}

std::size_t channel::writable() const {
    if (sending_ != sending::open) return 0;
    const std::size_t n = room();
    if (n < around_.config.channel_output_max) least_room_seen_ = std::min(least_room_seen_, n);
    return n;
}

void channel::announce_room(bool room_elsewhere) {
    constexpr auto none_seen = std::numeric_limits<std::size_t>::max();
    if (least_room_seen_ == none_seen || sending_ != sending::open) return;
    const std::size_t half = around_.config.channel_output_max / 2;
    const std::size_t n = room();
    const bool crossed_half = least_room_seen_ < half && n >= half;
    // Who was told writes once, however little there is: so only where there is more.
    const bool more = room_elsewhere && n > least_room_seen_;
    if (!crossed_half && !queue_empty() && !more) return;
    least_room_seen_ = none_seen;
    around_.events.push(channel_writable_event{id_});
}

void channel::consumed(std::size_t n) {
    if (!close_wanted_) credit(n);
}

void channel::request(const channel_request& request, bool want_reply) {
    if (opening_ != opening::done || close_wanted_) return;
    around_.scratch.clear();
    encode_channel_request(peer_number_, request, want_reply, around_.scratch);
    around_.sink.send(around_.scratch);
    if (want_reply) ++replies_due_;
}

void channel::reply(bool success) {
    if (replies_.empty() || sending_ == sending::close_sent) return;
    send_reply(success);
    replies_.answered([this](bool next) { send_reply(next); });
}

void channel::send_eof() {
    if (sending_ != sending::open) return;
    sending_ = sending::eof_queued;
    advance();
}

void channel::exit(const channel_request& request) {
    if (exit_sent_ || close_wanted_) return;
    exit_sent_ = true;
    if (const auto* status = std::get_if<exit_status_request>(&request))
        report_.exit_status = status->exit_status;
    if (const auto* signal = std::get_if<exit_signal_request>(&request))
        report_.exit_signal = signal->signal_name;
    encode_channel_request(0, request, false, exit_message_);
    send_eof();
    advance();
}

void channel::close() {
    if (close_wanted_) return;
    close_wanted_ = true;
    send_eof();
    advance();
    // What the reader still holds will not be credited by it any more.
    credit(receive_window_.held());
}

void channel::break_off() {
    if (sending_ == sending::open) broken_off_ = true;
    close();
}

void channel::cut() {
    if (sending_ == sending::close_sent) return;
    drop_output();
    close_wanted_ = true;
    if (opening_ == opening::done) {
        send_close();
        return;
    }
    sending_ = sending::eof_sent;  // CLOSE alone follows the confirmation
}

channel_report channel::report() const {
    channel_report r = report_;
    r.bytes_undelivered += queued_;
    r.replies_missing = replies_due_;
    r.requests_unanswered += replies_.awaited();
    return r;
}

}  // namespace sluice
