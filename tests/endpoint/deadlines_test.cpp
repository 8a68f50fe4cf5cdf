#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

bytes none_request() {
    return wire::encoded(userauth_request{"ada", "ssh-connection", "none", {}});
}

// A server's endpoint and a client's transport, linked in memory, with a clock of their own.
class linked {
public:
    linked() {
        server_settings.transport.host_keys = {test::test_host_key()};
        server_settings.auth.method_chains = {{"none"}};
        client_settings.random = &random_;
    }

    void start() {
        server.emplace(server_settings, now);
        client.emplace(client_settings, role::client, now);
    }

    void run() {
        for (;;) {
            const bytes up = taken(*client);
            poll_server(up);
            const bytes down = taken(*server);
            poll_client(down);
            if (up.empty() && down.empty()) return;
        }
    }

    void log_in() {
        run();
        client->send(wire::encoded(service_request{"ssh-userauth"}));
        client->send(none_request());
        run();
    }

    server_config server_settings;
    transport_config client_settings;
    std::optional<server_endpoint> server;
    std::optional<transport> client;
    time_point now{};
    error_code server_error;
    std::size_t keepalives = 0;  // that the client was sent
    std::optional<std::uint32_t> disconnected;

private:
    template <class Machine>
    static bytes taken(Machine& machine) {
        const bytes_view output = machine.output();
        const bytes data(output.begin(), output.end());
        machine.consume_output(data.size());
        return data;
    }

    void poll_server(bytes_view data) {
        std::ranges::copy(data, server->prepare_input(data.size()).begin());
        server->commit_input(data.size(), now);
        for (;;) {
            const auto event = server->poll(now);
            if (!event) server_error = event.error();
            if (!event || !*event) return;
            if (server->question() != nullptr) server->answer(auth_answer::accept);
        }
    }

    void poll_client(bytes_view data) {
        test::feed(*client, data);
        for (;;) {
            const auto event = client->poll(now);
            if (!event || !*event) return;
            if (std::holds_alternative<transport_host_key>(**event))
                client->accept_host_key(now);
            else if (const auto* bye = std::get_if<transport_disconnected>(&**event))
                disconnected = bye->reason_code;
            else if (const auto* p = std::get_if<transport_payload>(&**event))
                keepalives += is_keepalive(p->payload);
        }
    }

    static bool is_keepalive(bytes_view payload) {
        const std::string_view name = global_keepalive_request::name;
        return payload.front() == global_request_message::number &&
               !std::ranges::search(payload, as_bytes(name)).empty();
    }

    test::seeded_random random_;
};

TEST(ServerEndpoint, WhoDoesNotLogInWithinTheGraceIsLeft) {
    const struct {
        const char* name;
        bool exchanges_keys;
    } cases[] = {{"a client that says nothing", false}, {"one that never asks to log in", true}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        linked l;
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
    linked l;
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
    linked l;
    l.server_settings.keepalive_interval = 10s;
    l.server_settings.keepalive_count_max = 2;
    l.start();
    l.log_in();
    ASSERT_TRUE(l.server->authenticated());
    for (std::size_t asked = 1; asked <= 2; ++asked) {
        l.now = l.server->next_deadline();
        l.run();
        EXPECT_EQ(l.keepalives, asked);
        EXPECT_EQ(l.server_error, error_code());
    }
    l.now = l.server->next_deadline();
    EXPECT_EQ(l.now, time_point{} + 30s);
    l.run();
    EXPECT_EQ(l.server_error, errc::keepalive_timeout);
    EXPECT_EQ(l.keepalives, 2u);
    EXPECT_TRUE(l.disconnected);
}

TEST(ServerEndpoint, AnyByteFromThePeerIsASignOfLife) {
    linked l;
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
    EXPECT_EQ(l.keepalives, 5u);
}

}  // namespace
}  // namespace sluice
