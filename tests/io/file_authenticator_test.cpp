#include "sluice/io/file_authenticator.hpp"

#include "sluice/io/policy_cache.hpp"
#include "sluice/io/source_pool.hpp"
#include "sluice/tests/support/forwarding_gates.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/soft_token.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <crypt.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <semaphore>

namespace sluice {
namespace {

namespace asio = boost::asio;
using kind = auth_question::kind;

login_verdict ask(const file_authenticator_options& options, auth_question question,
                  std::string address = "192.0.2.1") {
    asio::thread_pool pool(1);
    file_authenticator logins(options, pool);
    asio::io_context context;
    login_attempt attempt{std::move(question), std::move(address)};
    auto verdict = asio::co_spawn(context, logins.check(std::move(attempt)), asio::use_future);
    context.run();
    return verdict.get();
}

auth_answer answer(const std::string& file, auth_question question) {
    const auto verdict = ask({.authorized_keys_files = {file}}, std::move(question));
    return accepts(verdict.answer) ? auth_answer::accept : auth_answer::refuse;
}

auth_question question(kind what, const crypto::public_key& key,
                       std::optional<crypto::sk_assertion> assertion = {}) {
    auth_question q;
    q.what = what;
    q.user = "ada";
    q.key = key;
    q.algorithm = key.type();
    q.assertion = assertion;
    return q;
}

TEST(FileAuthenticator, DemandsOfASecurityKeyWhatItsLineDoes) {
    const test::key_folder dir;
    const test::soft_token token("ecdsa-sha2-nistp256");
    const crypto::public_key key = token.public_half();
    using assertion = crypto::sk_assertion;
    struct {
        const char* options;
        kind what;
        std::optional<assertion> said;
        auth_answer want;
    } const cases[] = {
        {"", kind::public_key_query, {}, auth_answer::accept},
        {"", kind::public_key, assertion{true, false, 1}, auth_answer::accept},
        {"", kind::public_key, assertion{false, false, 1}, auth_answer::refuse},
        {"", kind::public_key, {}, auth_answer::refuse},
        {"no-touch-required ", kind::public_key, assertion{false, false, 1}, auth_answer::accept},
        {"verify-required ", kind::public_key_query, {}, auth_answer::accept},
        {"verify-required ", kind::public_key, assertion{true, true, 1}, auth_answer::accept},
        {"verify-required ", kind::public_key, assertion{true, false, 1}, auth_answer::refuse},
        {"expiry-time=\"20000101Z\" ", kind::public_key_query, {}, auth_answer::refuse},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.options);
        const std::string file = dir.write("authorized_keys", c.options + key.line() + '\n');
        EXPECT_EQ(answer(file, question(c.what, key, c.said)), c.want);
        const auto q = question(c.what, key, c.said);
        EXPECT_EQ(admits(ask({.authorized_keys_files = {file}}, q).answer, q),
                  c.want == auth_answer::accept);
    }
}

// --- certificates -------------------------------------------------------------------------------

class CertificateLogins : public testing::Test {
protected:
    using fields = crypto::certificate_fields;

    CertificateLogins() {
        dir.write("cas", "# ours\n" + test::test_authority().public_half().line() + "\n");
        options.trusted_user_ca_keys_file = dir.path("cas");
        options.authorized_keys_files = {dir.path("authorized_keys.%u")};
    }

    // "" when let in, otherwise why not.
    std::string why(fields f, kind what = kind::public_key) {
        const auto cert = test::test_certificate(key, std::move(f));
        auth_question q = question(what, key);
        q.certificate = cert;
        const auth_question asked = q;
        verdict = ask(options, std::move(q));
        EXPECT_EQ(accepts(verdict.answer), verdict.reason.empty());
        EXPECT_EQ(admits(verdict.answer, asked), verdict.reason.empty());
        return verdict.reason;
    }

    void authorize(const std::string& options_text, const crypto::public_key& authority) {
        dir.write("authorized_keys.ada", options_text + ' ' + authority.line() + '\n');
    }

    const test::key_folder dir;
    const crypto::public_key key =
        crypto::private_key::generate("ssh-ed25519").value().public_half();
    file_authenticator_options options;
    login_verdict verdict;
};

TEST_F(CertificateLogins, OfTrustedAuthoritiesForTheUser) {
    for (const kind what : {kind::public_key_query, kind::public_key}) {
        EXPECT_EQ(why({.principals = {"ada"}}, what), "");
        EXPECT_EQ(why({.principals = {"eve"}}, what), "certificate is for others");
        EXPECT_EQ(why({}, what), "certificate lists no principals");
        EXPECT_EQ(why({.kind = crypto::certificate_kind::host, .principals = {"ada"}}, what),
                  "certificate of the wrong kind");
        EXPECT_EQ(why({.principals = {"ada"}, .valid_before = 1000}, what),
                  "certificate has expired");
    }
    options.trusted_user_ca_keys_file.clear();
    EXPECT_EQ(why({.principals = {"ada"}}), "authority is not trusted");
    options.trusted_user_ca_keys_file = dir.path("absent");
    EXPECT_EQ(why({.principals = {"ada"}}), "authority is not trusted");
}

// Every kind of forwarding that is served hangs on a right (forwarding_gates.hpp): each way to take
// one away does.
TEST_F(CertificateLogins, EveryRightIsTakenAwayByEveryWayToSayIt) {
    const std::string trusted = options.trusted_user_ca_keys_file;
    for (const test::gate g : test::gates_that_open) {
        const auto keeper = test::keeper_of(g);
        SCOPED_TRACE(keeper.option);
        fields with{.principals = {"ada"}, .extensions = {{keeper.extension}}};
        options.trusted_user_ca_keys_file = trusted;
        EXPECT_EQ(why({.principals = {"ada"}}), "");
        EXPECT_FALSE(verdict.rights.*keeper.right) << "a certificate that does not say so";
        EXPECT_EQ(why(with), "");
        EXPECT_TRUE(verdict.rights.*keeper.right);
        for (const std::string line : {"restrict", keeper.option}) {
            SCOPED_TRACE(line);
            options.trusted_user_ca_keys_file.clear();
            authorize("cert-authority," + line, test::test_authority().public_half());
            EXPECT_EQ(why(with), "");
            EXPECT_FALSE(verdict.rights.*keeper.right) << "the line of an authority";

            authorize(line, key);
            verdict = ask(options, question(kind::public_key, key));
            EXPECT_TRUE(accepts(verdict.answer));
            EXPECT_FALSE(verdict.rights.*keeper.right) << "the line of a key";
        }
        session_rights both;
        session_rights more;
        more.*keeper.right = false;
        EXPECT_TRUE(restrict(both, more));
        EXPECT_FALSE(both.*keeper.right) << "another step of the login";
        EXPECT_TRUE(restrict(more, session_rights()));
        EXPECT_FALSE(more.*keeper.right) << "which another does not give back";
    }
}

TEST_F(CertificateLogins, GiveTheRightsOfTheCertificate) {
    EXPECT_EQ(why({.principals = {"ada"}}), "");
    EXPECT_FALSE(verdict.rights.port_forwarding);
    EXPECT_EQ(why({.principals = {"ada"},
                   .critical_options = {crypto::certificate::text_option("force-command", "true")},
                   .extensions = {{"permit-port-forwarding"}}}),
              "");
    EXPECT_TRUE(verdict.rights.port_forwarding);
    EXPECT_EQ(verdict.rights.forced_command, "true");
    EXPECT_EQ(why({.principals = {"ada"},
                   .critical_options = {crypto::certificate::text_option("source-address",
                                                                         "10.0.0.0/8")}}),
              "certificate is not for this address");
}

TEST_F(CertificateLogins, PrincipalsAreMappedByAFile) {
    options.authorized_principals_file = dir.path("principals.%u");
    EXPECT_EQ(why({.principals = {"ada"}}), "no principal is authorized");
    dir.write("principals.ada", "ops\nno-port-forwarding,command=\"echo\" night\n");
    EXPECT_EQ(why({.principals = {"ada"}}), "certificate is for others")
        << "the user's own name counts no more";
    EXPECT_EQ(why({.principals = {"ops"}, .extensions = {{"permit-port-forwarding"}}}), "");
    EXPECT_TRUE(verdict.rights.port_forwarding);
    EXPECT_EQ(why({.principals = {"night"}, .extensions = {{"permit-port-forwarding"}}}), "");
    EXPECT_FALSE(verdict.rights.port_forwarding);
    EXPECT_EQ(verdict.rights.forced_command, "echo");
    EXPECT_EQ(
        why({.principals = {"night"},
             .critical_options = {crypto::certificate::text_option("force-command", "other")}}),
        "certificate and its authority's line force different commands");
}

TEST_F(CertificateLogins, WhatNamesNobodyLetsNobodyIn) {
    using namespace std::literals;
    const auto& authority = test::test_authority().public_half();
    options.authorized_principals_file = dir.path("principals.%u");
    for (const auto text : {""sv, "\n \n\t\n"sv, "\0\n"sv, "ada\0\n"sv, "command=\"\" ada\n"sv}) {
        dir.write("principals.ada", std::string(text));
        EXPECT_EQ(why({.principals = {"ada"}}), "no principal is authorized");
    }
    options.trusted_user_ca_keys_file.clear();
    for (const char* names : {"\"\"", "\"ada,,eve\"", "\"ada,\""}) {
        authorize(std::string("cert-authority,principals=") + names, authority);
        EXPECT_EQ(why({.principals = {"ada"}}), "authority is not trusted") << names;
    }
    auth_question nobody = question(kind::public_key, key);
    nobody.user.clear();
    EXPECT_EQ(ask(options, std::move(nobody)).reason, "no user name");
}

TEST_F(CertificateLogins, PrincipalsAreLiteral) {
    for (const char* name : {"*", "a?a", "ada,eve", "!eve", "ad*"})
        EXPECT_EQ(why({.principals = {name}}), "certificate is for others") << name;
}

TEST_F(CertificateLogins, OfAuthoritiesInAuthorizedKeys) {
    options.trusted_user_ca_keys_file.clear();
    const auto& authority = test::test_authority().public_half();
    authorize("cert-authority", authority);
    EXPECT_EQ(why({.principals = {"ada"}}), "");
    EXPECT_EQ(why({.principals = {"eve"}}), "certificate is for others");
    authorize("cert-authority,principals=\"ops,night\",command=\"echo\"", authority);
    EXPECT_EQ(why({.principals = {"night"}}), "");
    EXPECT_EQ(verdict.rights.forced_command, "echo");
    EXPECT_EQ(why({.principals = {"ada"}}), "certificate is for others");
    authorize("cert-authority,from=\"10.*\"", authority);
    EXPECT_EQ(why({.principals = {"ada"}}), "wrong address");
    authorize("", authority);
    EXPECT_EQ(why({.principals = {"ada"}}), "authority is not trusted")
        << "the line is of a user's key";
    authorize("", key);
    EXPECT_EQ(why({.principals = {"ada"}}), "authority is not trusted")
        << "a certificate is no bare key";
    // And the authority's own key is none that logs in.
    authorize("cert-authority", authority);
    EXPECT_EQ(ask(options, question(kind::public_key, authority)).reason, "key is not listed");
}

TEST_F(CertificateLogins, RevokedKeysLetNobodyIn) {
    authorize("", key);
    const auto bare = [&] { return ask(options, question(kind::public_key, key)).reason; };
    EXPECT_EQ(bare(), "");
    options.revoked_keys_file = dir.path("revoked");
    EXPECT_EQ(bare(), "the revoked keys cannot be read");
    EXPECT_EQ(why({.principals = {"ada"}}), "the revoked keys cannot be read");
    dir.write("revoked", "nonsense\n");
    EXPECT_EQ(bare(), "the revoked keys cannot be understood");
    dir.write("revoked", test::test_authority().public_half().line());
    EXPECT_EQ(bare(), "");
    EXPECT_EQ(why({.principals = {"ada"}}), "key is revoked");
    dir.write("revoked", key.line());
    EXPECT_EQ(bare(), "key is revoked");
    dir.write("revoked", "# nothing\n");
    EXPECT_EQ(why({.principals = {"ada"}}), "");
}

TEST_F(CertificateLogins, AuthoritiesSignByWhatIsAccepted) {
    options.ca_signature_algorithms = {"rsa-sha2-512"};
    EXPECT_EQ(why({.principals = {"ada"}}),
              "certificate is signed by an algorithm that is not accepted");
    options.ca_signature_algorithms = {"ssh-ed25519"};
    EXPECT_EQ(why({.principals = {"ada"}}), "");
}

TEST_F(CertificateLogins, WhoIsNotAdmittedIsRefused) {
    options.admits = [](std::string_view user, std::string_view) { return user != "ada"; };
    EXPECT_EQ(why({.principals = {"ada"}}), "user or address is not allowed");
}

// Each option, in each place where options may stand.
TEST_F(CertificateLogins, EveryOptionBindsWhereverItStands) {
    const auto& authority = test::test_authority().public_half();
    const fields good{.principals = {"ada"}, .extensions = {{"permit-port-forwarding"}}};
    enum class place { of_key, of_authority, of_trusted_authority, of_principal };
    const auto with = [&](place where, const std::string& line_options) {
        options = {};
        options.authorized_keys_files = {dir.path("authorized_keys.%u")};
        dir.write("authorized_keys.ada", "");
        dir.write("cas", authority.line() + '\n');
        dir.write("principals.ada", line_options + " ada\n");
        switch (where) {
        case place::of_key:
            authorize(line_options, key);
            verdict = ask(options, question(kind::public_key, key));
            return;
        case place::of_authority: authorize("cert-authority," + line_options, authority); break;
        case place::of_trusted_authority:
            dir.write("cas", line_options + ' ' + authority.line() + '\n');
            options.trusted_user_ca_keys_file = dir.path("cas");
            break;
        case place::of_principal:
            options.trusted_user_ca_keys_file = dir.path("cas");
            options.authorized_principals_file = dir.path("principals.%u");
            break;
        }
        why(good);
    };
    for (const place where :
         {place::of_key, place::of_authority, place::of_trusted_authority, place::of_principal}) {
        SCOPED_TRACE(static_cast<int>(where));
        for (const char* refused :
             {"from=\"10.0.0.0/8\"", "from=\"\"", "expiry-time=\"20000101Z\"", "expiry-time=\"\"",
              "verify-required", "principals=\"eve\"", "principals=\"\"", "tunnel=\"0\"",
              "permitlisten=\"1\"", "command=\"\"", "permitopen=\"\"", "unheard-of"}) {
            with(where, refused);
            EXPECT_FALSE(accepts(verdict.answer)) << refused;
        }
        for (const char* restricted :
             {"restrict", "no-port-forwarding", "command=\"echo\"", "permitopen=\"a:1\"",
              "environment=\"A=b\"", "from=\"192.0.2.0/24\"", "expiry-time=\"29990101Z\"",
              "no-pty"}) {
            SCOPED_TRACE(restricted);
            with(where, restricted);
            EXPECT_TRUE(accepts(verdict.answer)) << verdict.reason;
            const std::string_view o = restricted;
            const auto& rights = verdict.rights;
            EXPECT_EQ(rights.port_forwarding, o != "restrict" && o != "no-port-forwarding");
            EXPECT_EQ(rights.forced_command.has_value(), o.starts_with("command"));
            EXPECT_EQ(rights.permit_open.has_value(), o.starts_with("permitopen"));
            EXPECT_EQ(rights.environment.size(), o.starts_with("environment") ? 1u : 0u);
        }
        with(where, "principals=\"ada\"");
        EXPECT_EQ(accepts(verdict.answer), where != place::of_key);
        with(where, "cert-authority");
        EXPECT_EQ(accepts(verdict.answer),
                  where == place::of_authority || where == place::of_trusted_authority);
    }
}

// --- hostbased ----------------------------------------------------------------------------------

TEST(HostBasedLogins, OfKnownHostsAndUsersThatAreTrusted) {
    const test::key_folder dir;
    const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    file_authenticator_options options;
    options.host_based = {.known_hosts_files = {dir.path("hosts")},
                          .shosts_files = {dir.path("shosts.%u")},
                          .name_from_packet_only = true};
    const auto why = [&](std::string client_user, std::string host = "client.example",
                         std::optional<crypto::certificate> cert = {}) {
        auth_question q = question(kind::host_based, key);
        q.client_host = std::move(host);
        q.client_user = std::move(client_user);
        q.certificate = std::move(cert);
        return ask(options, std::move(q), "127.0.0.1").reason;
    };
    EXPECT_EQ(why("ada"), "host key is not known");
    dir.write("hosts", "client.example,localhost " + key.line() + '\n');
    EXPECT_EQ(why("ada"), "host is not trusted with its users");
    dir.write("shosts.ada", "client.example\nclient.example friend\nlocalhost\n");
    EXPECT_EQ(why("ada"), "");
    EXPECT_EQ(why("friend"), "");
    EXPECT_EQ(why("eve"), "host is not trusted with its users");
    EXPECT_EQ(why("ada", "other.example"), "host key is not known");
    options.host_based.name_from_packet_only = false;
    EXPECT_EQ(why("ada"), "host has another address");
    EXPECT_EQ(why("ada", "localhost"), "");

    options.host_based.name_from_packet_only = true;
    const auto cert = test::test_certificate(
        key, {.kind = crypto::certificate_kind::host, .principals = {"client.example"}});
    EXPECT_EQ(why("ada", "client.example", cert), "host key is not known");
    const std::string authority = test::test_authority().public_half().line();
    dir.write("hosts", "@cert-authority *.example " + authority + '\n');
    EXPECT_EQ(why("ada", "client.example", cert), "");
    dir.write("hosts", "@cert-authority *.example " + authority + "\n@revoked * " + key.line());
    EXPECT_EQ(why("ada", "client.example", cert), "host key is revoked");

    // An error is never consent: what cannot be read might have revoked the key, or the user.
    const std::string good = "client.example " + key.line() + '\n';
    dir.write("hosts", good + "@revoked * " + cert.line());
    EXPECT_EQ(why("ada"), "host key is revoked");
    dir.write("hosts", good + "@revoked client.example ssh-ed25519 AAAA!");
    EXPECT_EQ(why("ada"), "host key is revoked");
    dir.write("hosts", good);
    EXPECT_EQ(why("ada"), "");
    for (const std::string& unreadable :
         {dir.path(""), dir.write("big", std::string(limits::known_hosts_length_max + 1, '#'))}) {
        options.host_based.known_hosts_files = {dir.path("hosts"), unreadable};
        EXPECT_EQ(why("ada"), "known hosts cannot be read");
    }
    options.host_based.known_hosts_files = {dir.path("hosts"), dir.path("absent"),
                                            dir.path("hosts/absent")};
    EXPECT_EQ(why("ada"), "");
    options.host_based.shosts_files = {dir.path(""), dir.path("shosts.%u")};
    EXPECT_EQ(why("ada"), "trusted hosts cannot be read");
}

// Nobody is led out of the folder of a pattern by a name, and no pattern has tokens that it is not
// to have.
TEST(FileAuthenticator, PatternsStandForOneFileEach) {
    using namespace std::literals;
    const test::key_folder dir;
    const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    const auto as = [&](std::string_view user, const std::string& pattern) {
        auth_question q = question(kind::public_key, key);
        q.user = user;
        return accepts(ask({.authorized_keys_files = {pattern}}, std::move(q)).answer);
    };
    std::filesystem::create_directories(dir.path("keys/ada"));
    dir.write("keys/ada/list", key.line());
    dir.write("list", key.line());
    dir.write("keys/list", key.line());
    dir.write("keys/%u", key.line());
    const std::string pattern = dir.path("keys/%u/list");
    EXPECT_TRUE(as("ada", pattern));
    for (const auto user : {""sv, "."sv, ".."sv, "../keys/ada"sv, "ada/"sv, "/ada"sv, "ada/."sv,
                            "ada\0"sv, "\0"sv, "%u"sv, "ada\n"sv, "eve"sv, "-"sv, "ADA"sv})
        EXPECT_FALSE(as(user, pattern)) << user;
    EXPECT_TRUE(as("ada", dir.path("keys/%%u"))) << "a percent sign";
    dir.write("keys/ada/list%", key.line());
    for (const char* bad :
         {"keys/%h", "keys/%U/list", "keys/%uu/list", "keys/%u/%x", "keys/%u/list%"})
        EXPECT_FALSE(as("ada", dir.path(bad))) << bad;
}

// %h and %U stand for what the account is, and without one for nothing.
TEST(FileAuthenticator, FilesLieInTheHomeOfAnAccount) {
    const test::key_folder dir;
    const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    std::filesystem::create_directories(dir.path("home/ada"));
    dir.write("home/ada/keys", key.line());
    dir.write("1234", key.line());
    unsigned asked = 0;
    const auto as = [&](const std::string& user, const std::string& pattern) {
        auth_question q = question(kind::public_key, key);
        q.user = user;
        const auto account_of = [&](const std::string& name) -> std::optional<system_account> {
            ++asked;
            if (name == "homeless") return system_account{name, 1234, 1, ""};
            if (name == "relative") return system_account{name, 1234, 1, "home/ada"};
            if (name != "ada") return std::nullopt;
            return system_account{name, 1234, 1, dir.path("home/ada")};
        };
        return ask({.authorized_keys_files = {"/absent/%u", pattern, pattern},
                    .account_of = account_of},
                   std::move(q))
            .reason;
    };
    EXPECT_EQ(as("ada", "%h/keys"), "");
    EXPECT_EQ(asked, 1U) << "once for an attempt";
    EXPECT_EQ(as("ada", dir.path("%U")), "");
    EXPECT_EQ(as("homeless", dir.path("%U")), "");
    EXPECT_EQ(as("ada", "%h/other"), "key is not listed");
    for (const char* without : {"homeless", "relative", "eve"})
        EXPECT_EQ(as(without, "%h/keys"),
                  "key is not listed, and the user has no home directory here");
    asked = 0;
    EXPECT_EQ(as("eve", dir.path("home/ada/keys")), "");
    EXPECT_EQ(asked, 0U) << "no token asks for it";
    EXPECT_FALSE(accepts(
        ask({.authorized_keys_files = {"%h/keys"}}, question(kind::public_key, key)).answer))
        << "nobody has an account";
}

// StrictModes: what lies in a user's home may be his own.
TEST(FileAuthenticator, FilesInAHomeMayBelongToItsUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
    const test::key_folder dir;
    const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    std::filesystem::create_directories(dir.path("ada"));
    dir.write("ada/keys", key.line());
    const auto lets_in = [&](const std::string& pattern) {
        const auto account_of = [&](const std::string& name) {
            return std::optional(system_account{name, 12345, 12345, dir.path("ada")});
        };
        return accepts(ask({.authorized_keys_files = {pattern},
                            .strict_modes = true,
                            .account_of = account_of},
                           question(kind::public_key, key))
                           .answer);
    };
    EXPECT_TRUE(lets_in("%h/keys"));
    for (const char* name : {"ada", "ada/keys"})
        ASSERT_EQ(::chown(dir.path(name).c_str(), 12345, 12345), 0);
    EXPECT_TRUE(lets_in("%h/keys"));
    EXPECT_FALSE(lets_in(dir.path("%u/keys"))) << "it is nobody's home";
    ASSERT_EQ(::chown(dir.path("ada/keys").c_str(), 12346, 12346), 0);
    EXPECT_FALSE(lets_in("%h/keys")) << "another's";
    ASSERT_EQ(::chown(dir.path("ada/keys").c_str(), 12345, 12345), 0);
    std::filesystem::permissions(dir.path("ada"), std::filesystem::perms(0775));
    EXPECT_FALSE(lets_in("%h/keys")) << "his group may put another there";
}

// StrictModes: what others can write to, or put another in the place of, lets nobody in.
TEST(FileAuthenticator, FilesThatOthersMayChangeAreLeftOut) {
    const test::key_folder dir;
    const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    std::filesystem::create_directories(dir.path("a/b"));
    dir.write("a/b/keys", key.line());
    std::filesystem::create_symlink("a/b/keys", dir.path("link"));
    const auto lets_in = [&](const std::string& file, bool strict) {
        return accepts(ask({.authorized_keys_files = {dir.path(file)}, .strict_modes = strict},
                           question(kind::public_key, key))
                           .answer);
    };
    const auto mode = [&](const char* name, unsigned bits) {
        std::filesystem::permissions(dir.path(name), std::filesystem::perms(bits));
    };
    mode("a/b/keys", 0644);
    mode("a/b", 0755);
    mode("a", 0755);
    EXPECT_TRUE(lets_in("a/b/keys", true));
    EXPECT_TRUE(lets_in("link", true)) << "what it leads to counts";
    EXPECT_FALSE(lets_in("absent", true));
    for (const char* name : {"a/b/keys", "a/b", "a"}) {
        const unsigned good = std::filesystem::is_directory(dir.path(name)) ? 0755 : 0644;
        for (const unsigned more : {0020u, 0002u}) {
            mode(name, good | more);
            EXPECT_FALSE(lets_in("a/b/keys", true)) << name << " " << more;
            EXPECT_FALSE(lets_in("link", true)) << name << " " << more;
            EXPECT_TRUE(lets_in("a/b/keys", false));
        }
        mode(name, good);
    }
    mode("a", 01777);
    EXPECT_TRUE(lets_in("a/b/keys", true)) << "what is ours stays in a sticky folder";
    mode("a", 0755);
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(dir.path("a/b/keys").c_str(), 12345, 12345), 0);
    EXPECT_FALSE(lets_in("a/b/keys", true)) << "another's";
}

// RequiredRSASize counts for whatever key logs in.
TEST(FileAuthenticator, SmallRsaKeysLetNobodyIn) {
    const test::key_folder dir;
    const auto small = crypto::private_key::generate("ssh-rsa", 2048).value().public_half();
    const auto other = crypto::private_key::generate("ssh-ed25519").value().public_half();
    const auto file = dir.write("keys", small.line() + "\n" + other.line() + "\n");
    for (const auto what : {kind::public_key_query, kind::public_key}) {
        const auto by = [&](const crypto::public_key& key, unsigned bits) {
            return ask({.authorized_keys_files = {file}, .rsa_bits_min = bits},
                       question(what, key));
        };
        EXPECT_TRUE(accepts(by(small, 2048).answer));
        EXPECT_TRUE(accepts(by(other, 4096).answer)) << "it is for RSA";
        const auto refused = by(small, 2049);
        EXPECT_FALSE(accepts(refused.answer));
        EXPECT_EQ(refused.reason, "RSA of 2048 bits, less than the 2049 of RequiredRSASize");
    }
}

TEST_F(CertificateLogins, KeysDoNotWaitBehindPasswords) {
    authorize("", key);
    options.users_file = dir.write("users", "# nobody\n");
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    options.passwords = std::make_shared<source_pool>(source_pool_size{.threads = 1});
    asio::io_context context;
    const auto block = [&] {
        begun.release();
        go.acquire();
        return true;
    };
    auto blocked =
        asio::co_spawn(context, options.passwords->run("192.0.2.9", block), asio::use_future);
    context.poll();
    begun.acquire();
    // Passwords wait, keys and certificates do not.
    asio::thread_pool pool(1);
    file_authenticator logins(options, pool);
    login_attempt attempt{{}, "192.0.2.1"};
    attempt.question.what = kind::password;
    attempt.question.user = "ada";
    auto waiting = asio::co_spawn(context, logins.check(std::move(attempt)), asio::use_future);
    context.poll();
    EXPECT_EQ(ask(options, question(kind::public_key, key)).reason, "");
    EXPECT_EQ(why({.principals = {"ada"}}), "");
    EXPECT_NE(waiting.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    go.release();
    context.restart();
    context.run();
    EXPECT_EQ(blocked.get(), true);
    EXPECT_FALSE(accepts(waiting.get().answer));
}

TEST(FileAuthenticator, PasswordsOpenWhatTheyShould) {
    const test::key_folder dir;
    crypt_data data{};
    const char* hash = ::crypt_r("sesame", "$6$rounds=1000$0123456789abcdef$", &data);
    ASSERT_NE(hash, nullptr);
    file_authenticator_options options{.users_file =
                                           dir.write("users", std::string("ada:") + hash + '\n')};
    const auto accepted = [&](std::string_view user, std::string_view password) {
        auth_question q;
        q.what = kind::password;
        q.user = user;
        q.password = secret_bytes(as_bytes(password));
        return accepts(ask(options, std::move(q)).answer);
    };
    EXPECT_TRUE(accepted("ada", "sesame"));
    EXPECT_FALSE(accepted("ada", "Sesame"));
    EXPECT_FALSE(accepted("ada", ""));
    EXPECT_FALSE(accepted("eve", "sesame"));
    EXPECT_FALSE(accepted("", "sesame"));
    options.admits = [](std::string_view, std::string_view) { return false; };
    EXPECT_FALSE(accepted("ada", "sesame"));
    options.admits = {};
    options.users_file = dir.path("absent");
    EXPECT_FALSE(accepted("ada", "sesame"));
}

// Counted, not timed: many attempts read and parse each file once.
TEST_F(CertificateLogins, FilesAreReadOnceUntilTheyChange) {
    options.kept_files = std::make_shared<policy_cache>(
        [] { return std::chrono::system_clock::now() + std::chrono::hours(1); });
    options.authorized_principals_file = dir.path("principals.%u");
    options.revoked_keys_file = dir.write("revoked", "# nobody\n");
    options.users_file = dir.write("users", "# nobody\n");
    dir.write("principals.ada", "ada\n");
    authorize("", key);
    const auto attempts = [&] {
        EXPECT_EQ(why({.principals = {"ada"}}), "");
        EXPECT_EQ(why({.principals = {"eve"}}), "certificate is for others");
        EXPECT_EQ(ask(options, question(kind::public_key_query, key)).reason, "");
        auth_question q;
        q.what = kind::password;
        q.user = "ada";
        EXPECT_FALSE(accepts(ask(options, std::move(q)).answer));
    };
    for (int i = 0; i < 10; ++i)
        attempts();
    EXPECT_EQ(options.kept_files->reads(), 5u);
    dir.write("revoked", key.line());
    EXPECT_EQ(why({.principals = {"ada"}}), "key is revoked");
    EXPECT_EQ(options.kept_files->reads(), 6u);
}

// A server that goes away under its clients, while their keys are looked up.
TEST(FileAuthenticator, MayGoBeforeItsAnswer) {
    asio::thread_pool pool(1);
    std::binary_semaphore asked(0);
    std::binary_semaphore let_go(0);
    file_authenticator_options options;
    options.admits = [&](std::string_view user, std::string_view) {
        asked.release();
        let_go.acquire();
        EXPECT_EQ(user, "a user of a name that is not short");
        return true;
    };
    {
        asio::io_context context;
        file_authenticator logins(options, pool);
        options = {};
        login_attempt attempt;
        attempt.question.what = kind::password;
        attempt.question.user = "a user of a name that is not short";
        asio::co_spawn(context, logins.check(std::move(attempt)),
                       [](const std::exception_ptr&, const login_verdict&) { FAIL(); });
        context.poll();
        asked.acquire();
    }
    let_go.release();
    pool.join();
}

TEST(FileAuthenticator, ChangesNoPasswords) {
    auth_question q;
    q.what = kind::password_change;
    q.user = "ada";
    EXPECT_EQ(ask({}, std::move(q)).reason, "passwords are not changed here");
}

}  // namespace
}  // namespace sluice
