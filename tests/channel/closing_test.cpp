// The ten rules for one channel, as conversations (docs: close and drain; RFC 4254 §5.3).

#include "sluice/tests/channel/support.hpp"

namespace sluice {
namespace {

using test::chunk;
using test::give;
using test::next;
using test::one_session;

TEST(Rfc4254s5_3, EofAndCloseTakeNoWindowButWaitForTheDataBefore) {
    one_session s(2);
    s.m.write(s.id, chunk("abcd"));
    s.m.exit_status(s.id, 7);
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "DATA(ab)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    EXPECT_EQ(s.sent(), "DATA(c)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    EXPECT_EQ(s.sent(), "DATA(d) EOF exit-status CLOSE");
}

TEST(Rfc4254s5_3, WithAWindowOfZeroEofAndCloseGoAtOnce) {
    one_session s(0);
    s.m.send_eof(s.id);
    EXPECT_EQ(s.sent(), "EOF");
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "CLOSE");
}

TEST(Rfc4254s5_3, OurEofLeavesTheOtherDirectionOpen) {
    one_session s;
    s.m.send_eof(s.id);
    EXPECT_EQ(s.sent(), "EOF");
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("in")}));
    const auto data = next<channel_data_event>(s.m);
    ASSERT_TRUE(data);
    EXPECT_EQ(as_text(data->data), "in");
}

TEST(Rfc4254s5_3, ThePeersEofLeavesOurDirectionOpen) {
    one_session s;
    ASSERT_TRUE(give(s.m, channel_eof{s.id}));
    EXPECT_TRUE(next<channel_eof_event>(s.m));
    s.m.write(s.id, chunk("out"));
    EXPECT_EQ(s.sent(), "DATA(out)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    ASSERT_TRUE(s.request(exit_status_request{3}, false));
    EXPECT_TRUE(next<channel_request_event>(s.m));
}

TEST(Rfc4254s5_3, ThePeersCloseIsAnsweredAtOnceWhateverIsQueued) {
    one_session s(3);
    s.m.write(s.id, chunk("abcdefgh"));
    s.m.exit_status(s.id, 1);
    EXPECT_EQ(s.sent(), "DATA(abc)");
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    EXPECT_EQ(s.sent(), "CLOSE");
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->report.bytes_sent, 3U);
    EXPECT_EQ(closed->report.bytes_undelivered, 5U);
    EXPECT_FALSE(closed->report.acknowledged);
    EXPECT_FALSE(closed->report.eof_sent);
    EXPECT_FALSE(closed->report.exit_status);  // it never went out
    EXPECT_EQ(s.m.open_channels(), 0U);
    EXPECT_FALSE(s.m.has_pending_output());
}

TEST(Closing, TheAnswerToOurCloseIsTheReceipt) {
    one_session s;
    s.m.write(s.id, chunk("abc"));
    s.m.exit_status(s.id, 0);
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "DATA(abc) EOF exit-status CLOSE");
    EXPECT_EQ(s.m.open_channels(), 1U);
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    EXPECT_EQ(s.sent(), "");
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->report.kind, "session");
    EXPECT_TRUE(closed->report.acknowledged);
    EXPECT_TRUE(closed->report.eof_sent);
    EXPECT_FALSE(closed->report.eof_received);
    EXPECT_EQ(closed->report.bytes_sent, 3U);
    EXPECT_EQ(closed->report.bytes_undelivered, 0U);
    EXPECT_EQ(closed->report.exit_status, 0U);
}

// EOF and CLOSE in one go, as many clients leave: our CLOSE answers the EOF, theirs not ours.
TEST(Closing, ACloseThatCameBeforeOursLeftIsNoReceipt) {
    for (const bool left : {false, true}) {
        SCOPED_TRACE(left);
        one_session s;
        ASSERT_TRUE(give(s.m, channel_eof{s.id}));
        s.sink.left = s.sink.sends;
        s.m.write(s.id, chunk("abc"));
        s.m.close(s.id);
        EXPECT_EQ(s.sent(), "DATA(abc) EOF CLOSE");
        if (left) s.sink.left = s.sink.sends;
        ASSERT_TRUE(give(s.m, channel_close{s.id}));
        EXPECT_TRUE(next<channel_eof_event>(s.m));
        const auto closed = next<channel_closed_event>(s.m);
        ASSERT_TRUE(closed);
        EXPECT_EQ(closed->report.acknowledged, left);
        EXPECT_EQ(closed->report.bytes_undelivered, 0U);
    }
}

TEST(Closing, DataBeforeEofAndCloseComesFirst) {
    one_session s;
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("a")}));
    EXPECT_TRUE(next<channel_data_event>(s.m));
    ASSERT_TRUE(give(s.m, channel_eof{s.id}));
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    EXPECT_TRUE(next<channel_eof_event>(s.m));
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_TRUE(closed->report.eof_received);
    EXPECT_EQ(closed->report.bytes_received, 1U);
}

TEST(Closing, WhatIsDiscardedWhileClosingIsCredited) {
    one_session s(0, 100, {.window_size = 10});
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("1234567890")}));
    EXPECT_TRUE(next<channel_data_event>(s.m));  // held by a reader that will not read on
    s.m.write(s.id, chunk("x"));
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "ADJUST(10)");
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("1234567890")}));
    EXPECT_FALSE(s.m.next_event());
    EXPECT_EQ(s.sent(), "ADJUST(10)");
    s.m.consumed(s.id, 10);  // too late, and not counted twice
    EXPECT_EQ(s.sent(), "");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    EXPECT_EQ(s.sent(), "DATA(x) EOF CLOSE");
    EXPECT_EQ(s.m.report(s.id).bytes_discarded, 10U);
}

TEST(Closing, NothingIsCreditedBehindThePeersEofOrOurClose) {
    one_session s(1000, 100, {.window_size = 10});
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("1234567890")}));
    ASSERT_TRUE(give(s.m, channel_eof{s.id}));
    s.m.consumed(s.id, 10);
    EXPECT_EQ(s.sent(), "");

    one_session t(1000, 100, {.window_size = 10});
    t.m.cut(t.id);
    EXPECT_EQ(t.sent(), "CLOSE");
    ASSERT_TRUE(give(t.m, channel_data{t.id, as_bytes("1234567890")}));
    EXPECT_EQ(t.sent(), "");
    EXPECT_EQ(give(t.m, channel_data{t.id, as_bytes("1")}).error(), errc::window_exceeded);
}

TEST(Rfc4254s5_3, ClosesThatCrossEndTheChannel) {
    one_session s;
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "EOF CLOSE");
    // Sent before the peer saw our CLOSE: read and discarded, without an answer.
    ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("late")}));
    ASSERT_TRUE(s.request(exec_request{"late"}, true));
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 5}));
    ASSERT_TRUE(give(s.m, channel_eof{s.id}));
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    EXPECT_EQ(s.sent(), "");
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->report.bytes_discarded, 4U);
    EXPECT_FALSE(s.m.next_event());
}

TEST(Rfc4254s5_3, WhatMayNotFollowIsAProtocolError) {
    struct {
        const char* name;
        bool close;  // the peer has sent CLOSE
        bytes (*message)(channel_id);
        errc error;
    } cases[] = {
        {"second CLOSE", true, [](channel_id id) { return wire::encoded(channel_close{id}); },
         errc::unknown_channel},
        {"data behind CLOSE", true,
         [](channel_id id) {
             return wire::encoded(channel_data{id, as_bytes("a")});
         },
         errc::unknown_channel},
        {"EOF behind CLOSE", true, [](channel_id id) { return wire::encoded(channel_eof{id}); },
         errc::unknown_channel},
        {"request behind CLOSE", true,
         [](channel_id id) {
             return wire::encoded(channel_request_message{id, "x", true, {}});
         },
         errc::unknown_channel},
        {"confirmation of an open channel", false,
         [](channel_id id) {
             return wire::encoded(channel_open_confirmation{id, 1, 1, 1, {}});
         },
         errc::unexpected_message},
        {"failure of an open channel", false,
         [](channel_id id) {
             return wire::encoded(channel_open_failure{id, 1, "", ""});
         },
         errc::unexpected_message},
        {"a channel that never was", false,
         [](channel_id id) {
             return wire::encoded(channel_data{id + 1, as_bytes("a")});
         },
         errc::unknown_channel},
        {"adjust for a channel that never was", false,
         [](channel_id id) {
             return wire::encoded(channel_window_adjust{id + 1, 1});
         },
         errc::unknown_channel},
        {"confirmation of a channel that never was", false,
         [](channel_id id) {
             return wire::encoded(channel_open_confirmation{id + 9, 1, 1, 1, {}});
         },
         errc::unknown_channel},
        {"failure of a channel that never was", false,
         [](channel_id id) {
             return wire::encoded(channel_open_failure{id + 9, 1, "", ""});
         },
         errc::unknown_channel},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        one_session s;
        if (c.close) {
            ASSERT_TRUE(give(s.m, channel_close{s.id}));
        }
        EXPECT_EQ(s.m.on_message(c.message(s.id)).error(), c.error);
        EXPECT_EQ(reason_for(c.error), disconnect_reason::protocol_error);
        // A machine that failed is finished.
        EXPECT_EQ(give(s.m, request_failure{}).error(), c.error);
        EXPECT_EQ(s.m.open(session_channel{}).error(), c.error);
    }
}

// The fault of one channel: its reader has heard of the end, and other channels go on.
TEST(Closing, WhatComesBehindAnEofIsDropped) {
    for (const bool closing : {false, true}) {
        SCOPED_TRACE(closing);
        one_session s(1000, 100, {.window_size = 10, .packet_size_max = 8});
        const channel_id other = s.open(8, 1000, 100);
        if (closing) s.m.close(s.id);
        ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("abc")}));
        ASSERT_TRUE(give(s.m, channel_eof{s.id}));
        while (s.m.next_event()) {
        }
        s.sent();
        ASSERT_TRUE(give(s.m, channel_eof{s.id}));
        ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("defg")}));
        ASSERT_TRUE(give(s.m, channel_extended_data{s.id, 1, as_bytes("h")}));
        ASSERT_TRUE(give(s.m, channel_data{s.id, {}}));
        ASSERT_TRUE(give(s.m, channel_eof{s.id}));
        EXPECT_FALSE(s.m.next_event());
        EXPECT_EQ(s.sent(), "");  // nothing of it is credited
        const auto report = s.m.report(s.id);
        EXPECT_EQ(report.bytes_received, 8U);
        EXPECT_EQ(report.bytes_discarded, closing ? 8U : 5U);

        ASSERT_TRUE(give(s.m, channel_data{other, as_bytes("abc")}));
        EXPECT_TRUE(next<channel_data_event>(s.m));
        // Both bounds hold there as before: who passes them has lost count.
        if (closing)
            EXPECT_EQ(give(s.m, channel_data{s.id, as_bytes("123456789")}).error(),
                      errc::too_much_data);
        else
            EXPECT_EQ(give(s.m, channel_data{s.id, as_bytes("ijk")}).error(),
                      errc::window_exceeded);
    }
}

TEST(Closing, ALateWindowAdjustIsIgnoredAndCounted) {
    one_session s;
    s.m.close(s.id);
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 100}));
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 0xffff'ffff}));
    EXPECT_EQ(s.m.late_window_adjusts(), 2U);
    // Not for ever: the memory of closed channels is bounded.
    for (std::size_t i = 0; i < limits::lately_closed_channels; ++i) {
        while (s.m.next_event()) {
        }
        s.sent();
        const channel_id id = s.open(7, 10, 10);
        ASSERT_TRUE(give(s.m, channel_close{id}));
    }
    EXPECT_EQ(give(s.m, channel_window_adjust{s.id, 1}).error(), errc::unknown_channel);
}

TEST(Rfc4254s5_4, RepliesGoInOrderWhoeverDecidesThem) {
    one_session s;
    ASSERT_TRUE(s.request(env_request{"A", "b"}, true));
    ASSERT_TRUE(give(s.m, channel_request_message{s.id, "unknown@example.com", true, {}}));
    ASSERT_TRUE(give(s.m, channel_request_message{s.id, "unknown@example.com", false, {}}));
    ASSERT_TRUE(s.request(keepalive_request{}, true));
    ASSERT_TRUE(s.request(exec_request{"ls"}, true));
    EXPECT_EQ(s.sent(), "");
    s.m.reply(s.id, true);
    EXPECT_EQ(s.sent(), "SUCCESS FAILURE FAILURE");
    s.m.reply(s.id, true);
    EXPECT_EQ(s.sent(), "SUCCESS");
    s.m.reply(s.id, true);  // there is none left
    EXPECT_EQ(s.sent(), "");
    ASSERT_TRUE(give(s.m, channel_request_message{s.id, "unknown@example.com", true, {}}));
    EXPECT_EQ(s.sent(), "FAILURE");
    for (int i = 0; i < 2; ++i)
        EXPECT_TRUE(next<channel_request_event>(s.m));
    EXPECT_FALSE(s.m.next_event());
}

TEST(Closing, AllRequestsAreAnsweredBeforeOurClose) {
    for (const bool by_peer : {false, true}) {
        SCOPED_TRACE(by_peer);
        one_session s;
        ASSERT_TRUE(s.request(exec_request{"ls"}, true));
        ASSERT_TRUE(give(s.m, channel_request_message{s.id, "unknown", true, {}}));
        ASSERT_TRUE(s.request(shell_request{}, true));
        if (by_peer) {
            ASSERT_TRUE(give(s.m, channel_close{s.id}));
            EXPECT_EQ(s.sent(), "FAILURE FAILURE FAILURE CLOSE");
        } else {
            s.m.close(s.id);
            EXPECT_EQ(s.sent(), "EOF FAILURE FAILURE FAILURE CLOSE");
            s.m.reply(s.id, true);
            EXPECT_EQ(s.sent(), "");
            ASSERT_TRUE(give(s.m, channel_close{s.id}));
        }
        while (auto event = s.m.next_event())
            if (const auto* closed = std::get_if<channel_closed_event>(&*event)) {
                EXPECT_EQ(closed->report.requests_unanswered, 2U);
            }
    }
}

TEST(Closing, ARequestWhileWeAreClosingIsRefused) {
    one_session s(0);
    s.m.write(s.id, chunk("x"));
    s.m.close(s.id);
    ASSERT_TRUE(s.request(exec_request{"ls"}, true));
    EXPECT_EQ(s.sent(), "FAILURE");
    EXPECT_FALSE(s.m.next_event());
}

TEST(Rfc4254s6_10, ExitStatusIsSentOnceBehindDataAndEof) {
    one_session s(1);
    s.m.write(s.id, chunk("ab"));
    s.m.exit_status(s.id, 255);
    s.m.exit_status(s.id, 0);
    s.m.exit_signal(s.id, {"TERM", false, "", ""});
    EXPECT_EQ(s.sent(), "DATA(a)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 10}));
    EXPECT_EQ(s.sent(), "DATA(b) EOF exit-status");
    s.m.write(s.id, chunk("too late"));
    EXPECT_EQ(s.sent(), "");
    EXPECT_EQ(s.m.report(s.id).bytes_undelivered, 8U);
    EXPECT_EQ(s.m.report(s.id).exit_status, 255U);
}

TEST(Rfc4254s6_10, ExitSignalOnTheWire) {
    one_session s;
    s.m.exit_signal(s.id, {"KILL", true, "out of memory", ""});
    EXPECT_EQ(as_text(s.sink.take()).substr(0, 1), "\x60");
    const bytes payload = s.sink.take();
    const auto m = wire::decode<channel_request_message>(payload);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->recipient_channel, 7U);  // the peer's number, not ours
    EXPECT_FALSE(m->want_reply);
    const auto r = decode_channel_request(m->request_type, m->type_specific.data);
    const auto& signal = std::get<exit_signal_request>(**r);
    EXPECT_EQ(signal.signal_name, "KILL");
    EXPECT_TRUE(signal.core_dumped);
    EXPECT_EQ(signal.error_message, "out of memory");
}

TEST(Closing, ACutDropsWhatIsQueuedAndSaysSo) {
    one_session s(1);
    s.m.write(s.id, chunk("abc"));
    s.m.cut(s.id);
    EXPECT_EQ(s.sent(), "DATA(a) CLOSE");
    EXPECT_EQ(s.m.report(s.id).bytes_undelivered, 2U);
    EXPECT_FALSE(s.m.has_pending_output());
    s.m.cut(s.id);
    s.m.close(s.id);
    s.m.send_eof(s.id);
    s.m.send_eow(s.id);
    s.m.write(s.id, chunk("z"));
    EXPECT_EQ(s.m.writable(s.id), 0U);
    EXPECT_EQ(s.sent(), "");
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->report.bytes_undelivered, 3U);
    EXPECT_TRUE(closed->report.acknowledged);
}

// Room was found while the application was busy with something else, and closed.
TEST(Closing, BehindACloseNobodyHearsOfRoom) {
    for (const bool cut : {false, true}) {
        SCOPED_TRACE(cut);
        one_session s(0, 100'000, {.channel_output_max = 1000});
        s.m.write(s.id, chunk(std::string(900, 'x')));
        EXPECT_LT(s.m.writable(s.id), 900U);
        ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 2000}));
        cut ? s.m.cut(s.id) : s.m.close(s.id);
        EXPECT_FALSE(s.m.next_event());
        ASSERT_TRUE(give(s.m, channel_close{s.id}));
        EXPECT_TRUE(next<channel_closed_event>(s.m));
    }
}

// A stream that broke off: all that was written of it, and no end of file.
TEST(Closing, WhatBreaksOffClosesBehindItsDataWithoutAnEof) {
    one_session s(1);
    s.m.write(s.id, chunk("abc"));
    s.m.break_off(s.id);
    EXPECT_EQ(s.sent(), "DATA(a)");
    s.m.break_off(s.id);
    s.m.close(s.id);
    s.m.send_eof(s.id);
    EXPECT_EQ(s.m.writable(s.id), 0U);
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 100}));
    EXPECT_EQ(s.sent(), "DATA(bc) CLOSE");
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    const auto closed = next<channel_closed_event>(s.m);
    ASSERT_TRUE(closed);
    EXPECT_FALSE(closed->report.eof_sent);
    EXPECT_EQ(closed->report.bytes_undelivered, 0U);
    EXPECT_TRUE(closed->report.acknowledged);
}

TEST(Closing, BehindItsEofNothingBreaksOff) {
    one_session s(0);
    s.m.write(s.id, chunk("abc"));
    s.m.send_eof(s.id);
    s.m.break_off(s.id);
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 100}));
    EXPECT_EQ(s.sent(), "DATA(abc) EOF CLOSE");
}

TEST(Closing, ACutDoesNotWaitForACloseThatWaits) {
    one_session s(0);
    s.m.write(s.id, chunk("abc"));
    s.m.close(s.id);
    EXPECT_EQ(s.sent(), "");
    s.m.cut(s.id);
    EXPECT_EQ(s.sent(), "CLOSE");
}

TEST(Closing, EndOfStreamIsOnlyEverAnEof) {
    one_session s;
    ASSERT_TRUE(give(s.m, channel_close{s.id}));
    EXPECT_FALSE(next<channel_eof_event>(s.m));  // the first event is the close itself
}

TEST(Closing, AnOpenOfOursThatIsConfirmedLateIsClosedAtOnce) {
    for (const bool cut : {false, true}) {
        SCOPED_TRACE(cut);
        test::recording_sink sink;
        mux m({}, sink);
        const auto id = m.open(session_channel{});
        m.write(*id, chunk("ab"));
        if (cut)
            m.cut(*id);
        else
            m.close(*id);
        EXPECT_EQ(test::ladder(sink), "OPEN");
        ASSERT_TRUE(give(m, channel_open_confirmation{*id, 3, 100, 100, {}}));
        EXPECT_EQ(test::ladder(sink), cut ? "CLOSE" : "DATA(ab) EOF CLOSE");
        ASSERT_TRUE(give(m, channel_close{*id}));
        const auto closed = next<channel_closed_event>(m);
        ASSERT_TRUE(closed);
        EXPECT_EQ(closed->report.bytes_undelivered, cut ? 2U : 0U);
    }
}

TEST(Closing, AnOpenOfThePeerThatWasNotAcceptedIsRefused) {
    for (const bool cut : {false, true}) {
        test::recording_sink sink;
        mux m({}, sink);
        ASSERT_TRUE(give(m, channel_open{"session", 1, 1, 1, {}}));
        const auto open = next<channel_open_event>(m);
        if (cut)
            m.cut(open->id);
        else
            m.close(open->id);
        EXPECT_EQ(test::ladder(sink), "REFUSE(1)");
        EXPECT_EQ(m.open_channels(), 0U);
    }
}

TEST(Closing, NumbersAreNotUsedAgainBeforeBothHaveClosedNorSoonAfter) {
    one_session s(1000, 100, {.channels_max = 2});
    s.m.close(s.id);
    s.sent();
    std::vector<channel_id> seen{s.id};
    for (int i = 0; i < 100; ++i) {
        const channel_id id = s.open(8, 10, 10);
        EXPECT_EQ(std::ranges::count(seen, id), 0);
        seen.push_back(id);
        ASSERT_TRUE(give(s.m, channel_close{id}));
        while (s.m.next_event()) {
        }
        s.sent();
    }
    EXPECT_EQ(s.m.channels(), std::vector<channel_id>{s.id});
}

}  // namespace
}  // namespace sluice
