// How many lines a connection and a source get, in virtual time.

#include "sluice/io/log_limits.hpp"

#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t of_connection = limits::log_connection_lines_max;
constexpr std::size_t of_source = limits::log_source_lines_max;

struct limited {
    log_limits limits;
    time_point now{1h};
    std::size_t written = 0;
    std::vector<log_record> said;  // what was written of what was not

    bool line(const std::string& peer, std::string_view event = "forwarding_refused") {
        auto d = limits.take({log_severity::info, event, {{"peer", peer}}}, now);
        for (auto& one : d.before)
            said.push_back(std::move(one));
        written += d.write;
        return d.write;
    }
    std::size_t lines(const std::string& peer, std::size_t count) {
        const auto before = written;
        for (std::size_t i = 0; i < count; ++i)
            line(peer);
        return written - before;
    }
    std::string last_said(std::string_view field) const {
        for (const auto& [name, value] : said.back().fields)
            if (name == field) return value;
        return "";
    }
};

std::string port(std::size_t n) { return "192.0.2.1:" + std::to_string(n); }

TEST(LogLimits, AConnectionHasABurstAndThenARate) {
    limited log;
    EXPECT_EQ(log.lines(port(1), 10'000), of_connection);
    EXPECT_TRUE(log.said.empty());
    EXPECT_EQ(log.lines(port(2), 10), 10u) << "another of the source has its own";
    log.now += 1s * (of_connection / limits::log_connection_lines_rate / 4) - 1ns;
    EXPECT_FALSE(log.line(port(1)));
    log.now += 1ns;
    EXPECT_TRUE(log.line(port(1)));
    ASSERT_EQ(log.said.size(), 1u);
    EXPECT_EQ(log.said[0].event, "lines_dropped");
    EXPECT_EQ(log.last_said("peer"), port(1));
    EXPECT_EQ(log.last_said("count"), std::to_string(10'001 - of_connection));
    EXPECT_EQ(log.lines(port(1), 10'000), of_connection / 4 - 1);
}

TEST(LogLimits, WhatAConnectionLeftOutIsSaidAtItsEnd) {
    limited log;
    log.lines(port(1), of_connection + 5);
    EXPECT_TRUE(log.line(port(1), "closed"));
    ASSERT_EQ(log.said.size(), 1u);
    EXPECT_EQ(log.last_said("count"), "5");
    EXPECT_EQ(log.lines(port(1), of_connection + 5), of_connection) << "the port is used anew";
}

TEST(LogLimits, ASourceHasABurstAndThenARate) {
    limited log;
    for (std::size_t i = 0; i < 10'000; ++i) {
        log.line(port(i), "connection");
        log.line(port(i), "closed");
    }
    EXPECT_EQ(log.written, of_source);
    EXPECT_TRUE(log.line("192.0.2.2:1", "connection")) << "another source has its own";
    log.now += 1s * (of_source / limits::log_source_lines_rate / 4);
    EXPECT_TRUE(log.line(port(1), "connection"));
    EXPECT_EQ(log.last_said("source"), "192.0.2.1");
    EXPECT_EQ(log.last_said("count"), std::to_string(20'000 - of_source));
}

TEST(LogLimits, LoginsAndTheServersOwnLinesAreAlwaysWritten) {
    limited log;
    log.lines(port(1), 10 * of_source);
    for (std::size_t i = 0; i < 2 * of_source; ++i)
        EXPECT_TRUE(log.line(port(1), "login"));
    const log_record own{log_severity::info, "draining", {}};
    for (std::size_t i = 0; i < 2 * of_source; ++i)
        EXPECT_TRUE(log.limits.take(own, log.now).write);
}

// Who floods and then falls silent is told of by the lines of others.
TEST(LogLimits, WhatASilentSourceLeftOutIsSaidByOthersLines) {
    limited log;
    log.lines(port(1), of_connection + 3);
    log.now += 1h;
    EXPECT_TRUE(log.line("[2001:db8::1]:9"));
    ASSERT_EQ(log.said.size(), 1u);
    EXPECT_EQ(log.last_said("count"), "3");
    EXPECT_LE(log.limits.followed(), 2u) << "it is forgotten";
}

TEST(LogLimits, WhatIsFollowedIsBounded) {
    limited log;
    log.lines("flood:1", of_connection + 7);
    for (std::size_t i = 0; i < 3 * limits::log_sources_max; ++i)
        EXPECT_TRUE(log.line(std::to_string(i) + ":1"));
    EXPECT_LE(log.limits.followed(), 2 * limits::log_sources_max);
    EXPECT_FALSE(log.line("flood:1")) << "the quietest are forgotten";
}

// By the clock: a burst is over long before the next line of its connection is due again.
TEST(LogLimits, ASinkOfAProgramIsLimited) {
    std::size_t written = 0;
    const log_sink sink = limited_log([&](const log_record&) { ++written; });
    for (std::size_t i = 0; i < 10'000; ++i)
        sink({log_severity::info, "refused", {{"peer", port(1)}}});
    EXPECT_GE(written, of_connection);
    EXPECT_LT(written, 1'000u);
    EXPECT_FALSE(limited_log({}));
}

}  // namespace
}  // namespace sluice
