// Data through a whole server endpoint: key exchanges under load, and a peer that does not read.

#include "sluice/tests/support/linked.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace sluice {
namespace {

using test::global;
using test::linked;

// Sends back on each channel what came on it, as fast as the peer takes it.
class echo {
public:
    explicit echo(linked& l) : l_(l) {
        l.on_server_event = [this](server_event& event) { on_event(event); };
    }

private:
    void on_event(server_event& event) {
        auto* const channel = std::get_if<channel_event>(&event);
        if (channel == nullptr) return;
        if (const auto* open = std::get_if<channel_open_event>(channel)) {
            l_.server->channels().accept_open(open->id);
        } else if (const auto* data = std::get_if<channel_data_event>(channel)) {
            auto& waiting = waiting_[data->id];
            waiting.insert(waiting.end(), data->data.begin(), data->data.end());
            pass_on(data->id);
        } else if (const auto* writable = std::get_if<channel_writable_event>(channel)) {
            pass_on(writable->id);
        } else if (const auto* eof = std::get_if<channel_eof_event>(channel)) {
            ended_.push_back(eof->id);
            pass_on(eof->id);
        }
    }

    void pass_on(channel_id id) {
        auto& channels = l_.server->channels();
        auto& waiting = waiting_[id];
        while (!waiting.empty()) {
            const std::size_t n = std::min(channels.writable(id), waiting.size());
            if (n == 0) return;
            wire::buffer chunk(n);
            std::copy_n(waiting.begin(), n, chunk.space().begin());
            chunk.commit(n);
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(n));
            channels.write(id, std::move(chunk));
            channels.consumed(id, n);
        }
        if (std::ranges::find(ended_, id) == ended_.end()) return;
        channels.exit_status(id, 0);
        channels.close(id);
    }

    linked& l_;
    std::map<channel_id, std::deque<std::uint8_t>> waiting_;
    std::vector<channel_id> ended_;
};

// The client's side: channels over its transport, each with data to send and what came back.
class client_side {
public:
    struct session {
        bytes to_send;
        std::size_t sent = 0;
        bytes came_back;
        bool ended = false;
        std::optional<channel_report> report;
    };

    explicit client_side(linked& l, const mux_config& config = {}) : l_(l), config_(config) {
        l.on_client_keys = [this] {
            if (channels_) channels_->flush();
        };
    }

    void begin() {
        channels_.emplace(config_, *l_.client);
        l_.on_client_payload = [this](bytes_view payload) {
            ASSERT_TRUE(channels_->on_message(payload));
            while (auto event = channels_->next_event())
                on_event(*event);
        };
    }

    void open(bytes data) {
        const auto id = channels_->open(session_channel{});
        ASSERT_TRUE(id);
        sessions[*id].to_send = std::move(data);
    }

    // Writes what there is room for, up to `n` bytes a channel.
    void write(std::size_t n) {
        channels_->flush();
        for (auto& [id, s] : sessions) {
            const std::size_t now =
                std::min({n, s.to_send.size() - s.sent, channels_->writable(id)});
            if (now != 0)
                channels_->write(id,
                                 wire::buffer::copy_of(bytes_view(s.to_send).subspan(s.sent, now)));
            s.sent += now;
            if (s.sent == s.to_send.size() && !std::exchange(s.ended, true))
                channels_->send_eof(id);
        }
    }

    bool done() const {
        return std::ranges::all_of(sessions,
                                   [](const auto& s) { return s.second.report.has_value(); });
    }

    std::map<channel_id, session> sessions;

private:
    void on_event(channel_event& event) {
        if (const auto* data = std::get_if<channel_data_event>(&event)) {
            bytes& back = sessions[data->id].came_back;
            back.insert(back.end(), data->data.begin(), data->data.end());
            channels_->consumed(data->id, data->data.size());
        } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
            sessions[closed->id].report = closed->report;
        }
    }

    linked& l_;
    mux_config config_;
    std::optional<mux> channels_;
};

struct rekeys {
    const char* name;
    std::uint64_t client_bytes;
    std::uint64_t server_bytes;
};

// Both at once, either alone; every packet boundary of the exchange meets data of both ways.
TEST(Rfc4253s9, NothingIsLostOverKeyExchangesUnderLoad) {
    constexpr std::uint64_t never = 1ull << 40;
    const rekeys cases[] = {
        {"begun by the client", 20'000, never},
        {"begun by the server", never, 20'000},
        {"begun by both", 30'000, 30'000},
    };
    for (const auto& c : cases) {
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            SCOPED_TRACE(std::string(c.name) + ", seed " + std::to_string(seed));
            std::mt19937_64 random(seed);
            const auto up_to = [&](std::size_t n) { return 1 + random() % n; };
            linked l(seed);
            l.client_settings.rekey.bytes = c.client_bytes;
            l.server_settings.transport.rekey.bytes = c.server_bytes;
            l.server_settings.channels.window_size =
                static_cast<std::uint32_t>(1000 + up_to(50'000));
            l.server_settings.channels.channel_output_max = 1000 + up_to(100'000);
            echo application(l);
            mux_config settings;
            settings.window_size = static_cast<std::uint32_t>(1000 + up_to(50'000));
            settings.packet_size_max = static_cast<std::uint32_t>(100 + up_to(10'000));
            client_side client(l, settings);
            l.start();
            l.log_in();
            const auto exchanges_before = l.keys_changed;
            client.begin();
            for (int i = 0; i < 3; ++i) {
                bytes data(60'000 + up_to(60'000));
                for (auto& b : data)
                    b = static_cast<std::uint8_t>(random());
                client.open(std::move(data));
            }
            for (int i = 0; i < 1'000'000 && !client.done() && !l.server_error; ++i) {
                client.write(up_to(5000));
                l.client_reads = random() % 4 != 0;
                l.step(up_to(random() % 8 == 0 ? 50'000 : 3000));
                if (random() % 500 == 0) l.server->rekey(l.now);
                if (random() % 500 == 0) l.client->rekey(l.now);
            }
            l.client_reads = true;
            l.run();
            ASSERT_EQ(l.server_error, error_code());
            ASSERT_EQ(l.client_error, error_code());
            ASSERT_TRUE(client.done());
            EXPECT_GE(l.keys_changed - exchanges_before, 4u);
            for (const auto& [id, s] : client.sessions) {
                EXPECT_TRUE(s.came_back == s.to_send) << "channel " << id;
                EXPECT_EQ(s.report->exit_status, 0u);
                EXPECT_EQ(s.report->bytes_undelivered, 0u);
            }
            EXPECT_EQ(l.server->channels().open_channels(), 0u);
        }
    }
}

// Bytes that the server holds for a client that does not read.
std::size_t waiting(linked& l) { return l.server->lower().output_size(); }

TEST(ServerEndpoint, WhoDoesNotReadRepliesIsNotReadFrom) {
    linked l;
    l.start();
    l.log_in();
    l.client_reads = false;
    std::size_t asked = 0;
    while (l.server->wants_input()) {
        ASSERT_LT(asked, 1'000'000u);
        for (int i = 0; i < 1000; ++i, ++asked)
            l.client->send(global("nobody-knows@this", true));
        l.step();
    }
    EXPECT_GE(waiting(l), limits::input_stops_at_output);
    EXPECT_LT(waiting(l), limits::input_stops_at_output + 4096) << "not even what was received";
    l.poll_server();
    EXPECT_LT(waiting(l), limits::input_stops_at_output + 4096);
    EXPECT_EQ(l.server_error, error_code());

    l.client_reads = true;
    l.run();
    EXPECT_EQ(l.count(request_failure::number), asked) << "each was answered in the end";
    EXPECT_TRUE(l.server->wants_input());
    EXPECT_EQ(waiting(l), 0u);
}

TEST(ServerEndpoint, DataForWhoDoesNotReadStopsAtTheBounds) {
    linked l;
    l.start();
    l.log_in();
    const auto id = l.open_session(0xffff'ffff);
    l.client_reads = false;
    auto& channels = l.server->channels();
    std::size_t written = 0;
    while (const std::size_t room = channels.writable(id)) {
        ASSERT_LT(written, 64u << 20);
        const std::size_t n = std::min<std::size_t>(room, 50'000);
        wire::buffer chunk(n);
        chunk.commit(n);
        channels.write(id, std::move(chunk));
        written += n;
    }
    EXPECT_LE(waiting(l), limits::output_high_water + 64 * 1024);
    EXPECT_LE(written, limits::output_high_water + limits::channel_output_max + 64 * 1024);
    EXPECT_GE(written, limits::channel_output_max);
    EXPECT_TRUE(l.server->wants_input()) << "its requests are still served";

    l.client_reads = true;
    l.run();
    std::size_t came = 0;
    for (const bytes& payload : l.received)
        if (const auto m = wire::decode<channel_data>(payload)) came += m->data.size();
    EXPECT_EQ(came, written);
}

}  // namespace
}  // namespace sluice
