#pragma once

#include "sluice/channel/mux.hpp"
#include "sluice/tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice::test {

/// Keeps every payload that is sent; has as much room as the test says.
class recording_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        bytes payload = to_bytes(head);
        payload.insert(payload.end(), bulk.begin(), bulk.end());
        room_ -= std::min(room_, bulk.size());
        sent.push_back(std::move(payload));
        ++sends;
    }
    std::size_t room() const override { return room_; }
    std::uint64_t mark() const override { return sends; }
    bool has_left(std::uint64_t mark) const override { return mark <= left; }
    void set_room(std::size_t n) { room_ = n; }

    /// The oldest payload not taken yet; empty when there is none.
    bytes take() {
        if (sent.empty()) return {};
        bytes payload = std::move(sent.front());
        sent.pop_front();
        return payload;
    }

    std::deque<bytes> sent;
    std::size_t sends = 0;
    std::size_t left = std::numeric_limits<std::size_t>::max();  // of those, on their way

private:
    std::size_t room_ = std::numeric_limits<std::size_t>::max();
};

/// The first event, if it is of this kind.
template <class Event>
std::optional<Event> next(mux& m) {
    auto event = m.next_event();
    if (!event || !std::holds_alternative<Event>(*event)) return std::nullopt;
    return std::get<Event>(std::move(*event));
}

/// Events point into the payload until the next one, so that is how long it is kept.
inline result<> give_payload(mux& m, bytes payload) {
    static bytes kept;
    kept = std::move(payload);
    return m.on_message(kept);
}

template <class M>
result<> give(mux& m, const M& message) {
    return give_payload(m, wire::encoded(message));
}

inline wire::buffer chunk(std::string_view text) { return wire::buffer::copy_of(as_bytes(text)); }

/// What was sent since the last call, one word each: "DATA(abc) EOF exit-status CLOSE".
inline std::string ladder(recording_sink& sink) {
    std::string out;
    while (!sink.sent.empty()) {
        const bytes p = sink.take();
        if (!out.empty()) out += ' ';
        switch (p.front()) {
        case request_success::number: out += "SUCCESS!"; break;
        case request_failure::number: out += "FAILURE!"; break;
        case channel_open::number: out += "OPEN"; break;
        case channel_open_confirmation::number: out += "CONFIRM"; break;
        case channel_open_failure::number: {
            const auto m = wire::decode<channel_open_failure>(p);
            out += "REFUSE(" + std::to_string(m->reason_code) + ")";
            break;
        }
        case channel_window_adjust::number: {
            const auto m = wire::decode<channel_window_adjust>(p);
            out += "ADJUST(" + std::to_string(m->bytes_to_add) + ")";
            break;
        }
        case channel_data::number: {
            const auto m = wire::decode<channel_data>(p);
            out += "DATA(" + std::string(as_text(m->data)) + ")";
            break;
        }
        case channel_extended_data::number: {
            const auto m = wire::decode<channel_extended_data>(p);
            out += "ERR(" + std::string(as_text(m->data)) + ")";
            break;
        }
        case channel_eof::number: out += "EOF"; break;
        case channel_close::number: out += "CLOSE"; break;
        case channel_request_message::number: {
            const auto m = wire::decode<channel_request_message>(p);
            out += m->request_type;
            break;
        }
        case channel_success::number: out += "SUCCESS"; break;
        case channel_failure::number: out += "FAILURE"; break;
        default: out += "?" + std::to_string(p.front());
        }
    }
    return out;
}

/// A server-side mux with one session that the peer (its number: 7) has opened.
struct one_session {
    explicit one_session(std::uint32_t window = 1000, std::uint32_t packet = 100,
                         const mux_config& config = {})
        : m(config, sink) {
        id = open(7, window, packet);
    }

    channel_id open(std::uint32_t number, std::uint32_t window, std::uint32_t packet) {
        EXPECT_TRUE(give(m, channel_open{"session", number, window, packet, {}}));
        const auto event = next<channel_open_event>(m);
        EXPECT_TRUE(event);
        m.accept_open(event->id);
        EXPECT_EQ(ladder(sink), "CONFIRM");
        return event->id;
    }

    result<> request(const channel_request& r, bool want_reply) {
        bytes payload;
        encode_channel_request(id, r, want_reply, payload);
        return give_payload(m, std::move(payload));
    }

    std::string sent() { return ladder(sink); }

    recording_sink sink;
    mux m;
    channel_id id = 0;
};

}  // namespace sluice::test
