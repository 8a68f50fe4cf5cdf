// A connection's way from open to closed, and its report: close-and-drain, "One connection".

#include "sluice/endpoint/close_report.hpp"
#include "sluice/tests/endpoint/endpoint_pair.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <chrono>

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

/// A pair whose stream can end: bytes, then the FIN of either end, until both are closed.
struct ending_pair : endpoint_pair {
    endpoint& end(bool of_client) {
        return of_client ? static_cast<endpoint&>(*client) : static_cast<endpoint&>(*server);
    }
    void log_in_with_session() {
        log_in();
        exec("work");
        run();
        ASSERT_TRUE(server_channel);
    }
    /// Moves what there is, FINs too.
    void settle() {
        for (int round = 0; round < 4; ++round) {
            run();
            for (const bool from_client : {true, false}) {
                endpoint& from = end(from_client);
                if (fin_sent[from_client] || !(from.wants_shutdown() || from.closed())) continue;
                from.stream_shut(now);
                fin_sent[from_client] = true;
                run();
                end(!from_client).stream_ended({}, now);
            }
        }
        run();
    }
    mux& channels(bool of_client) { return end(of_client).channels(); }
    channel_id id(bool of_client) { return of_client ? client_channel : *server_channel; }
    std::string& news(bool of_client) { return of_client ? client_news : server_news; }

    bool fin_sent[2] = {false, false};
};

void write(mux& channels, channel_id id, std::size_t n) {
    channels.write(id, wire::buffer::copy_of(bytes(n, 'x')));
}

}  // namespace

TEST(Drain, WaitsForTheChannelsAndLeavesInOrder) {
    for (const bool by_client : {true, false}) {
        ending_pair pair;
        pair.log_in_with_session();
        endpoint& draining = pair.end(by_client);
        draining.drain(30s, pair.now);
        EXPECT_EQ(draining.state(), connection_state::draining);
        pair.settle();
        EXPECT_EQ(draining.state(), connection_state::draining) << "a channel is open";
        EXPECT_EQ(pair.end(!by_client).state(), connection_state::open);

        write(pair.channels(by_client), pair.id(by_client), 100'000);
        pair.channels(by_client).close(pair.id(by_client));
        pair.run();
        pair.channels(!by_client).close(pair.id(!by_client));
        pair.now += 3s;
        pair.settle();
        EXPECT_TRUE(draining.closed());
        EXPECT_TRUE(pair.end(!by_client).closed());
        EXPECT_TRUE(pair.fin_sent[0] && pair.fin_sent[1]);
        EXPECT_NE(pair.news(!by_client).find("bye(11)"), std::string::npos);

        const auto report = draining.report();
        EXPECT_EQ(report.outcome, close_outcome::drained);
        EXPECT_EQ(report.ended_by, close_side::us);
        EXPECT_EQ(report.reason_code, 11u);
        EXPECT_FALSE(report.error);
        EXPECT_TRUE(report.complete());
        EXPECT_EQ(report.receipt, close_receipt::channel_close);
        EXPECT_EQ(report.total.channels, 1u);
        EXPECT_EQ(report.total.acknowledged, 1u);
        EXPECT_EQ(report.total.bytes_sent, 100'000u);
        EXPECT_EQ(report.total.bytes_unacknowledged, 0u);
        EXPECT_EQ(report.elapsed, 3s);
        ASSERT_EQ(report.channels.size(), 1u);
        EXPECT_EQ(report.channels[0].how, channel_close_report::outcome::closed);

        const auto other = pair.end(!by_client).report();
        EXPECT_EQ(other.outcome, close_outcome::peer_closed);
        EXPECT_EQ(other.ended_by, close_side::peer);
        EXPECT_EQ(other.error, errc::peer_disconnected);
        EXPECT_EQ(other.total.bytes_received, 100'000u);
    }
}

TEST(Drain, OpensThatCrossItAreRefusedOrClosed) {
    for (const bool by_client : {true, false}) {
        ending_pair pair;
        pair.log_in();
        // One of the peer's, which the drain meets on its way.
        const auto theirs = pair.channels(!by_client).open(session_channel{});
        ASSERT_TRUE(theirs);
        // One of ours, which is confirmed behind the drain (a server opens none on this client's
        // say-so, so only a client's is confirmed).
        const auto ours = pair.channels(by_client).open(session_channel{});
        ASSERT_TRUE(ours);
        pair.end(by_client).drain(30s, pair.now);
        EXPECT_EQ(pair.channels(by_client).open(session_channel{}).error(), errc::draining);
        // The server's application confirms what comes; the client's leaves it unanswered.
        pair.settle();
        EXPECT_EQ(pair.channels(!by_client).report(*theirs).kind, "") << "it is gone";
        if (by_client) {
            pair.channels(false).close(*pair.server_channel);
            pair.settle();
            EXPECT_TRUE(pair.end(true).closed());
            EXPECT_TRUE(pair.end(true).report().complete());
        } else {
            EXPECT_EQ(pair.channels(false).open_channels(), 1u) << "ours is still not answered";
            pair.now += 30s;
            pair.settle();
            EXPECT_EQ(pair.end(false).report().outcome, close_outcome::deadline);
        }
    }
}

TEST(Drain, WhatTheApplicationHasNotAnsweredIsRefused) {
    ending_pair pair;
    pair.log_in();
    // The client's application answers no open of the server's.
    const auto id = pair.server->channels().open(session_channel{});
    ASSERT_TRUE(id);
    pair.run();
    EXPECT_EQ(pair.client->channels().open_channels(), 1u);
    pair.client->drain(30s, pair.now);
    pair.settle();
    EXPECT_TRUE(pair.client->closed());
    EXPECT_EQ(pair.client->report().outcome, close_outcome::drained);
    ASSERT_EQ(pair.client->report().channels.size(), 1u);
    EXPECT_EQ(pair.client->report().channels[0].how, channel_close_report::outcome::refused);
}

TEST(Drain, IsCutAtItsDeadline) {
    for (const bool by_client : {true, false}) {
        ending_pair pair;
        pair.log_in_with_session();
        endpoint& draining = pair.end(by_client);
        draining.drain(30s, pair.now);
        EXPECT_EQ(draining.next_deadline(), pair.now + 30s);
        draining.drain(10s, pair.now);
        draining.drain(20s, pair.now);
        EXPECT_EQ(draining.next_deadline(), pair.now + 10s) << "it only comes nearer";
        pair.now += 9'999ms;
        pair.settle();
        EXPECT_EQ(draining.state(), connection_state::draining);
        pair.now += 1ms;
        pair.settle();
        EXPECT_TRUE(draining.closed());
        const auto report = draining.report();
        EXPECT_EQ(report.outcome, close_outcome::deadline);
        EXPECT_EQ(report.error, errc::cancelled);
        EXPECT_EQ(report.elapsed, 10s);
        EXPECT_FALSE(report.complete());
        EXPECT_EQ(report.total.open, 1u);
        EXPECT_EQ(report.channels.at(0).how, channel_close_report::outcome::open);
        EXPECT_NE(pair.news(!by_client).find("closed bye(11)"), std::string::npos)
            << "CLOSE for the channel, then DISCONNECT: " << pair.news(!by_client);
    }
}

TEST(Drain, CountsWhatTheWindowHeldBack) {
    ending_pair pair;
    pair.client_settings.channels.window_size = 10'000;
    pair.log_in_with_session();
    // The client's application credits nothing more.
    pair.on_client_event = [&](const client_event&) {};
    const auto id = *pair.server_channel;
    pair.server->channels().close(id);
    pair.run();
    pair.server_channel.reset();
    pair.exec("more");
    pair.run();
    ASSERT_TRUE(pair.server_channel);
    // More than the window, and nobody polls the client any more.
    write(pair.server->channels(), *pair.server_channel, 50'000);
    pair.server->drain(5s, pair.now);
    pair.now += 5s;
    static_cast<void>(pair.server->poll(pair.now));
    const auto report = pair.server->report();
    EXPECT_EQ(report.outcome, close_outcome::deadline);
    EXPECT_EQ(report.total.bytes_sent, 10'000u);
    EXPECT_EQ(report.total.bytes_unacknowledged, 10'000u);
    EXPECT_EQ(report.total.bytes_undelivered, 40'000u);
}

TEST(Drain, APongIsTheReceiptWhereNoChannelGaveOne) {
    for (const bool by_client : {true, false}) {
        ending_pair pair;
        pair.log_in_with_session();
        // The peer closes first: its CLOSE says nothing of what we sent before.
        write(pair.channels(by_client), pair.id(by_client), 1000);
        pair.channels(!by_client).close(pair.id(!by_client));
        pair.run();
        pair.end(by_client).drain(30s, pair.now);
        pair.settle();
        ASSERT_TRUE(pair.end(by_client).closed());
        EXPECT_EQ(pair.end(by_client).report().receipt,
                  by_client ? close_receipt::pong : close_receipt::reply)
            << "only servers announce that they answer pings";
        EXPECT_EQ(pair.end(by_client).report().outcome, close_outcome::drained);
    }
    ending_pair without;
    without.client_settings.transport.extensions = {};
    without.log_in_with_session();
    write(without.server->channels(), *without.server_channel, 1000);
    without.client->channels().close(without.client_channel);
    without.run();
    without.server->drain(30s, without.now);
    // A client that answers nothing holds nobody up.
    static_cast<void>(without.server->poll(without.now));
    EXPECT_EQ(without.server->state(), connection_state::draining);
    EXPECT_EQ(without.server->next_deadline(), without.now + 2s);
    without.now += 2s;
    static_cast<void>(without.server->poll(without.now));
    EXPECT_TRUE(without.server->finished());
    EXPECT_EQ(without.server->report().receipt, close_receipt::none);
    EXPECT_EQ(without.server->report().outcome, close_outcome::drained);
}

TEST(Drain, AKeyExchangeUnderWayIsFinishedFirst) {
    for (const bool by_client : {true, false}) {
        ending_pair pair;
        pair.log_in();
        endpoint& draining = pair.end(by_client);
        draining.rekey(pair.now);
        draining.drain(30s, pair.now);
        if (by_client)
            static_cast<void>(pair.client->poll(pair.now));
        else
            static_cast<void>(pair.server->poll(pair.now));
        EXPECT_EQ(draining.state(), connection_state::draining) << "NEWKEYS first";
        pair.settle();
        EXPECT_TRUE(draining.closed());
        EXPECT_EQ(draining.report().outcome, close_outcome::drained);
        EXPECT_EQ(pair.client_error, error_code());
        EXPECT_EQ(pair.server_error, error_code());
    }
}

TEST(Drain, NoListenerIsMadeAnyMore) {
    ending_pair pair;
    pair.log_in_with_session();
    pair.server->drain(30s, pair.now);
    pair.client->global(tcpip_forward_request{"localhost", 0}, true);
    pair.run();
    EXPECT_NE(pair.client_news.find("global-failure"), std::string::npos) << pair.client_news;
    EXPECT_EQ(pair.server->state(), connection_state::draining);
}

TEST(Drain, BeforeTheLoginThereIsNothingToFinish) {
    ending_pair pair;
    pair.start();
    pair.server->drain(30s, pair.now);
    EXPECT_TRUE(pair.server->finished());
    EXPECT_EQ(pair.server->report().outcome, close_outcome::cut);
}

TEST(Drain, APeerThatSendsNoFinIsNotWaitedForLongerThanTheLinger) {
    endpoint_pair pair;
    pair.server_settings.end.linger = 5s;
    pair.log_in();
    pair.server->drain(30s, pair.now);
    pair.run();
    ASSERT_TRUE(pair.server->wants_shutdown());
    pair.now += 1s;
    pair.server->stream_shut(pair.now);
    EXPECT_EQ(pair.server->state(), connection_state::half_closed);
    EXPECT_TRUE(pair.server->wants_input()) << "what comes is read, so that no RST is sent";
    EXPECT_EQ(pair.server->next_deadline(), pair.now + 5s);
    pair.now += 5s;
    static_cast<void>(pair.server->poll(pair.now));
    EXPECT_TRUE(pair.server->closed());
    EXPECT_FALSE(pair.server->wants_input());
    EXPECT_EQ(pair.server->next_deadline(), time_point::max());
    EXPECT_EQ(pair.server->report().outcome, close_outcome::drained);
    EXPECT_EQ(pair.server->report().elapsed, 6s);
}

TEST(Drain, APeerThatTakesNothingIsNotWaitedForEither) {
    endpoint_pair pair;
    pair.log_in();
    pair.server->cut(disconnect_reason::by_application, "bye", pair.now);
    EXPECT_FALSE(pair.server->wants_shutdown()) << "DISCONNECT has not been taken";
    pair.now += 2s;
    static_cast<void>(pair.server->poll(pair.now));
    EXPECT_TRUE(pair.server->closed());
}

TEST(Drain, AStreamThatEndsUnderAChannelIsLost) {
    for (const bool broken : {true, false}) {
        for (const bool client_lost : {true, false}) {
            ending_pair pair;
            pair.log_in_with_session();
            endpoint& lost = pair.end(client_lost);
            write(pair.channels(client_lost), pair.id(client_lost), 500);
            const error_code how =
                broken ? error_code(ECONNRESET, boost::system::system_category()) : error_code();
            lost.stream_ended(how, pair.now);
            EXPECT_TRUE(lost.closed());
            EXPECT_EQ(lost.end_error(), errc::connection_lost);
            const auto report = lost.report();
            EXPECT_EQ(report.outcome, close_outcome::lost);
            EXPECT_EQ(report.ended_by, broken ? close_side::network : close_side::peer);
            EXPECT_EQ(report.total.open, 1u);
            EXPECT_EQ(report.total.bytes_unacknowledged, 500u);
        }
    }
    ending_pair idle;
    idle.log_in();
    idle.server->stream_ended({}, idle.now);
    EXPECT_EQ(idle.server->report().outcome, close_outcome::peer_closed);
}

TEST(Drain, ASilentPeerEndsItBeforeTheDeadline) {
    endpoint_pair pair;
    pair.server_settings.keepalive_interval = 10s;
    pair.server_settings.keepalive_count_max = 2;
    pair.log_in();
    pair.exec("work");
    pair.run();
    pair.server->drain(std::chrono::hours(1), pair.now);
    for (int i = 0; i < 100 && !pair.server->closed(); ++i) {
        pair.now = pair.server->next_deadline();
        static_cast<void>(pair.server->poll(pair.now));
        pair.server->consume_output(pair.server->output().size());
        if (pair.server->wants_shutdown()) pair.server->stream_shut(pair.now);
    }
    EXPECT_TRUE(pair.server->closed());
    EXPECT_EQ(pair.server->report().outcome, close_outcome::lost);
    EXPECT_EQ(pair.server->report().error, errc::keepalive_timeout);
    EXPECT_LE(pair.server->report().elapsed, 40s);
}

TEST(CloseReport, ListsWhatLostSomethingWhereNotAllFit) {
    connection_drain drain(2s, time_point{});
    channel_report lossy;
    lossy.kind = "session";
    lossy.bytes_undelivered = 1;
    channel_report whole;
    whole.kind = "session";
    whole.acknowledged = true;
    drain.on_channel_end(0, lossy, channel_close_report::outcome::closed);
    for (channel_id id = 1; id <= 1000; ++id)
        drain.on_channel_end(id, whole, channel_close_report::outcome::closed);
    const auto& r = drain.report();
    EXPECT_EQ(r.total.channels, 1001u);
    EXPECT_EQ(r.total.acknowledged, 1000u);
    ASSERT_EQ(r.channels.size(), limits::report_channels_max);
    EXPECT_EQ(r.channels.front().id, 0u);
    EXPECT_EQ(r.channels.back().id, 1000u);
}

TEST(CloseReport, TextOfThePeerIsEscaped) {
    close_report r;
    r.outcome = close_outcome::peer_closed;
    r.ended_by = close_side::peer;
    r.reason_code = 2;
    r.text = "a\"b\\c\n\x1b[2J \xc3\xa9 \xff \xc2\x9b \xed\xa0\x80";
    channel_close_report c;
    c.numbers.kind = "session";
    c.numbers.exit_status = 7;
    r.channels.push_back(c);
    const std::string escaped = R"("a\"b\\c\u000a\u001b[2J )"
                                "\xc3\xa9"
                                R"( \ufffd \u009b \ufffd\ufffd\ufffd")";
    EXPECT_NE(to_json(r).find("\"text\":" + escaped), std::string::npos) << to_json(r);
    EXPECT_NE(to_json(r).find("\"exit_status\":7"), std::string::npos);
    EXPECT_NE(to_text(r).find("peer_closed (by peer, DISCONNECT 2 " + escaped + ")"),
              std::string::npos)
        << to_text(r);
    EXPECT_EQ(to_json(r).find('\n'), std::string::npos);
}

// The peer asks for new keys and answers nothing else: there is nothing to be done about it before
// the exchange has ended, or its time.
TEST(Drain, AReceiptThatDoesNotComeDuringAnExchangeIsNoReasonToRunInCircles) {
    ending_pair pair;
    pair.log_in_with_session();
    write(pair.server->channels(), *pair.server_channel, 1000);
    pair.client->channels().close(pair.client_channel);
    pair.run();
    pair.server->drain(std::chrono::minutes(1), pair.now);
    static_cast<void>(pair.server->poll(pair.now));
    EXPECT_EQ(pair.server->next_deadline(), pair.now + 2s) << "a receipt is waited for";
    pair.server->rekey(pair.now);
    pair.now += 2s;
    static_cast<void>(pair.server->poll(pair.now));
    EXPECT_EQ(pair.server->state(), connection_state::draining);
    EXPECT_GT(pair.server->next_deadline(), pair.now);
    pair.settle();
    EXPECT_TRUE(pair.server->closed());
    EXPECT_EQ(pair.server->report().outcome, close_outcome::drained);
}
