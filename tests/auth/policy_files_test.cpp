// The smaller files that say who may come in: principals, revoked keys, trusted hosts.

#include "sluice/auth/authorized_principals.hpp"
#include "sluice/auth/hosts_equiv.hpp"
#include "sluice/auth/revoked_keys.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

crypto::private_key make_key() { return crypto::private_key::generate("ssh-ed25519").value(); }

// --- AuthorizedPrincipalsFile -------------------------------------------------------------------

TEST(AuthorizedPrincipals, NamesCommentsAndOptions) {
    const auto list = parse_authorized_principals(
        "# who may be root\n\nops\n  night-shift  # until spring\r\n"
        "command=\"echo a b\",no-pty backup\nunheard-of x\ncommand=\"open x\ntunnel=\"0\" y");
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 4u);
    EXPECT_EQ((*list)[0].name, "ops");
    EXPECT_EQ((*list)[0].line, 3u);
    EXPECT_EQ((*list)[1].name, "night-shift");
    EXPECT_EQ((*list)[2].name, "backup");
    EXPECT_EQ((*list)[2].options.command, "echo a b");
    EXPECT_FALSE((*list)[2].options.permits_pty);
    EXPECT_EQ((*list)[3].options.unsupported, "tunnel");
    EXPECT_EQ((*list)[3].line, 8u);
}

TEST(AuthorizedPrincipals, ALineWithoutANameNamesNobody) {
    using namespace std::literals;
    for (const auto text :
         {""sv, "\n\n"sv, " \t\r\n"sv, "# x\n"sv, "\0\n"sv, "a\0b\n"sv, "a\x1b\n"sv, "\x7f"sv,
          "no-pty \0"sv, "command=\"\" ada"sv, "from=\"\" ada"sv, "principals=\"\" ada"sv,
          "cert-authority ada"sv, "expiry-time=\"\" ada"sv})
        EXPECT_TRUE(parse_authorized_principals(text).value().empty()) << text;
}

TEST(AuthorizedPrincipals, LinesAndFilesAreCapped) {
    const std::string line(limits::policy_line_length_max, 'x');
    EXPECT_EQ(parse_authorized_principals(line).value().size(), 1u);
    EXPECT_EQ(parse_authorized_principals(line + "x\nok").value().size(), 1u);
    const std::string file(limits::policy_file_length_max + 1, '\n');
    EXPECT_EQ(parse_authorized_principals(file).error(), errc::too_long);
}

// --- RevokedKeys --------------------------------------------------------------------------------

TEST(RevokedKeys, PublicKeysCertificatesAndAuthorities) {
    const auto key = make_key().public_half();
    const auto other = make_key().public_half();
    const auto cert = test::test_certificate(key, {.serial = 1, .principals = {"ada"}});
    const auto sibling = test::test_certificate(key, {.serial = 2, .principals = {"ada"}});
    const auto revoked = [](const std::string& file) {
        return revoked_keys::parse(as_bytes(file)).value();
    };
    const auto by_key = revoked("# gone\n\n" + key.line() + " ada\r\n");
    EXPECT_TRUE(by_key.revokes(key));
    EXPECT_TRUE(by_key.revokes(cert));
    EXPECT_FALSE(by_key.revokes(other));
    const auto by_certificate = revoked(cert.line());
    EXPECT_TRUE(by_certificate.revokes(cert));
    EXPECT_FALSE(by_certificate.revokes(sibling));
    EXPECT_FALSE(by_certificate.revokes(key));
    const auto by_authority = revoked(test::test_authority().public_half().line());
    EXPECT_TRUE(by_authority.revokes(cert));
    EXPECT_FALSE(by_authority.revokes(key));
    EXPECT_FALSE(revoked("").revokes(key));
}

TEST(RevokedKeys, KeyRevocationListsOfSshKeygen) {
    const test::key_folder dir;
    const auto key = make_key().public_half();
    const auto other = make_key().public_half();
    const auto cert = test::test_certificate(key, {.serial = 7, .principals = {"ada"}});
    const auto sibling = test::test_certificate(key, {.serial = 8, .principals = {"ada"}});
    dir.write("ca.pub", test::test_authority().public_half().line() + '\n');
    dir.write("what", "serial: 7\nkey: " + other.line() + '\n');
    test::run("ssh-keygen -q -k -f " + dir.path("krl") + " -s " + dir.path("ca.pub") + ' ' +
              dir.path("what"));
    const std::string file = test::contents(dir.path("krl"));
    const auto revoked = revoked_keys::parse(as_bytes(file));
    ASSERT_TRUE(revoked);
    EXPECT_TRUE(revoked->revokes(cert));
    EXPECT_FALSE(revoked->revokes(sibling));
    EXPECT_FALSE(revoked->revokes(key));
    EXPECT_TRUE(revoked->revokes(other));
    const auto cut = as_bytes(file).first(file.size() - 1);
    EXPECT_FALSE(revoked_keys::parse(cut)) << "half a list might have revoked anything";
}

TEST(RevokedKeys, WhatIsNotUnderstoodIsAnError) {
    const auto parse = [](const std::string& text) { return revoked_keys::parse(as_bytes(text)); };
    EXPECT_EQ(parse("not a key\n").error(), errc::bad_config);
    EXPECT_EQ(parse(make_key().public_half().line() + "\nrest\n").error(), errc::bad_config);
    EXPECT_EQ(parse(std::string(limits::policy_line_length_max + 1, 'x')).error(), errc::too_long);
    EXPECT_EQ(parse(std::string(limits::krl_length_max + 1, '\n')).error(), errc::too_long);
}

// --- hosts.equiv --------------------------------------------------------------------------------

TEST(HostsEquiv, WhoMayBeWhom) {
    constexpr std::string_view file =
        "# trusted\n"
        "one.example\n"
        "TWO.example guest   # one of them\n"
        "-three.example\n"
        "three.example\n"
        "four.example -eve\n"
        "four.example eve\n"
        "+ five\n"
        "+@netgroup\n"
        "six.example +ada\r\n";
    const struct {
        const char* host;
        const char* client_user;
        const char* user;
        bool permitted;
    } cases[] = {
        {"one.example", "ada", "ada", true},   {"One.Example", "ada", "ada", true},
        {"one.example", "eve", "ada", false},  {"two.example", "guest", "ada", true},
        {"two.example", "ada", "ada", false},  {"three.example", "ada", "ada", false},
        {"four.example", "eve", "eve", false}, {"four.example", "ada", "ada", false},
        {"six.example", "ada", "bob", true},   {"", "five", "five", false},
        {"@netgroup", "ada", "ada", false},    {"elsewhere", "ada", "ada", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.host) + ' ' + c.client_user + ' ' + c.user);
        EXPECT_EQ(hosts_equiv_permits(file, c.host, c.client_user, c.user), c.permitted);
    }
    EXPECT_FALSE(hosts_equiv_permits("", "one.example", "ada", "ada"));
}

TEST(HostsEquiv, NobodyIsNotTheSameAsNobody) {
    EXPECT_FALSE(hosts_equiv_permits("one.example\n", "one.example", "", ""));
    EXPECT_FALSE(hosts_equiv_permits("one.example ada\n", "one.example", "ada", ""));
    EXPECT_FALSE(hosts_equiv_permits("+\n+ ada\n-\n", "", "ada", "ada"));
    EXPECT_FALSE(hosts_equiv_permits("one.example +\n", "one.example", "ada", "ada"));
    EXPECT_FALSE(hosts_equiv_permits("one.example -\none.example\n", "one.example", "ada", "ada"));
    EXPECT_FALSE(hosts_equiv_permits("-one.example +\none.example\n", "one.example", "ada", "ada"));
}

}  // namespace
}  // namespace sluice
