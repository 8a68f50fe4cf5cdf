#include "sluice/tests/support/linked.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

std::size_t keepalives(const test::linked& l) {
    const std::string_view name = global_keepalive_request::name;
    return static_cast<std::size_t>(std::ranges::count_if(l.received, [&](const bytes& payload) {
        return payload.front() == global_request_message::number &&
               !std::ranges::search(payload, as_bytes(name)).empty();
    }));
}

TEST(ServerEndpoint, WhoDoesNotLogInWithinTheGraceIsLeft) {
    const struct {
        const char* name;
        bool exchanges_keys;
    } cases[] = {{"a client that says nothing", false}, {"one that never asks to log in", true}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        test::linked l;
        l.server_settings.login_grace = 30s;
        l.start();
        if (c.exchanges_keys) l.run();
        EXPECT_EQ(l.server->next_deadline(), time_point{} + 30s);
        l.now += 30s - 1ns;
        EXPECT_TRUE(l.server->poll(l.now));
        l.now += 1ns;
        EXPECT_EQ(l.server->poll(l.now).error(), errc::login_timeout);
        EXPECT_EQ(l.server->poll(l.now).error(), errc::login_timeout) << "it stays so";
        EXPECT_TRUE(l.server->finished());
        if (!c.exchanges_keys) continue;
        l.run();
        EXPECT_TRUE(l.disconnected);
    }
}

TEST(ServerEndpoint, TheGraceEndsWithTheLogin) {
    test::linked l;
    l.server_settings.login_grace = 30s;
    l.server_settings.keepalive_interval = 0s;
    l.start();
    l.log_in();
    ASSERT_TRUE(l.server->authenticated());
    l.now += 31s;
    l.run();
    EXPECT_EQ(l.server_error, error_code());
}

TEST(ServerEndpoint, ASilentPeerIsAskedAndThenLeft) {
    test::linked l;
    l.server_settings.keepalive_interval = 10s;
    l.server_settings.keepalive_count_max = 2;
    l.start();
    l.log_in();
    ASSERT_TRUE(l.server->authenticated());
    for (std::size_t asked = 1; asked <= 2; ++asked) {
        l.now = l.server->next_deadline();
        l.run();
        EXPECT_EQ(keepalives(l), asked);
        EXPECT_EQ(l.server_error, error_code());
    }
    l.now = l.server->next_deadline();
    EXPECT_EQ(l.now, time_point{} + 30s);
    l.run();
    EXPECT_EQ(l.server_error, errc::keepalive_timeout);
    EXPECT_EQ(keepalives(l), 2u);
    EXPECT_TRUE(l.disconnected);
}

// ClientAliveCountMax 0: asked for ever, never left.
TEST(ServerEndpoint, ACountOfNoneNeverEndsTheConnection) {
    test::linked l;
    l.server_settings.keepalive_interval = 10s;
    l.server_settings.keepalive_count_max = 0;
    l.start();
    l.log_in();
    ASSERT_TRUE(l.server->authenticated());
    for (std::size_t asked = 1; asked <= 20; ++asked) {
        l.now = l.server->next_deadline();
        l.run();
        EXPECT_EQ(keepalives(l), asked);
        ASSERT_EQ(l.server_error, error_code());
    }
    EXPECT_FALSE(l.disconnected);
}

TEST(ServerEndpoint, AnyByteFromThePeerIsASignOfLife) {
    test::linked l;
    l.server_settings.keepalive_interval = 10s;
    l.server_settings.keepalive_count_max = 1;
    l.start();
    l.log_in();
    for (int i = 0; i < 5; ++i) {
        l.now = l.server->next_deadline();
        l.run();
        l.client->send(wire::encoded(request_failure{}));
        l.run();
    }
    EXPECT_EQ(l.server_error, error_code());
    EXPECT_EQ(keepalives(l), 5u);
}

}  // namespace
}  // namespace sluice
