#include "sluice/channel/mux.hpp"

#include "sluice/tests/channel/support.hpp"

#include <map>

namespace sluice {
namespace {

using test::chunk;
using test::give;
using test::ladder;
using test::next;
using test::one_session;

TEST(Mux, KnowsExactlyItsNumbers) {
    for (int n = 0; n < 256; ++n)
        EXPECT_EQ(mux::knows(static_cast<std::uint8_t>(n)),
                  (n >= 80 && n <= 82) || (n >= 90 && n <= 100))
            << n;
}

TEST(Rfc4254s5_1, OpensAreAcceptedOrRefused) {
    test::recording_sink sink;
    mux m({.channels_max = 2, .window_size = 5, .packet_size_max = 6}, sink);
    ASSERT_TRUE(give(m, channel_open{"session", 42, 9, 9, {}}));
    const auto open = next<channel_open_event>(m);
    ASSERT_TRUE(open);
    EXPECT_TRUE(std::holds_alternative<session_channel>(open->type));
    m.accept_open(open->id);
    m.accept_open(open->id);  // once is enough
    const bytes payload = sink.take();
    const auto c = wire::decode<channel_open_confirmation>(payload);
    ASSERT_TRUE(c);
    EXPECT_EQ(c->recipient_channel, 42U);
    EXPECT_EQ(c->sender_channel, open->id);
    EXPECT_EQ(c->initial_window_size, 5U);
    EXPECT_EQ(c->maximum_packet_size, 6U);
    EXPECT_TRUE(sink.sent.empty());

    struct {
        const char* name;
        const char* type;
        std::uint32_t packet;
        const char* want;
    } cases[] = {
        {"unknown type", "x11", 100, "REFUSE(3)"},         {"empty type", "", 100, "REFUSE(3)"},
        {"packets of 0 bytes", "session", 0, "REFUSE(1)"}, {"good", "session", 1, ""},
        {"above the cap", "session", 100, "REFUSE(4)"},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.name);
        ASSERT_TRUE(give(m, channel_open{k.type, 1, 0, k.packet, {}}));
        EXPECT_EQ(ladder(sink), k.want);
    }
    const auto second = next<channel_open_event>(m);
    ASSERT_TRUE(second);
    m.refuse_open(second->id, open_failure::administratively_prohibited, "no");
    EXPECT_EQ(ladder(sink), "REFUSE(1)");
    EXPECT_EQ(m.open_channels(), 1U);
}

TEST(Rfc4254s5_1, AMalformedOpenIsAnErrorForKnownTypesOnly) {
    const bytes junk{1, 2, 3};
    test::recording_sink sink;
    mux m({}, sink);
    EXPECT_TRUE(give(m, channel_open{"tun@openssh.com", 1, 1, 1, {junk}}));
    EXPECT_EQ(ladder(sink), "REFUSE(3)");
    EXPECT_EQ(give(m, channel_open{"session", 1, 1, 1, {junk}}).error(), errc::trailing_bytes);
    mux n({}, sink);
    EXPECT_EQ(give(n, channel_open{"direct-tcpip", 1, 1, 1, {junk}}).error(), errc::truncated);
}

// What would be one host, path, command or variable to who judges it, and another to who uses it.
TEST(Mux, NamesThatCannotBeAreRefusedWhereTheyComeIn) {
    using namespace std::string_view_literals;
    one_session s;
    const auto open = [&](const channel_open_type& type) {
        bytes payload;
        wire::writer w(payload);
        w.write(channel_open::number);
        w.write(open_type_list::name_of(type));
        for (const std::uint32_t n : {1U, 100U, 100U})
            w.write(n);
        std::visit([&](const auto& one) { named::put(one, w); }, type);
        EXPECT_TRUE(test::give_payload(s.m, std::move(payload)));
        const bool event = s.m.next_event().has_value();
        return event ? std::string("event") : ladder(s.sink);
    };
    const auto to = [&](std::string_view host) {
        return open(direct_tcpip_channel{host, 1, "", 0});
    };
    EXPECT_EQ(to("a.example"), "event");
    EXPECT_EQ(to("::1"), "event");
    EXPECT_EQ(to(std::string(255, 'a')), "event");
    for (const auto bad : {""sv, "127.0.0.1\0.allowed.test"sv, "a b"sv, "a\n"sv, "\ta"sv, "a\x7f"sv,
                           "a\xc2\xa0"sv}) {
        SCOPED_TRACE(test::to_hex(as_bytes(bad)));
        EXPECT_EQ(to(bad), "REFUSE(1)");
    }
    EXPECT_EQ(to(std::string(256, 'a')), "REFUSE(1)");
    EXPECT_EQ(open(direct_streamlocal_channel{"/a b", "", 0}), "event");
    EXPECT_EQ(open(direct_streamlocal_channel{"/a\0b"sv, "", 0}), "REFUSE(1)");
    EXPECT_EQ(open(direct_streamlocal_channel{"", "", 0}), "REFUSE(1)");
    EXPECT_EQ(open(forwarded_tcpip_channel{"a\0"sv, 1, "", 0}), "REFUSE(1)");
    EXPECT_EQ(open(forwarded_streamlocal_channel{"\0"sv, ""}), "REFUSE(1)");

    const auto ask = [&](const channel_request& request) {
        EXPECT_TRUE(s.request(request, true));
        const auto event = s.m.next_event();
        if (event) s.m.reply(s.id, true);
        return ladder(s.sink);
    };
    EXPECT_EQ(ask(exec_request{"ls\n"}), "SUCCESS");
    EXPECT_EQ(ask(exec_request{"ls\0x"sv}), "FAILURE");
    EXPECT_EQ(ask(env_request{"LC_1", "a=b\n"}), "SUCCESS");
    EXPECT_EQ(ask(env_request{"_", ""}), "SUCCESS");
    EXPECT_EQ(ask(env_request{"LC_A", "b\0"sv}), "FAILURE");
    for (const auto bad :
         {""sv, "LC_A=B"sv, "1A"sv, "LC A"sv, "LC_A\n"sv, "LC_\0"sv, "LC_\xc3\xa4"sv, "LC-A"sv}) {
        SCOPED_TRACE(test::to_hex(as_bytes(bad)));
        EXPECT_EQ(ask(env_request{bad, "x"}), "FAILURE");
    }
    EXPECT_EQ(ask(subsystem_request{"sftp"}), "SUCCESS");
    EXPECT_EQ(ask(subsystem_request{"sftp\0"sv}), "FAILURE");
    EXPECT_EQ(ask(pty_request{"xterm\n", 1, 1, 1, 1, {}}), "FAILURE");
    EXPECT_EQ(ask(x11_request{false, "MIT\0"sv, "00", 0}), "FAILURE");
    EXPECT_EQ(ask(x11_request{false, "MIT", "00\n", 0}), "FAILURE");
    EXPECT_EQ(ask(signal_request{"INT\n"}), "FAILURE");

    const auto global = [&](const global_request& request) {
        bytes payload;
        encode_global_request(request, true, payload);
        EXPECT_TRUE(test::give_payload(s.m, std::move(payload)));
        if (s.m.next_event()) s.m.global_reply(true);
        return ladder(s.sink);
    };
    EXPECT_EQ(global(tcpip_forward_request{"", 22}), "SUCCESS!");
    EXPECT_EQ(global(tcpip_forward_request{"a\0"sv, 22}), "FAILURE!");
    EXPECT_EQ(global(cancel_tcpip_forward_request{"a b", 22}), "FAILURE!");
    EXPECT_EQ(global(streamlocal_forward_request{"/a\0"sv}), "FAILURE!");
    EXPECT_EQ(global(cancel_streamlocal_forward_request{""}), "FAILURE!");
}

TEST(Mux, AChannelNotAcceptedYetTakesNoMessages) {
    test::recording_sink sink;
    mux m({}, sink);
    ASSERT_TRUE(give(m, channel_open{"session", 1, 1, 1, {}}));
    const auto open = next<channel_open_event>(m);
    EXPECT_EQ(give(m, channel_data{open->id, as_bytes("a")}).error(), errc::unknown_channel);
}

TEST(Mux, OurOpensAreConfirmedOrFail) {
    test::recording_sink sink;
    mux m({.channels_max = 2}, sink);
    const auto a = m.open(direct_tcpip_channel{"host", 80, "1.2.3.4", 5});
    const auto b = m.open(session_channel{});
    EXPECT_EQ(m.open(session_channel{}).error(), errc::too_many_channels);
    const bytes payload = sink.take();
    const auto open = wire::decode<channel_open>(payload);
    EXPECT_EQ(open->channel_type, "direct-tcpip");
    EXPECT_EQ(open->sender_channel, *a);
    const auto type = open_type_list::decode(open->channel_type, open->type_specific.data);
    EXPECT_EQ(std::get<direct_tcpip_channel>(**type).port_to_connect, 80U);
    sink.take();

    ASSERT_TRUE(give(m, channel_open_failure{*a, 2, "refused", ""}));
    const auto failed = next<channel_open_failed_event>(m);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->id, *a);
    EXPECT_EQ(failed->reason, open_failure::connect_failed);
    EXPECT_EQ(failed->description, "refused");

    m.write(*b, chunk("early"));
    EXPECT_EQ(ladder(sink), "");
    EXPECT_EQ(give(m, channel_open_confirmation{*b, 3, 100, 100, {}}).error(), error_code());
    EXPECT_TRUE(next<channel_opened_event>(m));
    EXPECT_EQ(ladder(sink), "DATA(early)");
    EXPECT_EQ(give(m, channel_open_confirmation{*b, 3, 100, 100, {}}).error(),
              errc::unexpected_message);
}

TEST(Mux, AConfirmationWithPacketsOfZeroBytesIsAnError) {
    test::recording_sink sink;
    mux m({}, sink);
    const auto id = m.open(session_channel{});
    EXPECT_EQ(give(m, channel_open_confirmation{*id, 3, 100, 0, {}}).error(), errc::bad_value);
}

TEST(Rfc4254s5_2, WindowAndPacketSizeBoundWhatIsSent) {
    one_session s(5, 2);
    s.m.write(s.id, chunk("abcdefgh"));
    EXPECT_EQ(s.sent(), "DATA(ab) DATA(cd) DATA(e)");
    EXPECT_TRUE(s.m.has_pending_output());
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 2}));
    EXPECT_EQ(s.sent(), "DATA(fg)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1000}));
    EXPECT_EQ(s.sent(), "DATA(h)");
    EXPECT_FALSE(s.m.has_pending_output());
}

TEST(Rfc4254s5_2, WindowAndPacketSizeBoundWhatIsTaken) {
    struct {
        const char* name;
        const char* data;
        error_code error;
    } cases[] = {{"all of both", "12345", {}},
                 {"above the packet size", "123456", errc::too_much_data},
                 {"beyond the window", "12345", errc::window_exceeded}};
    one_session s(0, 1, {.window_size = 9, .packet_size_max = 5});
    one_session t(0, 1, {.window_size = 9, .packet_size_max = 5});
    EXPECT_EQ(give(s.m, channel_data{s.id, as_bytes(cases[0].data)}).error(), cases[0].error);
    EXPECT_EQ(give(s.m, channel_data{s.id, as_bytes(cases[2].data)}).error(), cases[2].error);
    EXPECT_EQ(give(t.m, channel_extended_data{t.id, 1, as_bytes(cases[1].data)}).error(),
              cases[1].error);
}

TEST(Rfc4254s5_2, AnAdjustPastTheMaximumIsAnError) {
    one_session s(0xffff'fffe);
    EXPECT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    EXPECT_EQ(give(s.m, channel_window_adjust{s.id, 1}).error(), errc::window_overflow);
}

TEST(Rfc4254s5_2, ExtendedDataSharesTheWindowAndTheOrder) {
    one_session s(5);
    s.m.write(s.id, chunk("ab"), extended_data_stderr);
    s.m.write(s.id, chunk("cdef"));
    s.m.write(s.id, chunk("gh"), extended_data_stderr);
    EXPECT_EQ(s.sent(), "ERR(ab) DATA(cde)");
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 100}));
    EXPECT_EQ(s.sent(), "DATA(f) ERR(gh)");

    ASSERT_TRUE(give(s.m, channel_extended_data{s.id, 1, as_bytes("e")}));
    const auto data = next<channel_data_event>(s.m);
    ASSERT_TRUE(data);
    EXPECT_EQ(data->extended_type, 1U);
}

TEST(Mux, EmptyDataMakesNoEvent) {
    one_session s;
    EXPECT_TRUE(give(s.m, channel_data{s.id, {}}));
    EXPECT_FALSE(s.m.next_event());
    s.m.write(s.id, wire::buffer());
    EXPECT_EQ(s.sent(), "");
}

TEST(Mux, DataCutShortIsAnError) {
    const bytes whole = wire::encoded(channel_data{0, as_bytes("abc")});
    for (std::size_t n = 1; n < whole.size(); ++n) {
        one_session s;
        EXPECT_EQ(s.m.on_message(bytes_view(whole).first(n)).error(), errc::truncated) << n;
    }
    one_session s;
    EXPECT_EQ(s.m.on_message({}).error(), errc::truncated);
    one_session t;
    EXPECT_EQ(t.m.on_message(bytes{99}).error(), errc::truncated);
    one_session u;
    EXPECT_EQ(u.m.on_message(bytes{83}).error(), errc::unexpected_message);
}

TEST(Mux, RequestsOfOursAreAnsweredInOrder) {
    one_session s;
    s.m.request(s.id, exec_request{"a"}, true);
    s.m.request(s.id, env_request{"a", "b"}, false);
    s.m.request(s.id, signal_request{"HUP"}, true);
    EXPECT_EQ(s.sent(), "exec env signal");
    EXPECT_EQ(s.m.report(s.id).replies_missing, 2U);
    ASSERT_TRUE(give(s.m, channel_success{s.id}));
    ASSERT_TRUE(give(s.m, channel_failure{s.id}));
    EXPECT_TRUE(next<channel_reply_event>(s.m)->success);
    EXPECT_FALSE(next<channel_reply_event>(s.m)->success);
    EXPECT_FALSE(s.m.next_event());
}

// phpseclib and older dropbear answer hostkeys-00@openssh.com, which wants no reply.
TEST(Mux, RepliesThatNobodyAskedForAreIgnoredAndCapped) {
    one_session s;
    s.m.global(hostkeys_request{}, false);
    s.sent();
    ASSERT_TRUE(give(s.m, request_failure{}));
    ASSERT_TRUE(give(s.m, request_success{{as_bytes("x")}}));
    s.m.exit_status(s.id, 0);
    ASSERT_TRUE(give(s.m, channel_failure{s.id}));
    ASSERT_TRUE(give(s.m, channel_success{s.id}));
    EXPECT_FALSE(s.m.next_event());
    EXPECT_EQ(s.m.unasked_replies(), 4U);
    EXPECT_EQ(s.m.report(s.id).replies_missing, 0U);

    // The next that is asked for finds its reply.
    s.m.global(global_keepalive_request{}, true);
    ASSERT_TRUE(give(s.m, request_failure{}));
    EXPECT_TRUE(next<global_reply_event>(s.m));
    EXPECT_EQ(s.m.unasked_replies(), 4U);

    while (s.m.unasked_replies() < limits::unasked_replies_max)
        ASSERT_TRUE(give(s.m, request_failure{}));
    one_session t;
    for (std::size_t i = 0; i < limits::unasked_replies_max; ++i)
        ASSERT_TRUE(give(t.m, channel_success{t.id}));
    EXPECT_EQ(give(s.m, request_failure{}).error(), errc::unexpected_message);
    EXPECT_EQ(give(t.m, channel_success{t.id}).error(), errc::unexpected_message);
}

TEST(Mux, UnansweredRequestsAreCapped) {
    one_session s;
    for (std::size_t i = 0; i < limits::pending_requests_max; ++i)
        ASSERT_TRUE(s.request(exec_request{"a"}, true));
    EXPECT_EQ(s.request(exec_request{"a"}, true).error(), errc::too_many_requests);

    test::recording_sink sink;
    mux m({}, sink);
    for (std::size_t i = 0; i < limits::pending_global_requests_max; ++i)
        ASSERT_TRUE(give(m, global_request_message{"hostkeys-prove-00@openssh.com", true, {}}));
    EXPECT_EQ(give(m, global_request_message{"unknown", true, {}}).error(),
              errc::too_many_requests);
}

TEST(Mux, RequestsThatWantNoReplyAreNotCapped) {
    one_session s;
    for (std::size_t i = 0; i < 10 * limits::pending_requests_max; ++i) {
        ASSERT_TRUE(s.request(env_request{"a", "b"}, false));
        ASSERT_TRUE(next<channel_request_event>(s.m));
    }
    EXPECT_EQ(s.sent(), "");
}

TEST(Mux, AMalformedRequestIsAnErrorForKnownNamesOnly) {
    const bytes junk{1, 2, 3};
    one_session s;
    EXPECT_TRUE(give(s.m, channel_request_message{s.id, "junk", true, {junk}}));
    EXPECT_EQ(give(s.m, channel_request_message{s.id, "exec", true, {junk}}).error(),
              errc::truncated);
    test::recording_sink sink;
    mux m({}, sink);
    EXPECT_EQ(give(m, global_request_message{"tcpip-forward", true, {junk}}).error(),
              errc::truncated);
}

TEST(Rfc4254s4, GlobalRepliesGoInOrderWhoeverDecidesThem) {
    test::recording_sink sink;
    mux m({}, sink);
    const bytes forward = test::from_hex("00000000 00000000");
    ASSERT_TRUE(give(m, global_request_message{"tcpip-forward", true, {forward}}));
    ASSERT_TRUE(give(m, global_request_message{"keepalive@openssh.com", true, {}}));
    ASSERT_TRUE(give(m, global_request_message{"no-more-sessions@openssh.com", true, {}}));
    ASSERT_TRUE(give(m, global_request_message{"unknown", false, {}}));
    EXPECT_EQ(ladder(sink), "");
    const auto event = next<global_request_event>(m);
    ASSERT_TRUE(event);
    EXPECT_TRUE(event->want_reply);
    const bytes port = test::from_hex("00000016");
    m.global_reply(true, port);
    EXPECT_EQ(test::to_hex(sink.take()), "5100000016");
    EXPECT_EQ(ladder(sink), "FAILURE! SUCCESS!");
    m.global_reply(true);
    EXPECT_EQ(ladder(sink), "");
    ASSERT_TRUE(give(m, global_request_message{"unknown", true, {}}));
    EXPECT_EQ(ladder(sink), "FAILURE!");
    EXPECT_FALSE(m.next_event());
}

TEST(Rfc4254s4, RepliesToOurGlobalRequests) {
    test::recording_sink sink;
    mux m({}, sink);
    m.global(global_keepalive_request{}, true);
    m.global(no_more_sessions_request{}, false);
    EXPECT_EQ(test::to_hex(sink.take()),
              "50"
              "00000015"
              "6b656570616c697665406f70656e7373682e636f6d"
              "01");
    ASSERT_TRUE(give(m, request_success{{as_bytes("xy")}}));
    const auto reply = next<global_reply_event>(m);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->success);
    EXPECT_EQ(as_text(reply->data), "xy");
    EXPECT_EQ(m.global_replies_due(), 0U);
}

TEST(OpenSshProtocol2_2, NoMoreSessionsRefusesSessionsOnly) {
    test::recording_sink sink;
    mux m({}, sink);
    ASSERT_TRUE(give(m, global_request_message{"no-more-sessions@openssh.com", false, {}}));
    ASSERT_TRUE(give(m, channel_open{"session", 1, 1, 1, {}}));
    EXPECT_EQ(ladder(sink), "REFUSE(1)");
    const bytes specific = test::from_hex("00000001 68 00000000 00000000 00000000");
    ASSERT_TRUE(give(m, channel_open{"direct-tcpip", 1, 1, 1, {specific}}));
    EXPECT_TRUE(next<channel_open_event>(m));
}

TEST(Mux, CreditComesInTimeAndNotForEveryPacket) {
    one_session s(0, 1, {.window_size = 1000, .packet_size_max = 10});
    std::size_t given = 1000;
    std::size_t adjusts = 0;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_GE(given, 10U);  // the peer never runs dry
        ASSERT_TRUE(give(s.m, channel_data{s.id, as_bytes("0123456789")}));
        given -= 10;
        ASSERT_TRUE(next<channel_data_event>(s.m));
        s.m.consumed(s.id, 10);
        while (!s.sink.sent.empty()) {
            const bytes payload = s.sink.take();
            const auto adjust = wire::decode<channel_window_adjust>(payload);
            ASSERT_TRUE(adjust);
            EXPECT_EQ(adjust->recipient_channel, 7U);
            given += adjust->bytes_to_add;
            ++adjusts;
        }
    }
    EXPECT_LE(given, 1000U);
    EXPECT_LE(adjusts, 20U);
}

TEST(Mux, OutputIsBoundedAndTheWriterIsCalledBack) {
    one_session s(0, 100'000, {.channel_output_max = 10'000});
    EXPECT_EQ(s.m.writable(s.id), 10'000U);
    s.m.write(s.id, wire::buffer::copy_of(bytes(9'990)));
    EXPECT_EQ(s.m.writable(s.id), 0U);  // a waiting chunk costs a little more than its bytes
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1'000}));
    EXPECT_FALSE(s.m.next_event());
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 5'000}));
    EXPECT_TRUE(next<channel_writable_event>(s.m));
    EXPECT_FALSE(s.m.next_event());  // once
    EXPECT_GT(s.m.writable(s.id), 5'000U);
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 5'000}));
    EXPECT_TRUE(next<channel_writable_event>(s.m));  // empty: all that can be had
    EXPECT_EQ(s.m.writable(s.id), 10'000U);
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 5'000}));
    EXPECT_FALSE(s.m.next_event());  // nobody waits
}

TEST(Mux, TinyChunksThatWaitAreGatheredAndBounded) {
    one_session s(0, 100'000);
    std::size_t chunks = 0;
    for (std::uint32_t type = 0; s.m.writable(s.id) != 0; ++chunks, type ^= chunks % 64 == 0)
        s.m.write(s.id, chunk("x"), type);
    EXPECT_GT(chunks, 100'000U);
    s.sink.sends = 0;
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 0xffff'0000}));
    EXPECT_LE(s.sink.sends, chunks / 64 + 1);  // runs of 64 bytes of one type
    EXPECT_EQ(s.m.report(s.id).bytes_sent, chunks);

    // Each in a packet of its own type: the bound counts them, not only their bytes.
    one_session t(0, 100'000);
    std::size_t alternating = 0;
    for (; t.m.writable(t.id) != 0; ++alternating)
        t.m.write(t.id, chunk("x"), static_cast<std::uint32_t>(alternating % 2));
    EXPECT_LE(alternating, limits::channel_output_max / 64);
}

TEST(Mux, TheConnectionsBoundLeavesEveryChannelAShare) {
    mux_config config{.channels_max = 8, .channel_output_max = 1000, .connection_output_max = 2000};
    one_session s(0, 100, config);
    std::vector<channel_id> shut{s.id};
    for (std::uint32_t i = 0; i < 3; ++i)
        shut.push_back(s.open(10 + i, 0, 100));
    std::size_t queued = 0;
    for (const auto id : shut) {
        const std::size_t n = s.m.writable(id);
        s.m.write(id, wire::buffer::copy_of(bytes(n)));
        queued += n;
    }
    EXPECT_LE(queued, 2000U + 8 * 250);
    const channel_id other = s.open(20, 1000, 100);
    const std::size_t share = s.m.writable(other);
    EXPECT_GE(share, 250U);
    EXPECT_LT(share, 1000U);
    s.m.write(other, chunk("goes"));
    EXPECT_EQ(s.sent(), "DATA(goes)");
    // The others' queues go: who was cut short hears of it.
    for (const auto id : shut)
        s.m.cut(id);
    bool told = false;
    while (auto e = s.m.next_event())
        if (const auto* w = std::get_if<channel_writable_event>(&*e)) told |= w->id == other;
    EXPECT_TRUE(told);
    EXPECT_EQ(s.m.writable(other), 1000U);
}

// Who hears of room writes a chunk, however little room there is: false news would add up.
TEST(Mux, AChannelThatIsFullHearsNothingOfRoomElsewhere) {
    mux_config config{.channels_max = 8, .channel_output_max = 1000, .connection_output_max = 2000};
    one_session s(0, 100, config);
    const channel_id full = s.id;
    const channel_id goes = s.open(10, 0, 100);
    const channel_id waits = s.open(11, 0, 100);
    for (const auto id : {full, goes})
        s.m.write(id, wire::buffer::copy_of(bytes(1000)));
    EXPECT_EQ(s.m.writable(full), 0U);
    EXPECT_LT(s.m.writable(waits), 1000U);
    s.m.cut(goes);
    const auto told = next<channel_writable_event>(s.m);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->id, waits);
    EXPECT_FALSE(s.m.next_event());
}

TEST(Mux, ASinkWithoutRoomStopsDataAndNothingElse) {
    one_session s;
    s.sink.set_room(0);
    s.m.write(s.id, chunk("abc"));
    s.m.request(s.id, signal_request{"HUP"}, false);
    EXPECT_EQ(s.sent(), "signal");
    s.m.send_eof(s.id);
    s.m.flush();
    EXPECT_EQ(s.sent(), "");
    s.sink.set_room(1000);
    s.m.flush();
    EXPECT_EQ(s.sent(), "DATA(abc) EOF");
}

// One window that stays shut, nine busy channels: they share the sink as if it were not there.
TEST(Fairness, AShutWindowDelaysNobody) {
    one_session s(0);
    s.sink.set_room(0);
    std::vector<channel_id> busy;
    for (std::uint32_t i = 0; i < 9; ++i)
        busy.push_back(s.open(100 + i, 10'000'000, 32'768));
    s.m.write(s.id, wire::buffer::copy_of(bytes(1'000'000)));
    for (const auto id : busy)
        s.m.write(id, wire::buffer::copy_of(bytes(1'000'000)));
    std::map<std::uint32_t, std::size_t> received;
    std::size_t total = 0;
    while (total < 6'000'000) {
        s.sink.set_room(200'000);
        s.m.flush();
        while (!s.sink.sent.empty()) {
            const bytes payload = s.sink.take();
            const auto m = wire::decode<channel_data>(payload);
            ASSERT_TRUE(m);
            received[m->recipient_channel] += m->data.size();
            total += m->data.size();
        }
        for (const auto& a : received)
            for (const auto& b : received)
                ASSERT_LE(a.second,
                          b.second + 2 * static_cast<std::size_t>(turn_order::quantum) + 32'768);
        if (total > 2'000'000) {
            ASSERT_EQ(received.size(), 9U);
        }
    }
}

TEST(Fairness, OnesThatWereSilentGoBeforeBulk) {
    one_session s(10'000'000, 32'768);
    const channel_id keys = s.open(8, 1000, 1000);
    s.sink.set_room(0);
    s.m.write(s.id, wire::buffer::copy_of(bytes(1'000'000)));
    s.sink.set_room(40'000);
    s.m.flush();
    s.sink.sent.clear();
    s.sink.set_room(0);
    s.m.write(keys, chunk("k"));
    s.sink.set_room(100'000);
    s.m.flush();
    EXPECT_EQ(test::to_hex(s.sink.take()).substr(0, 40), "5e00000008000000016b");
}

// ... and still cannot starve the bulk by coming back all the time.
TEST(Fairness, ComingAndGoingDoesNotStarveThoseWhoWait) {
    one_session s(100'000'000, 32'768);
    s.sink.set_room(0);
    s.m.write(s.id, wire::buffer::copy_of(bytes(1'000'000)));
    const channel_id a = s.open(8, 100'000'000, 32'768);
    const channel_id b = s.open(9, 100'000'000, 32'768);
    for (int i = 0; i < 200; ++i) {
        s.m.write(a, wire::buffer::copy_of(bytes(4096)));
        s.m.write(b, wire::buffer::copy_of(bytes(4096)));
        s.sink.set_room(8192);  // what the two of them would use up
        s.m.flush();
        s.sink.set_room(0);
        s.sink.sent.clear();
    }
    EXPECT_GT(s.m.report(s.id).bytes_sent, 300'000U);
}

TEST(Fairness, ALargePacketIsPaidForInLaterRounds) {
    one_session s(100'000'000, 250'000);  // packets of four rounds' credit
    s.sink.set_room(0);
    const channel_id other = s.open(8, 100'000'000, 1000);
    s.m.write(s.id, wire::buffer::copy_of(bytes(4'000'000)));
    s.m.write(other, wire::buffer::copy_of(bytes(4'000'000)));
    for (int i = 0; i < 30; ++i) {
        s.sink.set_room(100'000);
        s.m.flush();
        s.sink.sent.clear();
    }
    const auto one = s.m.report(s.id).bytes_sent;
    const auto two = s.m.report(other).bytes_sent;
    EXPECT_GT(one, 1'000'000U);
    EXPECT_LT(one > two ? one - two : two - one, 600'000U);
}

// A peer that opens its window byte by byte costs one packet a message, however much waits.
TEST(Cost, OneByteWindowsCostOneSendAMessage) {
    one_session s(0, 1, {.channel_output_max = 10'000'000});
    s.m.write(s.id, wire::buffer::copy_of(bytes(5'000'000)));
    for (int i = 0; i < 1000; ++i)
        s.m.write(s.id, chunk("x"), static_cast<std::uint32_t>(i % 2));
    EXPECT_EQ(s.sink.sends, 1U);  // the confirmation
    s.sink.sends = 0;
    for (int i = 0; i < 100'000; ++i)
        ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 1}));
    EXPECT_EQ(s.sink.sends, 100'000U);
    ASSERT_TRUE(give(s.m, channel_window_adjust{s.id, 0}));
    EXPECT_EQ(s.sink.sends, 100'000U);
}

TEST(Cost, BulkIsSentFromWhereItLies) {
    struct : wire::payload_sink {
        void send(bytes_view, bytes_view bulk) override {
            if (!bulk.empty()) {
                inside = inside && bulk.data() >= begin && bulk.data() + bulk.size() <= end;
                sent += bulk.size();
            }
        }
        std::size_t room() const override { return 1'000'000; }
        const std::uint8_t* begin = nullptr;
        const std::uint8_t* end = nullptr;
        bool inside = true;
        std::size_t sent = 0;
    } sink;
    mux m({}, sink);
    ASSERT_TRUE(give(m, channel_open{"session", 1, 150'000, 32'768, {}}));
    const channel_id id = next<channel_open_event>(m)->id;
    m.accept_open(id);
    wire::buffer b(200'000);
    b.commit(200'000);
    sink.begin = b.view().data();
    sink.end = sink.begin + b.size();
    m.write(id, std::move(b));
    EXPECT_EQ(sink.sent, 150'000U);
    ASSERT_TRUE(give(m, channel_window_adjust{id, 100'000}));
    EXPECT_EQ(sink.sent, 200'000U);
    EXPECT_TRUE(sink.inside);
}

}  // namespace
}  // namespace sluice
