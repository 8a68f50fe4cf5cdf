#include "sluice/auth/known_hosts.hpp"

#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

using verdict = known_hosts::verdict;

crypto::public_key make_key(std::string_view type = "ssh-ed25519") {
    return crypto::private_key::generate(type).value().public_half();
}

// Keys that differ, for all tests.
const crypto::public_key& key(std::size_t i) {
    static const std::vector keys{make_key(), make_key(), make_key("ecdsa-sha2-nistp256")};
    return keys.at(i);
}

known_hosts parsed(const std::string& text) { return known_hosts::parse(text).value(); }

TEST(KnownHosts, NamesPatternsAndPorts) {
    struct {
        const char* hosts;
        const char* host;
        std::uint16_t port;
        bool covered;
    } cases[] = {
        {"a.example", "a.example", 22, true},
        {"a.example", "A.Example", 22, true},
        {"A.EXAMPLE", "a.example", 22, true},
        {"a.example", "b.example", 22, false},
        {"a.example", "a.example.org", 22, false},
        {"a.example", "a.example", 2222, false},
        {"[a.example]:2222", "a.example", 2222, true},
        {"[a.example]:2222", "a.example", 22, false},
        {"[a.example]:2222", "a.example", 222, false},
        {"b.example,a.example,192.0.2.1", "a.example", 22, true},
        {"b.example,a.example,192.0.2.1", "192.0.2.1", 22, true},
        {"2001:db8::1", "2001:DB8::1", 22, true},
        {"[2001:db8::1]:2222", "2001:db8::1", 2222, true},
        {"*.example", "a.example", 22, true},
        {"*.example", "example", 22, false},
        {"?.example", "a.example", 22, true},
        {"?.example", "ab.example", 22, false},
        {"*.example,!a.example", "b.example", 22, true},
        {"*.example,!a.example", "a.example", 22, false},
        {"!a.example,*.example", "a.example", 22, false},
        {"!a.example", "b.example", 22, false},
        {"[*.example]:*", "a.example", 2222, true},
        {"[*.example]:*", "a.example", 22, false},
        {"*", "anything", 22, true},
        {",,a.example,", "a.example", 22, true},
        {",", "", 22, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.hosts) + " " + c.host + " " + std::to_string(c.port));
        const auto list = parsed(std::string(c.hosts) + ' ' + key(0).line() + " a comment\n");
        ASSERT_EQ(list.size(), 1u);
        const auto found = list.lookup(c.host, c.port, key(0));
        EXPECT_EQ(found.what, c.covered ? verdict::known : verdict::unknown);
        EXPECT_EQ(found.line, c.covered ? 1u : 0u);
    }
}

TEST(KnownHosts, KnownUnknownChangedAndRevoked) {
    const auto list = parsed("# a comment\n\na " + key(0).line() + "\na " + key(2).line() +
                             "\r\n  b\t" + key(0).line() + "\n@revoked * " + key(1).line() +
                             "\nc " + key(1).line() + "\n@cert-authority d " + key(0).line());
    struct {
        const char* host;
        std::size_t key;
        verdict what;
        std::size_t line;
    } cases[] = {
        {"a", 0, verdict::known, 3},   {"a", 2, verdict::known, 4},
        {"b", 0, verdict::known, 5},   {"b", 2, verdict::changed, 5},
        {"c", 0, verdict::changed, 7}, {"c", 1, verdict::revoked, 6},
        {"a", 1, verdict::revoked, 6}, {"e", 1, verdict::revoked, 6},
        {"d", 0, verdict::unknown, 0},  // a certification authority's key is no host's
        {"e", 0, verdict::unknown, 0},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.host) + std::to_string(c.key));
        const auto found = list.lookup(c.host, 22, key(c.key));
        EXPECT_EQ(found.what, c.what);
        EXPECT_EQ(found.line, c.line);
    }
    EXPECT_TRUE(list.errors().empty());
}

TEST(KnownHosts, AChangedKeyIsTheOneOfTheSameType) {
    const auto list = parsed("a " + key(2).line() + "\na " + key(0).line() + "\n");
    EXPECT_EQ(list.lookup("a", 22, key(1)).line, 2u);
    const auto nistp384 = make_key("ecdsa-sha2-nistp384");
    EXPECT_EQ(list.lookup("a", 22, nistp384).what, verdict::changed);
    EXPECT_EQ(list.lookup("a", 22, nistp384).line, 1u);
}

TEST(KnownHosts, SeveralFilesAreOne) {
    auto list = parsed("a " + key(0).line() + "\n");
    list.append(parsed("\na " + key(1).line() + "\n"));
    list.append(parsed("@revoked a " + key(0).line() + "\n"));
    const auto found = list.lookup("a", 22, key(1));
    EXPECT_EQ(found.what, verdict::known);
    EXPECT_EQ(found.file, 1u);
    EXPECT_EQ(found.line, 2u);
    EXPECT_EQ(list.lookup("a", 22, key(0)).what, verdict::revoked);
    EXPECT_EQ(list.lookup("a", 22, key(0)).file, 2u);
}

TEST(KnownHosts, KnownTypesAreOfferedFirst) {
    const std::vector<std::string> all{"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512",
                                       "rsa-sha2-256"};
    const auto list = parsed("a " + key(2).line() + "\n@revoked a " + key(0).line() +
                             "\n@cert-authority a " + key(0).line() + "\nb " + key(0).line());
    EXPECT_EQ(list.ordered(all, "a", 22),
              (std::vector<std::string>{"ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-512",
                                        "rsa-sha2-256"}));
    EXPECT_EQ(list.ordered(all, "b", 22), all);
    EXPECT_EQ(list.ordered(all, "c", 22), all);
}

TEST(KnownHosts, Authorities) {
    const auto list =
        parsed("@cert-authority *.example " + key(0).line() + "\n@cert-authority *.example " +
               key(1).line() + "\n@revoked * " + key(1).line() + "\na.example " + key(2).line());
    EXPECT_EQ(list.authorities("a.example", 22), std::vector{key(0)});
    EXPECT_TRUE(list.authorities("a.example", 2222).empty());
}

TEST(KnownHosts, CertificatesOfAuthorities) {
    using crypto::certificate_kind;
    const std::string authority = test::test_authority().public_half().line();
    const auto cert = [&](crypto::certificate_fields f) {
        f.kind = certificate_kind::host;
        return test::test_certificate(key(0), std::move(f));
    };
    const auto good =
        cert({.principals = {"a.example", "b.example"}, .valid_after = 10, .valid_before = 20});
    const auto trusting = "@cert-authority *.example,!c.example " + authority + '\n';
    const struct {
        const char* name;
        std::string file;
        const char* host;
        crypto::certificate cert;
        std::int64_t now;
        verdict want;
        std::string_view fault;
    } cases[] = {
        {"good", trusting, "a.example", good, 15, verdict::known, ""},
        {"in capitals", trusting, "B.Example", good, 15, verdict::known, ""},
        {"nobody's", "", "a.example", good, 15, verdict::unknown, ""},
        {"authority of others", trusting, "c.example", good, 15, verdict::unknown, ""},
        {"authority as a host key", "a.example " + authority, "a.example", good, 15,
         verdict::unknown, ""},
        {"another authority", "@cert-authority a.example " + key(1).line(), "a.example", good, 15,
         verdict::unknown, ""},
        {"too late", trusting, "a.example", good, 20, verdict::unknown, "certificate has expired"},
        {"another host's", trusting, "d.example", good, 15, verdict::unknown,
         "certificate is for others"},
        {"for all hosts", trusting, "d.example", cert({}), 15, verdict::known, ""},
        {"a user's", trusting, "a.example",
         test::test_certificate(key(0), {.serial = 1, .principals = {"a.example"}}), 15,
         verdict::unknown, "certificate of the wrong kind"},
        {"critical option", trusting, "a.example", cert({.critical_options = {{"x@y"}}}), 15,
         verdict::unknown, "certificate has a critical option that is not known"},
        {"authority revoked", trusting + "@revoked * " + authority, "a.example", good, 15,
         verdict::revoked, ""},
        {"key revoked", trusting + "@revoked a.example " + key(0).line(), "a.example", good, 15,
         verdict::revoked, ""},
        {"revoked elsewhere", trusting + "@revoked b.example " + key(0).line(), "a.example", good,
         15, verdict::known, ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto list = parsed(c.file);
        const auto found = list.lookup(c.host, 22, c.cert, c.now);
        EXPECT_EQ(found.what, c.want);
        EXPECT_EQ(found.fault, c.fault);
    }
    const std::vector<std::string> rsa_only{"rsa-sha2-512"};
    EXPECT_EQ(parsed(trusting).lookup("a.example", 22, good, 15, rsa_only).fault,
              "certificate is signed by an algorithm that is not accepted");
}

TEST(KnownHosts, WhatAnAnnouncementChanges) {
    const std::string zero = key(0).line() + '\n';
    const std::string one = key(1).line() + '\n';
    const struct {
        const char* name;
        std::string file;
        std::vector<std::size_t> announced;
        std::vector<std::size_t> learn;
        std::vector<std::size_t> forget;
    } cases[] = {
        {"the same", "a " + zero, {0}, {}, {}},
        {"one more", "a " + zero, {0, 1, 2}, {1, 2}, {}},
        {"twice", "a " + zero, {0, 1, 1}, {1}, {}},
        {"one less", "# comment\na " + zero + "a " + one, {0}, {}, {3}},
        {"in its place", "a " + zero + "a " + one, {0, 2}, {2}, {2}},
        {"of another server", "a " + zero + "b " + key(2).line() + '\n', {0, 1}, {1}, {}},
        {"of several servers", "a " + zero + "a,b " + one, {0, 2}, {}, {}},
        {"of a pattern", "a " + zero + "* " + one, {0, 2}, {}, {}},
        {"known elsewhere", "a " + zero + "b " + one, {0, 1}, {}, {}},
        {"revoked", "a " + zero + "@revoked * " + one, {0, 1, 2}, {2}, {}},
        {"with an authority", "a " + zero + "@cert-authority a " + one, {0, 2}, {}, {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        std::vector<bytes_view> announced;
        for (const auto i : c.announced)
            announced.emplace_back(key(i).blob());
        const bytes unknown{0, 0, 0, 1, 'x'};
        announced.emplace_back(unknown);
        const auto changes = parsed(c.file).changes_for("a", 22, announced);
        std::vector<crypto::public_key> learn;
        for (const auto i : c.learn)
            learn.push_back(key(i));
        EXPECT_EQ(changes.learn, learn);
        EXPECT_EQ(changes.forget, c.forget);
    }
}

TEST(KnownHosts, AnAuthorityBringsCertificatesToTheFront) {
    const auto list = parsed("@cert-authority a " + key(0).line() + "\nb " + key(0).line());
    const std::vector<std::string> all{"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ssh-ed25519",
                                       "ssh-ed25519-cert-v01@openssh.com"};
    EXPECT_EQ(list.ordered(all, "a", 22),
              (std::vector<std::string>{"ecdsa-sha2-nistp256-cert-v01@openssh.com",
                                        "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"}));
    EXPECT_EQ(list.ordered(all, "b", 22).front(), "ssh-ed25519");
    EXPECT_EQ(list.ordered(all, "c", 22), all);
}

TEST(KnownHosts, LinesThatAreMadeAreFoundAgain) {
    struct {
        const char* host;
        std::uint16_t port;
    } cases[] = {{"files.example", 22}, {"files.example", 2222}, {"Files.Example", 22},
                 {"192.0.2.1", 22},     {"2001:db8::1", 2222},   {"fe80::1%eth0", 22}};
    test::seeded_random random;
    for (const auto& c : cases) {
        SCOPED_TRACE(c.host);
        const auto plain = known_hosts_line(c.host, c.port, key(0)).value();
        const auto hashed = hashed_known_hosts_line(c.host, c.port, key(0), random).value();
        EXPECT_EQ(plain, known_hosts_name(c.host, c.port) + ' ' + key(0).line() + '\n');
        EXPECT_TRUE(hashed.starts_with("|1|"));
        EXPECT_EQ(hashed.find("files"), std::string::npos);
        EXPECT_NE(hashed, hashed_known_hosts_line(c.host, c.port, key(0), random).value())
            << "each has a salt of its own";
        for (const auto& text : {plain, hashed}) {
            const auto list = parsed(text);
            EXPECT_EQ(list.lookup(c.host, c.port, key(0)).what, verdict::known);
            EXPECT_EQ(list.lookup(c.host, c.port, key(1)).what, verdict::changed);
            EXPECT_EQ(list.lookup(c.host, 4711, key(0)).what, verdict::unknown);
            EXPECT_EQ(list.lookup("other", c.port, key(0)).what, verdict::unknown);
        }
    }
    for (const std::string host :
         {"", "a b", "a,b", "*", "a?", "!a", "a\nb", "|1|x", "#a", "@a", "[a]"}) {
        SCOPED_TRACE(host);
        EXPECT_EQ(known_hosts_line(host, 22, key(0)).error(), errc::bad_value);
        EXPECT_EQ(hashed_known_hosts_line(host, 22, key(0), random).error(), errc::bad_value);
    }
}

TEST(KnownHosts, BadLinesAreReportedAndPassedOver) {
    const std::string salt = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const std::string& good = key(0).line();
    struct {
        std::string line;
        errc error;
    } cases[] = {
        {"@what a " + good, errc::bad_config},
        {"a", errc::bad_config},
        {"a ssh-ed25519", errc::bad_config},
        {"a ssh-ed25519 AAAA!", errc::bad_config},
        {"a ssh-ed25519 AAAATgAAAAdz", errc::bad_config},
        {"a ssh-rsa " + good.substr(good.find(' ') + 1), errc::bad_config},
        {"a ssh-xxx AAAAB3NzaC14eHg=", errc::unknown_key_type},
        {"|1|" + salt + " " + good, errc::bad_config},
        {"|2|" + salt + "|" + salt + " " + good, errc::bad_config},
        {"|1|AAAA|" + salt + " " + good, errc::bad_config},
        {"|1|" + salt + "|AAAA " + good, errc::bad_config},
        {"1024 65537 12345 an-old-key", errc::bad_config},
        {std::string(limits::policy_line_length_max + 1, 'x'), errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line.substr(0, 60));
        const auto list = parsed("\n" + c.line + "\nb " + good + "\n");
        ASSERT_EQ(list.errors().size(), 1u);
        EXPECT_EQ(list.errors()[0].line, 2u);
        EXPECT_EQ(list.errors()[0].error, c.error);
        EXPECT_EQ(list.size(), 1u);
        EXPECT_EQ(list.lookup("b", 22, key(0)).what, verdict::known);
    }
    EXPECT_EQ(
        parsed(std::string(1000, '@').append("\n") + std::string(200'000, '\n')).errors().size(),
        1u);
    std::string many;
    for (std::size_t i = 0; i < 2 * limits::policy_errors_max; ++i)
        many += "x\n";
    EXPECT_EQ(parsed(many).errors().size(), limits::policy_errors_max);
    EXPECT_EQ(known_hosts::parse(std::string(limits::known_hosts_length_max + 1, '\n')).error(),
              errc::too_long);
}

// A line that should have revoked something is never passed over.
TEST(KnownHosts, ARevocationThatCannotBeReadStopsTheLogin) {
    const std::string& good = key(0).line();
    const std::string text = good.substr(good.find(' ') + 1);
    const std::string long_comment(limits::policy_line_length_max, 'x');
    for (const std::string& line :
         {"@revoked a " + good + ' ' + long_comment, std::string("@revoked a ssh-rsa ") + text,
          std::string("@revoked a ssh-xxx AAAAB3NzaC14eHg="), std::string("@revoked a"),
          std::string("@revoked a ssh-ed25519"), std::string("@revoked a ssh-ed25519 AAAA!"),
          std::string("@revoked a ssh-ed25519-cert-v01@openssh.com ") + text,
          std::string("@REVOKED a ssh-ed25519 AAAA!")}) {
        SCOPED_TRACE(line.substr(0, 60));
        const auto list = parsed("a " + good + "\nb " + good + "\n" + line + "\n");
        const auto found = list.lookup("a", 22, key(0));
        EXPECT_EQ(found.what, verdict::revoked);
        EXPECT_EQ(found.line, 3u);
        EXPECT_FALSE(found.fault.empty());
        EXPECT_EQ(list.lookup("b", 22, key(0)).what, verdict::known) << "it is about another";
        EXPECT_EQ(list.errors().size(), 1u);
        known_hosts both = parsed("a " + good + '\n');
        both.append(parsed(line + '\n'));
        EXPECT_EQ(both.lookup("a", 22, key(0)).what, verdict::revoked);
        EXPECT_EQ(both.lookup("a", 22, key(0)).file, 1u);
        EXPECT_TRUE(list.changes_for("a", 22, {}).learn.empty());
    }
    // Where it does not say whom it is about, it is about everybody.
    for (const std::string& line :
         {std::string("@revoked"), "@revoked @revoked a " + good, "@revoked |1|x|y " + good}) {
        SCOPED_TRACE(line.substr(0, 60));
        EXPECT_EQ(parsed(line + "\nb " + good).lookup("b", 22, key(0)).what, verdict::revoked);
    }
    std::string many;
    for (std::size_t i = 0; i <= limits::policy_errors_max; ++i)
        many += "@revoked h" + std::to_string(i) + " x\n";
    EXPECT_EQ(parsed(many).lookup("elsewhere", 22, key(0)).what, verdict::revoked);
}

TEST(KnownHosts, ARevokedCertificateStandsForItsKey) {
    const auto cert = test::test_certificate(
        key(0), {.kind = crypto::certificate_kind::host, .principals = {"a"}});
    const auto list =
        parsed("a " + key(0).line() + "\na " + key(1).line() + "\n@cert-authority a " +
               test::test_authority().public_half().line() + "\n@revoked a " + cert.line() + '\n');
    EXPECT_TRUE(list.errors().empty());
    EXPECT_EQ(list.lookup("a", 22, key(0)).what, verdict::revoked);
    EXPECT_EQ(list.lookup("a", 22, key(0)).line, 4u);
    EXPECT_EQ(list.lookup("a", 22, cert, 1).what, verdict::revoked);
    EXPECT_EQ(list.lookup("a", 22, key(1)).what, verdict::known);
}

// The known_hosts file that OpenSSH tests with, read in place where it is there.
TEST(KnownHosts, OpenSshsFile) {
    const auto folder = test::shared_vector_folder() / "keys/known-hosts";
    const auto read = [&](const std::string& name) {
        std::ifstream in(folder / name);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    if (!test::has_shared_vectors("keys/known-hosts")) return;
    const auto list = parsed(read("known_hosts"));
    const auto host_key = [&](const std::string& name) {
        return crypto::public_key::from_line(read(name + ".pub")).value();
    };
    struct {
        const char* host;
        const char* key;
        verdict what;
        std::size_t line;
    } cases[] = {
        {"sisyphus.example.com", "ecdsa_1", verdict::known, 2},
        {"sisyphus.example.com", "ed25519_1", verdict::known, 3},
        {"sisyphus.example.com", "ed25519_3", verdict::known, 13},
        {"sisyphus.example.com", "ed25519_4", verdict::revoked, 33},
        {"sisyphus.example.com", "ed25519_2", verdict::changed, 3},
        {"prometheus.example.com", "ecdsa_2", verdict::known, 7},
        {"192.0.2.1", "ed25519_2", verdict::known, 8},
        {"2001:db8::1", "ed25519_2", verdict::known, 8},
        {"2001:db8::1", "ecdsa_3", verdict::known, 12},
        {"192.0.2.7", "ecdsa_3", verdict::known, 12},
        {"hades.example.com", "ed25519_3", verdict::known, 13},
        {"hades.example.org", "ed25519_3", verdict::unknown, 0},
        {"sisyphus.example.com", "ecdsa_5", verdict::known, 17},
        {"sisyphus.example.com", "ed25519_5", verdict::known, 18},
        {"prometheus.example.com", "ecdsa_6", verdict::known, 21},
        {"192.0.2.1", "ed25519_6", verdict::known, 25},
        {"2001:db8::1", "ed25519_6", verdict::known, 26},
        {"prometheus.example.com", "ecdsa_4", verdict::changed, 12},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.host) + " " + c.key);
        const auto found = list.lookup(c.host, 22, host_key(c.key));
        EXPECT_EQ(found.what, c.what);
        EXPECT_EQ(found.line, c.line);
    }
    EXPECT_EQ(list.authorities("prometheus.example.com", 22), std::vector{host_key("ecdsa_4")});
    // Names 5 and 6 stand there hashed; six keys of three types, for one and for three names.
    EXPECT_EQ(list.size(), 23u);
    EXPECT_GE(list.errors().size(), 6u);
}

}  // namespace
}  // namespace sluice
