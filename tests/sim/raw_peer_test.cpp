// The parts of the acceptance list that need a peer who does what ours never would: a transport
// whose upper layers are payloads written by hand, against either endpoint.

#include "sluice/endpoint/client_endpoint.hpp"
#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/tests/sim/scenario.hpp"
#include "sluice/tests/support/linked.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t their_number = 7;

/// One of our endpoints and the scripted peer, without a link between them.
class scripted {
public:
    explicit scripted(side ours) : our_random_(1), their_random_(2) {
        client_settings_.transport.random = &our_random_;
        server_settings_.transport.random = &our_random_;
        server_settings_.transport.host_keys = {test::test_host_key()};
        server_settings_.auth.method_chains = {{"none"}};
        server_settings_.announce_host_keys = false;
        their_settings_.random = &their_random_;
        their_settings_.host_keys = {test::test_host_key()};
        if (ours == client)
            us_ = &client_.emplace(client_settings_, now);
        else
            us_ = &server_.emplace(server_settings_, now);
        them_.emplace(their_settings_, ours == client ? role::server : role::client, now);
        run();
        if (ours == server) {
            say({wire::encoded(service_request{"ssh-userauth"})});
            say({test::none_request()});
        }
        expects(us_->authenticated());
    }

    endpoint& us() { return *us_; }

    /// The peer sends these in one go, and all that follows from it happens.
    void say(const std::vector<bytes>& payloads) {
        for (const bytes& payload : payloads)
            them_->send(payload);
        run();
    }
    /// The same, and DISCONNECT behind them.
    void say_and_leave(const std::vector<bytes>& payloads) {
        for (const bytes& payload : payloads)
            them_->send(payload);
        them_->disconnect(disconnect_reason::by_application, "done");
        run();
    }

    /// The peer opens a channel; our number of it.
    channel_id open(std::uint32_t window = 1 << 20, std::uint32_t number = their_number) {
        bytes payload = wire::encoded(channel_open{"forwarded-tcpip", number, window, 32'768, {}});
        wire::writer w(payload);
        open_type_list::encode(forwarded_tcpip_channel{"", 80, "127.0.0.1", 4000}, w);
        const std::size_t before = told.size();
        say({payload});
        expects(told.size() == before + 1);
        const auto m = wire::decode<channel_open_confirmation>(told.back());
        expects(m.has_value());
        return m->sender_channel;
    }

    void run() {
        for (bool moved = true; moved;) {
            poll_us();
            const bytes down = to_bytes(us_->output());
            us_->consume_output(down.size());
            test::feed(*them_, down);
            poll_them();
            bytes up;
            if (us_->wants_input()) {
                up = to_bytes(them_->output());
                them_->consume_output(up.size());
                std::ranges::copy(up, us_->prepare_input(up.size()).begin());
                us_->commit_input(up.size(), now);
            }
            moved = !up.empty() || !down.empty();
        }
    }

    std::size_t count(std::uint8_t number) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(told, [&](const bytes& p) { return p.front() == number; }));
    }

    time_point now{};
    std::string news;         // what our application was told: "data(5) eof closed"
    std::vector<bytes> told;  // channel messages that the peer was sent
    error_code error;         // of ours
    std::optional<std::uint32_t> disconnected;  // the reason that the peer was given
    std::optional<channel_report> report;

private:
    void note(const std::string& what) {
        if (received_ != 0)
            news += (news.empty() ? "data(" : " data(") +
                    std::to_string(std::exchange(received_, 0)) + ")";
        news += (news.empty() ? "" : " ") + what;
    }

    void poll_us() {
        for (;;) {
            if (client_ ? !poll_one(*client_) : !poll_one(*server_)) return;
        }
    }

    template <class Endpoint>
    bool poll_one(Endpoint& machine) {
        auto event = machine.poll(now);
        if (!event) error = event.error();
        if (!event || !*event) return false;
        if constexpr (std::is_same_v<Endpoint, client_endpoint>) {
            if (std::holds_alternative<host_key_event>(**event)) machine.accept_host_key(now);
        } else {
            if (std::holds_alternative<auth_question_event>(**event))
                machine.answer(auth_answer::accept, now);
        }
        if (std::holds_alternative<peer_disconnected_event>(**event)) note("disconnect");
        if (auto* news_of_channel = std::get_if<channel_event>(&**event))
            on_channel(*news_of_channel);
        return true;
    }

    void on_channel(const channel_event& event) {
        mux& channels = us_->channels();
        if (const auto* open = std::get_if<channel_open_event>(&event)) {
            channels.accept_open(open->id);
        } else if (const auto* data = std::get_if<channel_data_event>(&event)) {
            received_ += data->data.size();
            channels.consumed(data->id, data->data.size());
            return;
        }
        if (std::holds_alternative<channel_eof_event>(event)) note("eof");
        if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
            note("closed");
            report = closed->report;
        }
    }

    void poll_them() {
        for (;;) {
            const auto event = them_->poll(now);
            if (!event || !*event) return;
            if (std::holds_alternative<transport_host_key>(**event)) {
                them_->accept_host_key(now);
            } else if (const auto* bye = std::get_if<transport_disconnected>(&**event)) {
                disconnected = bye->reason_code;
            } else if (const auto* p = std::get_if<transport_payload>(&**event)) {
                on_payload(p->payload);
            }
        }
    }

    void on_payload(bytes_view payload) {
        switch (payload.front()) {
        case service_request::number:
            return them_->send(wire::encoded(service_accept{"ssh-userauth"}));
        case userauth_request::number:
            them_->send(wire::encoded(userauth_success{}));
            return them_->set_authenticated();
        case userauth_success::number: return them_->set_authenticated();
        case service_accept::number: return;
        default: told.push_back(to_bytes(payload));
        }
    }

    test::seeded_random our_random_;
    test::seeded_random their_random_;
    client_config client_settings_;
    server_config server_settings_;
    transport_config their_settings_;
    std::optional<client_endpoint> client_;
    std::optional<server_endpoint> server_;
    std::optional<transport> them_;
    endpoint* us_ = nullptr;
    std::size_t received_ = 0;
};

class RawPeer : public testing::TestWithParam<side> {
protected:
    scripted s{GetParam()};
};

std::vector<bytes> data_messages(channel_id id, std::size_t size) {
    std::vector<bytes> out;
    const bytes chunk(30'000, 'x');
    for (; size != 0; size -= std::min(size, chunk.size()))
        out.push_back(
            wire::encoded(channel_data{id, bytes_view(chunk).first(std::min(size, chunk.size()))}));
    return out;
}

TEST_P(RawPeer, N07WhatCameBeforeDisconnectIsGivenFirst) {
    const channel_id id = s.open();
    auto messages = data_messages(id, 1'500'000);
    messages.push_back(wire::encoded(channel_eof{id}));
    s.say_and_leave(messages);
    EXPECT_EQ(s.news, "data(1500000) eof disconnect");
    EXPECT_EQ(s.us().end_error(), errc::peer_disconnected);
    EXPECT_EQ(s.us().report().outcome, close_outcome::peer_closed);
    EXPECT_EQ(s.us().report().total.bytes_received, 1'500'000u);

    // Without an EOF there is no clean end, only the error.
    scripted t(GetParam());
    t.say_and_leave(data_messages(t.open(), 1'500'000));
    EXPECT_EQ(t.news, "data(1500000) disconnect");
    EXPECT_EQ(t.us().end_error(), errc::peer_disconnected);
    EXPECT_EQ(t.us().report().total.open, 1u);
    EXPECT_FALSE(t.us().report().complete());
}

TEST_P(RawPeer, N17CloseWithoutAnExitStatusOrWithoutAnEof) {
    for (const bool eof : {true, false}) {
        SCOPED_TRACE(eof);
        scripted t(GetParam());
        const channel_id id = t.open();
        auto messages = data_messages(id, 100'000);
        if (eof) messages.push_back(wire::encoded(channel_eof{id}));
        messages.push_back(wire::encoded(channel_close{id}));
        t.say(messages);
        EXPECT_EQ(t.news, eof ? "data(100000) eof closed" : "data(100000) closed");
        ASSERT_TRUE(t.report);
        EXPECT_EQ(t.report->eof_received, eof);
        EXPECT_FALSE(t.report->exit_status);
        EXPECT_TRUE(t.report->exit_signal.empty());
        EXPECT_EQ(t.count(channel_close::number), 1u);
        EXPECT_EQ(t.us().channels().open_channels(), 0u);
    }
}

TEST_P(RawPeer, N18ACloseThatIsNeverAnsweredEndsAtTheDeadline) {
    const channel_id id = s.open();
    s.us().channels().write(id, wire::buffer::copy_of(as_bytes("last words")));
    s.us().channels().close(id);
    s.run();
    EXPECT_EQ(s.count(channel_close::number), 1u);
    // Its number is not given to another meanwhile.
    for (std::uint32_t i = 0; i < 40; ++i) {
        const channel_id other = s.open(1000, 100 + i);
        EXPECT_NE(other, id);
        s.say({wire::encoded(channel_close{other})});
    }
    s.us().drain(5s, s.now);
    s.run();
    EXPECT_EQ(s.us().next_deadline(), s.now + 5s);
    s.now += 5s - 1ns;
    s.run();
    EXPECT_EQ(s.us().state(), connection_state::draining);
    s.now += 1ns;
    s.run();
    EXPECT_EQ(s.disconnected, 11u);
    const close_report report = s.us().report();
    EXPECT_EQ(report.outcome, close_outcome::deadline);
    EXPECT_EQ(report.total.open, 1u);
    EXPECT_EQ(report.total.bytes_unacknowledged, 10u);
    EXPECT_EQ(report.total.bytes_undelivered, 0u);
}

TEST_P(RawPeer, N19WhatMayNotFollowEndsTheConnectionWithReason2) {
    struct {
        const char* name;
        std::vector<bytes> (*messages)(channel_id);
        const char* news;
    } cases[] = {
        {"a second CLOSE",
         [](channel_id id) {
             return std::vector<bytes>{wire::encoded(channel_close{id}),
                                       wire::encoded(channel_close{id})};
         },
         "closed"},
        {"DATA behind CLOSE",
         [](channel_id id) {
             return std::vector<bytes>{wire::encoded(channel_close{id}),
                                       wire::encoded(channel_data{id, as_bytes("a")})};
         },
         "closed"},
        {"a channel that never was",
         [](channel_id id) {
             return std::vector<bytes>{wire::encoded(channel_data{id + 50, as_bytes("a")})};
         },
         ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        scripted t(GetParam());
        t.say(c.messages(t.open()));
        EXPECT_EQ(t.disconnected, 2u);
        EXPECT_TRUE(t.error);
        EXPECT_EQ(t.news, c.news);
        EXPECT_EQ(t.us().report().outcome, close_outcome::cut);
    }
}

TEST_P(RawPeer, N19WhatComesBehindAnEofIsDroppedAndEndsNothing) {
    scripted t(GetParam());
    const channel_id id = t.open();
    t.say({wire::encoded(channel_data{id, as_bytes("a")}), wire::encoded(channel_eof{id}),
           wire::encoded(channel_data{id, as_bytes("a")}), wire::encoded(channel_eof{id})});
    EXPECT_FALSE(t.disconnected);
    EXPECT_FALSE(t.error);
    EXPECT_EQ(t.news, "data(1) eof");
    t.say({wire::encoded(channel_close{id})});
    EXPECT_EQ(t.news, "data(1) eof closed");
    EXPECT_FALSE(t.error);
}

TEST_P(RawPeer, N20AnOpenBehindADrainIsRefusedWithTheReason) {
    const channel_id id = s.open();
    s.us().drain(60s, s.now);
    EXPECT_EQ(s.us().channels().open(session_channel{}).error(), errc::draining);
    s.told.clear();
    bytes payload = wire::encoded(channel_open{"session", 8, 1000, 1000, {}});
    s.say({payload});
    ASSERT_EQ(s.told.size(), 1u);
    const auto m = wire::decode<channel_open_failure>(s.told[0]);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->recipient_channel, 8u);
    EXPECT_EQ(m->reason_code, open_failure::administratively_prohibited);
    EXPECT_EQ(m->description, "connection is draining");
    // What was admitted goes on.
    s.say(data_messages(id, 1000));
    s.say({wire::encoded(channel_eof{id}), wire::encoded(channel_close{id})});
    EXPECT_EQ(s.news, "data(1000) eof closed");
}

INSTANTIATE_TEST_SUITE_P(Ours, RawPeer, testing::Values(client, server),
                         [](const auto& p) { return p.param == client ? "client" : "server"; });

}  // namespace
}  // namespace sluice::sim
