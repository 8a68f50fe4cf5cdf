// Which sources a server refuses, by how their connections end. Penalties here last an hour, so
// that no time is waited for.

#include "sluice/tests/support/ssh_client.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using test::none_request;
using test::password_request;
using test::served;
using test::ssh_client;

// Every fault is enough; what a processor does is free.
source_penalties harsh() {
    source_penalties p;
    p.auth_fail = p.no_auth = p.grace_exceeded = 1h;
    p.cpu = 0;
    p.max = p.min = 1h;
    return p;
}

void refuse_passwords(served& s) {
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins = std::make_shared<test::test_logins>(
        [](login_attempt attempt) -> asio::awaitable<login_verdict> {
            login_verdict verdict;
            if (as_text(attempt.question.password.view()) == "right")
                verdict.answer = auth_answer::accept;
            co_return verdict;
        });
}

bool gone(served& s) {
    return s.until([&] { return s.connections() == 0; });
}

// What a client is told that never says a word.
std::string words_for(served& s, const char* from = "127.0.0.1") {
    tcp::socket socket(s.context, tcp::endpoint(asio::ip::make_address(from), 0));
    socket.connect(s.address);
    socket.non_blocking(true);
    std::string words;
    s.until([&] {
        std::array<char, 256> text{};
        error_code e;
        const std::size_t n = socket.read_some(asio::buffer(text), e);
        words.append(text.data(), n);
        return (e && e != asio::error::would_block) || words.find('\n') != std::string::npos;
    });
    return words;
}

TEST(ServerSources, WhoLeavesWithoutALoginIsRefused) {
    served s;
    s.options.sources.penalties = harsh();
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->exchange_keys());
    client->close();
    ASSERT_TRUE(s.until([&] { return s.logged("source_refused") == 1; }));
    EXPECT_EQ(s.last("source_refused", "source"), "127.0.0.1");
    EXPECT_EQ(s.last("source_refused", "reason"), "noauth");
    EXPECT_EQ(s.last("source_refused", "seconds"), "3600");
    EXPECT_EQ(words_for(s), "Not allowed at this time\r\n");
    EXPECT_EQ(words_for(s), "Not allowed at this time\r\n");
    EXPECT_EQ(s.logged("connection"), 1u) << "none of them is a line";
    EXPECT_EQ(s.logged("refused"), 0u);
    EXPECT_TRUE(words_for(s, "127.0.0.2").starts_with("SSH-2.0-")) << "others are served";

    std::optional<server_report> report;
    s.drain({}, [&](const server_report& r) { report = r; });
    ASSERT_TRUE(s.until([&] { return report.has_value(); }));
    EXPECT_EQ(report->refused_by_source, 2u);
}

TEST(ServerSources, WhoFailsToLogInIsRefused) {
    served s;
    refuse_passwords(s);
    auto p = harsh();
    p.no_auth = 0s;
    s.options.sources.penalties = p;
    s.start();
    auto client = ssh_client::connect(s);
    EXPECT_FALSE(client->log_in(password_request("wrong")));
    client->close();
    ASSERT_TRUE(s.until([&] { return s.logged("source_refused") == 1; }));
    EXPECT_EQ(s.last("source_refused", "reason"), "authfail");
}

TEST(ServerSources, WhoTakesTooLongIsRefused) {
    served s;
    auto p = harsh();
    p.no_auth = p.auth_fail = 0s;
    s.options.sources.penalties = p;
    s.options.protocol.login_grace = 50ms;
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(s.until([&] { return s.logged("source_refused") == 1; }));
    EXPECT_EQ(s.last("source_refused", "reason"), "grace-exceeded");
}

TEST(ServerSources, WhoLogsInIsNot) {
    served s;
    refuse_passwords(s);
    auto p = harsh();
    p.cpu = 1000;
    p.min = 1ns;
    s.options.sources.penalties = p;
    s.start();
    for (int i = 0; i < 3; ++i) {
        auto client = ssh_client::connect(s);
        ASSERT_FALSE(client->log_in(password_request("wrong")));
        client->send(password_request("right"));
        ASSERT_TRUE(s.until([&] { return client->logged_in; }));
        client->close();
        ASSERT_TRUE(gone(s));
    }
    EXPECT_EQ(s.logged("source_refused"), 0u);
}

TEST(ServerSources, WhatAProcessorDidForIt) {
    served s;
    source_penalties p;
    p.no_auth = 0s;
    p.cpu = 1000;
    p.min = 1ns;
    s.options.sources.penalties = p;
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->exchange_keys());
    client->close();
    ASSERT_TRUE(s.until([&] { return s.logged("source_refused") == 1; }));
}

// The hash of a password is worked out on another thread.
TEST(ServerSources, WorkOfOtherThreadsCounts) {
    served s;
    source_penalties p;
    p.auth_fail = p.no_auth = 0s;
    p.cpu = 1;
    p.max = p.min = 1h;
    s.options.sources.penalties = p;
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins =
        std::make_shared<test::test_logins>([](login_attempt) -> asio::awaitable<login_verdict> {
            co_return login_verdict{.cpu = 1h};
        });
    s.start();
    auto client = ssh_client::connect(s);
    EXPECT_FALSE(client->log_in(password_request("wrong")));
    // It is told at once, not when the connection ends.
    ASSERT_TRUE(s.until([&] { return s.logged("source_refused") == 1; }));
    EXPECT_EQ(s.last("source_refused", "reason"), "cpu");
    EXPECT_EQ(s.connections(), 1u) << "what it has goes on";
}

TEST(ServerSources, TheServersOwnEndIsNobodysFault) {
    served s;
    s.options.sources.penalties = harsh();
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->exchange_keys());
    s.stop();
    ASSERT_TRUE(s.until([&] { return s.stopped(); }));
    EXPECT_EQ(s.logged("source_refused"), 0u);
}

TEST(ServerSources, NothingIsRefusedByDefault) {
    served s;
    s.start();
    for (int i = 0; i < 20; ++i) {
        auto client = ssh_client::connect(s);
        client->close();
    }
    ASSERT_TRUE(gone(s));
    EXPECT_EQ(s.logged("source_refused"), 0u);
}

TEST(ServerSources, ConnectionsWithoutALoginAreLimitedForEach) {
    served s;
    s.options.sources.startups_max = 1;
    s.start();
    auto first = ssh_client::connect(s);
    ASSERT_TRUE(first->exchange_keys());
    EXPECT_EQ(words_for(s), "Not allowed at this time\r\n");
    EXPECT_EQ(s.last("refused", "reason"), "too many connections of its source");
    EXPECT_TRUE(words_for(s, "127.0.0.2").starts_with("SSH-2.0-"));
    ASSERT_TRUE(first->log_in()) << "who has logged in counts no more";
    EXPECT_TRUE(s.until([&] { return words_for(s).starts_with("SSH-2.0-"); }));
}

}  // namespace
}  // namespace sluice
