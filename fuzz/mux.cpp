// The connection protocol: a sequence of the application's calls and the peer's messages, some made
// up to be plausible and some raw. Properties: never more in flight than the peer's window, nothing
// behind our CLOSE, a bounded number of sends for every step, and reports that add up.

#include "sluice/channel/mux.hpp"
#include "sluice/fuzz/fuzz.hpp"

#include <map>
#include <variant>

using namespace sluice;

namespace {

class checking_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        ++sends;
        expects(!head.empty() && mux::knows(head.front()));
        room_ -= std::min(room_, bulk.size());
        if (head.front() == channel_data::number || head.front() == channel_extended_data::number)
            data_bytes += bulk.size();
    }
    std::size_t room() const override { return room_; }
    void set_room(std::size_t n) { room_ = n; }

    std::size_t sends = 0;
    std::uint64_t data_bytes = 0;

private:
    std::size_t room_ = 1000;
};

// Takes all events, and credits sometimes what it gets.
void drain(mux& m, bool consume) {
    while (auto event = m.next_event()) {
        if (const auto* open = std::get_if<channel_open_event>(&*event)) {
            m.accept_open(open->id);
        } else if (const auto* data = std::get_if<channel_data_event>(&*event)) {
            expects(!data->data.empty());
            if (consume) m.consumed(data->id, data->data.size());
        } else if (const auto* closed = std::get_if<channel_closed_event>(&*event)) {
            expects(closed->report.close_sent && closed->report.close_received);
            expects(closed->report.bytes_discarded <= closed->report.bytes_received);
        }
    }
}

bytes message(fuzz::input& in, channel_id id) {
    switch (in.byte() % 12) {
    case 0: return wire::encoded(channel_open{"session", in.byte(), in.number(), in.byte(), {}});
    case 1: return wire::encoded(channel_window_adjust{id, in.byte()});
    case 2: return wire::encoded(channel_window_adjust{id, in.number()});
    case 3: return wire::encoded(channel_data{id, in.take(in.byte())});
    case 4: return wire::encoded(channel_extended_data{id, in.byte(), in.take(in.byte())});
    case 5: return wire::encoded(channel_eof{id});
    case 6: return wire::encoded(channel_close{id});
    case 7: {
        bytes payload;
        encode_channel_request(id, exec_request{"x"}, in.byte() % 2 == 0, payload);
        return payload;
    }
    case 8:
        return wire::encoded(channel_open_confirmation{id, in.byte(), in.byte(), in.byte(), {}});
    case 9: return wire::encoded(channel_open_failure{id, 1, "", ""});
    case 10: return wire::encoded(channel_success{id});
    default: return to_bytes(in.take(in.byte()));
    }
}

void act(mux& m, fuzz::input& in, channel_id id) {
    switch (in.byte() % 13) {
    case 0: static_cast<void>(m.open(session_channel{})); break;
    case 1: m.send_eof(id); break;
    case 2: m.close(id); break;
    case 3: m.cut(id); break;
    case 4: m.exit_status(id, in.byte()); break;
    case 5: m.reply(id, in.byte() % 2 == 0); break;
    case 6: m.request(id, env_request{"a", "b"}, in.byte() % 2 == 0); break;
    case 7: m.global_reply(in.byte() % 2 == 0); break;
    case 8: m.flush(); break;
    case 9: m.break_off(id); break;
    default: {
        const std::size_t n = std::min<std::size_t>(m.writable(id), in.byte());
        m.write(id, wire::buffer::copy_of(bytes(n, 7)), in.byte() % 2);
    }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    checking_sink sink;
    mux m({.channels_max = 5,
           .window_size = in.byte() + 1U,
           .packet_size_max = in.byte() + 1U,
           .channel_output_max = 1000,
           .connection_output_max = 3000},
          sink);
    while (!in.empty()) {
        const std::uint8_t what = in.byte();
        const channel_id id = what >> 4 & 3;
        // Replies kept back and data that waits may go all at once, but no more than there is.
        sink.sends = 0;
        if ((what & 1) == 0) {
            act(m, in, id);
        } else {
            const bytes payload = message(in, id);
            const auto taken = m.on_message(payload);
            drain(m, (what & 2) == 0);
            if (!taken) break;
        }
        if ((what & 12) == 0) sink.set_room(in.byte() * 16U);
        expects(sink.sends <= 5 * 1000 + 5 * limits::pending_requests_max + 100);
        expects(m.open_channels() <= 5);
        drain(m, (what & 2) == 0);
    }
    std::uint64_t sent = 0;
    for (const auto id : m.channels())
        sent += m.report(id).bytes_sent;
    expects(sent <= sink.data_bytes);
    return 0;
}
