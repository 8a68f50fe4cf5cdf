// Logins of our client at our server, where they need more than a key or a password.

#include "sluice/crypto/key_file.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/refusal_time.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/key_folder.hpp"

#include <boost/asio/steady_timer.hpp>

#include <stdexcept>

namespace sluice {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::run_to_end;
using test::served;
using test::ssh_client;
using test::test_logins;

secret_bytes secret(std::string_view text) { return secret_bytes(as_bytes(text)); }

// --- refusals -----------------------------------------------------------------------------------

TEST(Refusals, AreNotToldBeforeTheTimeOfTheUser) {
    for (const char* method : {"password", "keyboard-interactive"}) {
        SCOPED_TRACE(method);
        served s;
        time_point asked;
        s.options.protocol.auth.method_chains = {{method}};
        s.options.logins = std::make_shared<test_logins>(
            [&](login_attempt) -> asio::awaitable<login_verdict> {
                asked = now();
                co_return login_verdict{};
            },
            [&](login_attempt, conversation&) -> asio::awaitable<login_verdict> {
                asked = now();
                throw std::runtime_error("which is a refusal too");
                co_return login_verdict{};
            });
        s.start();
        connect_options options = test::test_options();
        options.on_password = [](client_auth_question) { return std::optional(secret("wrong")); };
        options.on_prompts = [](client_auth_question) {
            return std::optional(std::vector<secret_bytes>());
        };
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        EXPECT_GE(now() - asked, refusal_time::of_process().of_user("ada"));
    }
}

// --- keyboard-interactive -----------------------------------------------------------------------

using responses = std::optional<std::vector<secret_bytes>>;

// Two questions, then one more, then a word without any.
asio::awaitable<login_verdict> three_rounds(login_attempt attempt, conversation& user) {
    EXPECT_EQ(attempt.question.user, "ada");
    auth_prompts first{.name = "Login",
                       .instruction = "two of them",
                       .prompts = {{"Password: ", false}, {"Colour: ", true}}};
    const auto said = co_await user.ask(first);
    if (!said || said->size() != 2) co_return login_verdict{};
    if (as_text((*said)[0]) != "sesame" || as_text((*said)[1]) != "green")
        co_return login_verdict{.reason = "wrong"};
    auth_prompts second{.prompts = {{"Token: ", false}}};
    const auto token = co_await user.ask(second);
    if (!token || as_text(token->front()) != "123456") co_return login_verdict{};
    auth_prompts last{.instruction = "welcome"};
    const auto nothing = co_await user.ask(last);
    if (!nothing || !nothing->empty()) co_return login_verdict{};
    co_return login_verdict{auth_answer::accept};
}

TEST(Interactive, SeveralRoundsWithManyPrompts) {
    served s;
    s.options.protocol.auth.method_chains = {{"keyboard-interactive"}};
    s.options.logins = std::make_shared<test_logins>(test_logins::decision(), three_rounds);
    s.start();
    std::vector<std::string> seen;
    connect_options options = test::test_options();
    std::string colour = "green";
    options.on_prompts = [&](client_auth_question q) -> responses {
        std::vector<secret_bytes> answers;
        if (!q.instruction.empty()) seen.push_back(q.instruction);
        for (const auto& p : q.prompts) {
            seen.push_back(p.text + (p.echo ? "" : "*"));
            answers.push_back(secret(p.text == "Password: " ? "sesame"
                                     : p.text == "Token: "  ? "123456"
                                                            : colour));
        }
        return answers;
    };
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(seen, (std::vector<std::string>{"two of them", "Password: *", "Colour: ", "Token: *",
                                              "welcome"}));
    colour = "blue";
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    EXPECT_EQ(s.last("login_failed", "method"), "keyboard-interactive");
    EXPECT_EQ(s.last("login_failed", "reason"), "wrong");
    EXPECT_FALSE(s.log_holds("sesame"));
}

TEST(Interactive, NobodyGetsInWhereNobodyConverses) {
    served s;
    s.options.protocol.auth.method_chains = {{"keyboard-interactive"}};
    s.start();
    connect_options options = test::test_options();
    options.on_prompts = [](client_auth_question) {
        return responses(std::vector<secret_bytes>());
    };
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
}

bytes interactive_request() {
    bytes specific;
    wire::writer w(specific);
    w.write("");
    w.write("");
    return wire::encoded(
        userauth_request{"ada", "ssh-connection", "keyboard-interactive", {specific}});
}

// Whoever gives up a conversation ends the coroutine that holds it, before anything else is
// decided.
TEST(Interactive, GivenUpConversationsAreCancelledAndAwaited) {
    served s;
    int talking = 0;
    int left = 0;
    s.options.protocol.auth.method_chains = {{"keyboard-interactive"}, {"password"}};
    s.options.logins = std::make_shared<test_logins>(
        [&](login_attempt) -> asio::awaitable<login_verdict> {
            EXPECT_EQ(talking, 0) << "one thing at a time";
            co_return login_verdict{auth_answer::accept};
        },
        [&](login_attempt, conversation& user) -> asio::awaitable<login_verdict> {
            ++talking;
            const std::shared_ptr<void> at_end(nullptr, [&](void*) {
                --talking;
                ++left;
            });
            auth_prompts one{.prompts = {{"Password: ", false}}};
            const auto said = co_await user.ask(one);
            EXPECT_FALSE(said);
            co_return login_verdict{auth_answer::accept};  // counts for nothing
        });
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->ask_service());
    client->send(interactive_request());
    EXPECT_TRUE(s.until([&] { return talking == 1; }));
    client->send(interactive_request());
    EXPECT_TRUE(s.until([&] { return left == 1 && talking == 1; }));
    EXPECT_FALSE(client->logged_in);
    client->send(test::password_request("secret"));
    EXPECT_TRUE(s.until([&] { return client->logged_in; }));
    EXPECT_EQ(left, 2);
    EXPECT_EQ(s.last("login", "method"), "password");
}

TEST(Interactive, TheEndOfTheConnectionEndsIt) {
    for (const bool grace : {false, true}) {
        SCOPED_TRACE(grace ? "login grace" : "client leaves");
        served s;
        bool began = false;
        bool ended = false;
        if (grace) s.options.protocol.login_grace = 100ms;
        s.options.protocol.auth.method_chains = {{"keyboard-interactive"}};
        s.options.logins = std::make_shared<test_logins>(
            test_logins::decision(),
            [&](login_attempt, conversation& user) -> asio::awaitable<login_verdict> {
                const std::shared_ptr<void> at_end(nullptr, [&](void*) { ended = true; });
                began = true;
                auth_prompts one{.prompts = {{"Password: ", false}}};
                const auto said = co_await user.ask(one);
                EXPECT_FALSE(said);
                co_return login_verdict{auth_answer::accept};
            });
        s.start();
        auto client = ssh_client::connect(s);
        ASSERT_TRUE(client->ask_service());
        client->send(interactive_request());
        EXPECT_TRUE(s.until([&] { return began; }));
        if (!grace) client->close();
        EXPECT_TRUE(s.until([&] { return ended && s.connections() == 0; }));
        EXPECT_FALSE(client->logged_in);
    }
}

// A database or a web service may take its time: what it does is cancelled with the login's.
TEST(AsynchronousAuthenticators, AreCancelledAtLoginGrace) {
    served s;
    bool began = false;
    bool cancelled = false;
    s.options.protocol.login_grace = 100ms;
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins =
        std::make_shared<test_logins>([&](login_attempt) -> asio::awaitable<login_verdict> {
            began = true;
            asio::steady_timer database(co_await asio::this_coro::executor,
                                        asio::steady_timer::time_point::max());
            auto [e] = co_await database.async_wait(asio::as_tuple(asio::use_awaitable));
            cancelled = e == asio::error::operation_aborted;
            co_return login_verdict{auth_answer::accept};
        });
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->ask_service());
    client->send(test::password_request("secret"));
    EXPECT_TRUE(s.until([&] { return cancelled && s.connections() == 0; }));
    EXPECT_TRUE(began);
    EXPECT_FALSE(client->logged_in);
}

// --- passwords that must be changed -------------------------------------------------------------

TEST(PasswordChange, IsAskedForAndDone) {
    served s;
    std::string current = "old";
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins =
        std::make_shared<test_logins>([&](login_attempt a) -> asio::awaitable<login_verdict> {
            const auto& q = a.question;
            if (as_text(q.password) != current) co_return login_verdict{};
            if (q.what == auth_question::kind::password)
                co_return login_verdict{auth_password_expired{"choose another"}};
            EXPECT_EQ(q.what, auth_question::kind::password_change);
            if (q.new_password.size() < 8)
                co_return login_verdict{auth_password_expired{"a longer one"}};
            current = as_text(q.new_password);
            co_return login_verdict{auth_answer::accept};
        });
    s.start();
    connect_options options = test::test_options();
    options.password = secret("old");
    std::vector<std::string> told;
    options.on_password = [&](client_auth_question q) -> std::optional<secret_bytes> {
        EXPECT_EQ(q.what, client_auth_question::kind::new_password);
        told.push_back(q.instruction);
        return secret(told.size() == 1 ? "short" : "long enough");
    };
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(current, "long enough");
    EXPECT_EQ(told, (std::vector<std::string>{"choose another", "a longer one"}));
}

// --- policies -----------------------------------------------------------------------------------

class policy_logins final : public authenticator {
public:
    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override {
        EXPECT_NE(attempt.local_port, 0);
        EXPECT_EQ(attempt.local_address, "127.0.0.1");
        const bool right = as_text(attempt.question.password) == "sesame";
        co_return login_verdict{right ? auth_answer::accept : auth_answer::refuse};
    }
    boost::asio::awaitable<std::optional<auth_policy>> policy(login_attempt attempt) override {
        EXPECT_NE(attempt.local_port, 0);
        // However long it takes.
        co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                   boost::asio::use_awaitable);
        if (attempt.question.user == "odd") throw std::runtime_error("cannot be told");
        if (attempt.question.user != "ada") co_return std::nullopt;
        co_return auth_policy{.method_chains = {{"password"}}};
    }
};

// Clients that ask for nothing first, such as libssh's, are served like those that do.
TEST(Policies, OneAUserWhateverTheClientBeginsWith) {
    for (const char* user : {"ada", "eve"}) {
        SCOPED_TRACE(user);
        served s;
        s.options.protocol.auth.method_chains = {{"publickey"}};
        s.options.protocol.auth.asks_for_policy = true;
        s.options.logins = std::make_shared<policy_logins>();
        s.start();
        for (const bool none_first : {true, false}) {
            SCOPED_TRACE(none_first);
            auto client = ssh_client::connect(s);
            ASSERT_TRUE(client->ask_service());
            if (none_first) client->send(test::none_request(user));
            client->send(test::password_request("wrong", user));
            client->send(test::password_request("sesame", user));
            const unsigned refusals = std::string_view(user) == "ada" ? 1 : 2;
            EXPECT_TRUE(s.until([&] {
                return client->failures == refusals + none_first &&
                       (refusals == 2 || client->logged_in);
            }));
            EXPECT_EQ(client->logged_in, refusals == 1);
        }
    }
}

TEST(Policies, OneThatCannotBeToldLetsNobodyIn) {
    served s;
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.protocol.auth.asks_for_policy = true;
    s.options.logins = std::make_shared<policy_logins>();
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->ask_service());
    client->send(test::password_request("sesame", "odd"));
    EXPECT_TRUE(s.until([&] { return client->failures == 1; }));
    EXPECT_FALSE(client->logged_in);
    // Who leaves meanwhile takes nothing with him.
    auto gone = ssh_client::connect(s);
    ASSERT_TRUE(gone->ask_service());
    gone->send(test::none_request("ada"));
    gone.reset();
    auto next = ssh_client::connect(s);
    ASSERT_TRUE(next->ask_service());
    next->send(test::password_request("sesame", "ada"));
    EXPECT_TRUE(s.until([&] { return next->logged_in; }));
}

// --- certificates -------------------------------------------------------------------------------

class Certified : public testing::Test {
protected:
    Certified() {
        dir.write("cas", test::test_authority().public_half().line() + '\n');
        s.options.protocol.auth.method_chains = {{"publickey"}};
        s.options.logins = std::make_shared<file_authenticator>(
            file_authenticator_options{.trusted_user_ca_keys_file = dir.path("cas"),
                                       .revoked_keys_file = dir.write("revoked", "")},
            pool);
        dir.write("id", crypto::write_private_key(key, {}, crypto::system_random()).value());
    }

    void certify(const char* file, std::vector<std::string> principals) {
        const auto cert = test::test_certificate(
            key.public_half(),
            {.serial = 9, .key_id = "of-ada", .principals = std::move(principals)});
        dir.write(file, cert.line() + " comment\n");
    }

    const test::key_folder dir;
    const crypto::private_key key = crypto::private_key::generate("ssh-ed25519").value();
    asio::thread_pool pool{1};
    served s;
    connect_options options = test::test_options();
};

TEST_F(Certified, BesideTheKeyFileOrByName) {
    s.start();
    options.identity_files = {{dir.path("id")}};
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    certify("id-cert.pub", {"ada"});
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(s.last("login", "certificate"), "of-ada");
    EXPECT_EQ(s.last("login", "serial"), "9");
    EXPECT_EQ(s.last("login", "authority"), test::test_authority().public_half().fingerprint());
    certify("id-cert.pub", {"eve"});
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    EXPECT_EQ(s.last("login_failed", "reason"), "key is not listed") << "the bare key came last";
    certify("elsewhere", {"ada"});
    options.certificate_files = {dir.path("elsewhere")};
    EXPECT_FALSE(log_in(s, options));
    options.identity_files = {std::vector<std::string>()};
    EXPECT_EQ(log_in(s, options), errc::auth_denied) << "nobody has its private half";
    options.keys = {key};
    EXPECT_FALSE(log_in(s, options));
}

TEST_F(Certified, OfAnEncryptedKeyThatHasNoPubFile) {
    s.start();
    certify("id-cert.pub", {"ada"});
    const crypto::key_file_options encrypted{.passphrase = "sesame", .rounds = 1};
    dir.write("id", crypto::write_private_key(key, encrypted, crypto::system_random()).value());
    options.identity_files = {{dir.path("id")}};
    int asked = 0;
    options.on_passphrase = [&](std::string) -> std::optional<secret_bytes> {
        ++asked;
        return secret("sesame");
    };
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(asked, 1);
}

TEST_F(Certified, OfServers) {
    const auto host_key = crypto::private_key::generate("ecdsa-sha2-nistp256").value();
    const auto cert = test::test_certificate(
        host_key.public_half(),
        {.kind = crypto::certificate_kind::host, .principals = {"files.example"}});
    s.options.protocol.transport.host_keys = {make_host_key(host_key),
                                              make_host_key(host_key, cert).value()};
    s.options.protocol.auth.method_chains = {{"none"}};
    s.options.logins = std::make_shared<test_logins>();
    s.start();
    options.host_keys.clear();
    const std::string authority = test::test_authority().public_half().line();
    const auto known = [&](const std::string& hosts) {
        options.known_hosts_files = {{dir.write("known_hosts", hosts)}};
        return log_in(s, options);
    };
    std::string problem;
    options.on_failure = [&](const connect_failure& f) { problem = f.text; };
    EXPECT_EQ(known(""), errc::host_key_rejected);
    EXPECT_FALSE(known("@cert-authority *.example " + authority));
    EXPECT_EQ(known("@cert-authority *.org " + authority), errc::host_key_rejected);
    EXPECT_FALSE(known("files.example " + host_key.public_half().line())) << "the bare key will do";
    EXPECT_FALSE(known("@cert-authority *.org " + authority + "\nfiles.example " +
                       host_key.public_half().line()));
    EXPECT_EQ(known("@cert-authority * " + authority + "\n@revoked * " + authority),
              errc::host_key_rejected);
    EXPECT_NE(problem.find("revoked"), std::string::npos);
    options.ca_signature_algorithms = {"rsa-sha2-512"};
    EXPECT_EQ(known("@cert-authority *.example " + authority), errc::host_key_rejected);
    EXPECT_NE(problem.find("signed by an algorithm"), std::string::npos) << problem;
    options.ca_signature_algorithms = {};
    options.revoked_host_keys = dir.path("absent");
    EXPECT_EQ(known("@cert-authority *.example " + authority), errc::host_key_rejected);
    EXPECT_NE(problem.find("may be revoked"), std::string::npos) << problem;
    options.revoked_host_keys = dir.write("revoked_hosts", authority);
    EXPECT_EQ(known("@cert-authority *.example " + authority), errc::host_key_rejected);
    EXPECT_NE(problem.find("is revoked by"), std::string::npos) << problem;
    options.revoked_host_keys = dir.write("revoked_hosts", "# none\n");
    EXPECT_FALSE(known("@cert-authority *.example " + authority));
}

// --- host keys that are announced ---------------------------------------------------------------

TEST(UpdateHostKeys, LearnsWhatIsProvenAndForgetsWhatIsGone) {
    const test::key_folder dir;
    const auto line = [](const char* type) {
        return crypto::public_key::from_blob(test::test_host_key(type)->blob()).value().line();
    };
    const std::string old =
        crypto::private_key::generate("ssh-ed25519").value().public_half().line();
    const std::string first = "files.example " + line("ssh-ed25519") + "\n# mine\n";
    const std::string gone = "files.example " + old + '\n';
    const std::string learned = "files.example " + line("ecdsa-sha2-nistp256") + '\n';
    for (const auto policy : {host_key_updates::off, host_key_updates::on, host_key_updates::ask}) {
        for (const bool yes : {true, false}) {
            SCOPED_TRACE(static_cast<int>(policy) * 2 + yes);
            served s;
            s.options.protocol.transport.host_keys = {test::test_host_key("ssh-ed25519"),
                                                      test::test_host_key("ecdsa-sha2-nistp256")};
            s.start();
            connect_options options = test::test_options();
            options.host_keys.clear();
            const std::string path = dir.write("known_hosts", first + gone);
            options.known_hosts_files = {{path}};
            options.update_host_keys = policy;
            bool asked = false;
            options.on_host_key_update = [&](const host_key_update_question& q) {
                asked = true;
                EXPECT_EQ(q.learn.size(), 1u);
                EXPECT_EQ(q.forget, 1u);
                return yes;
            };
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                auto [e, c] = co_await test::connect_to(s, test::carrier::memory, options);
                EXPECT_FALSE(e);
                // The announcement is ahead of the first answer, the proof of the second.
                for (int i = 0; i < 2; ++i) {
                    auto [unanswered] = co_await c.ping(test::as_values);
                    EXPECT_FALSE(unanswered);
                }
                co_await c.close();
            }()));
            EXPECT_EQ(asked, policy == host_key_updates::ask);
            const bool changed =
                policy == host_key_updates::on || (policy == host_key_updates::ask && yes);
            EXPECT_EQ(test::contents(path), changed ? first + learned : first + gone);
        }
    }
}

// --- hostbased ----------------------------------------------------------------------------------

TEST(HostBased, ByAKeyOrByWhoeverSigns) {
    const test::key_folder dir;
    const auto host_key = crypto::private_key::generate("ssh-ed25519").value();
    asio::thread_pool pool(1);
    served s;
    s.options.protocol.auth.method_chains = {{"hostbased"}};
    s.options.logins = std::make_shared<file_authenticator>(
        file_authenticator_options{
            .host_based = {.known_hosts_files = {dir.write(
                               "hosts", "here.example " + host_key.public_half().line())},
                           .shosts_files = {dir.write("shosts", "here.example there\n")},
                           .name_from_packet_only = true}},
        pool);
    s.start();
    connect_options options = test::test_options();
    auto& host_based = options.protocol.auth.host_based;
    host_based.client_host = "here.example.";
    host_based.client_user = "there";
    options.host_based_keys = {host_key};
    EXPECT_EQ(log_in(s, options), errc::auth_denied) << "it was not asked to";
    options.protocol.auth.methods = {"hostbased", "password"};
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(s.last("login", "method"), "hostbased");
    host_based.client_user = "eve";
    EXPECT_EQ(log_in(s, options), errc::auth_denied);

    host_based.client_user = "there";
    options.host_based_keys = {};
    host_based.keys = {host_key.public_half()};
    EXPECT_EQ(log_in(s, options), errc::auth_denied) << "nobody signs";
    options.on_host_signature =
        [&](client_auth_question q) -> asio::awaitable<std::optional<bytes>> {
        co_return host_key.sign(q.algorithm, q.data).value();
    };
    EXPECT_FALSE(log_in(s, options));
}

}  // namespace
}  // namespace sluice
