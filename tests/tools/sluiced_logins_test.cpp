#include "sluice/tools/sluiced_logins.hpp"

#include "sluice/io/system_accounts.hpp"
#include "sluice/tests/support/forwarding_gates.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>

namespace sluice {
namespace {

namespace asio = boost::asio;
using chains = std::vector<std::vector<std::string>>;

sluiced_settings read(const std::string& text) {
    auto r = read_sluiced_settings({{"text", text}}, sluiced_algorithms());
    EXPECT_TRUE(r) << r.error().message();
    return r ? *r : sluiced_settings();
}

login_attempt attempt_of(std::string user, std::string address = "10.0.0.1",
                         std::uint16_t port = 22) {
    login_attempt attempt;
    attempt.question.what = auth_question::kind::user;
    attempt.question.user = std::move(user);
    attempt.peer_address = std::move(address);
    attempt.local_port = port;
    return attempt;
}

class SluicedLogins : public testing::Test {
protected:
    std::unique_ptr<sluiced_authenticator> logins(const std::string& text) {
        return std::make_unique<sluiced_authenticator>(
            std::make_shared<const sluiced_settings>(read(text)),
            std::map<std::string, std::string>{{"b1", "one"}, {"b2", "two"}},
            login_pools{pool_, pool_}, folder_.path(""));
    }

    // Whoever has the key, as far as files say so.
    login_verdict by_key(const std::string& text, std::string user = "ada") {
        const auto key = crypto::private_key::generate("ssh-ed25519");
        EXPECT_TRUE(key);
        const auto listed = key->public_half().line() + "\n";
        const auto file = folder_.write("keys", listed);
        const auto who = logins("AuthorizedKeysFile " + file + "\n" + text);
        auto attempt = attempt_of(std::move(user));
        attempt.question.what = auth_question::kind::public_key;
        attempt.question.key = key->public_half();
        return run(who->check(attempt));
    }

    login_verdict by_password(const std::string& text, std::string_view password) {
        const auto who = logins(text);
        auto attempt = attempt_of("ada");
        attempt.question.what = auth_question::kind::password;
        attempt.question.password = secret_bytes(as_bytes(password));
        return run(who->check(attempt));
    }

    template <class T>
    T run(asio::awaitable<T> work) {
        asio::io_context context;
        auto done = asio::co_spawn(context, std::move(work), asio::use_future);
        context.run();
        return done.get();
    }

    test::key_folder folder_;
    asio::thread_pool pool_{2};
};

TEST_F(SluicedLogins, WaysIn) {
    struct {
        const char* text;
        const char* user;
        chains want;
    } cases[] = {
        {"AuthorizedKeysFile k", "ada", {{"publickey"}}},
        {"TrustedUserCAKeys k", "ada", {{"publickey"}}},
        {"UsersFile u", "ada", {{"password"}}},
        {"UsersFile u\nKbdInteractiveAuthentication yes",
         "ada",
         {{"password"}, {"keyboard-interactive"}}},
        {"UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no",
         "ada",
         {{"keyboard-interactive"}}},
        {"HostbasedAuthentication yes\nShostsFile s\nHostbasedKnownHostsFile k",
         "ada",
         {{"hostbased"}}},
        {"HostbasedAuthentication yes\nShostsFile s", "ada", {}},
        {"AuthorizedKeysFile k\nUsersFile u\nAuthenticationMethods publickey,password hostbased",
         "ada",
         {{"publickey", "password"}}},
        {"AuthorizedKeysFile k\nUsersFile u\nPermitRootLogin prohibit-password",
         "root",
         {{"publickey"}}},
        {"AuthorizedKeysFile k\nUsersFile u\nPermitRootLogin prohibit-password",
         "ada",
         {{"publickey"}, {"password"}}},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(ways_in(read(k.text).base, k.user), k.want);
    }
}

TEST_F(SluicedLogins, PoliciesAreThoseOfMatch) {
    const auto who = logins(
        "AuthorizedKeysFile k\nUsersFile u\nBanner b1\n"
        "Match User ada Address 10.0.0.0/8 LocalPort 22\n"
        "PasswordAuthentication no\nMaxAuthTries 2\nBanner b2\n"
        "PubkeyAcceptedAlgorithms ssh-ed25519\n"
        "Match User nobody\nPasswordAuthentication no\n"
        "PubkeyAuthentication no\n");
    const auto ada = run(who->policy(attempt_of("ada")));
    ASSERT_TRUE(ada);
    EXPECT_EQ(ada->method_chains, (chains{{"publickey"}}));
    EXPECT_EQ(ada->attempts_max, 2U);
    EXPECT_EQ(ada->banner, "two");
    EXPECT_EQ(ada->public_key_algorithms, std::vector<std::string>{"ssh-ed25519"});
    for (const auto& other :
         {attempt_of("bob"), attempt_of("ada", "11.0.0.1"), attempt_of("ada", "10.0.0.1", 23)}) {
        const auto policy = run(who->policy(other));
        ASSERT_TRUE(policy);
        EXPECT_EQ(policy->method_chains, (chains{{"publickey"}, {"password"}}));
        EXPECT_EQ(policy->banner, "one");
    }
    EXPECT_TRUE(run(who->policy(attempt_of("nobody")))->method_chains.empty());
}

// root is an account everywhere, in a group of that name.
TEST_F(SluicedLogins, GroupsAreThoseOfTheAccount) {
    const char* const nobody = "no such account here";
    EXPECT_EQ(groups_of_user(nobody).value(), std::nullopt);
    EXPECT_EQ(groups_of_user(std::string("root\0", 5)).value(), std::nullopt);
    const auto who = logins("AuthorizedKeysFile k\nBanner b1\nMatch Group root\nBanner b2\n");
    EXPECT_EQ(run(who->policy(attempt_of("root")))->banner, "two");
    EXPECT_EQ(run(who->policy(attempt_of(nobody)))->banner, "one");
    struct {
        const char* text;
        const char* user;
        bool want;
    } const cases[] = {
        {"AllowGroups root", "root", true},
        {"AllowGroups other-*", "root", false},
        {"AllowGroups *", nobody, false},
        {"DenyGroups root", "root", false},
        {"DenyGroups *", nobody, true},
        {"Match Group root\nDenyUsers root", "root", false},
        {"Match Invalid-User\nPubkeyAuthentication no", nobody, false},
        {"Match Invalid-User\nPubkeyAuthentication no", "root", true},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        const auto verdict = by_key(k.text, k.user);
        EXPECT_EQ(accepts(verdict.answer), k.want);
        // What the settings say of his sessions goes by the same groups.
        if (k.want) {
            EXPECT_EQ(verdict.rights.groups.has_value(), k.user != nobody);
        }
    }
    EXPECT_EQ(by_key("Match User root\nBanner b2", "root").rights.groups, std::nullopt)
        << "where nobody asks for them";
}

TEST_F(SluicedLogins, RelativeFilesLieInTheHome) {
    EXPECT_EQ(from_home(".ssh/authorized_keys"), "%h/.ssh/authorized_keys");
    EXPECT_EQ(from_home("%u/keys"), "%h/%u/keys");
    EXPECT_EQ(from_home("%%h"), "%h/%%h");
    for (const char* anchored : {"", "/etc/keys/%u", "%h/keys"})
        EXPECT_EQ(from_home(anchored), anchored);
    const auto settings = std::make_shared<const sluiced_settings>(
        read("AuthorizedKeysFile a /b\nAuthorizedPrincipalsFile c\n"
             "AuthorizedPrincipalsCommand /bin/x %u"));
    const auto files = file_options({settings, &settings->base});
    EXPECT_EQ(files.authorized_keys_files, (std::vector<std::string>{"%h/a", "/b"}));
    EXPECT_EQ(files.authorized_principals_file, "%h/c");
    EXPECT_EQ(files.authorized_principals_program, (std::vector<std::string>{"/bin/x", "%u"}));
    EXPECT_EQ(files.account_of("root").value().uid, 0U);
    EXPECT_EQ(files.account_of("no such account here"), std::nullopt);
    // Landlock lets them be read.
    const auto rules = rules_for(*settings).read;
    EXPECT_GE(std::ranges::count(rules, "/home"), 1);
    for (const auto& home : all_homes())
        EXPECT_GE(std::ranges::count(rules, home), 1) << home;
}

TEST_F(SluicedLogins, WhatALoginMayDoIsThatOfTheSettings) {
    const std::string text =
        "Match User ada\nForceCommand internal-sftp\nSetEnv A=1\nDisableForwarding yes\n";
    const auto ada = by_key(text);
    EXPECT_TRUE(accepts(ada.answer));
    EXPECT_EQ(ada.rights.forced_command, "internal-sftp");
    EXPECT_EQ(ada.rights.environment.size(), 1U);
    for (const test::gate g : test::gates_that_open)
        EXPECT_FALSE(ada.rights.*test::keeper_of(g).right) << "DisableForwarding";
    const auto bob = by_key(text, "bob");
    EXPECT_TRUE(accepts(bob.answer));
    EXPECT_FALSE(bob.rights.forced_command);
    for (const test::gate g : test::gates_that_open)
        EXPECT_TRUE(bob.rights.*test::keeper_of(g).right);
    EXPECT_FALSE(accepts(by_key("DenyUsers ada@10.0.0.0/8").answer));
    EXPECT_FALSE(accepts(by_key("PermitRootLogin no", "root").answer));
    EXPECT_FALSE(accepts(by_key("RevokedKeys /absent").answer)) << "then all are revoked";
}

TEST_F(SluicedLogins, PamChecksPasswordsAndTheAccountsOfKeys) {
    if (!is_built_with_pam()) {
        EXPECT_FALSE(accepts(by_key("UsePAM yes").answer));
        return;
    }
    folder_.write("open", "auth required pam_permit.so\naccount required pam_permit.so\n");
    folder_.write("shut", "auth required pam_permit.so\naccount required pam_deny.so\n");
    folder_.write("wrong", "auth required pam_deny.so\naccount required pam_permit.so\n");
    const std::string pam = "UsePAM yes\nPAMServiceName ";
    EXPECT_TRUE(accepts(by_key(pam + "open").answer));
    EXPECT_FALSE(accepts(by_key(pam + "shut").answer));
    EXPECT_TRUE(accepts(by_key(pam + "wrong").answer)) << "the key is the proof";
    EXPECT_TRUE(accepts(by_password(pam + "open", "x").answer));
    EXPECT_FALSE(accepts(by_password(pam + "wrong", "x").answer));
    EXPECT_FALSE(accepts(by_password(pam + "open\nDenyUsers ada", "x").answer));
    EXPECT_EQ(pam_threads(read(pam + "open\nMaxStartups 7").base), 7U);
    EXPECT_EQ(pam_threads(read("").base), 1U);
}

}  // namespace
}  // namespace sluice
