#include "sluice/endpoint/client_endpoint.hpp"

#include "sluice/auth/known_hosts.hpp"
#include "sluice/tests/endpoint/endpoint_pair.hpp"
#include "sluice/wire/codec.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::endpoint_pair;

const crypto::private_key& user_key(std::size_t i = 0) {
    static const std::vector keys{crypto::private_key::generate("ssh-ed25519").value(),
                                  crypto::private_key::generate("ssh-rsa", 2048).value()};
    return keys.at(i);
}

bytes noise(std::size_t size, std::uint64_t seed) {
    bytes data(size);
    test::seeded_random(seed).fill(data);
    return data;
}

TEST(ClientEndpoint, LogsInByEveryMethod) {
    struct {
        std::vector<std::string> chain;
        const char* news;
    } cases[] = {
        {{"none"}, "host-key keys logged-in(none)"},
        {{"password"}, "host-key keys question logged-in(password)"},
        {{"publickey"}, "host-key keys question logged-in(publickey)"},
        {{"publickey", "password"},
         "host-key keys question question logged-in(publickey,password)"},
        {{"publickey", "publickey"},
         "host-key keys question question logged-in(publickey,publickey)"},
    };
    for (const auto& c : cases)
        for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
            SCOPED_TRACE(c.news);
            endpoint_pair pair;
            pair.server_settings.auth.method_chains = {c.chain};
            pair.private_keys = {user_key(0), user_key(1)};
            pair.client_settings.auth.keys = {user_key(0).public_half(), user_key(1).public_half()};
            pair.start();
            pair.run(chunk);
            EXPECT_EQ(pair.client_news, c.news);
            EXPECT_TRUE(pair.client->authenticated());
            EXPECT_TRUE(pair.server->authenticated());
            EXPECT_EQ(pair.login, "ada");
            EXPECT_EQ(pair.client_error, error_code());
        }
}

TEST(ClientEndpoint, NothingIsSentBeforeTheHostKeyIsAccepted) {
    endpoint_pair pair;
    std::optional<crypto::public_key> shown;
    pair.on_client_event = [&](const client_event& event) {
        if (const auto* key = std::get_if<host_key_event>(&event)) {
            shown = key->shown.key;
            EXPECT_TRUE(pair.client->awaiting_trust());
            EXPECT_FALSE(pair.client->wants_input());
            EXPECT_TRUE(pair.client->output().empty());
        }
    };
    pair.trust = false;
    pair.start();
    pair.run();
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->blob(), test::test_host_key()->blob());
    EXPECT_EQ(pair.client_error, errc::host_key_rejected);
    EXPECT_TRUE(pair.client->finished());
    EXPECT_EQ(pair.server_news, "bye(9)") << "host key not verifiable";
    EXPECT_EQ(pair.login, "");
    EXPECT_EQ(pair.client->next_deadline(), pair.now + 2s);
}

TEST(ClientEndpoint, KnownHostsChooseTheHostKey) {
    endpoint_pair pair;
    pair.server_settings.transport.host_keys = {test::test_host_key(),
                                                test::test_host_key("ecdsa-sha2-nistp256")};
    const auto wanted =
        crypto::public_key::from_blob(test::test_host_key("ecdsa-sha2-nistp256")->blob());
    const auto file = known_hosts::parse(known_hosts_line("files", 22, *wanted).value()).value();
    auto& offered = pair.client_settings.transport.host_key_algorithms;
    offered = file.ordered(offered, "files", 22);
    auto verdict = known_hosts::verdict::unknown;
    pair.on_client_event = [&](const client_event& event) {
        if (const auto* key = std::get_if<host_key_event>(&event))
            verdict = file.lookup("files", 22, key->shown.key).what;
    };
    pair.log_in();
    EXPECT_EQ(verdict, known_hosts::verdict::known);
}

TEST(ClientEndpoint, ALaterExchangeMustShowTheSameHostKey) {
    endpoint_pair pair;
    pair.log_in();
    pair.client->rekey(pair.now);
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys logged-in(none) keys") << "asked once only";
    pair.server_settings.transport.host_keys = {test::test_host_key("ecdsa-sha2-nistp256")};
    pair.server->rekey(pair.now);
    pair.run();
    EXPECT_EQ(pair.client_error, errc::host_key_rejected);
    EXPECT_EQ(pair.server_news, "bye(9)");
}

// A client that awaits the answer to its login may not send a KEXINIT: the server compresses from
// its answer on, and expects the same of what it receives (OpenSSH PROTOCOL 1.1).
TEST(ClientEndpoint, NobodyRekeysBeforeTheLogin) {
    endpoint_pair pair;
    pair.client_settings.transport.compressions = {"zlib@openssh.com"};
    pair.server_settings.transport.compressions = {"zlib@openssh.com"};
    pair.start();
    while (pair.step(1)) {
        if (pair.client->authenticated()) continue;
        pair.client->rekey(pair.now);
        pair.server->rekey(pair.now);
    }
    EXPECT_EQ(pair.client_error, error_code());
    EXPECT_EQ(pair.server_error, error_code());
    EXPECT_TRUE(pair.client->authenticated());
    pair.client->rekey(pair.now);
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys logged-in(none) keys keys");
}

TEST(ClientEndpoint, QuestionsMayWaitAndTheConnectionIsReadMeanwhile) {
    endpoint_pair pair;
    pair.server_settings.auth.method_chains = {{"password"}};
    pair.server_settings.auth.banner = "hello";
    pair.server_settings.login_grace = 10min;
    pair.client_settings.login_timeout = 30s;
    pair.answers = false;
    pair.start();
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys banner(hello) question");
    ASSERT_NE(pair.client->question(), nullptr);
    EXPECT_TRUE(pair.client->wants_input());
    EXPECT_EQ(pair.client->next_deadline(), time_point::max()) << "the user has time";
    pair.now += 5min;
    pair.run();
    pair.answer_question();
    EXPECT_EQ(pair.client->next_deadline(), pair.now + 30s) << "the server has less";
    pair.run();
    EXPECT_TRUE(pair.client->authenticated());

    endpoint_pair impatient;
    impatient.server_settings.auth.method_chains = {{"password"}};
    impatient.server_settings.login_grace = 1min;
    impatient.answers = false;
    impatient.start();
    impatient.run();
    impatient.now += 1min;
    impatient.run();
    EXPECT_EQ(impatient.server_error, errc::login_timeout);
    EXPECT_EQ(impatient.client_news, "host-key keys question bye(11)");
    EXPECT_EQ(impatient.client->question(), nullptr);
}

TEST(ClientEndpoint, FailedLoginsEndWithTheReason) {
    endpoint_pair pair;
    pair.server_settings.auth.method_chains = {{"publickey"}, {"password"}};
    pair.client_settings.auth.prompts_max = 2;
    pair.password = "wrong";
    pair.start();
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys question question");
    EXPECT_EQ(pair.client_error, errc::auth_denied);
    EXPECT_EQ(pair.client->can_continue(), "publickey,password");
    EXPECT_EQ(pair.server_news, "bye(14)");
}

TEST(ClientEndpoint, AServerThatKeepsUsWaitingIsLeft) {
    endpoint_pair pair;
    pair.client_settings.login_timeout = 30s;
    pair.start();
    EXPECT_EQ(pair.client->next_deadline(), pair.now + 30s);
    pair.now += 30s - 1ns;
    EXPECT_TRUE(pair.client->poll(pair.now));
    pair.now += 1ns;
    EXPECT_EQ(pair.client->poll(pair.now).error(), errc::login_timeout);
    EXPECT_EQ(pair.client->poll(pair.now).error(), errc::login_timeout) << "it stays so";
    EXPECT_TRUE(pair.client->finished());
}

TEST(ClientEndpoint, RunsACommand) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{1000}, SIZE_MAX}) {
        SCOPED_TRACE(chunk);
        endpoint_pair pair;
        pair.log_in();
        pair.client_news.clear();
        pair.exec("uname -a");
        pair.client_stream.to_send = noise(5000, 1);
        pair.server_stream.to_send = noise(7000, 2);
        pair.run(chunk);
        EXPECT_EQ(pair.commands, std::vector<std::string>{"uname -a"});
        pair.pump_streams();
        pair.client->channels().send_eof(pair.client_channel);
        pair.run(chunk);  // the server takes all before it closes
        pair.server->channels().exit_status(*pair.server_channel, 7);
        pair.server->channels().close(*pair.server_channel);
        pair.run(chunk);
        EXPECT_EQ(pair.client_news, "opened success eof exit-status(7) closed");
        EXPECT_EQ(pair.server_news, "eof closed");
        EXPECT_EQ(pair.server_stream.received, pair.client_stream.to_send);
        EXPECT_EQ(pair.client_stream.received, pair.server_stream.to_send);
        ASSERT_TRUE(pair.client_report);
        EXPECT_EQ(pair.client_report->exit_status, 7u);
        EXPECT_EQ(pair.client_report->bytes_undelivered, 0u);

        pair.client->cut(disconnect_reason::by_application, "done", pair.now);
        EXPECT_TRUE(pair.client->finished());
        pair.run(chunk);
        EXPECT_EQ(pair.server_news, "eof closed bye(11)");
        EXPECT_TRUE(pair.server->finished());
    }
}

TEST(ClientEndpoint, ADisconnectOfTheServerIsTold) {
    endpoint_pair pair;
    pair.log_in();
    pair.server->cut(disconnect_reason::by_application, "bye", pair.now);
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys logged-in(none) bye(11)");
    EXPECT_TRUE(pair.client->finished());
    EXPECT_TRUE(pair.client->wants_input()) << "until the server's FIN";
}

TEST(ClientEndpoint, APongIsTheReceiptForWhatWasSent) {
    endpoint_pair pair;
    pair.log_in();
    EXPECT_TRUE(pair.client->send_ping(as_bytes("7")));
    pair.run();
    EXPECT_EQ(pair.client_news, "host-key keys logged-in(none) pong(7)");

    endpoint_pair without;
    without.server_settings.transport.extensions = {};
    without.log_in();
    EXPECT_FALSE(without.client->send_ping(as_bytes("7")));
}

TEST(ClientEndpoint, RekeysUnderLoadLoseNothing) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 dice(seed);
        const auto roll = [&](std::uint64_t sides) { return dice() % sides; };
        endpoint_pair pair(seed);
        pair.client_settings.channels.window_size = static_cast<std::uint32_t>(1 + roll(100'000));
        pair.server_settings.channels.window_size = static_cast<std::uint32_t>(1 + roll(100'000));
        pair.log_in();
        pair.exec("cat");
        pair.client_stream.to_send = noise(roll(400'000), seed);
        pair.server_stream.to_send = noise(roll(400'000), seed + 1);
        std::size_t idle = 0;
        const auto sent = [](const test::stream& s) { return s.written == s.to_send.size(); };
        while (!pair.client_report && idle < 10) {
            if (roll(8) == 0) pair.client->rekey(pair.now);
            if (roll(8) == 0) pair.server->rekey(pair.now);
            pair.pump_streams();
            if (sent(pair.client_stream) && !pair.client_stream.eof_sent) {
                pair.client->channels().send_eof(pair.client_channel);
                pair.client_stream.eof_sent = true;
            }
            if (pair.server_channel && sent(pair.server_stream) &&
                pair.server_stream.eof_received && !pair.server_stream.eof_sent) {
                pair.server->channels().exit_status(*pair.server_channel, 0);
                pair.server->channels().close(*pair.server_channel);
                pair.server_stream.eof_sent = true;
            }
            idle = pair.step(1 + roll(60'000)) ? 0 : idle + 1;
        }
        pair.run();
        EXPECT_EQ(pair.client_error, error_code());
        EXPECT_EQ(pair.server_error, error_code());
        ASSERT_TRUE(pair.client_report && pair.server_report);
        EXPECT_TRUE(pair.server_stream.received == pair.client_stream.to_send);
        EXPECT_TRUE(pair.client_stream.received == pair.server_stream.to_send);
        EXPECT_TRUE(pair.client_stream.eof_received);
        EXPECT_EQ(pair.client_report->exit_status, 0u);
    }
}

TEST(ClientEndpoint, ASilentServerIsAskedAndThenLeft) {
    endpoint_pair pair;
    pair.log_in();
    EXPECT_EQ(pair.client->next_deadline(), pair.now + 30s) << "on by default";
    for (int asked = 1; asked <= 3; ++asked) {
        pair.now = pair.client->next_deadline();
        EXPECT_TRUE(pair.client->poll(pair.now));
        EXPECT_FALSE(pair.client->output().empty()) << asked;
        pair.client->consume_output(pair.client->output().size());
    }
    pair.now = pair.client->next_deadline();
    EXPECT_EQ(pair.client->poll(pair.now).error(), errc::keepalive_timeout);
    EXPECT_EQ(pair.now, time_point{} + 120s);
}

TEST(ClientEndpoint, KeepaliveRepliesAreNotTheApplications) {
    endpoint_pair pair;
    pair.server_settings.keepalive_interval = 0s;
    pair.log_in();
    pair.client_news.clear();
    pair.client->global(tcpip_forward_request{"", 0}, true);
    pair.now += 30s;
    pair.client->poll(pair.now).value();  // asks for a sign of life
    pair.client->global(tcpip_forward_request{"", 0}, true);
    pair.run();
    EXPECT_EQ(pair.client_news, "global-success global-success");
    for (int i = 0; i < 10; ++i) {
        pair.now += 30s;
        pair.run();
    }
    EXPECT_EQ(pair.client_news, "global-success global-success");
    EXPECT_EQ(pair.client_error, error_code());
}

TEST(OpenSshProtocol2_5, HostKeysAreTold) {
    endpoint_pair pair;
    pair.server_settings.announce_host_keys = true;
    pair.log_in();
    EXPECT_EQ(pair.client_news, "host-key keys logged-in(none) hostkeys-00@openssh.com");
}

TEST(OpenSshProtocol2_5, ProofOfHostKeys) {
    for (const bool all : {true, false}) {
        SCOPED_TRACE(all);
        endpoint_pair pair;
        pair.server_settings.transport.host_keys = {test::test_host_key(),
                                                    test::test_host_key("ssh-rsa"),
                                                    test::test_host_key("ecdsa-sha2-nistp384")};
        std::optional<std::vector<crypto::public_key>> proven;
        pair.on_client_event = [&](const client_event& event) {
            if (const auto* told = std::get_if<host_keys_proven_event>(&event)) proven = told->keys;
        };
        pair.log_in();
        std::vector<crypto::public_key> keys;
        for (const char* type : {"ecdsa-sha2-nistp384", "ssh-rsa"})
            keys.push_back(
                crypto::public_key::from_blob(test::test_host_key(type)->blob()).value());
        // One that the server has not got leaves nothing proven.
        if (!all)
            keys.push_back(
                crypto::public_key::from_blob(test::test_host_key("ssh-ed448")->blob()).value());
        pair.client->global(global_keepalive_request{}, true);  // replies keep their order
        pair.client->ask_for_proof(keys);
        pair.client->global(global_keepalive_request{}, true);
        pair.run();
        ASSERT_TRUE(proven);
        EXPECT_EQ(*proven, all ? keys : std::vector<crypto::public_key>());
    }
}

// A server that has only its transport, to say what no endpoint of ours would.
class raw_server {
public:
    raw_server() {
        client_settings.transport.random = &random_;
        client_settings.auth.user = "ada";
        server_settings.random = &random_;
        server_settings.host_keys = {test::test_host_key()};
        client.emplace(client_settings, time_point{});
        server.emplace(server_settings, role::server, time_point{});
        run();
    }

    void log_in() {
        server->send(wire::encoded(service_accept{"ssh-userauth"}));
        server->send(wire::encoded(userauth_success{}));
        run();
        ASSERT_TRUE(client->authenticated());
        replies.clear();
    }

    error_code hear(bytes_view payload) {
        server->send(payload);
        run();
        return error;
    }

    void run() {
        for (;;) {
            const bytes_view down = server->output();
            const bool any = !down.empty();
            std::ranges::copy(down, client->prepare_input(down.size()).begin());
            client->commit_input(down.size(), {});
            server->consume_output(down.size());
            for (;;) {
                const auto event = client->poll({});
                if (!event) error = event.error();
                if (!event || !*event) break;
                if (std::holds_alternative<host_key_event>(**event)) client->accept_host_key({});
                if (const auto* told_keys = std::get_if<host_keys_proven_event>(&**event))
                    proven = told_keys->keys.size();
                if (const auto* c = std::get_if<channel_event>(&**event))
                    told += std::holds_alternative<global_request_event>(*c);
            }
            const bytes_view up = client->output();
            if (!any && up.empty()) return;
            test::feed(*server, up);
            client->consume_output(up.size());
            for (auto event = server->poll({}); event && *event; event = server->poll({}))
                if (const auto* p = std::get_if<transport_payload>(&**event))
                    replies.push_back(p->payload.front());
        }
    }

    client_config client_settings;
    transport_config server_settings;
    std::optional<client_endpoint> client;
    std::optional<transport> server;
    std::size_t proven = 99;  // keys of the latest host_keys_proven_event
    bytes replies;            // numbers of the client's payloads
    int told = 0;             // global requests that reached the application
    error_code error;

private:
    test::seeded_random random_;
};

TEST(ClientEndpoint, WhatAStateDoesNotListIsUnexpected) {
    const bytes accept = wire::encoded(service_accept{"ssh-userauth"});
    const bytes success = wire::encoded(userauth_success{});
    const bytes channel{wire::encoded(request_failure{})};
    struct {
        const char* name;
        std::vector<bytes> said;
        errc error;
    } cases[] = {
        {"SUCCESS before the service", {success}, errc::unexpected_message},
        {"a channel message before the service", {channel}, errc::unexpected_message},
        {"a service request of a server",
         {wire::encoded(service_request{"ssh-userauth"})},
         errc::unexpected_message},
        {"another service", {wire::encoded(service_accept{"ssh-tunnels"})}, errc::protocol_error},
        {"the service twice", {accept, accept}, errc::unexpected_message},
        {"a channel message before SUCCESS", {accept, channel}, errc::unexpected_message},
        {"a banner after SUCCESS",
         {accept, success, wire::encoded(userauth_banner{"x", ""})},
         errc::unexpected_message},
        {"SUCCESS twice", {accept, success, success}, errc::unexpected_message},
        {"the service after SUCCESS", {accept, success, accept}, errc::unexpected_message},
        {"a message of no channel",
         {accept, success, wire::encoded(channel_eof{9})},
         errc::unknown_channel},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        raw_server raw;
        for (const bytes& payload : c.said) {
            EXPECT_EQ(raw.error, error_code());
            raw.hear(payload);
        }
        EXPECT_EQ(raw.error, c.error);
        EXPECT_TRUE(raw.client->finished());
    }
}

TEST(Rfc4254s4, GlobalRequestsOfAServerAreAnsweredHere) {
    struct {
        global_request request;
        std::uint8_t reply;
        int told;
    } cases[] = {
        {global_keepalive_request{}, request_failure::number, 0},
        {tcpip_forward_request{"", 22}, request_failure::number, 0},
        {hostkeys_prove_request{}, request_failure::number, 0},
        {no_more_sessions_request{}, request_success::number, 0},
        {hostkeys_request{}, request_failure::number, 1},
    };
    for (const auto& c : cases)
        for (const bool want_reply : {false, true}) {
            SCOPED_TRACE(c.request.index());
            raw_server raw;
            raw.log_in();
            bytes payload;
            encode_global_request(c.request, want_reply, payload);
            EXPECT_EQ(raw.hear(payload), error_code());
            EXPECT_EQ(raw.replies, want_reply ? bytes{c.reply} : bytes{});
            EXPECT_EQ(raw.told, c.told);
        }
}

TEST(OpenSshProtocol2_5, ABadProofProvesNothing) {
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    const auto signed_by = [&](const crypto::private_key& by, bytes_view session) {
        bytes data;
        wire::writer w(data);
        w.write(hostkeys_prove_request::name);
        w.write(session);
        w.write(bytes_view(key.public_half().blob()));
        return by.sign("ssh-ed25519", data).value();
    };
    const auto other = crypto::private_key::generate("ssh-ed25519").value();
    for (const char* what : {"good", "another key's", "another session's", "nothing", "too much"}) {
        SCOPED_TRACE(what);
        const std::string_view name = what;
        raw_server raw;
        raw.log_in();
        raw.client->ask_for_proof({key.public_half()});
        bytes reply{request_success::number};
        wire::writer w(reply);
        const bytes session = raw.client->lower().session_id();
        const bytes elsewhere(session.size(), 7);
        if (name != "nothing")
            w.write(bytes_view(signed_by(name == "another key's" ? other : key,
                                         name == "another session's" ? elsewhere : session)));
        if (name == "too much") w.write("more");
        EXPECT_EQ(raw.hear(reply), error_code());
        EXPECT_EQ(raw.proven, name == "good" ? 1u : 0u);
    }
}

TEST(ClientEndpoint, UnknownNumbersAreUnimplemented) {
    raw_server raw;
    raw.log_in();
    EXPECT_EQ(raw.hear(bytes{120, 1, 2, 3}), error_code());
    EXPECT_FALSE(raw.client->finished());
}

}  // namespace
}  // namespace sluice
