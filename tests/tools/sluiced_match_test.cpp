#include "sluice/tools/sluiced_match.hpp"

#include "sluice/tools/sluiced_include.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace sluice {
namespace {

using strings = std::vector<std::string>;
using files = std::map<std::string, std::string>;

auto parse(const std::string& text, const files& others = {}) {
    const include_reader include = [&](const std::string& name) {
        std::vector<config_text> found;
        if (const auto f = others.find(name); f != others.end())
            found.push_back({f->first, f->second});
        return boost::system::result<std::vector<config_text>, std::string>(std::move(found));
    };
    return read_sluiced_settings({{"main", text}}, sluiced_algorithms(), include);
}

sluiced_settings good(const std::string& text, const files& others = {}) {
    auto r = parse(text, others);
    EXPECT_TRUE(r) << r.error().message();
    return r ? *r : sluiced_settings();
}

std::string wrong(const std::string& text, const files& others = {}) {
    const auto r = parse(text, others);
    return r ? "no error" : r.error().message();
}

unsigned tries(const sluiced_settings& s, login_facts who) {
    return s.effective(who).max_auth_tries;
}

TEST(SluicedMatch, Conditions) {
    struct {
        const char* condition;
        login_facts who;
        bool want;
    } cases[] = {
        {"all", {"ada", "10.0.0.1", 22}, true},
        {"All", {}, true},
        {"User ada", {"ada", "", 0}, true},
        {"User ada", {"Ada", "", 0}, false},
        {"user a*,!adam", {"ada", "", 0}, true},
        {"user a*,!adam", {"adam", "", 0}, false},
        {"user !adam", {"ada", "", 0}, false},
        {"Address 10.0.0.0/8", {"", "10.9.9.9", 0}, true},
        {"Address 10.0.0.0/8", {"", "11.9.9.9", 0}, false},
        {"Address 10.0.0.0/8,!10.1.0.0/16", {"", "10.1.0.1", 0}, false},
        {"LocalAddress 10.0.0.0/8,::1", {"", "11.9.9.9", 0, "10.9.9.9"}, true},
        {"LocalAddress 10.0.0.0/8,::1", {"", "10.9.9.9", 0, "11.9.9.9"}, false},
        {"localaddress 10.0.0.0/8,::1", {"", "", 0, "0:0::1"}, true},
        {"LocalAddress *", {"", "10.9.9.9", 0, ""}, true},
        {"LocalAddress 10.0.0.0/8 Address 11.0.0.0/8", {"", "11.9.9.9", 0, "10.1.1.1"}, true},
        {"Address 192.168.?.*", {"", "192.168.7.70", 0}, true},
        {"Address 2001:db8::/32", {"", "2001:db8:1::7", 0}, true},
        {"Address *", {"", "", 0}, true},
        {"Host h1,h2", {.user = "", .address = "10.0.0.1", .host = "H2"}, true},
        {"Host H*,!H2", {.user = "", .address = "10.0.0.1", .host = "h2"}, false},
        {"Host 10.0.0.?", {.user = "", .address = "10.0.0.1"}, true},
        {"Host *.example.com", {.user = "", .address = "10.0.0.1"}, false},
        {"Host 10.0.0.?", {.user = "", .address = "10.0.0.1", .host = "h"}, false},
        {"RDomain x", {.user = "", .address = "10.0.0.1"}, false},
        {"RDomain *", {.user = "", .address = "10.0.0.1"}, true},
        {"RDomain x", {.user = "", .address = "", .routing_domain = "x"}, true},
        {"LocalPort 22", {"", "", 22}, true},
        {"LocalPort 22", {"", "", 23}, false},
        {"User ada Address 10.0.0.1 LocalPort 22", {"ada", "10.0.0.1", 22}, true},
        {"User ada Address 10.0.0.1 LocalPort 22", {"bob", "10.0.0.1", 22}, false},
        {"User ada Address 10.0.0.1 LocalPort 22", {"ada", "10.0.0.2", 22}, false},
        {"User ada Address 10.0.0.1 LocalPort 22", {"ada", "10.0.0.1", 21}, false},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.condition);
        const auto s = good("Match " + std::string(k.condition) + "\nMaxAuthTries 1");
        EXPECT_EQ(tries(s, k.who), k.want ? 1U : 6U);
    }
}

TEST(SluicedMatch, GroupsAndHosts) {
    using groups = std::optional<strings>;
    const auto of_groups = [](groups g) { return login_facts{"ada", "10.0.0.1", 22, {}, {}, g}; };
    const groups none;
    struct {
        const char* condition;
        login_facts who;
        bool want;
    } cases[] = {
        {"Group wheel", of_groups(strings{"ada", "wheel"}), true},
        {"Group wheel", of_groups(strings{"ada"}), false},
        {"Group wheel", of_groups(strings{}), false},
        {"Group wheel", of_groups(none), false},
        {"Group Wheel", of_groups(strings{"wheel"}), false},
        {"group x,whe*", of_groups(strings{"wheel"}), true},
        {"Group *", of_groups(strings{"any"}), true},
        {"Group *", of_groups(none), false},
        {"Group *,!wheel", of_groups(strings{"ada", "wheel"}), false},
        {"Group *,!wheel", of_groups(strings{"ada"}), true},
        {"Group !wheel", of_groups(strings{"ada"}), false},
        {"Group !wheel", of_groups(none), false},
        {"Invalid-User", of_groups(none), true},
        {"invalid-user User ada", of_groups(none), true},
        {"User ada invalid-user", of_groups(strings{}), false},
        {"Host 10.0.0.*", of_groups(none), true},
        {"Host 10.0.0.*,!10.0.0.1", of_groups(none), false},
        {"Host 10.0.0.0/8", of_groups(none), false},
        {"Host h.example", {"ada", "10.0.0.1", 22, {}, "H.example", {}}, true},
        {"Host H.EXAMPLE", {"ada", "10.0.0.1", 22, {}, "h.example", {}}, true},
        {"Host 10.*", {"ada", "10.0.0.1", 22, {}, "h.example", {}}, false},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.condition);
        const auto s = good("Match " + std::string(k.condition) + "\nMaxAuthTries 1");
        EXPECT_EQ(tries(s, k.who), k.want ? 1U : 6U);
    }
}

// NSS is asked only where somebody wants to know.
TEST(SluicedMatch, GroupsAreAskedForWhereTheyMatter) {
    for (const char* text :
         {"", "Match User a Address 10.0.0.1 Host h\nMaxAuthTries 1", "AllowUsers a\nDenyUsers b"})
        EXPECT_FALSE(good(text).ask_for_groups()) << text;
    for (const char* text :
         {"Match Group a\n", "Match User a Group b\n", "Match Invalid-User\n", "AllowGroups a",
          "DenyGroups a", "Match User a\nAllowGroups b", "Match all\nDenyGroups b"})
        EXPECT_TRUE(good(text).ask_for_groups()) << text;
}

TEST(SluicedMatch, WhatIsWrongIsSaidWithFileAndLine) {
    struct {
        const char* text;
        const char* want;
    } cases[] = {
        {"Match", "main:1: Match: a condition is missing"},
        {"Match all User x", "main:1: Match: 'all' goes with no other condition"},
        {"Match User x all", "main:1: Match: 'all' goes with no other condition"},
        {"Match User", "main:1: Match: no value for 'User'"},
        {"Match Group", "main:1: Match: no value for 'Group'"},
        {"Match Group \"\"", "main:1: Match: no value for 'Group'"},
        {"Match Group a,,b", "main:1: Match: an empty pattern"},
        {"Match Group a,", "main:1: Match: an empty pattern"},
        {"Match Group !", "main:1: Match: '!' without a pattern"},
        {"Match Host a,!", "main:1: Match: '!' without a pattern"},
        {"Match Host ,a", "main:1: Match: an empty pattern"},
        {"Match User a,!,b", "main:1: Match: '!' without a pattern"},
        {"Match LocalAddress 10.0.0.1/8",
         "main:1: Match: expected addresses, wildcards or address/bits, not '10.0.0.1/8'"},
        {"Match Host", "main:1: Match: no value for 'Host'"},
        {"Match RDomain ,", "main:1: Match: an empty pattern"},
        {"Match Invalid-User x", "main:1: Match: unknown condition 'x'"},
        {"Match Colour red", "main:1: Match: unknown condition 'Colour'"},
        {"Match Address 10.0.0.1/8",
         "main:1: Match: expected addresses, wildcards or address/bits, not '10.0.0.1/8'"},
        {"Match LocalPort 0", "main:1: Match: expected a port, not '0'"},
        {"Match LocalPort 22,23", "main:1: Match: expected a port, not '22,23'"},
        {"Match all\n\nMaxAuthTries x",
         "main:3: MaxAuthTries: expected a number from 1 to 1000, not 'x'"},
        {"Match all\nX11Forwarding maybe",
         "main:2: X11Forwarding: expected one of yes no, not 'maybe'"},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(wrong(k.text), k.want);
    }
    EXPECT_EQ(wrong(std::string("Match Group a\0b", 15)), "main:1: Match: a NUL byte");
    EXPECT_EQ(wrong(std::string("Match Host \0", 12)), "main:1: Match: a NUL byte");
    for (const char* line :
         {"Port 22", "ListenAddress ::", "HostKey x", "Ciphers aes256-ctr", "LogLevel INFO",
          "MaxSessions 3", "UsePAM no", "UseDNS no", "Subsystem sftp internal-sftp",
          "HostCertificate x", "AcceptEnv X", "ClientAliveInterval 3", "LoginGraceTime 3"}) {
        const std::string keyword(line, std::string_view(line).find(' '));
        EXPECT_EQ(wrong(std::string("Match all\n") + line),
                  "main:2: " + keyword + ": may not stand in a Match block");
    }
}

TEST(SluicedMatch, TheFirstMatchingBlockCountsAndWinsOverTheGlobalPart) {
    const auto s = good(
        "MaxAuthTries 3\nBanner global\nAllowUsers x\n"
        "Match User ada\n MaxAuthTries 4\n MaxAuthTries 5\n AllowUsers y\n"
        "Match Address 10.0.0.0/8\n MaxAuthTries 9\n Banner net\n AllowUsers z\n");
    EXPECT_EQ(s.base.max_auth_tries, 3U);
    EXPECT_EQ(tries(s, {"bob", "1.1.1.1", 0}), 3U);
    EXPECT_EQ(tries(s, {"ada", "10.0.0.1", 0}), 4U);
    EXPECT_EQ(tries(s, {"bob", "10.0.0.1", 0}), 9U);
    const auto both = s.effective({"ada", "10.0.0.1", 0});
    EXPECT_EQ(both.banner, "net");
    EXPECT_EQ(both.allow_users, (std::vector<user_pattern>{{"y", ""}, {"z", ""}}));
    EXPECT_EQ(s.effective({"bob", "1.1.1.1", 0}).allow_users,
              (std::vector<user_pattern>{{"x", ""}}));
}

// A login copies the settings only where they are others, and keeps them as long as it lasts.
TEST(SluicedMatch, WhereNoBlockHoldsTheSettingsAreShared) {
    auto s = std::make_shared<const sluiced_settings>(
        good("MaxAuthTries 3\nMatch User ada\n MaxAuthTries 4\n"));
    const auto ada = effective_for(s, {"ada", "", 0});
    const auto bob = effective_for(s, {"bob", "", 0});
    EXPECT_EQ(ada->max_auth_tries, 4U);
    EXPECT_EQ(bob.get(), &s->base);
    s.reset();
    EXPECT_EQ(bob->max_auth_tries, 3U);
}

// Nobody can log in by the global part, but it is not all.
TEST(SluicedMatch, MayMakeGoodWhatTheGlobalPartForbids) {
    const std::string none = "PasswordAuthentication no\nPubkeyAuthentication no\n";
    EXPECT_FALSE(parse(none));
    const auto s = good(none + "Match User ada\nPubkeyAuthentication yes");
    EXPECT_TRUE(s.effective({"ada", "", 0}).pubkey_authentication);
    EXPECT_FALSE(s.effective({"bob", "", 0}).pubkey_authentication);
}

TEST(SluicedMatch, EveryKeywordThatMayStandInABlockCountsThere) {
    const auto c = good(
                       "Match User ada\n"
                       "AllowTcpForwarding local\nDenyUsers b\nAuthenticationMethods publickey\n"
                       "AllowGroups g\nDenyGroups h\n"
                       "AuthorizedKeysFile k\nAuthorizedPrincipalsFile p\nBanner b\n"
                       "CASignatureAlgorithms ssh-ed25519\nChrootDirectory /r\n"
                       "DisableForwarding yes\nForceCommand internal-sftp\n"
                       "HostbasedAuthentication yes\nHostbasedKnownHostsFile h\n"
                       "HostbasedUsesNameFromPacketOnly yes\nKbdInteractiveAuthentication yes\n"
                       "PasswordAuthentication no\nPermitOpen a:1\nPermitRootLogin no\n"
                       "PubkeyAcceptedAlgorithms ssh-ed25519\nPubkeyAuthentication no\n"
                       "RevokedKeys r\nSetEnv A=1\nShostsFile s\nTrustedUserCAKeys t\n"
                       "UsersFile u\n")
                       .effective({"ada", "", 0});
    EXPECT_TRUE(c.local_forwarding);
    EXPECT_EQ(c.deny_users, (std::vector<user_pattern>{{"b", ""}}));
    EXPECT_EQ(c.allow_groups, strings{"g"});
    EXPECT_EQ(c.deny_groups, strings{"h"});
    EXPECT_EQ(c.authentication_methods, std::vector<strings>{{"publickey"}});
    EXPECT_EQ(c.authorized_keys_files, strings{"k"});
    EXPECT_EQ(c.authorized_principals_file, "p");
    EXPECT_EQ(c.banner, "b");
    EXPECT_EQ(c.ca_signature_algorithms, strings{"ssh-ed25519"});
    EXPECT_EQ(c.root, "/r");
    EXPECT_TRUE(c.disable_forwarding);
    EXPECT_EQ(c.force_command, "internal-sftp");
    EXPECT_TRUE(c.hostbased_authentication);
    EXPECT_EQ(c.hostbased_known_hosts_files, strings{"h"});
    EXPECT_TRUE(c.hostbased_name_from_packet_only);
    EXPECT_TRUE(c.interactive_authentication);
    EXPECT_FALSE(c.password_authentication);
    EXPECT_EQ(c.permit_open, (std::vector<open_pattern>{{"a", 1}}));
    EXPECT_EQ(c.permit_root_login, root_login::no);
    EXPECT_EQ(c.pubkey_accepted_algorithms, strings{"ssh-ed25519"});
    EXPECT_FALSE(c.pubkey_authentication);
    EXPECT_EQ(c.revoked_keys, "r");
    EXPECT_EQ(c.environment.size(), 1U);
    EXPECT_EQ(c.shosts_files, strings{"s"});
    EXPECT_EQ(c.trusted_user_ca_keys, "t");
    EXPECT_EQ(c.users_file, "u");
}

TEST(SluicedInclude, FilesStandInThePlaceOfTheLine) {
    const files f{{"a", "MaxAuthTries 2\n"},
                  {"m", "MaxAuthTries 4\nMatch Address 10.*\nBanner ten\n"},
                  {"loop", "Include loop\n"}};
    EXPECT_EQ(good("Include a\nMaxAuthTries 3", f).base.max_auth_tries, 2U);
    EXPECT_EQ(good("MaxAuthTries 3\nInclude a absent", f).base.max_auth_tries, 3U);
    // In a block it is read for those who match, and a Match of its own ends with it.
    const auto s = good("Match User ada\nInclude m\nPasswordAuthentication no", f);
    EXPECT_EQ(s.base.max_auth_tries, 6U);
    EXPECT_EQ(tries(s, {"ada", "1.1.1.1", 0}), 4U);
    EXPECT_EQ(s.effective({"ada", "1.1.1.1", 0}).banner, "");
    EXPECT_FALSE(s.effective({"ada", "1.1.1.1", 0}).password_authentication);
    EXPECT_EQ(s.effective({"ada", "10.1.1.1", 0}).banner, "ten");
    EXPECT_EQ(s.effective({"bob", "10.1.1.1", 0}).banner, "");
    EXPECT_TRUE(s.effective({"bob", "10.1.1.1", 0}).password_authentication);
    // Outside of blocks too.
    EXPECT_EQ(good("Include m\nPort 7", f).base.ports, (std::vector<std::uint16_t>{7}));

    EXPECT_EQ(wrong("Include loop", f), "loop:1: Include: files are included too deeply");
    EXPECT_EQ(wrong("Include", f), "main:1: Include: a value is missing");
    EXPECT_EQ(wrong("\nInclude x", {{"x", "\nNope 1"}}), "x:2: Nope: unknown keyword");
}

TEST(SluicedInclude, PatternsAreMeantFromTheFolderOfTheFile) {
    std::string folder = testing::TempDir() + "sluiced_include_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    std::ofstream(folder + "/2.conf") << "MaxAuthTries 2\n";
    std::ofstream(folder + "/1.conf") << "MaxAuthTries 1\n";
    const auto read = include_from(folder_of(folder + "/main"));
    const auto found = read("*.conf");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].name, folder + "/1.conf");
    EXPECT_EQ((*found)[1].text, "MaxAuthTries 2\n");
    EXPECT_TRUE(read(folder + "/2.conf"));
    EXPECT_TRUE(read("none*")->empty());
    std::filesystem::create_directory(folder + "/3.conf");
    EXPECT_FALSE(read("3.conf")) << "a folder cannot be read";
    std::filesystem::remove_all(folder);
    EXPECT_EQ(folder_of("x"), ".");
    EXPECT_EQ(folder_of("/x"), "/");
}

TEST(SluicedMatch, FactsOfTheCommandLine) {
    login_facts f;
    EXPECT_EQ(read_login_facts("user=ada,host=h,addr=10.0.0.1,laddr=::1,lport=22", f), "");
    EXPECT_EQ(f.user, "ada");
    EXPECT_EQ(f.address, "10.0.0.1");
    EXPECT_EQ(f.local_address, "::1");
    EXPECT_EQ(f.local_port, 22);
    EXPECT_EQ(f.host, "h");
    EXPECT_EQ(read_login_facts("user=ada,invalid-user=yes,rdomain=x", f), "");
    EXPECT_EQ(f.routing_domain, "x");
    EXPECT_EQ(read_login_facts("user=bob,lport=23,", f), "") << "as scripts write it";
    EXPECT_EQ(f.user, "bob");
    EXPECT_EQ(read_login_facts("invalid-user,user=ada", f), "");
    EXPECT_EQ(f.groups, std::nullopt) << "whether there is such an account is looked up";
    for (const char* text : {"", "user", "colour=red", "lport=x", "lport=0", "addr=here",
                             "laddr=here", ",", ",user=a", "user=a,,", "user=a,,lport=1"})
        EXPECT_NE(read_login_facts(text, f), "") << text;
}

}  // namespace
}  // namespace sluice
