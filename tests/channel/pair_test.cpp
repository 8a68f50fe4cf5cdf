// Two muxes back to back under a seeded scheduler: tiny windows and packets, random interleavings,
// sinks that fill up. A model of every stream says what must arrive; a watcher of the wire checks
// the order of messages and the credit. A failure prints its seed.

#include "sluice/tests/channel/support.hpp"

#include <map>
#include <random>
#include <set>

namespace sluice {
namespace {

using random_engine = std::mt19937_64;

// What one direction of one channel did on the wire, by the number of its recipient.
struct wire_state {
    std::uint64_t window = 0;
    std::uint32_t packet_max = 0;
    bool eof = false;
    bool exit = false;
    bool close = false;
};

class side;

// A stream of one direction: the bytes are a function of channel and place.
std::uint8_t byte_at(std::uint64_t stream, std::uint64_t i) {
    return static_cast<std::uint8_t>((stream * 131 + i) * 0x9e3779b97f4a7c15ULL >> 56);
}

struct stream_model {
    std::uint64_t name = 0;
    std::uint64_t written = 0;
    std::uint64_t received = 0;
    bool eof_written = false;
    bool eof_received = false;
    bool cut = false;       // by the writer
    bool unwanted = false;  // the reader has closed
};

struct conversation {
    stream_model down, up;  // opener to other, other to opener
    bool refused = false;
};

class link_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        bytes payload = to_bytes(head);
        payload.insert(payload.end(), bulk.begin(), bulk.end());
        watch(payload);
        under_way.push_back(std::move(payload));
        room_ -= std::min(room_, bulk.size());
    }
    std::size_t room() const override { return room_; }
    void set_room(std::size_t n) { room_ = n; }

    std::deque<bytes> under_way;
    std::map<std::uint32_t, wire_state> out;  // by recipient
    link_sink* back = nullptr;

private:
    // Order and credit of RFC 4254 §5.2 and §5.3, seen from outside.
    void watch(const bytes& p) {
        wire::reader r(bytes_view(p).subspan(1));
        std::uint32_t id = 0;
        switch (p.front()) {
        case channel_open::number: {
            // What the peer will send to this number is bounded by this window.
            const auto m = wire::decode<channel_open>(p);
            back->out[m->sender_channel] = {m->initial_window_size, m->maximum_packet_size};
            return;
        }
        case channel_open_confirmation::number: {
            const auto m = wire::decode<channel_open_confirmation>(p);
            back->out[m->sender_channel] = {m->initial_window_size, m->maximum_packet_size};
            return;
        }
        case channel_open_failure::number:
        case global_request_message::number:
        case request_success::number:
        case request_failure::number: return;
        }
        r.read(id);
        wire_state& s = out.at(id);
        EXPECT_FALSE(s.close) << "message " << int{p.front()} << " behind CLOSE";
        if (p.front() == channel_data::number || p.front() == channel_extended_data::number) {
            const std::size_t n = p.size() - (p.front() == channel_data::number ? 9 : 13);
            EXPECT_FALSE(s.eof) << "data behind EOF";
            EXPECT_GT(n, 0U);
            EXPECT_LE(n, s.window);
            EXPECT_LE(n, s.packet_max);
            s.window -= n;
        } else if (p.front() == channel_eof::number) {
            EXPECT_FALSE(s.eof) << "second EOF";
            s.eof = true;
        } else if (p.front() == channel_close::number) {
            s.close = true;
        } else if (p.front() == channel_request_message::number) {
            const auto m = wire::decode<channel_request_message>(p);
            if (m->request_type != "exit-status") return;
            EXPECT_TRUE(s.eof) << "exit-status before EOF";
            EXPECT_FALSE(s.exit) << "second exit-status";
            s.exit = true;
        } else if (p.front() == channel_window_adjust::number) {
            adjusted(id, wire::decode<channel_window_adjust>(p)->bytes_to_add);
        }
    }

    // An adjust to number `id` is credit for what `id`'s owner sends to its own peer: the pair of
    // the two numbers is learnt from the confirmation.
    void adjusted(std::uint32_t id, std::uint32_t n);

    std::size_t room_ = 0;

public:
    std::map<std::uint32_t, std::uint32_t> peer_of;  // recipient of ours -> our own number
};

void link_sink::adjusted(std::uint32_t id, std::uint32_t n) {
    const auto own = peer_of.find(id);
    ASSERT_NE(own, peer_of.end());
    wire_state& s = back->out.at(own->second);
    s.window += n;
}

class pair_run {
public:
    explicit pair_run(std::uint64_t seed) : random_(seed) {
        for (auto& config : configs_) {
            config.channels_max = 6;
            config.window_size = static_cast<std::uint32_t>(pick({1, 2, 3, 17, 300, 5000}));
            config.packet_size_max = static_cast<std::uint32_t>(pick({1, 2, 7, 100, 4000}));
            config.channel_output_max = pick({50, 500, 5000});
            config.connection_output_max = pick({600, 3000, 50'000});
        }
        sinks_[0].back = &sinks_[1];
        sinks_[1].back = &sinks_[0];
        for (std::size_t i = 0; i < 2; ++i)
            ends_[i] = std::make_unique<mux>(configs_[i], sinks_[i]);
    }

    /// Bytes that arrived, channels that both ends closed.
    std::uint64_t bytes_arrived() const {
        std::uint64_t n = 0;
        for (const auto& c : conversations_)
            n += c.down.received + c.up.received;
        return n;
    }
    std::size_t channels_closed() const { return reports_.size(); }

    void run(std::size_t steps) {
        for (std::size_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i)
            step(i < steps / 2);
        settle();
    }

private:
    struct key {
        std::size_t end;
        channel_id id;
        auto operator<=>(const key&) const = default;
    };
    struct place {
        std::size_t conversation = 0;
        bool opener = false;
        bool confirmed = false;
        bool closing = false;
        std::size_t held = 0;  // received and not consumed
    };

    std::size_t up_to(std::size_t n) { return static_cast<std::size_t>(random_() % (n + 1)); }
    std::size_t pick(std::initializer_list<std::size_t> of) {
        return *(of.begin() + static_cast<std::ptrdiff_t>(up_to(of.size() - 1)));
    }

    stream_model& stream(const place& p, bool outgoing) {
        conversation& c = conversations_[p.conversation];
        return p.opener == outgoing ? c.down : c.up;
    }

    void step(bool may_open) {
        const std::size_t end = up_to(1);
        switch (up_to(9)) {
        case 0:
            if (may_open) open(end);
            break;
        case 1:
        case 2:
        case 3: deliver(end, 1 + up_to(3)); break;
        case 4:
            sinks_[end].set_room(pick({0, 1, 10, 10'000}));
            ends_[end]->flush();
            events(end, nullptr);
            break;
        default: act(end);
        }
    }

    void open(std::size_t end) {
        const auto id = ends_[end]->open(session_channel{});
        if (!id) {
            EXPECT_EQ(id.error(), errc::too_many_channels);
            return;
        }
        conversation c;
        c.down.name = 2 * conversations_.size();
        c.up.name = c.down.name + 1;
        places_[{end, *id}] = {conversations_.size(), true};
        conversations_.push_back(c);
    }

    void act(std::size_t end) {
        std::vector<channel_id> ids = ends_[end]->channels();
        if (ids.empty()) return;
        const channel_id id = ids[up_to(ids.size() - 1)];
        const auto found = places_.find({end, id});
        if (found == places_.end()) return;  // not accepted yet
        place& p = found->second;
        switch (up_to(40)) {
        case 0: finish(end, id, p, false); break;
        case 1:
            if (up_to(3) == 0) finish(end, id, p, true);
            break;
        case 2:
            if (!p.closing && p.confirmed) {
                ends_[end]->exit_status(id, 3);
                stream(p, true).eof_written = true;
            }
            break;
        case 3:
            ends_[end]->send_eof(id);
            stream(p, true).eof_written = true;
            break;
        default:
            if (up_to(1) == 0)
                write(end, id, p);
            else
                consume(end, id, p);
        }
        events(end, nullptr);
    }

    void finish(std::size_t end, channel_id id, place& p, bool cut) {
        stream(p, true).eof_written = true;
        stream(p, true).cut |= cut;
        stream(p, false).unwanted = true;
        p.closing = true;
        p.held = 0;
        if (cut)
            ends_[end]->cut(id);
        else
            ends_[end]->close(id);
    }

    void write(std::size_t end, channel_id id, place& p) {
        stream_model& s = stream(p, true);
        if (s.eof_written) return;
        const std::size_t n = std::min(ends_[end]->writable(id), 1 + up_to(3000));
        if (n == 0) return;
        wire::buffer b(n);
        for (std::size_t i = 0; i < n; ++i)
            b.space()[i] = byte_at(s.name, s.written + i);
        b.commit(n);
        s.written += n;
        ends_[end]->write(id, std::move(b), static_cast<std::uint32_t>(up_to(5) == 0));
    }

    void consume(std::size_t end, channel_id id, place& p) {
        const std::size_t n = up_to(p.held);
        if (n == 0) return;
        p.held -= n;
        ends_[end]->consumed(id, n);
    }

    // Hands over messages that `end` has sent.
    void deliver(std::size_t end, std::size_t count) {
        const std::size_t other = 1 - end;
        for (; count != 0 && !sinks_[end].under_way.empty(); --count) {
            const bytes payload = std::move(sinks_[end].under_way.front());
            sinks_[end].under_way.pop_front();
            const auto taken = ends_[other]->on_message(payload);
            ASSERT_TRUE(taken) << taken.error().message() << ", message " << int{payload.front()};
            events(other, &payload);
        }
    }

    void events(std::size_t end, const bytes* payload) {
        while (auto event = ends_[end]->next_event()) {
            if (const auto* open = std::get_if<channel_open_event>(&*event)) {
                on_open(end, open->id, *payload);
            } else if (const auto* opened = std::get_if<channel_opened_event>(&*event)) {
                places_.at({end, opened->id}).confirmed = true;
            } else if (const auto* failed = std::get_if<channel_open_failed_event>(&*event)) {
                conversations_[places_.at({end, failed->id}).conversation].refused = true;
                places_.erase({end, failed->id});
            } else if (const auto* data = std::get_if<channel_data_event>(&*event)) {
                on_data(end, *data);
            } else if (const auto* eof = std::get_if<channel_eof_event>(&*event)) {
                stream_model& s = stream(places_.at({end, eof->id}), false);
                EXPECT_EQ(s.received, s.written);
                s.eof_received = true;
            } else if (const auto* closed = std::get_if<channel_closed_event>(&*event)) {
                on_closed(end, *closed);
            }
        }
    }

    void on_open(std::size_t end, channel_id id, const bytes& payload) {
        const auto m = wire::decode<channel_open>(payload);
        const std::size_t number = places_.at({1 - end, m->sender_channel}).conversation;
        if (up_to(9) == 0) {
            ends_[end]->refuse_open(id, open_failure::connect_failed, "no");
            return;
        }
        places_[{end, id}] = {number, false, true};
        // Learn who is whose peer, for the watcher, before anything else is said.
        sinks_[end].peer_of[m->sender_channel] = id;
        sinks_[1 - end].peer_of[id] = m->sender_channel;
        ends_[end]->accept_open(id);
    }

    void on_data(std::size_t end, const channel_data_event& e) {
        place& p = places_.at({end, e.id});
        stream_model& s = stream(p, false);
        EXPECT_FALSE(s.eof_received);
        EXPECT_FALSE(p.closing);
        for (const std::uint8_t b : e.data)
            ASSERT_EQ(b, byte_at(s.name, s.received++));
        p.held += e.data.size();
        ASSERT_LE(p.held, configs_[end].window_size);
    }

    void on_closed(std::size_t end, const channel_closed_event& e) {
        const place p = places_.at({end, e.id});
        const stream_model& s = stream(p, true);
        const channel_report& r = e.report;
        EXPECT_EQ(r.bytes_sent + r.bytes_undelivered, s.written);
        EXPECT_EQ(r.bytes_received - r.bytes_discarded, stream(p, false).received);
        if (r.acknowledged && !s.cut) {
            EXPECT_EQ(r.bytes_undelivered, 0U);
        }
        reports_[p.conversation][p.opener] = r;
        places_.erase({end, e.id});
    }

    // Everybody reads on and closes; then nothing may be left.
    void settle() {
        for (int round = 0; round < 200'000 && !::testing::Test::HasFailure(); ++round) {
            bool idle = true;
            for (std::size_t end = 0; end < 2; ++end) {
                sinks_[end].set_room(100'000);
                ends_[end]->flush();
                events(end, nullptr);
                idle = idle && sinks_[end].under_way.empty();
                deliver(end, 1 + up_to(5));
                for (auto& [k, p] : places_)
                    if (k.end == end && p.held != 0 && !p.closing)
                        ends_[end]->consumed(k.id, std::exchange(p.held, 0));
            }
            if (!idle || !all_quiet()) continue;
            if (places_.empty()) break;
            for (auto& [k, p] : std::map(places_)) {
                place& here = places_.at(k);
                if (!here.closing) finish(k.end, k.id, here, false);
            }
        }
        for (std::size_t end = 0; end < 2; ++end) {
            EXPECT_EQ(ends_[end]->open_channels(), 0U);
            EXPECT_FALSE(ends_[end]->has_pending_output());
        }
        EXPECT_TRUE(places_.empty());
        for (const auto& [number, both] : reports_) {
            ASSERT_EQ(both.size(), 2U);
            // What went out on one side came in on the other.
            EXPECT_EQ(both.at(true).bytes_sent, both.at(false).bytes_received);
            EXPECT_EQ(both.at(false).bytes_sent, both.at(true).bytes_received);
        }
        for (const auto& c : conversations_)
            for (const auto* s : {&c.down, &c.up})
                if (!c.refused && !s->unwanted && !s->cut) {
                    EXPECT_EQ(s->received, s->written);
                }
    }

    bool all_quiet() const {
        return sinks_[0].under_way.empty() && sinks_[1].under_way.empty() &&
               std::ranges::all_of(places_, [](const auto& p) { return p.second.held == 0; });
    }

    random_engine random_;
    mux_config configs_[2];
    link_sink sinks_[2];
    std::unique_ptr<mux> ends_[2];
    std::map<key, place> places_;
    std::vector<conversation> conversations_;
    std::map<std::size_t, std::map<bool, channel_report>> reports_;
};

TEST(Pair, NoByteIsLostDoubledOrReorderedUnderAnySchedule) {
    std::uint64_t arrived = 0;
    std::size_t closed = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        pair_run run(seed);
        run.run(3000);
        if (HasFailure()) return;
        arrived += run.bytes_arrived();
        closed += run.channels_closed();
    }
    // The schedules do reach something.
    EXPECT_GT(arrived, 4'000'000U);
    EXPECT_GT(closed, 10'000U);
}

// Two ends that each have more than a window to say and close at once do not wait for each other.
TEST(Pair, BothEndsCloseWithMoreThanAWindowQueued) {
    test::recording_sink sinks[2];
    mux a({.window_size = 100, .packet_size_max = 30}, sinks[0]);
    mux b({.window_size = 100, .packet_size_max = 30}, sinks[1]);
    const channel_id id = *a.open(session_channel{});
    ASSERT_TRUE(b.on_message(sinks[0].take()));
    const channel_id peer = test::next<channel_open_event>(b)->id;
    b.accept_open(peer);
    ASSERT_TRUE(a.on_message(sinks[1].take()));
    ASSERT_TRUE(test::next<channel_opened_event>(a));
    a.write(id, wire::buffer::copy_of(bytes(8000)));
    b.write(peer, wire::buffer::copy_of(bytes(8000)));
    a.close(id);
    b.close(peer);
    while (!sinks[0].sent.empty() || !sinks[1].sent.empty()) {
        if (const bytes p = sinks[0].take(); !p.empty()) {
            ASSERT_TRUE(b.on_message(p));
        }
        if (const bytes p = sinks[1].take(); !p.empty()) {
            ASSERT_TRUE(a.on_message(p));
        }
    }
    for (mux* m : {&a, &b}) {
        const auto closed = test::next<channel_closed_event>(*m);
        ASSERT_TRUE(closed);
        EXPECT_EQ(closed->report.bytes_sent + closed->report.bytes_undelivered, 8000U);
        EXPECT_EQ(closed->report.bytes_received, closed->report.bytes_discarded);
        EXPECT_EQ(m->open_channels(), 0U);
    }
}

}  // namespace
}  // namespace sluice
