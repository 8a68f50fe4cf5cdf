// The order of services, who may say what when, and how a connection ends.

#include "sluice/tests/support/linked.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using test::auth_request;
using test::global;
using test::linked;
using test::none_request;
using test::password_request;

constexpr std::uint32_t reason(disconnect_reason r) { return static_cast<std::uint32_t>(r); }

bytes service(std::string_view name) { return wire::encoded(service_request{name}); }

bytes open_request() { return wire::encoded(channel_open{"session", 7, 1 << 20, 32 * 1024, {}}); }

// How far the client has come.
enum class stage { keys, service, failed_login, partial_login, logged_in };

void come_to(linked& l, stage s) {
    l.server_settings.auth.method_chains = {{"none", "password"}};
    l.decide = [](const auth_question& q) {
        return q.user == "ada" ? auth_answer::accept : auth_answer::refuse;
    };
    l.start();
    l.run();
    if (s >= stage::service) l.say({service("ssh-userauth")});
    if (s == stage::failed_login) l.say({none_request("eve")});
    if (s >= stage::partial_login) l.say({none_request()});
    if (s >= stage::logged_in) l.say({password_request("pw")});
    ASSERT_EQ(l.server_error, error_code());
    ASSERT_EQ(l.server->authenticated(), s == stage::logged_in);
}

// RFC 4252 §6: messages of 80 and up before authentication end the connection.
TEST(Rfc4252s6, ChannelMessagesBeforeTheLoginEndTheConnection) {
    const stage stages[] = {stage::keys, stage::service, stage::failed_login, stage::partial_login};
    const bytes payloads[] = {
        open_request(),
        global("keepalive@openssh.com", true),
        wire::encoded(channel_data{0, as_bytes("x")}),
        wire::encoded(request_failure{}),
        bytes{101},  // no message of the protocol
        bytes{127},
    };
    for (const auto s : stages) {
        for (const auto& payload : payloads) {
            SCOPED_TRACE(std::to_string(static_cast<int>(s)) + ", message " +
                         std::to_string(payload.front()));
            linked l;
            come_to(l, s);
            l.say({payload});
            EXPECT_EQ(l.server_error, errc::unexpected_message);
            EXPECT_EQ(l.disconnected, reason(disconnect_reason::protocol_error));
            EXPECT_TRUE(l.server->finished());
            EXPECT_FALSE(l.server->authenticated());
            EXPECT_EQ(l.received.size(), s == stage::keys ? 0u : l.count(6) + l.count(51));
        }
    }
}

TEST(Rfc4253s10, AnUnknownServiceIsNotAvailable) {
    for (const char* name : {"ssh-connection", "ssh-userauth2", "", "SSH-USERAUTH"}) {
        SCOPED_TRACE(name);
        linked l;
        come_to(l, stage::keys);
        l.say({service(name)});
        EXPECT_EQ(l.server_error, errc::unknown_service);
        EXPECT_EQ(l.disconnected, reason(disconnect_reason::service_not_available));
        EXPECT_EQ(l.count(service_accept::number), 0u);
    }
}

TEST(Rfc4253s10, TheServiceIsAcceptedByItsName) {
    linked l;
    come_to(l, stage::service);
    ASSERT_EQ(l.count(service_accept::number), 1u);
    const auto m = wire::decode<service_accept>(l.received.back());
    ASSERT_TRUE(m);
    EXPECT_EQ(m->service_name, "ssh-userauth");
}

TEST(Rfc4253s10, AServiceIsAskedForOnce) {
    for (const auto s : {stage::service, stage::partial_login, stage::logged_in}) {
        SCOPED_TRACE(static_cast<int>(s));
        linked l;
        come_to(l, s);
        l.say({service("ssh-userauth")});
        EXPECT_EQ(l.server_error, errc::unexpected_message);
        EXPECT_EQ(l.disconnected, reason(disconnect_reason::protocol_error));
    }
}

TEST(ServerEndpoint, WhatOnlyAServerSaysEndsTheConnection) {
    linked l;
    come_to(l, stage::keys);
    l.say({wire::encoded(service_accept{"ssh-userauth"})});
    EXPECT_EQ(l.server_error, errc::unexpected_message);

    linked after;
    come_to(after, stage::service);
    after.say({wire::encoded(userauth_success{})});
    EXPECT_EQ(after.server_error, errc::unexpected_message);
    EXPECT_FALSE(after.server->authenticated());
}

TEST(ServerEndpoint, ALoginBeforeItsServiceEndsTheConnection) {
    linked l;
    come_to(l, stage::keys);
    l.say({none_request()});
    EXPECT_EQ(l.server_error, errc::unexpected_message);
    EXPECT_EQ(l.questions, 0u);
}

TEST(Rfc4252s5_1, RequestsAfterSuccessAreIgnored) {
    linked l;
    come_to(l, stage::logged_in);
    l.received.clear();
    l.say({none_request("eve"), password_request("again"), bytes{50}, bytes{61, 1, 2}});
    EXPECT_EQ(l.server_error, error_code());
    EXPECT_TRUE(l.received.empty()) << "nor are they answered";
    EXPECT_EQ(l.questions, 2u);
    EXPECT_EQ(l.logins, 1u);
    l.say({open_request()});
    EXPECT_EQ(l.count(channel_open_confirmation::number), 1u);
}

// What a client sends behind the request that logs it in is served as soon as it has.
TEST(Rfc4252s5_1, WhatFollowsALoginAtOnceIsNotLost) {
    linked l;
    l.start();
    l.run();
    l.say({service("ssh-userauth"), none_request(), open_request()});
    EXPECT_EQ(l.logins, 1u);
    EXPECT_EQ(l.count(channel_open_confirmation::number), 1u);
}

TEST(Rfc4252s4, TheLastAttemptEndsTheConnection) {
    linked l;
    l.server_settings.auth.method_chains = {{"password"}};
    l.server_settings.auth.attempts_max = 3;
    l.decide = [](const auth_question&) { return auth_answer::refuse; };
    l.start();
    l.begin_login();
    for (int i = 1; i <= 2; ++i) {
        l.say({password_request("guess")});
        EXPECT_EQ(l.server_error, error_code());
        EXPECT_EQ(l.count(userauth_failure::number), static_cast<std::size_t>(i));
    }
    l.say({password_request("guess")});
    EXPECT_EQ(l.server_error, errc::too_many_attempts);
    EXPECT_EQ(l.disconnected, reason(disconnect_reason::no_more_auth_methods_available));
    EXPECT_EQ(l.server->poll(l.now).error(), errc::too_many_attempts) << "it stays so";
    EXPECT_EQ(l.server->question(), nullptr);
    EXPECT_TRUE(l.server->finished());
}

TEST(ServerEndpoint, NothingMoreIsReadWhileALoginIsDecided) {
    linked l;
    l.server_settings.auth.method_chains = {{"password"}};
    l.decide = [](const auth_question&) -> std::optional<auth_answer> { return std::nullopt; };
    l.start();
    l.begin_login();
    l.say({password_request("one"), password_request("two"), open_request()});
    EXPECT_EQ(l.questions, 1u);
    ASSERT_NE(l.server->question(), nullptr);
    EXPECT_EQ(as_text(l.server->question()->password.view()), "one");
    EXPECT_FALSE(l.server->wants_input());
    for (int i = 0; i < 3; ++i) {
        const auto event = l.server->poll(l.now);
        ASSERT_TRUE(event);
        EXPECT_FALSE(*event) << "the question is told once";
    }

    // What the client sends meanwhile waits where it is.
    l.client->send(global("keepalive@openssh.com", true));
    l.run();
    EXPECT_FALSE(l.client->output().empty());

    l.server->answer(auth_answer::refuse, l.now);
    EXPECT_TRUE(l.server->wants_input());
    l.run();
    EXPECT_EQ(l.questions, 2u) << "the request that came early is there";
    ASSERT_NE(l.server->question(), nullptr);
    EXPECT_EQ(as_text(l.server->question()->password.view()), "two");
    EXPECT_EQ(l.count(userauth_failure::number), 1u);

    l.server->answer(auth_answer::accept, l.now);
    l.run();
    EXPECT_EQ(l.logins, 1u);
    EXPECT_EQ(l.count(userauth_success::number), 1u);
    EXPECT_EQ(l.count(channel_open_confirmation::number), 1u);
    EXPECT_EQ(l.count(request_failure::number), 1u) << "the keepalive";
    EXPECT_TRUE(l.client->output().empty());
}

TEST(ServerEndpoint, TheGraceHoldsWhileALoginIsDecided) {
    linked l;
    l.server_settings.login_grace = std::chrono::seconds(30);
    l.decide = [](const auth_question&) -> std::optional<auth_answer> { return std::nullopt; };
    l.start();
    l.begin_login();
    l.say({none_request()});
    ASSERT_NE(l.server->question(), nullptr);
    l.now = l.server->next_deadline();
    l.run();
    EXPECT_EQ(l.server_error, errc::login_timeout);
    EXPECT_EQ(l.server->question(), nullptr) << "there is nothing to answer any more";
    EXPECT_EQ(l.disconnected, reason(disconnect_reason::by_application));
}

// Where the client's bytes are received is where a packet is opened: a password would stay there.
TEST(ServerEndpoint, APasswordIsWipedFromTheReceiveBuffer) {
    linked l;
    l.server_settings.auth.method_chains = {{"password"}};
    l.decide = [](const auth_question&) { return auth_answer::refuse; };
    l.start();
    l.begin_login();
    const std::string secret = "correct horse battery staple";
    const struct {
        const char* name;
        bytes payload;
        bool stays;
    } cases[] = {
        {"a packet that is no secret", wire::encoded(ignore{as_bytes(secret)}), true},
        {"a password", password_request(secret), false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        l.client->send(c.payload);
        const bytes_view sealed = l.client->output();
        const mutable_bytes_view space = l.server->prepare_input(sealed.size());
        std::ranges::copy(sealed, space.begin());
        l.server->commit_input(sealed.size(), l.now);
        l.client->consume_output(sealed.size());
        l.poll_server();
        const bool there =
            !std::ranges::search(space.first(sealed.size()), as_bytes(secret)).empty();
        EXPECT_EQ(there, c.stays);
    }
    EXPECT_EQ(l.questions, 1u);
}

TEST(Rfc4253s11_4, UnknownNumbersOfTheChannelLayerAreUnimplemented) {
    linked l;
    l.start();
    l.log_in();
    std::size_t unknown = 0;
    for (unsigned number = 80; number <= 127; ++number) {
        if (mux::knows(static_cast<std::uint8_t>(number))) continue;
        SCOPED_TRACE(number);
        l.say({bytes{static_cast<std::uint8_t>(number), 1, 2, 3}});
        ++unknown;
        ASSERT_EQ(l.unimplemented.size(), unknown);
        if (unknown > 1) {
            EXPECT_EQ(l.unimplemented[unknown - 1], l.unimplemented[unknown - 2] + 1)
                << "the answer names the packet";
        }
    }
    EXPECT_EQ(unknown, 48u - 14u);
    EXPECT_EQ(l.server_error, error_code());
    EXPECT_TRUE(l.received.empty());
}

TEST(ServerEndpoint, ChannelErrorsAreSaidByTheirReason) {
    const struct {
        const char* name;
        bytes payload;
        errc error;
    } cases[] = {
        {"a channel that is not there", wire::encoded(channel_eof{99}), errc::unknown_channel},
        {"a packet cut short", bytes{channel_data::number, 0, 0}, errc::truncated},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        linked l;
        l.start();
        l.log_in();
        l.say({c.payload});
        EXPECT_EQ(l.server_error, c.error);
        EXPECT_EQ(l.disconnected, reason(disconnect_reason::protocol_error));
        EXPECT_EQ(l.server->poll(l.now).error(), c.error) << "it stays so";
        EXPECT_EQ(l.server->next_deadline(), l.now + std::chrono::seconds(2));
    }
}

// As phpseclib does right after the login.
TEST(ServerEndpoint, AnAnswerToTheAnnouncedHostKeysIsIgnored) {
    linked l;
    l.start();
    l.log_in();
    l.say({wire::encoded(request_failure{})});
    EXPECT_EQ(l.server_error, error_code());
    EXPECT_FALSE(l.disconnected);
    EXPECT_EQ(l.server->channels().unasked_replies(), 1u);
}

TEST(ServerEndpoint, ATamperedPacketIsNoMoreThanThat) {
    linked l;
    l.start();
    l.log_in();
    l.client->send(global("keepalive@openssh.com", true));
    bytes sealed = to_bytes(l.client->output());
    l.client->consume_output(sealed.size());
    sealed.back() ^= 1;
    l.give_server(sealed);
    EXPECT_EQ(l.server_error, errc::bad_mac);
    l.run();
    EXPECT_EQ(l.disconnected, reason(disconnect_reason::mac_error));
    EXPECT_TRUE(l.received.empty());
}

TEST(Rfc4253s11_1, DisconnectEndsTheConnection) {
    for (const auto s : {stage::keys, stage::service, stage::logged_in}) {
        SCOPED_TRACE(static_cast<int>(s));
        linked l;
        come_to(l, s);
        l.client->send(wire::encoded(disconnect{11, "bye \x1b[2J", {}}));
        l.client->send(none_request());
        l.received.clear();
        l.run();
        ASSERT_TRUE(l.client_left);
        EXPECT_EQ(l.client_left->reason_code, 11u);
        EXPECT_EQ(l.client_left->description, "bye \x1b[2J");
        EXPECT_EQ(l.server_error, error_code());
        EXPECT_TRUE(l.server->finished());
        EXPECT_TRUE(l.server->finished());
        EXPECT_TRUE(l.server->output().empty()) << "nothing is said to who has left";
        EXPECT_EQ(l.server->next_deadline(), l.now + std::chrono::seconds(2));
        EXPECT_TRUE(l.received.empty());
    }
}

TEST(ServerEndpoint, OurDisconnectIsTheLastPacket) {
    linked l;
    l.start();
    l.log_in();
    const auto id = l.open_session();
    l.server->channels().write(id, wire::buffer::copy_of(as_bytes("last words")));
    l.server->cut(disconnect_reason::by_application, "going", l.now);
    EXPECT_TRUE(l.server->finished());
    l.server->channels().write(id, wire::buffer::copy_of(as_bytes("too late")));
    l.server->cut(disconnect_reason::protocol_error, "twice", l.now);
    l.say({global("keepalive@openssh.com", true)});
    EXPECT_EQ(l.disconnected, reason(disconnect_reason::by_application));
    EXPECT_EQ(l.server_error, error_code());
    ASSERT_EQ(l.received.size(), 2u) << "the data, and CLOSE for the channel";
    const auto data = wire::decode<channel_data>(l.received[0]);
    ASSERT_TRUE(data);
    EXPECT_EQ(as_text(data->data), "last words");
}

TEST(ServerEndpoint, BytesThatComeOneByOneMeanTheSame) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
        SCOPED_TRACE(chunk);
        linked l;
        l.start();
        l.client->send(service("ssh-userauth"));
        l.client->send(none_request());
        l.client->send(open_request());
        l.run(chunk);
        EXPECT_EQ(l.logins, 1u);
        EXPECT_EQ(l.keys_changed, 1u);
        EXPECT_EQ(l.count(channel_open_confirmation::number), 1u);
        EXPECT_EQ(l.server_error, error_code());
    }
}

TEST(ServerEndpoint, NoKeepaliveBeforeTheLogin) {
    linked l;
    l.server_settings.login_grace = duration::zero();
    l.server_settings.keepalive_interval = std::chrono::seconds(10);
    l.start();
    l.begin_login();
    EXPECT_EQ(l.server->next_deadline(), time_point::max());
    l.now += std::chrono::hours(1);
    l.run();
    EXPECT_EQ(l.count(global_request_message::number), 0u);
    EXPECT_EQ(l.server_error, error_code());
}

TEST(ServerEndpoint, AnswersToOurKeepalivesAreNoEvents) {
    linked l;
    l.server_settings.keepalive_interval = std::chrono::seconds(10);
    l.server_settings.announce_host_keys = false;
    std::size_t events = 0;
    l.on_server_event = [&](server_event& event) {
        events += std::holds_alternative<channel_event>(event);
    };
    l.start();
    l.log_in();
    for (const bytes& answer :
         {wire::encoded(request_failure{}), wire::encoded(request_success{})}) {
        l.now = l.server->next_deadline();
        l.run();
        EXPECT_EQ(l.count(global_request_message::number), 1u);
        l.received.clear();
        l.say({answer});
    }
    EXPECT_EQ(l.server_error, error_code());
    EXPECT_EQ(events, 0u);
}

}  // namespace
}  // namespace sluice
