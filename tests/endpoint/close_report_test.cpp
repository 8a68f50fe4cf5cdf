#include "sluice/endpoint/close_report.hpp"

#include "sluice/tests/support/utf8.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using totals = close_report::totals;

constexpr std::uint64_t totals::*all_totals[] = {&totals::channels,
                                                 &totals::acknowledged,
                                                 &totals::open,
                                                 &totals::bytes_sent,
                                                 &totals::bytes_unacknowledged,
                                                 &totals::bytes_undelivered,
                                                 &totals::bytes_received,
                                                 &totals::bytes_discarded,
                                                 &totals::requests_unanswered,
                                                 &totals::sftp_sessions,
                                                 &totals::files_committed,
                                                 &totals::files_abandoned,
                                                 &totals::sftp_requests_unanswered};
static_assert(sizeof(totals) == std::size(all_totals) * sizeof(std::uint64_t));

// Each number another: 101, 102, and so on.
close_report all_different() {
    close_report r;
    r.outcome = close_outcome::deadline;
    r.ended_by = close_side::us;
    r.reason_code = 11;
    r.text = "bye";
    r.error = make_error_code(errc::connection_lost);
    r.receipt = close_receipt::pong;
    std::uint64_t next = 101;
    for (const auto one : all_totals)
        r.total.*one = next++;
    channel_close_report c;
    c.id = 3;
    c.how = channel_close_report::outcome::refused;
    c.numbers.kind = "session";
    c.numbers.bytes_sent = 1;
    c.numbers.bytes_undelivered = 2;
    c.numbers.bytes_received = 3;
    c.numbers.bytes_discarded = 4;
    c.numbers.eof_received = true;
    c.numbers.requests_unanswered = 5;
    c.numbers.replies_missing = 6;
    r.channels = {c, c};
    r.channels[1].how = channel_close_report::outcome::closed;
    r.channels[1].numbers.acknowledged = true;
    r.channels[1].numbers.eof_received = false;
    r.channels[1].numbers.exit_status = 0;
    r.channels[1].numbers.exit_signal = "TERM";
    r.sftp_sessions = {{9, 10, 11, 12, 13, 14, 15, 16, 17}};
    r.tasks_cancelled = 18;
    r.tasks_not_returned = 19;
    r.elapsed = 1234567us;
    r.lifetime = 2s;
    return r;
}

TEST(CloseReport, AsJson) {
    const close_report r = all_different();
    EXPECT_EQ(
        to_json(r, {{"event", "closed"}, {"peer", "a\"b"}}),
        R"({"event":"closed","peer":"a\"b","outcome":"deadline","ended_by":"us","complete":false,)"
        R"("reason_code":11,"text":"bye","error":")" +
            r.error.message() +
            R"(","receipt":"pong","total":{"channels":101,"acknowledged":102,"open":103,)"
            R"("bytes_sent":104,"bytes_unacknowledged":105,"bytes_undelivered":106,)"
            R"("bytes_received":107,"bytes_discarded":108,"requests_unanswered":109,)"
            R"("sftp_sessions":110,"files_committed":111,"files_abandoned":112,)"
            R"("sftp_requests_unanswered":113},"channels":[)"
            R"({"channel":3,"kind":"session","outcome":"refused","bytes_sent":1,)"
            R"("bytes_undelivered":2,"bytes_received":3,"bytes_discarded":4,)"
            R"("acknowledged":false,"eof_received":true,"requests_unanswered":5,)"
            R"("replies_missing":6},)"
            R"({"channel":3,"kind":"session","outcome":"closed","bytes_sent":1,)"
            R"("bytes_undelivered":2,"bytes_received":3,"bytes_discarded":4,)"
            R"("acknowledged":true,"eof_received":false,"requests_unanswered":5,)"
            R"("replies_missing":6,"exit_status":0,"exit_signal":"TERM"}],)"
            R"("sftp_sessions":[{"channel":9,"handles_left_open":10,"files_committed":11,)"
            R"("files_abandoned":12,"requests_answered":13,"requests_refused":14,)"
            R"("requests_unanswered":15,"bytes_read":16,"bytes_written":17}],)"
            R"("tasks_cancelled":18,"tasks_not_returned":19,"elapsed_us":1234567,)"
            R"("lifetime_us":2000000})");
    EXPECT_NE(to_json({}).find(R"("error":"","receipt":"none",)"), std::string::npos);
    EXPECT_NE(to_json({}).find(R"("channels":[],"sftp_sessions":[],)"), std::string::npos);
}

TEST(CloseReport, AsText) {
    const close_report r = all_different();
    EXPECT_EQ(to_text(r),
              "deadline (by us, DISCONNECT 11 \"bye\"), " + r.error.message() +
                  "; 101 channels; 104 bytes sent; 107 bytes received; 103 channels were open; "
                  "105 bytes sent without acknowledgement; 106 bytes undelivered; "
                  "109 channel requests unanswered; 111 files committed; 112 files abandoned; "
                  "113 SFTP requests unanswered; 18 tasks cancelled; 19 tasks did not return; "
                  "1.235 s");
    EXPECT_EQ(to_text({}), "lost (by network); 0.000 s");
}

TEST(CloseReport, TotalsAddUpEachByItself) {
    for (const auto one : all_totals) {
        totals sum;
        totals more;
        sum.*one = 5;
        more.*one = 7;
        sum += more;
        for (const auto other : all_totals)
            EXPECT_EQ(sum.*other, other == one ? 12u : 0u);
    }
}

TEST(CloseReport, AnythingLostIsNotComplete) {
    EXPECT_TRUE(close_report().complete());
    const auto lost = [](std::uint64_t totals::*which) {
        return which == &totals::files_abandoned || which == &totals::sftp_requests_unanswered ||
               which == &totals::open || which == &totals::bytes_undelivered ||
               which == &totals::requests_unanswered;
    };
    for (const auto one : all_totals) {
        close_report r;
        r.total.*one = 1;
        EXPECT_EQ(r.complete(), !lost(one));
    }
    close_report cancelled;
    cancelled.tasks_cancelled = 1;
    EXPECT_FALSE(cancelled.complete());
    close_report still_running;
    still_running.tasks_not_returned = 1;
    EXPECT_FALSE(still_running.complete());
}

TEST(CloseReport, SftpSessionsThatLostSomethingAreListedFirst) {
    const std::size_t most = limits::report_channels_max;
    const auto session = [](channel_id id, std::uint64_t abandoned, std::uint64_t unanswered) {
        sftp_close_report s;
        s.channel = id;
        s.files_committed = 1;
        s.files_abandoned = abandoned;
        s.requests_unanswered = unanswered;
        return s;
    };
    close_report r;
    r.add(session(1000, 1, 0));
    r.add(session(1001, 0, 1));
    for (channel_id id = 0; id + 2 < most; ++id)
        r.add(session(id, 0, 0));
    ASSERT_EQ(r.sftp_sessions.size(), most);
    EXPECT_EQ(r.sftp_sessions[2].channel, 0u);
    r.add(session(500, 0, 0));  // in place of the first that lost nothing
    ASSERT_EQ(r.sftp_sessions.size(), most);
    EXPECT_EQ(r.sftp_sessions[0].channel, 1000u);
    EXPECT_EQ(r.sftp_sessions[1].channel, 1001u);
    EXPECT_EQ(r.sftp_sessions[2].channel, 1u);
    EXPECT_EQ(r.sftp_sessions.back().channel, 500u);
    for (channel_id id = 0; id < most; ++id)
        r.add(session(2000 + id, 1, 1));
    ASSERT_EQ(r.sftp_sessions.size(), most);
    EXPECT_EQ(r.sftp_sessions[2].channel, 2000u);
    EXPECT_EQ(r.sftp_sessions.back().channel, 2000 + most - 3);
    r.add(session(3000, 0, 0));  // there is no room
    EXPECT_EQ(r.sftp_sessions.back().channel, 2000 + most - 3);
    EXPECT_EQ(r.total.sftp_sessions, 2 * most + 2);
    EXPECT_EQ(r.total.files_committed, 2 * most + 2);
    EXPECT_EQ(r.total.files_abandoned, most + 1);
    EXPECT_EQ(r.total.sftp_requests_unanswered, most + 1);
}

// What is no UTF-8 becomes U+FFFD, byte by byte; controls become escapes; the rest stands as it is.
TEST(CloseReport, EveryTextOfThePeerIsAStringOfJson) {
    const auto want_of = [](std::string_view text) {
        std::string want;
        while (!text.empty()) {
            const auto [code, length] = test::utf8_front(text);
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", length == 0 ? 0xfffd : code & 0xffff);
            if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
                want += escape;
            else
                want += (code == '"' || code == '\\' ? "\\" : "") + test::utf8_of(code);
            text.remove_prefix(length == 0 ? 1 : length);
        }
        return want;
    };
    close_report r;
    r.outcome = close_outcome::peer_closed;
    std::vector<std::string> texts = test::utf8_bounds();
    for (std::uint32_t code = 0; code <= 0x110000; code += code < 0x1000 ? 1 : 0x100)
        for (const std::uint32_t around : {code, code + 0xff})
            texts.push_back(test::utf8_of(around));
    for (const std::string& text : texts) {
        r.text = text;
        const std::string json = to_json(r);
        if (json.find("\"text\":\"" + want_of(text) + '"') == std::string::npos)
            ADD_FAILURE() << want_of(text) << " is not in " << json;
    }
}

}  // namespace
}  // namespace sluice
