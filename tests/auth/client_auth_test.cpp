#include "sluice/auth/client_auth.hpp"

#include "sluice/auth/methods.hpp"
#include "sluice/auth/server_auth.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace sluice {
namespace {

class recording_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        bytes payload = to_bytes(head);
        payload.insert(payload.end(), bulk.begin(), bulk.end());
        sent.push_back(std::move(payload));
    }
    std::size_t room() const override { return 1 << 20; }

    bytes take() {
        if (sent.empty()) return {};
        bytes payload = std::move(sent.front());
        sent.pop_front();
        return payload;
    }

    std::deque<bytes> sent;
};

using question_kind = client_auth_question::kind;

const bytes session_id{1, 2, 3, 4};
const bytes host_key{9, 8, 7};

const crypto::private_key& test_key(std::string_view type, int which = 0) {
    static std::map<std::pair<std::string, int>, crypto::private_key> made;
    const std::pair name(std::string(type), which);
    if (const auto found = made.find(name); found != made.end()) return found->second;
    const unsigned bits = type == "ssh-rsa" ? 2048 : 0;
    return made.emplace(name, crypto::private_key::generate(type, bits).value()).first->second;
}

bytes failure(std::string_view methods, bool partial = false) {
    return wire::encoded(userauth_failure{{methods}, partial});
}

bytes success() { return wire::encoded(userauth_success{}); }

auth_password password(std::string_view text) { return {secret_bytes(as_bytes(text))}; }

auth_responses responses(std::initializer_list<std::string_view> texts) {
    auth_responses r;
    for (const auto text : texts)
        r.responses.emplace_back(as_bytes(text));
    return r;
}

// A client whose server is played by the test.
struct scripted {
    explicit scripted(client_auth_config c = {.user = "ada"}) : config(std::move(c)) {
        client.start();
    }

    client_auth_config config;
    recording_sink sink;
    client_auth client{config, session_id, host_key, sink};

    result<> hear(const bytes& payload) { return client.on_message(payload); }

    // What the client sent, as text: "none", "query ssh-ed25519", "password secret", …
    std::string said() {
        const bytes payload = sink.take();
        if (payload.empty()) return "nothing";
        if (const auto m = wire::decode<userauth_info_response>(payload)) {
            std::string text = "responses";
            for (const auto response : m->responses)
                text += " " + std::string(as_text(response));
            return text;
        }
        const auto m = wire::decode<userauth_request>(payload);
        if (!m || m->user_name != config.user || m->service_name != "ssh-connection")
            return "something else";
        wire::reader r(m->method_specific.data);
        bool flag = false;
        std::string_view first;
        std::string_view second;
        if (m->method_name == "password") {
            r.read(flag);
            r.read(first);
            if (flag) r.read(second);
            EXPECT_TRUE(r.at_end() && !r.error());
            return flag ? "change " + std::string(first) + " to " + std::string(second)
                        : "password " + std::string(first);
        }
        if (m->method_name == "publickey" || m->method_name == publickey_hostbound) {
            r.read(flag);
            r.read(first);
            const std::string bound = m->method_name == publickey_hostbound ? "hostbound " : "";
            return bound + (flag ? "signature " : "query ") + std::string(first);
        }
        return std::string(m->method_name);
    }

    bytes pk_ok(std::string_view algorithm, std::size_t key = 0) const {
        return wire::encoded(userauth_pk_ok{algorithm, config.keys[key].blob()});
    }
};

// A client and a server of ours that talk until a question of the client's or the end.
struct conversation {
    conversation(client_auth_config c, server_auth_config s)
        : client_config(std::move(c)), server_config(std::move(s)) {
        client.set_server_extensions(server_config.public_key_algorithms, server_config.hostbound);
        client.start();
        run();
    }

    client_auth_config client_config;
    server_auth_config server_config;
    recording_sink up;
    recording_sink down;
    client_auth client{client_config, session_id, host_key, up};
    server_auth server{server_config, session_id, host_key, down};
    std::string right_password = "secret";
    std::string banners;
    error_code client_error;
    error_code server_error;

    void run() {
        while (!up.sent.empty() || !down.sent.empty()) {
            if (const bytes payload = up.take(); !payload.empty()) {
                if (const auto taken = server.on_message(payload); !taken)
                    server_error = taken.error();
                while (const auto* q = server.question()) {
                    const auto answer = knows(*q) ? auth_answer::accept : auth_answer::refuse;
                    if (const auto taken = server.answer(answer); !taken)
                        server_error = taken.error();
                }
            }
            if (const bytes payload = down.take(); !payload.empty()) {
                if (const auto taken = client.on_message(payload); !taken)
                    client_error = taken.error();
                if (const auto banner = client.take_banner()) banners += *banner;
            }
        }
    }

    bool knows(const auth_question& q) const {
        switch (q.what) {
        case auth_question::kind::user: return false;
        case auth_question::kind::none: return true;
        case auth_question::kind::password: return as_text(q.password) == right_password;
        case auth_question::kind::public_key_query:
        case auth_question::kind::public_key: return false;
        case auth_question::kind::host_based_query:
        case auth_question::kind::host_based: return q.client_host == "here.example";
        case auth_question::kind::password_change:
        case auth_question::kind::interactive:
        case auth_question::kind::interactive_responses: return false;
        }
        return false;
    }

    void give(client_auth_answer answer) {
        if (const auto taken = client.answer(std::move(answer)); !taken)
            client_error = taken.error();
        run();
    }
};

std::vector<crypto::presented_key> public_halves(const std::vector<crypto::private_key>& keys) {
    std::vector<crypto::presented_key> out;
    for (const auto& key : keys)
        out.emplace_back(key.public_half());
    return out;
}

TEST(Rfc4256s3, MessagesBothWaysAndEveryTruncation) {
    userauth_info_request request{"n", "i", "", {{"p", true}, {"q", false}}};
    const bytes one{0x61};
    userauth_info_response response{{one, {}}};
    const auto check = [](const auto& m, std::string_view hex) {
        using M = std::remove_cvref_t<decltype(m)>;
        const bytes whole = wire::encoded(m);
        EXPECT_EQ(test::to_hex(whole), hex);
        EXPECT_EQ(wire::encoded(wire::decode<M>(whole).value()), whole);
        for (std::size_t n = 0; n < whole.size(); ++n)
            EXPECT_EQ(wire::decode<M>({whole.data(), n}).error(), errc::truncated) << n;
        bytes longer = whole;
        longer.push_back(0);
        EXPECT_EQ(wire::decode<M>(longer).error(), errc::trailing_bytes);
    };
    check(request, "3c000000016e00000001690000000000000002000000017001000000017100");
    check(response, "3d00000002000000016100000000");

    request.prompts.resize(limits::auth_prompts_max + 1);
    EXPECT_EQ(wire::decode<userauth_info_request>(wire::encoded(request)).error(), errc::too_long);
    response.responses.resize(limits::auth_prompts_max + 1);
    EXPECT_EQ(wire::decode<userauth_info_response>(wire::encoded(response)).error(),
              errc::too_long);
}

// --- with a server of ours ----------------------------------------------------------------------

TEST(ClientAuth, LogsInByNoneAndByPassword) {
    {
        SCOPED_TRACE("none");
        conversation c({.user = "ada"}, {.method_chains = {{"none"}}});
        EXPECT_TRUE(c.client.succeeded());
        EXPECT_EQ(c.client.methods_done(), std::vector<std::string>{"none"});
    }
    {
        SCOPED_TRACE("password");
        conversation c({.user = "ada"}, {});
        ASSERT_NE(c.client.question(), nullptr);
        EXPECT_EQ(c.client.question()->what, question_kind::password);
        EXPECT_EQ(c.client.can_continue(), "publickey,password");
        c.give(password("secret"));
        EXPECT_TRUE(c.client.succeeded());
        EXPECT_EQ(c.client.question(), nullptr);
        EXPECT_EQ(c.server.take_user()->name(), "ada");
    }
    {
        SCOPED_TRACE("refused keys leave the password");
        const std::vector keys{test_key("ssh-ed25519", 0), test_key("ssh-ed25519", 1)};
        conversation c({.user = "ada", .keys = public_halves(keys)}, {});
        ASSERT_NE(c.client.question(), nullptr);
        EXPECT_EQ(c.client.question()->what, question_kind::password);
    }
    {
        SCOPED_TRACE("no method is listed");
        conversation c({.user = "ada"}, {.method_chains = {}});
        EXPECT_EQ(c.client_error, errc::auth_denied);
    }
}

TEST(Rfc4252s7, KeysOfEveryTypeLogIn) {
    for (const bool hostbound : {false, true})
        for (const std::string type : {"ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-rsa"}) {
            SCOPED_TRACE(type);
            const auto& key = test_key(type);
            scripted c({.user = "ada", .keys = {key.public_half()}});
            c.client.set_server_extensions({}, hostbound);
            server_auth_config server_config{.method_chains = {{"publickey"}}};
            recording_sink down;
            server_auth server(server_config, session_id, host_key, down);
            const auto turn = [&] {
                ASSERT_TRUE(server.on_message(c.sink.take()));
                if (server.waiting()) {
                    ASSERT_TRUE(server.answer(auth_answer::accept));
                }
                ASSERT_TRUE(c.hear(down.take()));
            };
            turn();  // none
            turn();  // query
            const auto* q = c.client.question();
            ASSERT_NE(q, nullptr);
            EXPECT_EQ(q->what, question_kind::signature);
            EXPECT_EQ(q->algorithm, type == "ssh-rsa" ? "rsa-sha2-512" : type);
            ASSERT_TRUE(c.client.answer(auth_signature{key.sign(q->algorithm, q->data).value()}));
            turn();
            EXPECT_TRUE(c.client.succeeded());
            EXPECT_EQ(server.take_user()->keys(),
                      std::vector<crypto::public_key>{key.public_half()});
        }
}

TEST(Rfc4252s5_1, PartialSuccessAlongChains) {
    const std::vector keys{test_key("ssh-ed25519", 0), test_key("ssh-ed25519", 1),
                           test_key("ecdsa-sha2-nistp256")};
    struct {
        std::vector<std::string> chain;
    } cases[] = {
        {{"publickey", "password"}},  {{"password", "publickey"}},
        {{"publickey", "publickey"}}, {{"publickey", "password", "publickey", "password"}},
        {{"none", "publickey"}},      {{"password", "password"}},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(wire::join(t.chain));
        client_auth_config client_config{.user = "ada"};
        client_config.keys = public_halves(keys);
        server_auth_config server_config{.method_chains = {t.chain}};
        // All that the server asks for is accepted, but the first key is unknown to it.
        recording_sink up;
        recording_sink down;
        client_auth client(client_config, session_id, host_key, up);
        server_auth server(server_config, session_id, host_key, down);
        client.start();
        while (!client.succeeded()) {
            if (const auto* q = client.question()) {
                client_auth_answer answer = password("secret");
                if (q->what == question_kind::signature)
                    answer = auth_signature{keys[q->key_index].sign(q->algorithm, q->data).value()};
                ASSERT_TRUE(client.answer(std::move(answer)));
            }
            ASSERT_TRUE(server.on_message(up.take()));
            if (const auto* q = server.question()) {
                const bool known = !q->key || *q->key != keys[0].public_half();
                ASSERT_TRUE(server.answer(known ? auth_answer::accept : auth_answer::refuse));
            }
            ASSERT_TRUE(client.on_message(down.take()));
        }
        EXPECT_EQ(client.methods_done(), t.chain);
        EXPECT_EQ(server.take_user()->methods(), t.chain);
    }
}

TEST(ClientAuth, WrongPasswordsAreAskedForAgainAndThenItEnds) {
    conversation c({.user = "ada", .prompts_max = 2}, {});
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_EQ(c.client.question()->attempt, 1u);
    c.give(password("wrong"));
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_EQ(c.client.question()->attempt, 2u);
    c.give(password("wrong too"));
    EXPECT_EQ(c.client.question(), nullptr);
    EXPECT_EQ(c.client_error, errc::auth_denied);
    EXPECT_EQ(c.client.on_message(success()).error(), errc::auth_denied) << "it stays so";
    EXPECT_FALSE(c.client.succeeded());
    EXPECT_EQ(c.server.attempts_failed(), 2u);
}

TEST(ClientAuth, TheServersAttemptLimitEndsTheConversation) {
    conversation c({.user = "ada", .prompts_max = 5}, {.attempts_max = 2});
    c.give(password("wrong"));
    c.give(password("wrong"));
    EXPECT_EQ(c.server_error, errc::too_many_attempts);
    EXPECT_FALSE(c.client.succeeded());
}

TEST(Rfc4252s5_4, BannersAreHandedOn) {
    conversation c({.user = "ada"}, {.banner = "hello\r\n"});
    EXPECT_EQ(c.banners, "hello\r\n");
    EXPECT_FALSE(c.client.take_banner());
}

// --- with a scripted server ---------------------------------------------------------------------

TEST(Rfc4252s5_2, NoneIsAskedFirst) {
    scripted c;
    EXPECT_EQ(c.said(), "none");
    EXPECT_EQ(c.said(), "nothing");
}

TEST(ClientAuth, MethodsGoInOurOrderAndOnlyWhereListed) {
    const auto& key = test_key("ssh-ed25519");
    scripted c({.user = "ada",
                .methods = {"password", "hostbased", "publickey"},
                .keys = {key.public_half()}});
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("hostbased,publickey,gssapi-with-mic")));
    EXPECT_EQ(c.said(), "query ssh-ed25519");
    ASSERT_TRUE(c.hear(failure("publickey,password")));
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_EQ(c.client.question()->what, question_kind::password);
    ASSERT_TRUE(c.client.answer(password("x")));
    EXPECT_EQ(c.said(), "password x");
    EXPECT_EQ(c.hear(failure("publickey,hostbased")).error(), errc::auth_denied);
    EXPECT_EQ(c.said(), "nothing");
}

TEST(Rfc4252s7, KeysAreQueriedInTurnAndSignedWhenWanted) {
    const auto& first = test_key("ssh-ed25519", 0);
    const auto& second = test_key("ecdsa-sha2-nistp256");
    const auto& third = test_key("ssh-ed25519", 1);
    scripted c(
        {.user = "ada", .keys = {first.public_half(), second.public_half(), third.public_half()}});
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("publickey")));
    EXPECT_EQ(c.said(), "query ssh-ed25519");
    ASSERT_TRUE(c.hear(failure("publickey")));
    EXPECT_EQ(c.said(), "query ecdsa-sha2-nistp256");
    ASSERT_TRUE(c.hear(c.pk_ok("ecdsa-sha2-nistp256", 1)));
    EXPECT_EQ(c.said(), "nothing") << "no signature before one is given";
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_EQ(c.client.question()->key_index, 1u);
    ASSERT_TRUE(c.client.answer(auth_declined{}));
    EXPECT_EQ(c.said(), "query ssh-ed25519");
    ASSERT_TRUE(c.hear(c.pk_ok("ssh-ed25519", 2)));
    const auto* q = c.client.question();
    ASSERT_NE(q, nullptr);
    ASSERT_TRUE(c.client.answer(auth_signature{third.sign(q->algorithm, q->data).value()}));
    EXPECT_EQ(c.said(), "signature ssh-ed25519");
    ASSERT_TRUE(c.hear(success()));
    EXPECT_TRUE(c.client.succeeded());
}

TEST(ClientAuth, ABadSignatureIsNotSent) {
    const auto& key = test_key("ssh-ed25519");
    const bytes other = test_key("ssh-ed25519", 1).sign("ssh-ed25519", session_id).value();
    for (const bytes& bad : {bytes{}, bytes{1, 2, 3}, other}) {
        scripted c({.user = "ada", .keys = {key.public_half()}});
        ASSERT_TRUE(c.hear(failure("publickey")));
        ASSERT_TRUE(c.hear(c.pk_ok("ssh-ed25519")));
        EXPECT_EQ(c.client.answer(auth_signature{bad}).error(), errc::auth_denied);
        EXPECT_EQ(c.said(), "none");
        EXPECT_EQ(c.said(), "query ssh-ed25519");
        EXPECT_EQ(c.said(), "nothing");
    }
}

TEST(Rfc8332s3_3, TheServersListDecidesOnRsaSignatures) {
    struct {
        const char* name;
        std::vector<std::string> announced;
        std::string said;
    } cases[] = {
        {"nothing announced", {}, "query rsa-sha2-512"},
        {"both", {"rsa-sha2-256", "rsa-sha2-512"}, "query rsa-sha2-512"},
        {"only one", {"ssh-rsa", "rsa-sha2-256"}, "query rsa-sha2-256"},
        {"OpenSSH 7.4", {"ssh-ed25519", "ssh-rsa"}, "query rsa-sha2-512"},
        {"no RSA", {"ssh-ed25519"}, "query ssh-ed25519"},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        scripted c(
            {.user = "ada",
             .keys = {test_key("ssh-rsa").public_half(), test_key("ssh-ed25519").public_half()}});
        c.client.set_server_extensions(t.announced, false);
        EXPECT_EQ(c.said(), "none");
        ASSERT_TRUE(c.hear(failure("publickey")));
        EXPECT_EQ(c.said(), t.said);
    }
    // Other keys are tried whatever is announced: OpenSSH 7.2 lists RSA only.
    scripted c({.user = "ada", .keys = {test_key("ssh-ed25519").public_half()}});
    c.client.set_server_extensions(std::vector<std::string>{"rsa-sha2-512"}, false);
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("publickey")));
    EXPECT_EQ(c.said(), "query ssh-ed25519");
}

TEST(OpenSshProtocol3_1, HostboundIsUsedWhereAnnouncedAndWanted) {
    for (const bool announced : {false, true})
        for (const bool wanted : {false, true}) {
            scripted c({.user = "ada",
                        .keys = {test_key("ssh-ed25519").public_half()},
                        .hostbound = wanted});
            c.client.set_server_extensions({}, announced);
            EXPECT_EQ(c.said(), "none");
            ASSERT_TRUE(c.hear(failure("publickey")));
            EXPECT_EQ(c.said(),
                      announced && wanted ? "hostbound query ssh-ed25519" : "query ssh-ed25519");
        }
}

TEST(Rfc4252s7, OnlyTheQueriedKeyMayBeAnswered) {
    const auto& key = test_key("ssh-rsa").public_half();
    const bytes& other = test_key("ssh-ed25519").public_half().blob();
    struct {
        const char* name;
        bytes payload;
        error_code error;
    } cases[] = {
        {"as asked", wire::encoded(userauth_pk_ok{"rsa-sha2-512", key.blob()}), {}},
        {"the key's type", wire::encoded(userauth_pk_ok{"ssh-rsa", key.blob()}), {}},
        {"another algorithm", wire::encoded(userauth_pk_ok{"rsa-sha2-256", key.blob()}),
         errc::protocol_error},
        {"another key", wire::encoded(userauth_pk_ok{"rsa-sha2-512", other}), errc::protocol_error},
        {"no key", wire::encoded(userauth_pk_ok{"rsa-sha2-512", {}}), errc::protocol_error},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        scripted c({.user = "ada", .keys = {key}});
        ASSERT_TRUE(c.hear(failure("publickey")));
        const auto heard = c.hear(t.payload);
        EXPECT_EQ(heard ? error_code() : heard.error(), t.error);
        EXPECT_EQ(c.client.waiting(), !t.error);
    }
}

TEST(Rfc4252s7, AQueryIsNotAnsweredBySuccess) {
    scripted c({.user = "ada", .keys = {test_key("ssh-ed25519").public_half()}});
    ASSERT_TRUE(c.hear(failure("publickey")));
    EXPECT_EQ(c.hear(success()).error(), errc::unexpected_message);
    EXPECT_FALSE(c.client.succeeded());

    scripted d({.user = "ada", .keys = {test_key("ssh-ed25519").public_half()}});
    ASSERT_TRUE(d.hear(failure("publickey")));
    EXPECT_EQ(d.hear(failure("password", true)).error(), errc::protocol_error);
}

TEST(Rfc4252s8, APasswordIsChangedWhereTheServerAsks) {
    scripted c;
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("password")));
    ASSERT_TRUE(c.client.answer(password("old")));
    EXPECT_EQ(c.said(), "password old");
    for (const char* text : {"expired", "too easy"}) {
        ASSERT_TRUE(c.hear(wire::encoded(userauth_passwd_changereq{text, ""})));
        ASSERT_NE(c.client.question(), nullptr);
        EXPECT_EQ(c.client.question()->what, question_kind::new_password);
        EXPECT_EQ(c.client.question()->instruction, text);
        ASSERT_TRUE(c.client.answer(password("new")));
        EXPECT_EQ(c.said(), "change old to new");
    }
    ASSERT_TRUE(c.hear(success()));
    EXPECT_EQ(c.client.methods_done(), std::vector<std::string>{"password"});
}

TEST(Rfc4256s3, PromptsAreHandedOnAndAnswered) {
    scripted c;
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("keyboard-interactive")));
    EXPECT_EQ(c.said(), "keyboard-interactive");
    ASSERT_TRUE(c.hear(wire::encoded(
        userauth_info_request{"Title", "Do it", "en", {{"Password: ", false}, {"Code: ", true}}})));
    const auto* q = c.client.question();
    ASSERT_NE(q, nullptr);
    EXPECT_EQ(q->what, question_kind::prompts);
    EXPECT_EQ(q->name, "Title");
    EXPECT_EQ(q->instruction, "Do it");
    ASSERT_EQ(q->prompts.size(), 2u);
    EXPECT_EQ(q->prompts[0].text, "Password: ");
    EXPECT_FALSE(q->prompts[0].echo);
    EXPECT_TRUE(q->prompts[1].echo);
    ASSERT_TRUE(c.client.answer(responses({"secret", ""})));
    EXPECT_EQ(c.said(), "responses secret ");
    // A text and nothing to answer is shown too.
    ASSERT_TRUE(c.hear(wire::encoded(userauth_info_request{"", "Changed", "", {}})));
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_TRUE(c.client.question()->prompts.empty());
    ASSERT_TRUE(c.client.answer(responses({})));
    EXPECT_EQ(c.said(), "responses");
    // What holds nothing at all is answered without the user.
    ASSERT_TRUE(c.hear(wire::encoded(userauth_info_request{})));
    EXPECT_EQ(c.client.question(), nullptr);
    EXPECT_EQ(c.said(), "responses");
    ASSERT_TRUE(c.hear(success()));
    EXPECT_TRUE(c.client.succeeded());
}

TEST(Rfc4256s3, TheRoundsOfAServerAreCapped) {
    scripted c;
    ASSERT_TRUE(c.hear(failure("keyboard-interactive")));
    result<> heard;
    unsigned rounds = 0;
    while (heard && rounds <= 2 * limits::auth_requests_max) {
        heard = c.hear(wire::encoded(userauth_info_request{}));
        ++rounds;
    }
    EXPECT_EQ(heard.error(), errc::too_many_attempts);
    EXPECT_LE(c.sink.sent.size(), limits::auth_requests_max + 1);
}

TEST(ClientAuth, DeclinedMethodsAreLeftForTheNext) {
    scripted c;
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(failure("password,keyboard-interactive")));
    EXPECT_EQ(c.said(), "keyboard-interactive");
    ASSERT_TRUE(c.hear(wire::encoded(userauth_info_request{"", "", "", {{"?", false}}})));
    ASSERT_TRUE(c.client.answer(auth_declined{}));
    ASSERT_NE(c.client.question(), nullptr);
    EXPECT_EQ(c.client.question()->what, question_kind::password);
    EXPECT_EQ(c.client.answer(auth_declined{}).error(), errc::auth_denied);
    EXPECT_EQ(c.said(), "nothing");
}

TEST(ClientAuth, SuccessWithoutProofIsRefusedWhereProofIsRequired) {
    const client_auth_config strict{.user = "ada", .require_proof = true};
    const bytes empty_request = wire::encoded(userauth_info_request{});
    struct {
        const char* name;
        std::vector<bytes> heard;
        bool proven;
    } cases[] = {
        {"none", {}, false},
        {"prompts for nothing", {failure("keyboard-interactive"), empty_request}, false},
        {"keyboard-interactive at once", {failure("keyboard-interactive")}, false},
        {"none, partly", {failure("keyboard-interactive", true)}, false},
        {"password", {failure("password")}, true},
        {"password, then nothing",
         {failure("password"), failure("keyboard-interactive", true), empty_request},
         true},
    };
    for (const auto& t : cases)
        for (const bool required : {false, true}) {
            SCOPED_TRACE(t.name);
            scripted c(required ? strict : client_auth_config{.user = "ada"});
            for (const bytes& payload : t.heard) {
                ASSERT_TRUE(c.hear(payload));
                if (c.client.waiting()) {
                    ASSERT_TRUE(c.client.answer(password("x")));
                }
            }
            const auto end = c.hear(success());
            EXPECT_EQ(end.has_value(), t.proven || !required);
            EXPECT_EQ(c.client.succeeded(), t.proven || !required);
            if (!end) {
                EXPECT_EQ(end.error(), errc::auth_denied);
            }
        }
}

TEST(Rfc4252s5_4, BannersMayComeWhileAQuestionIsOpenButNotForEver) {
    scripted c;
    ASSERT_TRUE(c.hear(failure("password")));
    ASSERT_TRUE(c.client.waiting());
    for (unsigned i = 0; i < limits::auth_banners_max; ++i) {
        ASSERT_TRUE(c.hear(wire::encoded(userauth_banner{std::to_string(i), ""})));
        EXPECT_EQ(c.client.take_banner(), std::to_string(i));
        EXPECT_TRUE(c.client.waiting());
    }
    EXPECT_EQ(c.hear(wire::encoded(userauth_banner{"x", ""})).error(), errc::too_many_messages);
}

TEST(ClientAuth, WhatAStateDoesNotListIsUnexpected) {
    const std::vector<bytes> replies{failure("password"), success(), {60}, {61}, {79}};
    {
        SCOPED_TRACE("while a question is open");
        for (const bytes& payload : replies) {
            scripted c;
            ASSERT_TRUE(c.hear(failure("password")));
            EXPECT_EQ(c.hear(payload).error(), errc::unexpected_message);
            EXPECT_FALSE(c.client.waiting());
        }
    }
    {
        SCOPED_TRACE("after success");
        for (const bytes& payload : replies) {
            scripted c;
            ASSERT_TRUE(c.hear(success()));
            EXPECT_EQ(c.hear(payload).error(), errc::unexpected_message);
        }
    }
    {
        SCOPED_TRACE("numbers that no reply to none has");
        for (int number = 50; number <= userauth_number_last; ++number) {
            if (number >= userauth_failure::number && number <= userauth_banner::number) continue;
            scripted c;
            EXPECT_EQ(c.hear({static_cast<std::uint8_t>(number)}).error(), errc::unexpected_message)
                << number;
        }
    }
    {
        SCOPED_TRACE("after a signature");
        const auto& key = test_key("ssh-ed25519");
        scripted c({.user = "ada", .keys = {key.public_half()}});
        ASSERT_TRUE(c.hear(failure("publickey")));
        ASSERT_TRUE(c.hear(c.pk_ok("ssh-ed25519")));
        const auto* q = c.client.question();
        ASSERT_TRUE(c.client.answer(auth_signature{key.sign(q->algorithm, q->data).value()}));
        EXPECT_EQ(c.hear(c.pk_ok("ssh-ed25519")).error(), errc::unexpected_message);
    }
}

TEST(ClientAuth, EveryTruncationAndOneByteTooManyEndTheConnection) {
    const auto& key = test_key("ssh-ed25519");
    struct {
        const char* name;
        std::vector<bytes> before;
        bytes whole;
    } cases[] = {
        {"failure", {}, failure("publickey,password")},
        {"success", {}, success()},
        {"banner", {}, wire::encoded(userauth_banner{"hi", "en"})},
        {"pk_ok",
         {failure("publickey")},
         wire::encoded(userauth_pk_ok{"ssh-ed25519", key.public_half().blob()})},
        {"info request",
         {failure("keyboard-interactive")},
         wire::encoded(userauth_info_request{"a", "b", "", {{"c", true}}})},
        {"change request",
         {failure("password")},
         wire::encoded(userauth_passwd_changereq{"p", ""})},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        const auto heard = [&](bytes payload) {
            scripted c({.user = "ada", .keys = {key.public_half()}});
            for (const bytes& b : t.before)
                EXPECT_TRUE(c.hear(b));
            if (c.client.waiting()) {
                EXPECT_TRUE(c.client.answer(password("x")));
            }
            const auto end = c.hear(std::move(payload));
            EXPECT_EQ(c.hear({}).has_value(), false) << "an error is final";
            return end;
        };
        EXPECT_TRUE(heard(t.whole));
        for (std::size_t n = 0; n < t.whole.size(); ++n)
            EXPECT_EQ(heard(bytes(t.whole.begin(), t.whole.begin() + static_cast<int>(n))).error(),
                      errc::truncated)
                << n;
        bytes longer = t.whole;
        longer.push_back(0);
        EXPECT_EQ(heard(longer).error(), errc::trailing_bytes);
    }
}

// --- certificates, hosts ------------------------------------------------------------------------

TEST(ClientAuth, ShowsACertificateAndSignsByItsKey) {
    for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-rsa"}) {
        SCOPED_TRACE(type);
        const auto key = test_key(type);
        const auto cert = test::test_certificate(key.public_half(), {.principals = {"ada"}});
        client_auth_config config{.user = "ada", .keys = {cert}};
        server_auth_config server_config{.method_chains = {{"publickey"}}};
        recording_sink up;
        recording_sink down;
        client_auth client(config, session_id, host_key, up);
        server_auth server(server_config, session_id, host_key, down);
        client.set_server_extensions(server_config.public_key_algorithms, true);
        client.start();
        while (!client.succeeded()) {
            if (const auto* q = client.question()) {
                EXPECT_EQ(q->algorithm.find("cert"), std::string::npos);
                ASSERT_TRUE(client.answer(auth_signature{key.sign(q->algorithm, q->data).value()}));
            }
            ASSERT_TRUE(server.on_message(up.take()));
            if (const auto* q = server.question()) {
                ASSERT_TRUE(q->certificate);
                EXPECT_EQ(q->certificate->blob(), cert.blob());
                ASSERT_TRUE(server.answer(auth_accept{.certificate_judged = true}));
            }
            ASSERT_TRUE(client.on_message(down.take()));
        }
        EXPECT_EQ(server.take_user()->keys(), std::vector{key.public_half()});
    }
}

TEST(ClientAuth, RefusedCertificatesAreFollowedByTheBareKey) {
    const auto key = test_key("ssh-ed25519");
    const auto cert = test::test_certificate(key.public_half(), {.principals = {"ada"}});
    scripted c({.user = "ada", .keys = {cert, key.public_half()}});
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(wire::encoded(userauth_failure{{"publickey"}, false})));
    EXPECT_EQ(c.said(), "query ssh-ed25519-cert-v01@openssh.com");
    ASSERT_TRUE(c.hear(wire::encoded(userauth_failure{{"publickey"}, false})));
    EXPECT_EQ(c.said(), "query ssh-ed25519");
}

// What a server lists are names of signatures (PROTOCOL 1.9): one that lists no certificates takes
// them all the same, and one that lists only rsa-sha2-256 gets that.
TEST(ClientAuth, CertificatesFollowServerSigAlgs) {
    const auto key = test_key("ssh-rsa");
    const auto cert = test::test_certificate(key.public_half(), {.principals = {"ada"}});
    client_auth_config config{.user = "ada", .keys = {cert}};
    recording_sink sink;
    client_auth client(config, session_id, host_key, sink);
    const std::vector<std::string> listed{"ssh-ed25519", "rsa-sha2-256"};
    client.set_server_extensions(listed, false);
    client.start();
    sink.take();
    ASSERT_TRUE(client.on_message(wire::encoded(userauth_failure{{"publickey"}, false})));
    const bytes said = sink.take();
    const auto m = wire::decode<userauth_request>(said);
    ASSERT_TRUE(m);
    wire::reader r(m->method_specific.data);
    bool flag = true;
    std::string_view algorithm;
    r.read(flag);
    r.read(algorithm);
    EXPECT_EQ(algorithm, "rsa-sha2-256-cert-v01@openssh.com");
}

TEST(Rfc4252s9, TheClientsHostVouchesForIt) {
    const auto key = test_key("ssh-ed25519");
    const auto other = test_key("ecdsa-sha2-nistp256");
    for (const char* host : {"here.example", "elsewhere.example"}) {
        SCOPED_TRACE(host);
        client_auth_config config{.user = "ada", .methods = {"hostbased"}};
        config.host_based.keys = public_halves({other, key});
        config.host_based.client_host = host;
        config.host_based.client_user = "there";
        conversation c(config, {.method_chains = {{"hostbased"}}});
        ASSERT_NE(c.client.question(), nullptr);
        EXPECT_EQ(c.client.question()->what, question_kind::host_signature);
        EXPECT_EQ(c.client.question()->key_index, 0u);
        c.give(auth_declined{});  // nobody signs by that one
        ASSERT_NE(c.client.question(), nullptr);
        EXPECT_EQ(c.client.question()->key_index, 1u);
        EXPECT_EQ(c.client.question()->algorithm, "ssh-ed25519");
        c.give(auth_signature{key.sign("ssh-ed25519", c.client.question()->data).value()});
        const bool known = std::string_view(host) == "here.example";
        EXPECT_EQ(c.client.succeeded(), known);
        if (!known) {
            EXPECT_EQ(c.client_error, errc::auth_denied);
        }
    }
}

TEST(Rfc4252s9, ABadSignatureIsNotSent) {
    const auto key = test_key("ssh-ed25519");
    client_auth_config config{.user = "ada", .methods = {"hostbased"}};
    config.host_based.keys = {key.public_half()};
    scripted c(config);
    EXPECT_EQ(c.said(), "none");
    ASSERT_TRUE(c.hear(wire::encoded(userauth_failure{{"hostbased"}, false})));
    ASSERT_NE(c.client.question(), nullptr);
    const auto given = c.client.answer(auth_signature{key.sign("ssh-ed25519", session_id).value()});
    EXPECT_EQ(given.error(), errc::auth_denied);
    EXPECT_EQ(c.said(), "nothing");
}

}  // namespace
}  // namespace sluice
