#include "sluice/channel/mux.hpp"

#include "sluice/channel/plain_text.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/reader.hpp"

#include <algorithm>
#include <utility>

namespace sluice {

mux::mux(const mux_config& config, wire::payload_sink& sink)
    : config_(config), around_{config_, sink, {}, {}, 0, false, {}} {}

mux::~mux() = default;

bool mux::knows(std::uint8_t number) {
    return (number >= global_request_message::number && number <= request_failure::number) ||
           (number >= channel_open::number && number <= channel_failure::number);
}

// --- the table --------------------------------------------------------------------------------

channel* mux::find(channel_id id) const {
    if (slots_.empty()) return nullptr;
    channel* const c = slots_[id & (slots_.size() - 1)].get();
    return c != nullptr && c->id() == id ? c : nullptr;
}

channel& mux::add(std::string_view kind, channel::opening state) {
    if (2 * (count_ + 1) > slots_.size()) {
        // Numbers that differ in the smaller table differ in the larger one.
        std::vector<std::unique_ptr<channel>> larger(std::max<std::size_t>(2 * slots_.size(), 4));
        for (auto& slot : slots_) {
            if (!slot) continue;
            const std::size_t place = slot->id() & (larger.size() - 1);
            larger[place] = std::move(slot);
        }
        slots_ = std::move(larger);
    }
    while (slots_[next_id_ & (slots_.size() - 1)])
        ++next_id_;
    auto& slot = slots_[next_id_ & (slots_.size() - 1)];
    slot = std::make_unique<channel>(around_, next_id_++, kind, state);
    ++count_;
    return *slot;
}

void mux::remove(channel& c) {
    slots_[c.id() & (slots_.size() - 1)].reset();
    --count_;
}

// Both directions are closed: only now may the number be used again (RFC 4254 §5.3).
void mux::finish(channel& c) {
    lately_closed_[closed_++ % lately_closed_.size()] = c.id();
    around_.events.push(channel_closed_event{c.id(), c.report()});
    remove(c);
}

std::vector<channel_id> mux::channels() const {
    std::vector<channel_id> ids;
    for (const auto& slot : slots_)
        if (slot) ids.push_back(slot->id());
    return ids;
}

channel_report mux::report(channel_id id) const {
    const channel* c = find(id);
    return c == nullptr ? channel_report{} : c->report();
}

// --- what comes in ----------------------------------------------------------------------------

result<> mux::on_message(bytes_view payload) {
    if (error_) return error_;
    const auto done = dispatch(payload);
    if (!done) error_ = done.error();
    if (!error_ && !around_.turns.empty()) flush();
    if (around_.queue_bound) announce_room();
    return done;
}

std::optional<channel_event> mux::next_event() {
    auto event = around_.events.next();
    // News of room that was overtaken by the end of the output is none.
    while (event && std::holds_alternative<channel_writable_event>(*event)) {
        const channel* const c = find(std::get<channel_writable_event>(*event).id);
        if (c != nullptr && c->takes_output()) break;
        event = around_.events.next();
    }
    return event;
}

result<> mux::dispatch(bytes_view payload) {
    if (payload.empty()) return errc::truncated;
    switch (payload.front()) {
    case global_request_message::number: return on_global_request(payload);
    case request_success::number: {
        const auto m = wire::decode<request_success>(payload);
        return m ? on_global_reply(true, m->response_specific.data) : m.error();
    }
    case request_failure::number: {
        const auto m = wire::decode<request_failure>(payload);
        return m ? on_global_reply(false, {}) : m.error();
    }
    case channel_open::number: return on_open(payload);
    case channel_open_confirmation::number: return on_open_confirmation(payload);
    case channel_open_failure::number: return on_open_failure(payload);
    case channel_window_adjust::number:
    case channel_data::number:
    case channel_extended_data::number:
    case channel_eof::number:
    case channel_close::number:
    case channel_request_message::number:
    case channel_success::number:
    case channel_failure::number: return on_channel_message(payload);
    }
    return errc::unexpected_message;
}

result<> mux::on_channel_message(bytes_view payload) {
    wire::reader r(payload.subspan(1));
    channel_id id = 0;
    r.read(id);
    if (r.error()) return r.error();
    channel* const c = find(id);
    if (c == nullptr || c->opening_state() != channel::opening::done)
        return on_unknown_channel(id, payload.front());
    const auto done = c->on_message(payload);
    if (done && c->closed()) finish(*c);
    return done;
}

// A WINDOW_ADJUST may cross our CLOSE, and widely used peers send one even later.
result<> mux::on_unknown_channel(channel_id id, std::uint8_t number) {
    const auto known = std::min(closed_, lately_closed_.size());
    const auto end = lately_closed_.begin() + static_cast<std::ptrdiff_t>(known);
    const bool lately_closed = std::find(lately_closed_.begin(), end, id) != end;
    if (number != channel_window_adjust::number || !lately_closed) return errc::unknown_channel;
    ++late_window_adjusts_;
    return {};
}

result<> mux::on_open(bytes_view payload) {
    const auto m = wire::decode<channel_open>(payload);
    if (!m) return m.error();
    auto type = open_type_list::decode(m->channel_type, m->type_specific.data);
    if (!type) return type.error();

    const auto refuse = [&](std::uint32_t reason, std::string_view text) -> result<> {
        around_.scratch.clear();
        wire::encode(channel_open_failure{m->sender_channel, reason, text, {}}, around_.scratch);
        around_.sink.send(around_.scratch);
        return {};
    };
    if (!no_more_text_.empty())
        return refuse(open_failure::administratively_prohibited, no_more_text_);
    if (!*type) return refuse(open_failure::unknown_channel_type, "unknown channel type");
    if (!is_plain(**type))
        return refuse(open_failure::administratively_prohibited, "what it names cannot be");
    if (m->maximum_packet_size == 0)
        return refuse(open_failure::administratively_prohibited, "maximum packet size is 0");
    if (no_more_sessions_ && std::holds_alternative<session_channel>(**type))
        return refuse(open_failure::administratively_prohibited, "no more sessions");
    if (count_ >= config_.channels_max)
        return refuse(open_failure::resource_shortage, "too many channels");

    channel& c = add(open_type_list::name_of(**type), channel::opening::by_peer);
    c.set_peer(m->sender_channel, m->initial_window_size, m->maximum_packet_size);
    around_.events.push(channel_open_event{c.id(), std::move(**type)});
    return {};
}

result<> mux::on_open_confirmation(bytes_view payload) {
    const auto m = wire::decode<channel_open_confirmation>(payload);
    if (!m) return m.error();
    channel* const c = find(m->recipient_channel);
    if (c == nullptr) return errc::unknown_channel;
    if (c->opening_state() != channel::opening::by_us) return errc::unexpected_message;
    if (m->maximum_packet_size == 0) return errc::bad_value;
    c->set_peer(m->sender_channel, m->initial_window_size, m->maximum_packet_size);
    c->on_confirmed();
    return {};
}

result<> mux::on_open_failure(bytes_view payload) {
    const auto m = wire::decode<channel_open_failure>(payload);
    if (!m) return m.error();
    channel* const c = find(m->recipient_channel);
    if (c == nullptr) return errc::unknown_channel;
    if (c->opening_state() != channel::opening::by_us) return errc::unexpected_message;
    around_.events.push(
        channel_open_failed_event{c->id(), m->reason_code, m->description, c->report()});
    remove(*c);
    return {};
}

result<> mux::on_global_request(bytes_view payload) {
    const auto m = wire::decode<global_request_message>(payload);
    if (!m) return m.error();
    auto request = decode_global_request(m->request_name, m->request_specific.data);
    if (!request) return request.error();

    auto reply = reply_order::reply::awaited;
    if (!*request || !is_plain(**request) ||
        std::holds_alternative<global_keepalive_request>(**request)) {
        reply = reply_order::reply::failure;  // any answer is a sign of life; OpenSSH's is this one
    } else if (std::holds_alternative<no_more_sessions_request>(**request)) {
        no_more_sessions_ = true;
        reply = reply_order::reply::success;
    }
    if (m->want_reply) {
        if (reply != reply_order::reply::awaited && global_replies_.empty()) {
            send_global_reply(reply == reply_order::reply::success, {});
        } else {
            if (global_replies_.size() == limits::pending_global_requests_max)
                return errc::too_many_requests;
            global_replies_.add(reply);
        }
    }
    if (reply == reply_order::reply::awaited)
        around_.events.push(global_request_event{std::move(**request), m->want_reply});
    return {};
}

result<> mux::on_global_reply(bool success, bytes_view data) {
    if (global_replies_due_ == 0) return around_.take_unasked_reply();
    --global_replies_due_;
    around_.events.push(global_reply_event{success, data});
    return {};
}

// --- what the application does ----------------------------------------------------------------

void mux::accept_open(channel_id id) {
    channel* const c = find(id);
    if (c != nullptr && c->opening_state() == channel::opening::by_peer) c->accept();
}

void mux::refuse_open(channel_id id, std::uint32_t reason, std::string_view text) {
    channel* const c = find(id);
    if (c == nullptr || c->opening_state() != channel::opening::by_peer) return;
    c->refuse(reason, text);
    remove(*c);
}

result<channel_id> mux::open(const channel_open_type& type) {
    if (error_) return error_;
    if (!no_more_text_.empty()) return errc::draining;
    if (count_ >= config_.channels_max) return errc::too_many_channels;
    channel& c = add(open_type_list::name_of(type), channel::opening::by_us);
    around_.scratch.clear();
    wire::encode(channel_open{open_type_list::name_of(type),
                              c.id(),
                              config_.window_size,
                              config_.packet_size_max,
                              {}},
                 around_.scratch);
    wire::writer w(around_.scratch);
    open_type_list::encode(type, w);
    around_.sink.send(around_.scratch);
    return c.id();
}

void mux::admit_no_more(std::string_view text) {
    expects(!text.empty());
    no_more_text_ = text;
    for (const channel_id id : channels()) {
        channel& c = *find(id);
        if (c.opening_state() == channel::opening::by_us) c.close();
        if (c.opening_state() != channel::opening::by_peer) continue;
        c.refuse(open_failure::administratively_prohibited, text);
        around_.events.push(channel_closed_event{id, c.report()});
        remove(c);
    }
}

void mux::request(channel_id id, const channel_request& request, bool want_reply) {
    if (channel* const c = find(id)) c->request(request, want_reply);
}

void mux::reply(channel_id id, bool success) {
    if (channel* const c = find(id)) c->reply(success);
}

void mux::global(const global_request& request, bool want_reply) {
    around_.scratch.clear();
    encode_global_request(request, want_reply, around_.scratch);
    around_.sink.send(around_.scratch);
    if (want_reply) ++global_replies_due_;
}

void mux::send_global_reply(bool success, bytes_view data) {
    const std::uint8_t number = success ? request_success::number : request_failure::number;
    around_.sink.send({&number, 1}, success ? data : bytes_view());
}

void mux::global_reply(bool success, bytes_view data) {
    if (global_replies_.empty()) return;
    send_global_reply(success, data);
    global_replies_.answered([this](bool next) { send_global_reply(next, {}); });
}

void mux::write(channel_id id, wire::buffer chunk, std::uint32_t extended_type) {
    channel* const c = find(id);
    if (c == nullptr || chunk.empty()) return;
    c->write(std::move(chunk), extended_type);
    if (!around_.turns.empty()) flush();
}

std::size_t mux::writable(channel_id id) const {
    const channel* const c = find(id);
    return c == nullptr ? 0 : c->writable();
}

void mux::consumed(channel_id id, std::size_t n) {
    if (channel* const c = find(id)) c->consumed(n);
}

void mux::flush() {
    while (around_.sink.room() != 0) {
        turn* const t = around_.turns.next();
        if (t == nullptr) break;
        t->owner->take_turn();
    }
    if (around_.queue_bound) announce_room();
}

// Those whose room was cut short by what others had queued hear of it when half is free again.
void mux::announce_room() {
    if (around_.queued > config_.connection_output_max / 2) return;
    around_.queue_bound = false;
    for (auto& slot : slots_)
        if (slot) slot->announce_room(true);
}

void mux::send_eof(channel_id id) {
    if (channel* const c = find(id)) c->send_eof();
}

void mux::exit_status(channel_id id, std::uint32_t status) {
    if (channel* const c = find(id)) c->exit(exit_status_request{status});
}

void mux::exit_signal(channel_id id, const exit_signal_request& signal) {
    if (channel* const c = find(id)) c->exit(signal);
}

void mux::close(channel_id id) {
    channel* const c = find(id);
    if (c == nullptr) return;
    if (c->opening_state() == channel::opening::by_peer)
        return refuse_open(id, open_failure::administratively_prohibited, "closed");
    c->close();
}

void mux::break_off(channel_id id) {
    channel* const c = find(id);
    if (c == nullptr) return;
    if (c->opening_state() == channel::opening::by_peer) return close(id);
    c->break_off();
}

void mux::cut(channel_id id) {
    channel* const c = find(id);
    if (c == nullptr) return;
    if (c->opening_state() == channel::opening::by_peer)
        return refuse_open(id, open_failure::administratively_prohibited, "closed");
    c->cut();
    if (around_.queue_bound) announce_room();
}

void mux::send_eow(channel_id id) { request(id, eow_request{}, false); }

}  // namespace sluice
