#include "sluice/auth/agent_server.hpp"

#include "sluice/tests/support/agent_talk.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::agent_talk;
using test::known_host;

using strings = std::vector<std::string>;

crypto::private_key make(std::string_view type = "ssh-ed25519") {
    return crypto::private_key::generate(type, type == "ssh-rsa" ? 2048 : 0).value();
}

crypto::certificate certify(const crypto::private_key& key,
                            crypto::certificate_kind kind = crypto::certificate_kind::user,
                            strings principals = {"ada"}) {
    static const crypto::private_key authority = make();
    return crypto::certificate::issue(key.public_half(), {.kind = kind, .principals = principals},
                                      authority, crypto::system_random())
        .value();
}

std::optional<bytes> signature_of(agent_talk& talk, bytes_view blob, std::string_view algorithm,
                                  bytes_view data) {
    talk.client.request_signature(blob, algorithm, data);
    const auto reply = talk.reply();
    if (!reply || !std::holds_alternative<agent_signature>(*reply)) return std::nullopt;
    return std::get<agent_signature>(*reply).blob;
}

struct AgentServer : testing::Test {
    agent_keyring keyring{crypto::system_random()};
    agent_talk talk{keyring};
    const bytes data{1, 2, 3};
};

TEST_F(AgentServer, KeysOfAllTypesAreAddedListedUsedAndRemoved) {
    const struct {
        const char* type;
        std::vector<const char*> algorithms;
    } cases[] = {{"ssh-ed25519", {"ssh-ed25519"}},
                 {"ssh-ed448", {"ssh-ed448"}},
                 {"ecdsa-sha2-nistp256", {"ecdsa-sha2-nistp256"}},
                 {"ecdsa-sha2-nistp384", {"ecdsa-sha2-nistp384"}},
                 {"ecdsa-sha2-nistp521", {"ecdsa-sha2-nistp521"}},
                 {"ssh-rsa", {"rsa-sha2-256", "rsa-sha2-512"}}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.type);
        const auto key = make(c.type);
        const auto certificate = certify(key);
        ASSERT_TRUE(talk.client.add(key, "plain"));
        EXPECT_TRUE(talk.succeeds());
        ASSERT_TRUE(talk.client.add(key, certificate, "certified"));
        EXPECT_TRUE(talk.succeeds());
        EXPECT_EQ(talk.comments(), (strings{"plain", "certified"}));
        for (const char* algorithm : c.algorithms)
            for (const bytes& blob : {key.public_half().blob(), certificate.blob()}) {
                const auto signature = signature_of(talk, blob, algorithm, data);
                ASSERT_TRUE(signature);
                EXPECT_TRUE(key.public_half().verify(algorithm, data, *signature));
            }
        talk.client.remove(certificate.blob());
        EXPECT_TRUE(talk.succeeds());
        talk.client.remove(certificate.blob());
        EXPECT_TRUE(talk.refuses());
        EXPECT_EQ(talk.comments(), strings{"plain"});
        talk.client.remove_all();
        EXPECT_TRUE(talk.succeeds());
        EXPECT_EQ(talk.comments(), strings{});
        EXPECT_FALSE(signature_of(talk, key.public_half().blob(), c.algorithms[0], data));
    }
}

TEST_F(AgentServer, OneByteAtATimeMakesNoDifference) {
    talk.chunk = 1;
    const auto key = make();
    ASSERT_TRUE(talk.client.add(key, "key"));
    talk.client.request_identities();
    talk.client.query();
    EXPECT_TRUE(talk.succeeds());
    EXPECT_TRUE(talk.replies<agent_identities>());
    EXPECT_TRUE(talk.replies<agent_extensions>());
    EXPECT_TRUE(signature_of(talk, key.public_half().blob(), "ssh-ed25519", data));
}

TEST_F(AgentServer, RepliesOnTheWire) {
    const struct {
        const char* name;
        const char* request;
        const char* reply;
    } cases[] = {
        {"list", "0b", "0c00000000"},
        {"a byte more", "0b00", "05"},
        {"sign with a key that is not there", "0d 00000001aa 00000000 00000000", "05"},
        {"remove it", "12 00000001aa", "05"},
        {"remove all", "13", "06"},
        {"unlock what is not locked", "17 00000001 61", "05"},
        {"query", "1b 00000005 7175657279",
         "1d000000057175657279000000057175657279"
         "0000001873657373696f6e2d62696e64406f70656e7373682e636f6d"},
        {"another extension", "1b 00000003 784079", "05"},
        {"a session without a signature",
         "1b 00000018 73657373696f6e2d62696e64406f70656e7373682e636f6d"
         "00000000 00000000 00000000 00",
         "1c"},
        {"a smart card", "14 00000001 61 00000001 61", "05"},
        {"SSH 1", "01", "05"},
        {"a reply", "06", "05"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        agent_server server(keyring);
        bytes framed;
        wire::writer(framed).write(bytes_view(test::from_hex(c.request)));
        for (const std::uint8_t byte : framed) {
            ASSERT_FALSE(server.input_space().empty());
            server.input_space().front() = byte;
            ASSERT_TRUE(server.commit_input(1, {}));
        }
        EXPECT_TRUE(server.input_space().empty()) << "the reply goes first";
        EXPECT_EQ(test::to_hex(server.output().subspan(4)), c.reply);
    }
}

TEST_F(AgentServer, LengthsThatCannotBeEndTheConversation) {
    bytes too_long;
    wire::writer(too_long).write(static_cast<std::uint32_t>(limits::agent_message_length_max + 1));
    const struct {
        bytes length;
        errc want;
    } cases[] = {{bytes(4, 0), errc::truncated}, {too_long, errc::too_long}};
    for (const auto& c : cases) {
        agent_server server(keyring);
        std::ranges::copy(c.length, server.input_space().begin());
        EXPECT_EQ(server.commit_input(4, {}).error(), c.want);
        EXPECT_TRUE(server.input_space().empty());
        EXPECT_EQ(server.commit_input(0, {}).error(), c.want);
    }
}

// Each message that adds a key, cut anywhere inside, is refused and leaves nothing.
TEST_F(AgentServer, EveryTruncationOfAKeyIsRefused) {
    for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"})
        for (const bool certified : {false, true}) {
            SCOPED_TRACE(type);
            const auto key = make(type);
            agent_client client;
            const agent_constraints constraints{.confirm = true};
            ASSERT_TRUE(certified ? client.add(key, certify(key), "c", constraints)
                                  : client.add(key, "c", constraints));
            const bytes whole = to_bytes(client.output().subspan(4));
            for (std::size_t n = 1; n < whole.size(); ++n) {
                agent_server server(keyring);
                bytes framed;
                wire::writer(framed).write(bytes_view(whole).first(n));
                std::ranges::copy(bytes_view(framed).first(4), server.input_space().begin());
                ASSERT_TRUE(server.commit_input(4, {}));
                std::ranges::copy(bytes_view(framed).subspan(4), server.input_space().begin());
                ASSERT_TRUE(server.commit_input(n, {}));
                // Without its last byte it has no constraint, and is whole.
                ASSERT_EQ(server.output()[4], n + 1 == whole.size() ? 6 : 5) << n;
                keyring.remove_if([](const agent_key&) { return true; });
            }
        }
}

TEST_F(AgentServer, ConstraintsStandOnlyWhereTheyBelong) {
    agent_client client;
    ASSERT_TRUE(client.add(make(), "c", {.confirm = true}));
    bytes whole = to_bytes(client.output());
    whole[4] = 17;  // ADD_IDENTITY, which has none
    std::ranges::copy(bytes_view(whole).first(4), talk.server.input_space().begin());
    ASSERT_TRUE(talk.server.commit_input(4, {}));
    std::ranges::copy(bytes_view(whole).subspan(4), talk.server.input_space().begin());
    ASSERT_TRUE(talk.server.commit_input(whole.size() - 4, {}));
    EXPECT_EQ(talk.server.output()[4], 5);
    EXPECT_TRUE(keyring.keys().empty());
}

TEST_F(AgentServer, NoSignatureWithSha1OrUnknownFlags) {
    const auto rsa = make("ssh-rsa");
    const auto ed25519 = make();
    ASSERT_TRUE(talk.client.add(rsa, "rsa"));
    ASSERT_TRUE(talk.client.add(ed25519, "ed25519"));
    EXPECT_TRUE(talk.succeeds());
    EXPECT_TRUE(talk.succeeds());
    EXPECT_FALSE(signature_of(talk, rsa.public_half().blob(), "ssh-rsa", data));
    EXPECT_FALSE(signature_of(talk, ed25519.public_half().blob(), "rsa-sha2-512", data));
}

TEST_F(AgentServer, WhatCannotBeHeldIsRefused) {
    const auto key = make();
    EXPECT_FALSE(talk.client.add(key, certify(make()), "another's")) << "nothing is sent";
    EXPECT_EQ(talk.client.pending(), 0u);
    EXPECT_EQ(talk.client.add(key, std::string(limits::agent_message_length_max, 'x')).error(),
              errc::too_long);
    ASSERT_TRUE(talk.client.add(key, std::string(limits::agent_comment_length_max + 1, 'x')));
    EXPECT_TRUE(talk.refuses());
    ASSERT_TRUE(talk.client.add_fields("sk-ssh-ed25519@openssh.com", bytes(40), "hardware",
                                       {.extensions = {{"sk-provider@openssh.com", {}}}}));
    EXPECT_TRUE(talk.refuses());
    ASSERT_TRUE(talk.client.add(key, "c", {.extensions = {{"x@y", {}}}}));
    EXPECT_TRUE(talk.refuses());
    EXPECT_TRUE(keyring.keys().empty());
}

TEST_F(AgentServer, ThereIsAnEndToWhatItHolds) {
    const auto key = make();
    std::size_t added = 0;
    // The same key under many certificates.
    for (; added <= limits::agent_keys_max; ++added)
        if (!keyring.add({key, certify(key), std::string(100, 'c')})) break;
    EXPECT_EQ(added, limits::agent_keys_max);
    EXPECT_EQ(keyring.add({key, certify(key)}).error(), errc::limit_reached);
    // And one answer holds them all.
    EXPECT_EQ(talk.comments().size(), limits::agent_keys_max);
    keyring.remove_if([](const agent_key&) { return true; });
    std::size_t size = 0;
    for (; size <= limits::agent_keys_max; ++size)
        if (!keyring.add({key, certify(key), std::string(1000, 'c')})) break;
    EXPECT_LT(size, limits::agent_keys_max);
    EXPECT_EQ(talk.comments().size(), size);
}

// --- time ---------------------------------------------------------------------------------------

TEST_F(AgentServer, KeysExpire) {
    const auto brief = make();
    ASSERT_TRUE(
        talk.client.add(brief, "brief", {.lifetime = std::chrono::duration<std::uint32_t>(10)}));
    ASSERT_TRUE(talk.client.add(make(), "lasting"));
    EXPECT_TRUE(talk.succeeds());
    EXPECT_TRUE(talk.succeeds());
    EXPECT_EQ(keyring.next_expiry(), time_point{} + 10s);
    talk.time.now += 10s - 1ns;
    EXPECT_EQ(talk.comments(), (strings{"brief", "lasting"}));
    talk.time.now += 1ns;
    EXPECT_FALSE(signature_of(talk, brief.public_half().blob(), "ssh-ed25519", data));
    EXPECT_EQ(talk.comments(), strings{"lasting"});
    EXPECT_EQ(keyring.next_expiry(), time_point::max());
}

TEST_F(AgentServer, ADefaultLifetimeIsForKeysWithoutOne) {
    agent_talk limited(keyring, 5s);
    ASSERT_TRUE(limited.client.add(make(), "default"));
    ASSERT_TRUE(
        limited.client.add(make(), "own", {.lifetime = std::chrono::duration<std::uint32_t>(9)}));
    EXPECT_TRUE(limited.succeeds());
    EXPECT_TRUE(limited.succeeds());
    limited.time.now += 5s;
    EXPECT_EQ(limited.comments(), strings{"own"});
}

TEST_F(AgentServer, AddingAgainReplacesTheConstraints) {
    const auto key = make();
    ASSERT_TRUE(
        talk.client.add(key, "old", {.lifetime = std::chrono::duration<std::uint32_t>(10)}));
    ASSERT_TRUE(talk.client.add(key, "new"));
    EXPECT_TRUE(talk.succeeds());
    EXPECT_TRUE(talk.succeeds());
    talk.time.now += 1h;
    EXPECT_EQ(talk.comments(), strings{"new"});
}

// --- the lock -----------------------------------------------------------------------------------

TEST(Rfc9987s3_7, ALockedAgentShowsAndUsesNothing) {
    agent_keyring keyring(crypto::system_random());
    agent_talk talk(keyring);
    agent_talk other(keyring);
    const auto key = make();
    ASSERT_TRUE(talk.client.add(key, "key"));
    EXPECT_TRUE(talk.succeeds());
    talk.client.lock("");
    EXPECT_TRUE(talk.refuses());
    talk.client.lock(std::string(limits::password_length_max + 1, 'x'));
    EXPECT_TRUE(talk.refuses());
    talk.client.lock("secret");
    EXPECT_TRUE(talk.succeeds());
    EXPECT_EQ(other.comments(), strings{}) << "for all of its connections";
    EXPECT_FALSE(signature_of(other, key.public_half().blob(), "ssh-ed25519", bytes{1}));
    ASSERT_TRUE(talk.client.add(make(), "another"));
    EXPECT_TRUE(talk.refuses());
    talk.client.remove_all();
    EXPECT_TRUE(talk.refuses());
    talk.client.lock("again");
    EXPECT_TRUE(talk.refuses());
    other.client.unlock("secret");
    EXPECT_TRUE(other.succeeds());
    EXPECT_EQ(talk.comments(), strings{"key"});
}

TEST_F(AgentServer, WrongPassphrasesCostMoreAndMoreTime) {
    talk.client.lock("secret");
    EXPECT_TRUE(talk.succeeds());
    for (const auto pause : {100ms, 200ms, 300ms}) {
        talk.client.unlock("wrong");
        EXPECT_TRUE(talk.refuses());
        talk.time.now += pause - 1ns;
        talk.client.unlock("secret");
        EXPECT_TRUE(talk.refuses()) << "too early to be looked at";
        EXPECT_TRUE(keyring.locked());
        talk.time.now += 1ns;
    }
    for (int i = 0; i < 200; ++i) {
        talk.client.unlock(i % 2 == 0 ? "" : "wrong");
        EXPECT_TRUE(talk.refuses());
        talk.time.now += limits::agent_unlock_pause_max;
    }
    talk.client.unlock("secret");
    EXPECT_TRUE(talk.succeeds()) << "never longer than the maximum";
    EXPECT_EQ(keyring.unlock("secret", talk.time.now).error(), errc::unexpected_message);
}

TEST_F(AgentServer, TheKeyringSaysWhyItDoesNotUnlock) {
    ASSERT_TRUE(keyring.lock("secret"));
    EXPECT_EQ(keyring.lock("secret").error(), errc::unexpected_message);
    EXPECT_EQ(keyring.unlock("wrong", {}).error(), errc::wrong_passphrase);
    EXPECT_EQ(keyring.unlock("secret", {}).error(), errc::too_many_attempts);
    EXPECT_TRUE(keyring.unlock("secret", time_point{} + 1s));
}

// --- the user's word ----------------------------------------------------------------------------

struct Confirming : AgentServer {
    const crypto::private_key key = make();
    void SetUp() override {
        ASSERT_TRUE(talk.client.add(key, "careful", {.confirm = true}));
        ASSERT_TRUE(talk.succeeds());
        talk.client.request_signature(key.public_half().blob(), "ssh-ed25519", data);
        ASSERT_FALSE(talk.reply());
        ASSERT_NE(talk.server.question(), nullptr);
    }
};

TEST_F(Confirming, TheUserIsAskedAndMaySayYes) {
    EXPECT_EQ(talk.server.question()->comment, "careful");
    EXPECT_EQ(talk.server.question()->fingerprint, key.public_half().fingerprint());
    EXPECT_FALSE(talk.server.question()->forwarded);
    EXPECT_TRUE(talk.server.input_space().empty()) << "nothing else is heard meanwhile";
    talk.server.answer(true, talk.time);
    EXPECT_TRUE(talk.replies<agent_signature>());
    EXPECT_EQ(talk.server.question(), nullptr);
}

TEST_F(Confirming, OrNo) {
    talk.server.answer(false, talk.time);
    EXPECT_TRUE(talk.refuses());
}

TEST_F(Confirming, WhatHappenedMeanwhileCounts) {
    ASSERT_TRUE(keyring.lock("secret"));
    talk.server.answer(true, talk.time);
    EXPECT_TRUE(talk.refuses());
    ASSERT_TRUE(keyring.unlock("secret", talk.time.now));
    talk.client.request_signature(key.public_half().blob(), "ssh-ed25519", data);
    ASSERT_FALSE(talk.reply());
    keyring.remove_if([](const agent_key&) { return true; });
    talk.server.answer(true, talk.time);
    EXPECT_TRUE(talk.refuses());
}

TEST_F(AgentServer, RequestsAreRecorded) {
    const auto key = make();
    ASSERT_TRUE(talk.client.add(key, "key"));
    EXPECT_TRUE(talk.succeeds());
    auto record = talk.server.take_record();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->request, 17);
    EXPECT_TRUE(record->granted);
    EXPECT_EQ(record->fingerprint, key.public_half().fingerprint());
    EXPECT_FALSE(talk.server.take_record());
    talk.client.bind_session({});
    EXPECT_TRUE(talk.refuses());
    EXPECT_FALSE(talk.server.take_record()->granted);
}

// --- destinations -------------------------------------------------------------------------------

// The agent's machine -> first -> second, as in PROTOCOL.agent.
struct Destinations : AgentServer {
    known_host first{};
    known_host second{.session_id = bytes(32, 2)};
    known_host stranger{.session_id = bytes(32, 200)};
    const crypto::private_key key = make();
    const bytes blob = key.public_half().blob();

    void add(std::vector<agent_hop> hops) {
        ASSERT_TRUE(talk.client.add(key, "restricted", {.hops = std::move(hops)}));
        ASSERT_TRUE(talk.succeeds());
    }
    static agent_hop_end at(const known_host& host, std::string user = "") {
        return {std::move(user), "host", {{host.key.public_half(), false}}};
    }
    bool bind(agent_talk& over, known_host& host, bool forwarding) {
        over.client.bind_session(host.binding(forwarding));
        return over.succeeds();
    }
    bool signs(agent_talk& over, const known_host& host, std::string_view user = "ada",
               bool hostbound = true) {
        const auto bound = hostbound ? std::optional<bytes_view>(host.blob) : std::nullopt;
        return signature_of(over, blob, "ssh-ed25519",
                            test::login_data(host.session_id, user, "ssh-ed25519", blob, bound))
            .has_value();
    }
};

TEST_F(Destinations, AKeyServesOnlyBoundLoginsAtItsHost) {
    add({{{}, at(first, "a*")}});
    EXPECT_EQ(talk.comments(), strings{"restricted"}) << "the user here may see it";
    EXPECT_FALSE(signs(talk, first)) << "not bound";
    ASSERT_TRUE(bind(talk, first, false));
    EXPECT_EQ(talk.comments(), strings{"restricted"});
    EXPECT_TRUE(signs(talk, first));
    EXPECT_TRUE(signs(talk, first, "ada", false)) << "without hostbound, on the first hop";
    EXPECT_FALSE(signs(talk, first, "bob"));
    EXPECT_FALSE(signs(talk, second)) << "another session";
    EXPECT_FALSE(signature_of(talk, blob, "ssh-ed25519", data)) << "not a login";
    const auto elsewhere =
        test::login_data(first.session_id, "ada", "ssh-ed25519", blob, bytes_view(second.blob));
    EXPECT_FALSE(signature_of(talk, blob, "ssh-ed25519", elsewhere)) << "another host key";

    agent_talk other(keyring);
    ASSERT_TRUE(bind(other, stranger, false));
    EXPECT_EQ(other.comments(), strings{});
    EXPECT_FALSE(signs(other, stranger));
    other.client.remove(blob);
    EXPECT_TRUE(other.refuses()) << "what one does not see one cannot remove";
    other.client.remove_all();
    EXPECT_TRUE(other.succeeds());
    ASSERT_TRUE(other.client.add(key, "free"));
    EXPECT_TRUE(other.refuses()) << "nor replace";
    EXPECT_EQ(talk.comments(), strings{"restricted"});
}

TEST_F(Destinations, AHostSeesOnlyWhatLeadsFurther) {
    add({{{}, at(first)}});
    ASSERT_TRUE(bind(talk, first, true));
    EXPECT_EQ(talk.comments(), strings{});
    EXPECT_FALSE(signs(talk, first));
}

TEST_F(Destinations, ForwardedKeysServeTheHopsThatWereNamed) {
    add({{{}, at(first)}, {at(first), at(second, "ada")}});
    ASSERT_TRUE(bind(talk, first, true));
    EXPECT_EQ(talk.comments(), strings{"restricted"});
    EXPECT_FALSE(signs(talk, first)) << "the binding is for forwarding";
    EXPECT_FALSE(signs(talk, second)) << "not bound";
    ASSERT_TRUE(bind(talk, second, false));
    EXPECT_TRUE(signs(talk, second));
    EXPECT_FALSE(signs(talk, second, "ada", false)) << "only hostbound tells where it is for";
    EXPECT_FALSE(signs(talk, second, "bob"));

    agent_talk other(keyring);
    ASSERT_TRUE(bind(other, first, true));
    ASSERT_TRUE(bind(other, stranger, false));
    EXPECT_EQ(other.comments(), strings{});
    EXPECT_FALSE(signs(other, stranger));
    agent_talk direct(keyring);
    ASSERT_TRUE(bind(direct, second, false));
    EXPECT_FALSE(signs(direct, second)) << "only by way of the first";
}

TEST_F(Destinations, SessionsAreBoundInOrderAndOnce) {
    talk.client.bind_session(first.binding(true));
    talk.client.bind_session(first.binding(true));
    EXPECT_TRUE(talk.succeeds());
    EXPECT_TRUE(talk.succeeds()) << "the same again";
    known_host liar{.session_id = first.session_id};
    EXPECT_FALSE(bind(talk, liar, true)) << "its session under another key";
    EXPECT_FALSE(bind(talk, first, false)) << "and not for a login";
    ASSERT_TRUE(bind(talk, second, false));
    EXPECT_FALSE(bind(talk, stranger, true)) << "behind a login nothing follows";
    EXPECT_FALSE(bind(talk, stranger, false));
}

TEST_F(Destinations, BindingsAreCheckedAndTheirNumberIsLimited) {
    agent_bindings bindings;
    agent_session_binding forged = first.binding(true);
    const bytes other_id(32, 9);
    forged.session_id = other_id;
    EXPECT_EQ(bindings.add(forged).error(), errc::bad_signature);
    forged.signature = {};
    EXPECT_EQ(bindings.add(forged).error(), errc::bad_signature);
    known_host lengthy{.session_id = bytes(limits::agent_session_id_length_max + 1, 1)};
    EXPECT_EQ(bindings.add(lengthy.binding(true)).error(), errc::too_long);
    for (std::size_t i = 0; i < limits::agent_bindings_max; ++i) {
        first.session_id = bytes(32, static_cast<std::uint8_t>(i));
        EXPECT_TRUE(bindings.add(first.binding(true)));
    }
    EXPECT_EQ(bindings.add(stranger.binding(true)).error(), errc::limit_reached);
}

TEST_F(Destinations, ABindingThatFailedHidesTheKey) {
    add({{{}, at(first)}});
    talk.client.bind_session({});
    EXPECT_TRUE(talk.refuses());
    EXPECT_EQ(talk.comments(), strings{});
    // Also one that is cut short.
    agent_talk other(keyring);
    other.client.extend("session-bind@openssh.com", bytes{0});
    EXPECT_TRUE(other.refuses());
    EXPECT_EQ(other.comments(), strings{});
}

TEST_F(Destinations, ALockDoesNotKeepAConnectionFromBeingBound) {
    add({{{}, at(second)}});
    ASSERT_TRUE(keyring.lock("secret"));
    EXPECT_TRUE(bind(talk, first, true));
    ASSERT_TRUE(keyring.unlock("secret", {}));
    EXPECT_EQ(talk.comments(), strings{}) << "it is known to come from elsewhere";
}

TEST_F(Destinations, HostsMayBeKnownByTheirAuthority) {
    const auto authority = make();
    const auto certified = [&](crypto::certificate_fields fields) {
        known_host host = first;
        host.blob = crypto::certificate::issue(first.key.public_half(), std::move(fields),
                                               authority, crypto::system_random())
                        .value()
                        .blob();
        return host;
    };
    constexpr auto of_host = crypto::certificate_kind::host;
    const agent_hop_end by_authority{"", "a.example", {{authority.public_half(), true}}};
    const agent_hop_end as_plain_key{"", "a.example", {{authority.public_half(), false}}};
    const struct {
        const char* name;
        known_host host;
        agent_hop_end to;
        bool permitted;
    } cases[] = {
        {"its name", certified({.kind = of_host, .principals = {"b", "a.example"}}), by_authority,
         true},
        {"a pattern", certified({.kind = of_host, .principals = {"*.example"}}), by_authority,
         true},
        {"any name", certified({.kind = of_host}), by_authority, true},
        {"another name", certified({.kind = of_host, .principals = {"b"}}), by_authority, false},
        {"a user's", certified({.principals = {"a.example"}}), by_authority, false},
        {"expired", certified({.kind = of_host, .valid_before = 1000}), by_authority, false},
        {"not marked as authority", certified({.kind = of_host}), as_plain_key, false},
        {"not a certificate", first, by_authority, false},
        {"a certificate for the plain key", certified({.kind = of_host}), at(first), false},
    };
    talk.time.system_seconds = 5000;
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        add({{{}, c.to}});
        agent_talk over(keyring);
        over.time = talk.time;
        known_host host = c.host;
        ASSERT_TRUE(bind(over, host, false));
        EXPECT_EQ(signs(over, host), c.permitted);
        EXPECT_EQ(over.comments().size(), c.permitted ? 1u : 0u);
    }
}

TEST(Agent, LoginDataIsTakenApart) {
    const bytes blob{1, 2, 3};
    const bytes session(32, 7);
    const bytes host{9, 9};
    const bytes bound = test::login_data(session, "ada", "ssh-ed25519", blob, bytes_view(host));
    const auto login = agent_login_data::parse(bound, blob);
    ASSERT_TRUE(login);
    EXPECT_EQ(login->user_name, "ada");
    EXPECT_EQ(to_bytes(login->session_id), session);
    EXPECT_EQ(to_bytes(login->host_key_blob.value()), host);
    const bytes plain = test::login_data(session, "ada", "ssh-ed25519", blob, std::nullopt);
    EXPECT_FALSE(agent_login_data::parse(plain, blob)->host_key_blob);
    EXPECT_EQ(agent_login_data::parse(plain, host).error(), errc::bad_value) << "another key";
    for (const bytes& whole : {bound, plain}) {
        for (std::size_t n = 0; n < whole.size(); ++n)
            EXPECT_FALSE(agent_login_data::parse(bytes_view(whole).first(n), blob)) << n;
        bytes longer = whole;
        longer.push_back(0);
        EXPECT_FALSE(agent_login_data::parse(longer, blob));
    }
    const struct {
        const char* name;
        std::size_t at;  // behind the session identifier
        std::uint8_t value;
    } cases[] = {{"another message", 0, 51},
                 {"another service", 1 + 4 + 3 + 4, 'x'},
                 {"another method", 1 + 4 + 3 + 4 + 14 + 4, 'x'},
                 {"no signature", 1 + 4 + 3 + 4 + 14 + 4 + 9, 0}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        bytes changed = plain;
        changed[4 + session.size() + c.at] = c.value;
        EXPECT_EQ(agent_login_data::parse(changed, blob).error(), errc::bad_value);
    }
}

}  // namespace
}  // namespace sluice
