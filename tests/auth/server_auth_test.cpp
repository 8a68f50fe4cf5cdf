#include "sluice/auth/server_auth.hpp"

#include "sluice/auth/methods.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/soft_token.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/mpint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

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

    std::deque<bytes> sent;
};

const bytes session_id{1, 2, 3, 4};
const bytes host_key{9, 8, 7};

const crypto::private_key& ed25519_key() {
    static const auto key = crypto::private_key::generate("ssh-ed25519").value();
    return key;
}

const crypto::private_key& ecdsa_key() {
    static const auto key = crypto::private_key::generate("ecdsa-sha2-nistp256").value();
    return key;
}

const crypto::private_key& rsa_key() {
    static const auto key = crypto::private_key::generate("ssh-rsa", 2048).value();
    return key;
}

bytes request(std::string_view user, std::string_view method, bytes_view specific = {},
              std::string_view service = "ssh-connection") {
    return wire::encoded(userauth_request{user, service, method, {specific}});
}

bytes none(std::string_view user = "ada") { return request(user, "none"); }

bytes password(std::string_view text, std::string_view user = "ada") {
    bytes specific;
    wire::writer w(specific);
    w.write(false);
    w.write(text);
    return request(user, "password", specific);
}

// What a publickey request says; every part of it can be wrong.
struct publickey {
    const crypto::private_key& key = ed25519_key();
    std::string_view algorithm = "ssh-ed25519";
    std::string_view user = "ada";
    std::string_view method = "publickey";
    bool sign = true;
    bytes session = session_id;
    bytes host = host_key;              // of the hostbound method
    std::string_view signed_user = {};  // another name under the signature

    bytes fields_for(std::string_view name) const {
        bytes specific;
        wire::writer w(specific);
        w.write(sign);
        w.write(algorithm);
        w.write(bytes_view(key.public_half().blob()));
        if (method == publickey_hostbound) w.write(bytes_view(host));
        return request(name, method, specific);
    }

    operator bytes() const {
        bytes payload = fields_for(user);
        if (!sign) return payload;
        bytes data;
        wire::writer d(data);
        d.write(bytes_view(session));
        d.append(fields_for(signed_user.empty() ? user : signed_user));
        const auto signature = key.sign(algorithm, data);
        wire::writer(payload).write(bytes_view(signature ? *signature : bytes(8, 0)));
        return payload;
    }
};

// A server and what it sent, as a conversation.
struct conversation {
    explicit conversation(server_auth_config c = {}) : config(std::move(c)) {}

    server_auth_config config;
    recording_sink sink;
    server_auth server{config, session_id, host_key, sink};

    result<> say(const bytes& payload) { return server.on_message(payload); }

    // The same of a request with a signature, whose key is listed.
    result<> prove(const bytes& payload) {
        const auto said = say(payload);
        if (!said || !waiting_for_list()) return said;
        return server.answer(auth_accept{.certificate_judged = true});
    }
    bool waiting_for_list() const {
        const auto* q = server.question();
        return q != nullptr && q->is_query() && q->signature_follows;
    }

    bytes next() {
        if (sink.sent.empty()) return {};
        bytes payload = sink.sent.front();
        sink.sent.pop_front();
        return payload;
    }

    // The next payload as text: "failure publickey,password", "partial …", "success", "banner …",
    // "pk_ok …", or "nothing".
    std::string heard() {
        const bytes payload = next();
        if (payload.empty()) return "nothing";
        if (const auto m = wire::decode<userauth_failure>(payload))
            return (m->partial_success ? "partial " : "failure ") +
                   std::string(m->can_continue.text);
        if (wire::decode<userauth_success>(payload)) return "success";
        if (const auto m = wire::decode<userauth_banner>(payload))
            return "banner " + std::string(m->message);
        if (const auto m = wire::decode<userauth_pk_ok>(payload))
            return "pk_ok " + std::string(m->algorithm);
        if (const auto m = wire::decode<userauth_info_request>(payload)) {
            std::string text = "prompts";
            for (const auto& p : m->prompts)
                text += " " + std::string(p.text) + (p.echo ? "" : "*");
            return text;
        }
        return "something else";
    }

    // PASSWD_CHANGEREQ has the number and the shape of PK_OK.
    std::string change_request() {
        const bytes payload = next();
        const auto m = wire::decode<userauth_passwd_changereq>(payload);
        return m ? std::string(m->prompt) : "something else";
    }

    std::string kind() const {
        const auto* q = server.question();
        if (q == nullptr) return "no question";
        switch (q->what) {
        case auth_question::kind::user: return "user";
        case auth_question::kind::none: return "none";
        case auth_question::kind::password: return "password";
        case auth_question::kind::password_change: return "password change";
        case auth_question::kind::public_key_query: return "query";
        case auth_question::kind::public_key: return "public key";
        case auth_question::kind::interactive: return "interactive";
        case auth_question::kind::interactive_responses: return "responses";
        case auth_question::kind::host_based_query: return "host query";
        case auth_question::kind::host_based: return "host";
        }
        return "?";
    }
};

constexpr auto accept = auth_answer::accept;
constexpr auto refuse = auth_answer::refuse;

TEST(AuthMessages, BytesBothWaysAndEveryTruncation) {
    const auto check = [](const auto& m, std::string_view hex, bool open_ended = false) {
        using M = std::remove_cvref_t<decltype(m)>;
        SCOPED_TRACE(int{M::number});
        const bytes whole = wire::encoded(m);
        EXPECT_EQ(test::to_hex(whole), hex);
        const auto back = wire::decode<M>(whole);
        ASSERT_TRUE(back);
        EXPECT_EQ(wire::encoded(*back), whole);
        if (open_ended) return;
        for (std::size_t n = 0; n < whole.size(); ++n)
            EXPECT_EQ(wire::decode<M>({whole.data(), n}).error(), errc::truncated) << n;
        bytes longer = whole;
        longer.push_back(0);
        EXPECT_EQ(wire::decode<M>(longer).error(), errc::trailing_bytes);
    };
    const bytes rest{1, 2};
    check(userauth_request{"u", "s", "m", {rest}},
          "32000000017500000001730000"
          "00016d0102",
          true);
    check(userauth_failure{{"a,b"}, true}, "3300000003612c6201");
    check(userauth_success{}, "34");
    check(userauth_banner{"hi", "en"}, "3500000002686900000002656e");
    check(userauth_pk_ok{"a", rest}, "3c0000000161000000020102");
    check(userauth_passwd_changereq{"p", ""}, "3c000000017000000000");
}

TEST(Rfc4252s5_2, NoneGivesTheListOfMethods) {
    conversation c;
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    EXPECT_EQ(c.server.question(), nullptr);
    EXPECT_EQ(c.server.attempts_failed(), 0u);
}

TEST(Rfc4252s5_2, NoneSucceedsWhereNothingIsNeededAndIsNotListed) {
    conversation c({.method_chains = {{"none"}, {"password"}}});
    ASSERT_TRUE(c.say(none()));
    ASSERT_EQ(c.kind(), "none");
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure password");
    ASSERT_TRUE(c.say(none()));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.take_user()->methods(), std::vector<std::string>{"none"});
}

TEST(Rfc4252s8, PasswordRightAndWrong) {
    conversation c;
    ASSERT_TRUE(c.say(password("wrong")));
    ASSERT_EQ(c.kind(), "password");
    EXPECT_EQ(c.server.question()->user, "ada");
    EXPECT_EQ(as_text(c.server.question()->password), "wrong");
    EXPECT_EQ(c.heard(), "nothing");
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.server.question(), nullptr);
    EXPECT_EQ(c.heard(), "failure publickey,password");
    EXPECT_FALSE(c.server.take_user());
    EXPECT_EQ(c.server.attempts_failed(), 1u);

    ASSERT_TRUE(c.say(password("right")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_TRUE(c.server.succeeded());
    const auto user = c.server.take_user();
    ASSERT_TRUE(user);
    EXPECT_EQ(user->name(), "ada");
    EXPECT_EQ(user->methods(), std::vector<std::string>{"password"});
    EXPECT_FALSE(c.server.take_user()) << "the proof is handed out once";
}

bytes password_change(std::string_view from, std::string_view to) {
    bytes specific;
    wire::writer w(specific);
    w.write(true);
    w.write(from);
    w.write(to);
    return request("ada", "password", specific);
}

TEST(Rfc4252s8, AnExpiredPasswordIsChanged) {
    conversation c;
    ASSERT_TRUE(c.say(password("old")));
    ASSERT_TRUE(c.server.answer(auth_password_expired{"choose another"}));
    EXPECT_EQ(c.change_request(), "choose another");
    EXPECT_FALSE(c.server.waiting());

    ASSERT_TRUE(c.say(password_change("old", "weak")));
    ASSERT_EQ(c.kind(), "password change");
    EXPECT_EQ(as_text(c.server.question()->password), "old");
    EXPECT_EQ(as_text(c.server.question()->new_password), "weak");
    ASSERT_TRUE(c.server.answer(auth_password_expired{"longer"}));
    EXPECT_EQ(c.change_request(), "longer");

    ASSERT_TRUE(c.say(password_change("old", "a longer one")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.attempts_failed(), 0u);
}

TEST(Rfc4252s8, AChangeNobodyAskedForIsDecidedToo) {
    conversation c;
    ASSERT_TRUE(c.say(password_change("old", "new")));
    ASSERT_EQ(c.kind(), "password change");
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    EXPECT_EQ(c.server.attempts_failed(), 1u);
    ASSERT_TRUE(c.say(password_change("old", std::string(limits::password_length_max + 1, 'x'))));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey,password");
}

// --- keyboard-interactive -----------------------------------------------------------------------

bytes interactive(std::string_view submethods = "") {
    bytes specific;
    wire::writer w(specific);
    w.write("");
    w.write(submethods);
    return request("ada", "keyboard-interactive", specific);
}

bytes responses(std::initializer_list<std::string_view> texts) {
    userauth_info_response m;
    for (const auto text : texts)
        m.responses.push_back(as_bytes(text));
    return wire::encoded(m);
}

server_auth_config interactive_config() {
    return {.method_chains = {{"keyboard-interactive"}, {"password"}}};
}

TEST(Rfc4256s3, SeveralRoundsWithManyPromptsOrNone) {
    conversation c(interactive_config());
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure keyboard-interactive,password");
    ASSERT_TRUE(c.say(interactive("pam,otp")));
    ASSERT_EQ(c.kind(), "interactive");
    EXPECT_EQ(c.server.question()->user, "ada");
    EXPECT_EQ(c.server.question()->submethods, "pam,otp");
    auth_prompts first{.prompts = {{"Password:", false}, {"Colour?", true}}};
    ASSERT_TRUE(c.server.answer(first));
    EXPECT_EQ(c.heard(), "prompts Password:* Colour?");

    ASSERT_TRUE(c.say(responses({"secret", "green"})));
    ASSERT_EQ(c.kind(), "responses");
    ASSERT_EQ(c.server.question()->responses.size(), 2u);
    EXPECT_EQ(as_text(c.server.question()->responses[0]), "secret");
    EXPECT_EQ(as_text(c.server.question()->responses[1]), "green");
    EXPECT_EQ(c.server.question()->user, "ada");
    ASSERT_TRUE(c.server.answer(auth_prompts{.instruction = "welcome"}));
    EXPECT_EQ(c.heard(), "prompts");

    ASSERT_TRUE(c.say(responses({})));
    ASSERT_EQ(c.kind(), "responses");
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.take_user()->methods(), std::vector<std::string>{"keyboard-interactive"});
}

TEST(Rfc4256s3, AnotherNumberOfResponsesIsAFailure) {
    conversation c(interactive_config());
    for (const auto& wrong : {responses({}), responses({"a", "b"})}) {
        ASSERT_TRUE(c.say(interactive()));
        ASSERT_TRUE(c.server.answer(auth_prompts{.prompts = {{"Password:", false}}}));
        EXPECT_EQ(c.heard(), "prompts Password:*");
        ASSERT_TRUE(c.say(wrong));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure keyboard-interactive,password");
    }
    EXPECT_EQ(c.server.attempts_failed(), 2u);
    // It is over: no response belongs to anything.
    EXPECT_EQ(c.say(responses({"late"})).error(), errc::unexpected_message);
}

TEST(Rfc4256s3, AnotherRequestGivesUpWhatWasAsked) {
    conversation c(interactive_config());
    ASSERT_TRUE(c.say(interactive()));
    ASSERT_TRUE(c.server.answer(auth_prompts{.prompts = {{"Password:", false}}}));
    EXPECT_EQ(c.heard(), "prompts Password:*");
    ASSERT_TRUE(c.say(password("secret")));
    ASSERT_EQ(c.kind(), "password");
    EXPECT_EQ(c.server.attempts_failed(), 1u);
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
}

TEST(Rfc4256s3, GivingUpHasAnEnd) {
    conversation c(interactive_config());
    for (unsigned i = 0; i < c.config.attempts_max; ++i) {
        ASSERT_TRUE(c.say(interactive())) << i;
        ASSERT_TRUE(c.server.answer(auth_prompts{.prompts = {{"?", true}}}));
    }
    EXPECT_EQ(c.say(interactive()).error(), errc::too_many_attempts);
}

TEST(Rfc4256s3, RoundsAreCapped) {
    conversation c(interactive_config());
    ASSERT_TRUE(c.say(interactive()));
    for (unsigned i = 1; i < limits::auth_requests_max; ++i) {
        ASSERT_TRUE(c.server.answer(auth_prompts{}));
        ASSERT_TRUE(c.say(responses({}))) << i;
    }
    ASSERT_TRUE(c.server.answer(auth_prompts{}));
    EXPECT_EQ(c.say(responses({})).error(), errc::too_many_attempts);
}

TEST(Rfc4256s3, WhatIsTooLongOrMalformedIsRefused) {
    conversation c(interactive_config());
    ASSERT_TRUE(c.say(interactive(std::string(limits::auth_submethods_length_max + 1, 'x'))));
    EXPECT_EQ(c.kind(), "no question");
    ASSERT_TRUE(c.say(interactive()));
    ASSERT_TRUE(c.server.answer(auth_prompts{.prompts = {{"?", true}}}));
    ASSERT_TRUE(c.say(responses({std::string(limits::password_length_max + 1, 'x')})));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.server.attempts_failed(), 2u);
    ASSERT_TRUE(c.say(interactive()));
    ASSERT_TRUE(c.server.answer(auth_prompts{.prompts = {{"?", true}}}));
    bytes longer = responses({"x"});
    longer.push_back(0);
    EXPECT_EQ(c.say(longer).error(), errc::trailing_bytes);
}

TEST(AuthReply, FitsItsQuestion) {
    using kind = auth_question::kind;
    const auth_prompts many{.prompts = std::vector<auth_prompts::prompt>(limits::auth_prompts_max)};
    auth_prompts too_many = many;
    too_many.prompts.emplace_back();
    for (const kind k : {kind::none, kind::password, kind::password_change, kind::public_key_query,
                         kind::public_key, kind::interactive, kind::interactive_responses,
                         kind::host_based_query, kind::host_based}) {
        const bool interacts = k == kind::interactive || k == kind::interactive_responses;
        EXPECT_TRUE(fits(accept, k) && fits(refuse, k));
        EXPECT_EQ(fits(many, k), interacts);
        EXPECT_FALSE(fits(too_many, k) || fits(auth_policy{}, k));
        EXPECT_EQ(fits(auth_password_expired{}, k),
                  k == kind::password || k == kind::password_change);
    }
    EXPECT_TRUE(accepts(accept));
    EXPECT_FALSE(accepts(refuse) || accepts(many) || accepts(auth_password_expired{}) ||
                 accepts(auth_policy{}));
}

TEST(Rfc4252s8, PasswordsAreCapped) {
    conversation c;
    ASSERT_TRUE(c.say(password(std::string(limits::password_length_max, 'x'))));
    EXPECT_EQ(c.kind(), "password");
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(password(std::string(limits::password_length_max + 1, 'x'))));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey,password");
}

TEST(SecurityKeys, WhatTheyAssertIsPartOfTheQuestion) {
    const test::soft_token token("ssh-ed25519");
    const auto say = [&](conversation& c, bool sign, std::uint8_t flags, std::uint8_t change = 0) {
        bytes specific;
        wire::writer w(specific);
        w.write(sign);
        w.write(token.type());
        w.write(bytes_view(token.blob()));
        bytes payload = request("ada", "publickey", specific);
        if (sign) {
            bytes data;
            wire::writer d(data);
            d.write(bytes_view(session_id));
            d.append(payload);
            bytes signature = token.sign(data, flags, 42);
            signature.back() ^= change;  // the counter
            wire::writer(payload).write(bytes_view(signature));
        }
        return c.prove(payload);
    };
    conversation c;
    ASSERT_TRUE(say(c, false, 0));
    ASSERT_EQ(c.kind(), "query");
    EXPECT_FALSE(c.server.question()->assertion);
    ASSERT_TRUE(c.server.answer(accept));
    c.next();
    // A signature nobody touched the key for is one still: the application judges.
    ASSERT_TRUE(say(c, true, test::soft_token::verified));
    ASSERT_EQ(c.kind(), "public key");
    const auto& assertion = c.server.question()->assertion;
    ASSERT_TRUE(assertion);
    EXPECT_FALSE(assertion->user_present);
    EXPECT_TRUE(assertion->user_verified);
    EXPECT_EQ(assertion->counter, 42u);
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(say(c, true, test::soft_token::present, 1));
    EXPECT_EQ(c.heard(), "failure publickey,password") << "the counter is signed";
    // What one key asserted does not stay for the next.
    ASSERT_TRUE(c.prove(publickey{}));
    ASSERT_EQ(c.kind(), "public key");
    EXPECT_FALSE(c.server.question()->assertion);

    // Who plainly accepts does not do without the touch.
    const struct {
        auth_reply reply;
        std::uint8_t flags;
        const char* heard;
    } cases[] = {
        {accept, test::soft_token::present, "success"},
        {accept, test::soft_token::verified, "failure publickey,password"},
        {accept, 0, "failure publickey,password"},
        {auth_accept{}, 0, "failure publickey,password"},
        {auth_accept{.certificate_judged = true}, 0, "failure publickey,password"},
        {auth_accept{.touch_waived = true}, 0, "success"},
    };
    for (const auto& t : cases) {
        conversation other;
        ASSERT_TRUE(say(other, true, t.flags));
        ASSERT_EQ(other.kind(), "public key");
        ASSERT_TRUE(other.server.answer(t.reply));
        EXPECT_EQ(other.heard(), t.heard);
    }
}

TEST(Rfc4252s7, QueryThenSignature) {
    for (const auto& [key, algorithm] :
         {std::pair<const crypto::private_key&, std::string_view>{ed25519_key(), "ssh-ed25519"},
          {ecdsa_key(), "ecdsa-sha2-nistp256"},
          {rsa_key(), "rsa-sha2-256"},
          {rsa_key(), "rsa-sha2-512"}}) {
        SCOPED_TRACE(algorithm);
        conversation c;
        ASSERT_TRUE(c.say(publickey{.key = key, .algorithm = algorithm, .sign = false}));
        ASSERT_EQ(c.kind(), "query");
        EXPECT_EQ(*c.server.question()->key, key.public_half());
        EXPECT_EQ(c.server.question()->algorithm, algorithm);
        ASSERT_TRUE(c.server.answer(accept));
        const bytes payload = c.next();
        const auto ok = wire::decode<userauth_pk_ok>(payload);
        ASSERT_TRUE(ok);
        EXPECT_EQ(ok->algorithm, algorithm);
        EXPECT_EQ(to_bytes(ok->key_blob), key.public_half().blob());
        EXPECT_FALSE(c.server.take_user()) << "a query proves nothing";

        ASSERT_TRUE(c.prove(publickey{.key = key, .algorithm = algorithm}));
        ASSERT_EQ(c.kind(), "public key");
        ASSERT_TRUE(c.server.answer(accept));
        EXPECT_EQ(c.heard(), "success");
        const auto user = c.server.take_user();
        ASSERT_TRUE(user);
        ASSERT_EQ(user->keys().size(), 1u);
        EXPECT_EQ(user->keys()[0], key.public_half());
    }
}

// Whether the key is listed is asked before any signature is looked at.
TEST(Rfc4252s7, AKeyIsListedBeforeItsSignatureIsVerified) {
    const bytes good = publickey{};
    const bytes bad = publickey{.session = {}};
    for (const bytes& payload : {good, bad}) {
        conversation c;
        ASSERT_TRUE(c.say(payload));
        ASSERT_EQ(c.kind(), "query");
        EXPECT_TRUE(c.server.question()->signature_follows);
        EXPECT_FALSE(c.server.question()->assertion);
        ASSERT_TRUE(c.server.answer(refuse));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
    }
    conversation c;
    ASSERT_TRUE(c.say(good));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "nothing") << "the second question comes without a word to the client";
    ASSERT_EQ(c.kind(), "public key");
    EXPECT_FALSE(c.server.question()->signature_follows);
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    EXPECT_EQ(c.server.attempts_failed(), 1u);

    // What a query was told holds for the signature; of another key it does not.
    ASSERT_TRUE(c.say(publickey{.sign = false}));
    EXPECT_FALSE(c.server.question()->signature_follows);
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "pk_ok ssh-ed25519");
    ASSERT_TRUE(c.say(publickey{.key = ecdsa_key(), .algorithm = "ecdsa-sha2-nistp256"}));
    EXPECT_EQ(c.kind(), "query");
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(bad));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(good));
    ASSERT_EQ(c.kind(), "public key");
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
}

TEST(Rfc4252s7, RequestsThatProveNothingLetNobodyIn) {
    struct {
        const char* name;
        bytes payload;
        bool listed = false;  // it is, and only then the signature is looked at
    } cases[] = {
        {"another session", publickey{.session = {1, 2, 3, 5}}, true},
        {"no session", publickey{.session = {}}, true},
        {"another user under the signature", publickey{.signed_user = "eve"}, true},
        {"algorithm of another key type", publickey{.algorithm = "ecdsa-sha2-nistp256"}},
        {"SHA-1", publickey{.key = rsa_key(), .algorithm = "ssh-rsa"}},
        {"unknown algorithm", publickey{.algorithm = "ssh-dss"}},
        {"empty algorithm", publickey{.algorithm = ""}},
        {"hostbound to another host", publickey{.method = publickey_hostbound, .host = {9, 8, 6}}},
        {"hostbound to no host", publickey{.method = publickey_hostbound, .host = {}}},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        conversation c;
        ASSERT_TRUE(c.say(t.payload));
        EXPECT_EQ(c.waiting_for_list(), t.listed);
        if (t.listed) {
            ASSERT_TRUE(c.server.answer(accept));
        }
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
    }
    // Every bit of the signature and of what is signed matters.
    const bytes good = publickey{};
    for (std::size_t i = 0; i < good.size(); ++i) {
        bytes flipped = good;
        flipped[i] ^= 1;
        conversation c;
        (void)c.prove(flipped);
        EXPECT_NE(c.kind(), "public key") << i;
        EXPECT_FALSE(c.server.succeeded()) << i;
    }
}

TEST(OpenSshProtocol3_1, HostboundKeysAreTaken) {
    conversation c;
    ASSERT_TRUE(c.say(publickey{.method = publickey_hostbound, .sign = false}));
    ASSERT_EQ(c.kind(), "query");
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "pk_ok ssh-ed25519");
    ASSERT_TRUE(c.prove(publickey{.method = publickey_hostbound}));
    ASSERT_EQ(c.kind(), "public key");
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.take_user()->methods(), std::vector<std::string>{"publickey"});
}

TEST(OpenSshProtocol3_1, HostboundKeysAreRefusedWhenNotServed) {
    conversation c({.hostbound = false});
    ASSERT_TRUE(c.prove(publickey{.method = publickey_hostbound}));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey,password");
}

TEST(Rfc4252s7, OnlyConfiguredAlgorithmsAreTaken) {
    conversation c({.public_key_algorithms = {"rsa-sha2-512"}});
    ASSERT_TRUE(c.prove(publickey{}));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.prove(publickey{.key = rsa_key(), .algorithm = "rsa-sha2-256"}));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.prove(publickey{.key = rsa_key(), .algorithm = "rsa-sha2-512"}));
    EXPECT_EQ(c.kind(), "public key");
}

TEST(Rfc4252s7, BadKeysAndTooLongFieldsFail) {
    const auto with = [](std::string_view algorithm, const bytes& blob, const bytes& signature) {
        bytes specific;
        wire::writer w(specific);
        w.write(true);
        w.write(algorithm);
        w.write(bytes_view(blob));
        w.write(bytes_view(signature));
        return request("ada", "publickey", specific);
    };
    const bytes& blob = ed25519_key().public_half().blob();
    struct {
        const char* name;
        bytes payload;
    } cases[] = {
        {"no key", with("ssh-ed25519", {}, {})},
        {"half a key", with("ssh-ed25519", bytes(blob.begin(), blob.begin() + 20), {})},
        {"no signature", with("ssh-ed25519", blob, {})},
        {"huge key", with("ssh-ed25519", bytes(limits::public_key_blob_length_max + 1, 0), {})},
        {"huge signature", with("ssh-ed25519", blob, bytes(limits::signature_length_max + 1, 0))},
        {"huge algorithm", with(std::string(10'000, 'a'), blob, {})},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        conversation c;
        ASSERT_TRUE(c.prove(t.payload));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure publickey,password");
    }
}

TEST(Rfc4252s5_1, PartialSuccessAlongAChain) {
    conversation c({.method_chains = {{"publickey", "password"}}});
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure publickey");
    ASSERT_TRUE(c.say(password("too early")));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey");
    ASSERT_TRUE(c.prove(publickey{}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "partial password");
    EXPECT_FALSE(c.server.succeeded());
    EXPECT_FALSE(c.server.take_user());
    ASSERT_TRUE(c.prove(publickey{}));
    EXPECT_EQ(c.heard(), "failure password") << "that step is done";
    ASSERT_TRUE(c.say(password("right")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.take_user()->methods(), (std::vector<std::string>{"publickey", "password"}));
}

TEST(Rfc4252s5_1, AnyOneChainSuffices) {
    conversation c({.method_chains = {{"publickey", "password"}, {"password", "publickey"}}});
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(password("right")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "partial publickey");
    ASSERT_TRUE(c.prove(publickey{}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
}

TEST(Rfc4252s5_1, TwoPublickeyStepsWantTwoKeys) {
    conversation c({.method_chains = {{"publickey", "publickey"}}});
    ASSERT_TRUE(c.prove(publickey{}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "partial publickey");
    ASSERT_TRUE(c.prove(publickey{}));
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_EQ(c.heard(), "failure publickey");
    ASSERT_TRUE(c.prove(publickey{.key = ecdsa_key(), .algorithm = "ecdsa-sha2-nistp256"}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_EQ(c.server.take_user()->keys().size(), 2u);
}

TEST(ServerAuth, NoChainLetsNobodyIn) {
    conversation c({.method_chains = {{}}});
    for (const bytes& payload : {none(), password("x"), bytes(publickey{})}) {
        ASSERT_TRUE(c.say(payload));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure ");
    }
}

TEST(Rfc4252s5, UnknownMethodsAreRejected) {
    for (const char* method : {"keyboard-interactive", "hostbased", "", "gssapi-with-mic"}) {
        SCOPED_TRACE(method);
        conversation c;
        ASSERT_TRUE(c.say(request("ada", method, bytes(40, 7))));
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
    }
}

TEST(Rfc4252s4, AttemptsAreLimited) {
    conversation c({.attempts_max = 3});
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(c.say(password("wrong")));
        ASSERT_TRUE(c.server.answer(refuse));
        EXPECT_EQ(c.heard(), "failure publickey,password");
    }
    // Neither "none" nor a query that is answered is an attempt.
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(publickey{.sign = false}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "pk_ok ssh-ed25519");
    EXPECT_EQ(c.server.attempts_failed(), 2u);
    ASSERT_TRUE(c.say(password("wrong")));
    EXPECT_EQ(c.server.answer(refuse).error(), errc::too_many_attempts);
    EXPECT_EQ(c.heard(), "nothing");
    // After an error the machine is finished.
    EXPECT_EQ(c.say(password("right")).error(), errc::too_many_attempts);
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_FALSE(c.server.take_user());
}

TEST(Rfc4252s4, ARefusedQueryIsAnAttempt) {
    conversation c({.attempts_max = 3});
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(c.say(publickey{.sign = false}));
        ASSERT_TRUE(c.server.answer(refuse));
        EXPECT_EQ(c.heard(), "failure publickey,password");
    }
    // Also one that nobody is asked about.
    EXPECT_EQ(c.say(publickey{.algorithm = "unheard-of", .sign = false}).error(),
              errc::too_many_attempts);
}

TEST(ServerAuth, RequestsOfEveryKindAreCapped) {
    conversation c;
    for (unsigned i = 0; i < limits::auth_requests_max; ++i)
        ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.say(none()).error(), errc::too_many_attempts);
}

TEST(Rfc4252s5_4, TheBannerComesOnceBeforeTheFirstReply) {
    conversation c({.banner = "keep out\r\n"});
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "banner keep out\r\n");
    EXPECT_EQ(c.heard(), "failure publickey,password");
    ASSERT_TRUE(c.say(none()));
    EXPECT_EQ(c.heard(), "failure publickey,password");

    conversation at_once({.banner = "hello"});
    ASSERT_TRUE(at_once.say(password("right")));
    EXPECT_EQ(at_once.heard(), "nothing");
    ASSERT_TRUE(at_once.server.answer(accept));
    EXPECT_EQ(at_once.heard(), "banner hello");
    EXPECT_EQ(at_once.heard(), "success");

    conversation query({.banner = "hello"});
    ASSERT_TRUE(query.say(publickey{.sign = false}));
    ASSERT_TRUE(query.server.answer(accept));
    EXPECT_EQ(query.heard(), "banner hello");
    EXPECT_EQ(query.heard(), "pk_ok ssh-ed25519");
}

TEST(Rfc4252s5, AChangeOfUserOrServiceEndsTheConnection) {
    struct {
        const char* name;
        bytes first;
        bytes second;
        errc error;
    } cases[] = {
        {"user", none("ada"), none("eve"), errc::protocol_error},
        {"case of the user", none("ada"), none("Ada"), errc::protocol_error},
        {"service", none("ada"), request("ada", "none", {}, "ssh-userauth"), errc::protocol_error},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        conversation c;
        ASSERT_TRUE(c.say(t.first));
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.say(t.second).error(), t.error);
        EXPECT_EQ(c.heard(), "nothing");
        EXPECT_EQ(c.say(t.first).error(), t.error);
    }
    conversation c;
    EXPECT_EQ(c.say(request("ada", "none", {}, "ssh-tunnels")).error(), errc::unknown_service);
}

TEST(ServerAuth, ImpossibleUserNamesEndTheConnection) {
    struct {
        std::string name;
        error_code error;
    } cases[] = {
        {std::string(limits::user_name_length_max, 'u'), {}},
        {"a-b c", {}},
        {"\xc2\xa0x", {}},
        {"a\xc2", {}},
        {"\xc2"
         "A",
         {}},  // no UTF-8, and no control character
        {"\xc3\x80", {}},
        {"\xc1\x90", {}},
        {" ~", {}},
        {"a\xc2\x80", errc::bad_value},
        {"a\xc2\x9f", errc::bad_value},
        {"a\x1f", errc::bad_value},
        {"", errc::bad_value},
        {"-", errc::bad_value},
        {"-froot", errc::bad_value},
        {"a\x1b[m", errc::bad_value},
        {"a\xc2\x9bm", errc::bad_value},
        {std::string(1, '\0'), errc::bad_value},
        {"j\xc3\xbcrgen@example", {}},
        {std::string(limits::user_name_length_max + 1, 'u'), errc::too_long},
        {std::string("root\0x", 6), errc::bad_value},
        {"a\nb", errc::bad_value},
        {"a\x7f", errc::bad_value},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        conversation c;
        const auto said = c.say(none(t.name));
        EXPECT_EQ(said ? error_code() : said.error(), t.error);
        if (!t.error) continue;
        for (const char* method : {"password", "publickey", "hostbased", "keyboard-interactive",
                                   publickey_hostbound.data(), "unheard-of"}) {
            conversation other({.method_chains = {{"none"},
                                                  {"password"},
                                                  {"publickey"},
                                                  {"hostbased"},
                                                  {"keyboard-interactive"}},
                                .asks_for_policy = true});
            EXPECT_EQ(other.say(request(t.name, method, bytes(40, 0))).error(), t.error) << method;
            EXPECT_EQ(other.kind(), "no question");
        }
    }
}

// As OpenSSH's sshd, where a name is signed as it was sent.
TEST(ServerAuth, AStyleIsNoPartOfTheNameWhereThereMayBeOne) {
    const server_auth_config styles{
        .method_chains = {{"publickey"}}, .asks_for_policy = true, .names_may_have_styles = true};
    for (const char* sent : {"ada:style", "ada:", "ada:a:b", "ada"}) {
        SCOPED_TRACE(sent);
        conversation c(styles);
        ASSERT_TRUE(c.say(publickey{.user = sent}));
        ASSERT_NE(c.server.question(), nullptr);
        EXPECT_EQ(c.server.question()->what, auth_question::kind::user);
        EXPECT_EQ(c.server.question()->user, "ada");
        ASSERT_TRUE(c.server.answer(auth_policy{.method_chains = {{"publickey"}}}));
        ASSERT_TRUE(c.server.answer(auth_accept{.certificate_judged = true}));
        EXPECT_EQ(c.server.question()->user, "ada");
        ASSERT_TRUE(c.server.answer(auth_answer::accept));
        const auto user = c.server.take_user();
        ASSERT_TRUE(user);
        EXPECT_EQ(user->name(), "ada");
        EXPECT_EQ(c.server.user_name(), "ada");
    }
    // The signature is of the whole name.
    conversation stripped(styles);
    ASSERT_TRUE(stripped.say(publickey{.user = "ada:style", .signed_user = "ada"}));
    ASSERT_TRUE(stripped.server.answer(auth_policy{.method_chains = {{"publickey"}}}));
    static_cast<void>(stripped.server.answer(auth_accept{.certificate_judged = true}));
    EXPECT_FALSE(stripped.server.take_user());
    // Nobody is left, or something that is no name.
    for (const char* sent : {":style", ":", "-x:style", "a\nb:style", "ada:st\nyle"}) {
        SCOPED_TRACE(sent);
        conversation c(styles);
        EXPECT_EQ(c.say(none(sent)).error(), errc::bad_value);
    }
    conversation changed(styles);
    ASSERT_TRUE(changed.say(none("ada:a")));
    ASSERT_TRUE(changed.server.answer(auth_policy{.method_chains = {{"publickey"}}}));
    EXPECT_EQ(changed.say(none("ada:b")).error(), errc::protocol_error);
    // Elsewhere a colon is a character of the name.
    conversation plain;
    ASSERT_TRUE(plain.say(none("ada:style")));
    EXPECT_EQ(plain.server.user_name(), "ada:style");
}

// Who pipelines requests is told each result in order; the caller keeps what comes early.
TEST(Rfc4252s5_1, RequestsInARowAreAnsweredInOrder) {
    conversation c;
    ASSERT_TRUE(c.say(password("first")));
    ASSERT_TRUE(c.server.waiting());
    ASSERT_TRUE(c.server.answer(refuse));
    ASSERT_TRUE(c.say(password("second")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "failure publickey,password");
    EXPECT_EQ(c.heard(), "success");
}

TEST(ServerAuth, AMessageWhileAQuestionIsOpenIsRefused) {
    conversation c;
    ASSERT_TRUE(c.say(password("x")));
    EXPECT_EQ(c.say(none()).error(), errc::unexpected_message);
    EXPECT_EQ(c.kind(), "no question");
    EXPECT_FALSE(c.server.waiting());
}

TEST(Rfc4252s5_3, MessagesAfterSuccessAreIgnored) {
    conversation c;
    ASSERT_TRUE(c.say(password("right")));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    for (const bytes& late : {password("again"), none("eve"), bytes{61}, bytes{50}, bytes{}}) {
        ASSERT_TRUE(c.say(late));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "nothing");
    }
    EXPECT_EQ(c.server.take_user()->name(), "ada");
}

TEST(Rfc4252s6, OtherNumbersAreUnexpected) {
    for (int number = 51; number <= userauth_number_last; ++number) {
        conversation c;
        EXPECT_EQ(c.say({static_cast<std::uint8_t>(number)}).error(), errc::unexpected_message);
    }
    conversation c;
    EXPECT_EQ(c.say({}).error(), errc::truncated);
}

TEST(ServerAuth, EveryTruncationAndOneByteTooManyEndTheConnection) {
    struct {
        const char* name;
        bytes whole;
    } cases[] = {
        {"none", none()},
        {"password", password("secret")},
        {"query", publickey{.sign = false}},
        {"public key", publickey{}},
        {"hostbound", publickey{.method = publickey_hostbound}},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        for (std::size_t n = 0; n < t.whole.size(); ++n) {
            conversation c;
            EXPECT_EQ(c.say(bytes(t.whole.begin(), t.whole.begin() + static_cast<int>(n))).error(),
                      errc::truncated)
                << n;
        }
        // "none" is not looked into when it is no method of any chain.
        conversation c({.method_chains = {{"none"}, {"publickey"}, {"password"}}});
        bytes longer = t.whole;
        longer.push_back(0);
        EXPECT_EQ(c.say(longer).error(), errc::trailing_bytes);
    }
}

// Nothing that the server sends tells a user that exists from one that does not: the same requests
// lead to the same questions, and the same refusals to the same replies.
TEST(ServerAuth, RepliesAreTheSameForUsersThatDoNotExist) {
    const auto transcript = [](std::string_view user) {
        conversation c({.banner = "hello"});
        std::string text;
        const std::vector<bytes> requests{none(user),
                                          password("x", user),
                                          publickey{.user = user, .sign = false},
                                          publickey{.user = user},
                                          publickey{.user = user, .session = {}},
                                          publickey{.algorithm = "ssh-dss", .user = user}};
        for (const bytes& payload : requests) {
            EXPECT_TRUE(c.say(payload));
            text += c.kind() + ';';
            if (c.server.waiting()) {
                EXPECT_TRUE(c.server.answer(refuse));
            }
            while (!c.sink.sent.empty())
                text += test::to_hex(c.next()) + ';';
        }
        return text;
    };
    EXPECT_EQ(transcript("ada"), transcript("nobody-of-that-name"));
}

// --- policies -----------------------------------------------------------------------------------

TEST(AuthPolicy, IsAskedForOnceWhenTheUserIsKnown) {
    conversation c({.banner = "all", .asks_for_policy = true});
    ASSERT_TRUE(c.say(none()));
    ASSERT_EQ(c.kind(), "user");
    EXPECT_EQ(c.server.question()->user, "ada");
    EXPECT_EQ(c.heard(), "nothing");
    ASSERT_TRUE(c.server.answer(
        auth_policy{{{"publickey", "password"}}, 2, "for ada", {"ecdsa-sha2-nistp256"}}));
    EXPECT_EQ(c.heard(), "banner for ada");
    EXPECT_EQ(c.heard(), "failure publickey");
    ASSERT_TRUE(c.prove(publickey{}));
    EXPECT_EQ(c.heard(), "failure publickey") << "its algorithm is not among hers";
    ASSERT_TRUE(c.prove(publickey{.key = ecdsa_key(), .algorithm = "ecdsa-sha2-nistp256"}));
    ASSERT_EQ(c.kind(), "public key");
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "partial password");
    ASSERT_TRUE(c.say(password("wrong")));
    EXPECT_EQ(c.server.answer(refuse).error(), errc::too_many_attempts) << "the second of two";
}

TEST(AuthPolicy, TheFirstRequestIsNotLost) {
    for (const bool own : {false, true}) {
        SCOPED_TRACE(own);
        conversation c({.asks_for_policy = true});
        ASSERT_TRUE(c.say(password("right")));
        ASSERT_EQ(c.kind(), "user");
        if (own)
            ASSERT_TRUE(c.server.answer(auth_policy{{{"password"}}}));
        else
            ASSERT_TRUE(c.server.answer(refuse));  // what holds for all
        ASSERT_EQ(c.kind(), "password");
        EXPECT_EQ(as_text(c.server.question()->password), "right");
        ASSERT_TRUE(c.server.answer(accept));
        EXPECT_EQ(c.heard(), "success");
    }
}

TEST(AuthPolicy, OneWithoutAWayInLetsNobodyIn) {
    conversation c({.asks_for_policy = true});
    ASSERT_TRUE(c.say(password("right")));
    ASSERT_TRUE(c.server.answer(auth_policy{}));
    EXPECT_EQ(c.heard(), "failure ");
    EXPECT_EQ(c.kind(), "no question");
}

// --- hostbased ----------------------------------------------------------------------------------

struct hostbased {
    std::string_view algorithm = "ssh-ed25519";
    std::string host = "client.example.";
    std::string user = "there";
    bytes blob = ed25519_key().public_half().blob();
    bytes session = session_id;

    operator bytes() const {
        bytes specific;
        wire::writer w(specific);
        w.write(algorithm);
        w.write(bytes_view(blob));
        w.write(host);
        w.write(user);
        bytes payload = request("ada", "hostbased", specific);
        bytes data;
        wire::writer d(data);
        d.write(bytes_view(session));
        d.append(payload);
        wire::writer(payload).write(bytes_view(ed25519_key().sign("ssh-ed25519", data).value()));
        return payload;
    }
};

// --- certificates -------------------------------------------------------------------------------

// A publickey request that shows a certificate, or whatever `blob` says.
bytes certified(std::string_view algorithm, const crypto::private_key& key, bytes_view blob,
                std::string_view signs_as, bool sign) {
    bytes specific;
    wire::writer w(specific);
    w.write(sign);
    w.write(algorithm);
    w.write(blob);
    bytes payload = request("ada", "publickey", specific);
    if (!sign) return payload;
    bytes data;
    wire::writer d(data);
    d.write(bytes_view(session_id));
    d.append(payload);
    wire::writer(payload).write(bytes_view(key.sign(signs_as, data).value()));
    return payload;
}

constexpr auth_accept judged{.certificate_judged = true};

// Who only looks at the key has not looked at dates, principals and addresses.
TEST(Certificates, AreNotAcceptedPlainly) {
    constexpr const char* algorithm = "ssh-ed25519-cert-v01@openssh.com";
    const auto cert = test::test_certificate(ed25519_key().public_half(), {.principals = {"eve"}});
    for (const bool sign : {false, true}) {
        const bytes payload = certified(algorithm, ed25519_key(), cert.blob(), "ssh-ed25519", sign);
        for (const auth_reply& plain : {auth_reply(accept), auth_reply(auth_accept{}),
                                        auth_reply(auth_accept{false, true})}) {
            conversation c;
            ASSERT_TRUE(c.say(payload));
            ASSERT_EQ(c.kind(), "query");
            ASSERT_TRUE(c.server.answer(plain));
            EXPECT_EQ(c.heard(), "failure publickey,password");
            EXPECT_FALSE(c.server.take_user());
            if (!sign) continue;
            ASSERT_TRUE(c.prove(payload));
            ASSERT_EQ(c.kind(), "public key");
            ASSERT_TRUE(c.server.answer(plain));
            EXPECT_EQ(c.heard(), "failure publickey,password");
            EXPECT_FALSE(c.server.take_user());
        }
    }
}

// The authority is looked for first; that it has signed is looked at when it is trusted.
TEST(Certificates, AreVerifiedOnceTheyAreAccepted) {
    constexpr const char* algorithm = "ssh-ed25519-cert-v01@openssh.com";
    const auto cert = test::test_certificate(ed25519_key().public_half(), {.principals = {"eve"}});
    bytes forged = cert.blob();
    const auto eve = std::ranges::search(forged, std::string_view("eve"));
    ASSERT_FALSE(eve.empty());
    std::ranges::copy(std::string_view("ada"), eve.begin());
    for (const bool sign : {false, true}) {
        conversation c;
        ASSERT_TRUE(c.say(certified(algorithm, ed25519_key(), forged, "ssh-ed25519", sign)));
        ASSERT_EQ(c.kind(), "query");
        EXPECT_EQ(c.server.question()->certificate->fields().principals.front(), "ada");
        ASSERT_TRUE(c.server.answer(judged));
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
        EXPECT_FALSE(c.server.take_user());
    }
    conversation c({.method_chains = {{"hostbased"}}});
    ASSERT_TRUE(c.say(hostbased{.algorithm = algorithm, .blob = forged}));
    ASSERT_EQ(c.kind(), "host query");
    ASSERT_TRUE(c.server.answer(judged));
    EXPECT_EQ(c.heard(), "failure hostbased");
}

// An RSA key of `bits` and exponent `e` that nobody has the private half of.
bytes rsa_blob(std::size_t bits, bytes e) {
    bytes n(bits / 8, 0xff);
    bytes blob;
    wire::writer w(blob);
    w.write("ssh-rsa");
    w.write(wire::mpint{e});
    w.write(wire::mpint{n});
    return blob;
}

TEST(Rfc4252s7, KeysThatAreDearToVerifyAreRefused) {
    const struct {
        bytes blob;
        const char* kind;
    } cases[] = {
        {rsa_blob(4096, {1, 0, 1}), "query"},
        {rsa_blob(8192, {1, 0, 1}), "query"},
        {rsa_blob(8192 + 8, {1, 0, 1}), "no question"},
        {rsa_blob(16384, {1, 0, 1}), "no question"},
        {rsa_blob(2048, {0xff, 0xff, 0xff, 0xff}), "query"},
        {rsa_blob(2048, {1, 0, 0, 0, 1}), "no question"},
        {rsa_blob(2048, {1, 0, 0}), "no question"},
        {rsa_blob(2048, {1}), "no question"},
        {rsa_blob(2048, {}), "no question"},
        {rsa_blob(1024, {1, 0, 1}), "no question"},
    };
    for (const auto& t : cases) {
        conversation c;
        bytes specific;
        wire::writer w(specific);
        w.write(false);
        w.write("rsa-sha2-512");
        w.write(bytes_view(t.blob));
        ASSERT_TRUE(c.say(request("ada", "publickey", specific)));
        EXPECT_EQ(c.kind(), t.kind) << t.blob.size();
    }
}

TEST(Certificates, AreShownAndProven) {
    const struct {
        const crypto::private_key& key;
        const char* algorithm;
        const char* signs_as;
    } cases[] = {
        {ed25519_key(), "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"},
        {ecdsa_key(), "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256"},
        {rsa_key(), "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"},
        {rsa_key(), "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256"},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.algorithm);
        const auto cert = test::test_certificate(t.key.public_half(), {.principals = {"ada"}});
        conversation c;
        ASSERT_TRUE(c.say(certified(t.algorithm, t.key, cert.blob(), t.signs_as, false)));
        ASSERT_EQ(c.kind(), "query");
        ASSERT_TRUE(c.server.question()->certificate);
        EXPECT_EQ(c.server.question()->certificate->blob(), cert.blob());
        EXPECT_EQ(c.server.question()->key, t.key.public_half());
        ASSERT_TRUE(c.server.answer(judged));
        const bytes reply = c.next();
        const auto ok = wire::decode<userauth_pk_ok>(reply);
        ASSERT_TRUE(ok);
        EXPECT_EQ(ok->algorithm, t.algorithm);
        EXPECT_TRUE(std::ranges::equal(ok->key_blob, cert.blob()));

        ASSERT_TRUE(c.say(certified(t.algorithm, t.key, cert.blob(), t.signs_as, true)));
        ASSERT_EQ(c.kind(), "public key");
        ASSERT_TRUE(c.server.question()->certificate);
        ASSERT_TRUE(c.server.answer(judged));
        EXPECT_EQ(c.heard(), "success");
        EXPECT_EQ(c.server.take_user()->keys(), std::vector{t.key.public_half()});
    }
}

TEST(Certificates, WhatDoesNotFitLetsNobodyIn) {
    const auto cert = test::test_certificate(ed25519_key().public_half(), {.principals = {"ada"}});
    const bytes bare = ed25519_key().public_half().blob();
    const auto other = crypto::private_key::generate("ssh-ed25519").value();
    const struct {
        const char* name;
        const char* algorithm;
        const crypto::private_key& key;
        bytes blob;
    } cases[] = {
        {"certificate as a key", "ssh-ed25519", ed25519_key(), cert.blob()},
        {"key as a certificate", "ssh-ed25519-cert-v01@openssh.com", ed25519_key(), bare},
        {"certificate of another type", "ecdsa-sha2-nistp256-cert-v01@openssh.com", ecdsa_key(),
         cert.blob()},
        {"signed by another key", "ssh-ed25519-cert-v01@openssh.com", other, cert.blob()},
    };
    for (const auto& t : cases) {
        SCOPED_TRACE(t.name);
        conversation c;
        const std::string_view signs_as = t.key.public_half().type();
        ASSERT_TRUE(c.prove(certified(t.algorithm, t.key, t.blob, signs_as, true)));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure publickey,password");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
    }
}

TEST(Rfc4252s9, AHostVouchesForItsUser) {
    conversation c({.method_chains = {{"hostbased"}}});
    ASSERT_TRUE(c.prove(hostbased{}));
    ASSERT_EQ(c.kind(), "host");
    const auto* q = c.server.question();
    EXPECT_EQ(q->user, "ada");
    EXPECT_EQ(q->client_user, "there");
    EXPECT_EQ(q->client_host, "client.example");
    EXPECT_EQ(q->key, ed25519_key().public_half());
    ASSERT_TRUE(c.server.answer(refuse));
    EXPECT_EQ(c.heard(), "failure hostbased");
    ASSERT_TRUE(c.prove(hostbased{}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
    EXPECT_TRUE(c.server.take_user()->keys().empty()) << "it is no key of the user's";
}

TEST(Rfc4252s9, ACertificateOfAHostIsNotAcceptedPlainly) {
    const auto cert = test::test_certificate(
        ed25519_key().public_half(),
        {.kind = crypto::certificate_kind::host, .principals = {"other.example"}});
    for (const bool named : {false, true}) {
        conversation c({.method_chains = {{"hostbased"}}});
        const bytes payload =
            hostbased{.algorithm = "ssh-ed25519-cert-v01@openssh.com", .blob = cert.blob()};
        ASSERT_TRUE(c.say(payload));
        ASSERT_EQ(c.kind(), "host query");
        ASSERT_TRUE(c.server.answer(accept));
        EXPECT_EQ(c.heard(), "failure hostbased");
        ASSERT_TRUE(c.prove(payload));
        ASSERT_EQ(c.kind(), "host");
        ASSERT_TRUE(c.server.answer(named ? auth_reply(judged) : auth_reply(accept)));
        EXPECT_EQ(c.heard(), named ? "success" : "failure hostbased");
    }
}

// What a stranger makes up costs a search; only of a host that is trusted a signature is verified.
TEST(Rfc4252s9, AHostIsLookedForBeforeItsSignatureIsVerified) {
    bytes other_session = session_id;
    other_session[0] ^= 1;
    for (const bytes& session : {session_id, other_session}) {
        conversation c({.method_chains = {{"hostbased"}}});
        ASSERT_TRUE(c.say(hostbased{.session = session}));
        ASSERT_EQ(c.kind(), "host query");
        EXPECT_TRUE(c.server.question()->signature_follows);
        EXPECT_FALSE(c.server.question()->assertion);
        EXPECT_EQ(c.server.question()->client_user, "there");
        ASSERT_TRUE(c.server.answer(refuse));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure hostbased");
        EXPECT_EQ(c.server.attempts_failed(), 1u);
    }
    conversation c({.method_chains = {{"hostbased"}}});
    ASSERT_TRUE(c.say(hostbased{}));
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "nothing");
    ASSERT_EQ(c.kind(), "host");
    EXPECT_FALSE(c.server.question()->signature_follows);
    ASSERT_TRUE(c.server.answer(accept));
    EXPECT_EQ(c.heard(), "success");
}

TEST(Rfc4252s9, WhatIsNotProvenIsNotAskedAbout) {
    bytes other_session = session_id;
    other_session[0] ^= 1;
    const hostbased cases[] = {
        {.algorithm = "rsa-sha2-512"},
        {.algorithm = "sk-ssh-ed25519@openssh.com"},
        {.host = std::string(limits::host_name_length_max + 1, 'h')},
        {.user = std::string(limits::user_name_length_max + 1, 'u')},
        {.host = ""},
        {.host = "."},
        {.host = "-h"},
        {.host = "a b"},
        {.host = std::string("client\0.example", 15)},
        {.host = "client\n"},
        {.user = ""},
        {.user = "-froot"},
        {.user = std::string("there\0", 6)},
        {.user = "a\x7f"},
        {.blob = ecdsa_key().public_half().blob()},
        {.session = other_session},
    };
    for (const auto& t : cases) {
        conversation c({.method_chains = {{"hostbased"}}});
        ASSERT_TRUE(c.prove(t));
        EXPECT_EQ(c.kind(), "no question");
        EXPECT_EQ(c.heard(), "failure hostbased");
    }
}

}  // namespace
}  // namespace sluice
