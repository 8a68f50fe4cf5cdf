// What sshd's users have in their files: every keyword is served, noted, or refused with words.

#include "sluice/tools/sluiced_keywords.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>

#include <syslog.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace sluice {
namespace {

auto parse(const std::string& text) {
    return read_sluiced_settings({{"sshd_config", text}}, sluiced_algorithms());
}

sluiced_settings good(const std::string& text) {
    auto r = parse(text);
    EXPECT_TRUE(r) << r.error().message();
    return r ? std::move(*r) : sluiced_settings();
}

std::string wrong(const std::string& text) {
    const auto r = parse(text);
    return r ? "no error" : r.error().message();
}

std::vector<std::string> notes(const std::string& text) {
    std::vector<std::string> all;
    for (const auto& note : good(text).notes)
        all.push_back(note.message());
    return all;
}

using strings = std::vector<std::string>;

// Those of sshd_config(5) in OpenSSH 9.2 and 10.0, with Debian's own.
constexpr std::array sshd_keywords{
    "AcceptEnv", "AddressFamily", "AllowAgentForwarding", "AllowGroups",
    "AllowStreamLocalForwarding", "AllowTcpForwarding", "AllowUsers", "AuthenticationMethods",
    "AuthorizedKeysCommand", "AuthorizedKeysCommandUser", "AuthorizedKeysFile",
    "AuthorizedPrincipalsCommand", "AuthorizedPrincipalsCommandUser", "AuthorizedPrincipalsFile",
    "Banner", "CASignatureAlgorithms", "ChannelTimeout", "ChrootDirectory", "Ciphers",
    "ClientAliveCountMax", "ClientAliveInterval", "Compression", "DebianBanner", "DenyGroups",
    "DenyUsers", "DisableForwarding", "ExposeAuthInfo", "FingerprintHash", "ForceCommand",
    "GatewayPorts", "GSSAPIAuthentication", "GSSAPICleanupCredentials", "GSSAPIKexAlgorithms",
    "GSSAPIKeyExchange", "GSSAPIStoreCredentialsOnRekey", "GSSAPIStrictAcceptorCheck",
    "HostbasedAcceptedAlgorithms", "HostbasedAuthentication", "HostbasedUsesNameFromPacketOnly",
    "HostCertificate", "HostKey", "HostKeyAgent", "HostKeyAlgorithms", "IgnoreRhosts",
    "IgnoreUserKnownHosts", "IPQoS", "KbdInteractiveAuthentication", "KerberosAuthentication",
    "KerberosGetAFSToken", "KerberosOrLocalPasswd", "KerberosTicketCleanup", "KexAlgorithms",
    "ListenAddress", "LoginGraceTime", "LogLevel", "LogVerbose", "MACs", "MaxAuthTries",
    "MaxSessions", "MaxStartups", "ModuliFile", "PAMServiceName", "PasswordAuthentication",
    "PermitEmptyPasswords", "PermitListen", "PermitOpen", "PermitRootLogin", "PermitTTY",
    "PermitTunnel", "PermitUserEnvironment", "PermitUserRC", "PerSourceMaxStartups",
    "PerSourceNetBlockSize", "PerSourcePenalties", "PerSourcePenaltyExemptList", "PidFile", "Port",
    "PrintLastLog", "PrintMotd", "PubkeyAcceptedAlgorithms", "PubkeyAuthentication",
    "PubkeyAuthOptions", "RDomain", "RefuseConnection", "RekeyLimit", "RequiredRSASize",
    "RevokedKeys", "SecurityKeyProvider", "SetEnv", "SshdAuthPath", "SshdSessionPath",
    "StreamLocalBindMask", "StreamLocalBindUnlink", "StrictModes", "Subsystem", "SyslogFacility",
    "TCPKeepAlive", "TrustedUserCAKeys", "UnusedConnectionTimeout", "UseDNS", "UsePAM",
    "VersionAddendum", "X11DisplayOffset", "X11Forwarding", "X11UseLocalhost", "XAuthLocation",
    // Former names, and what has no effect any more.
    "AFSTokenPassing", "AuthorizedKeysFile2", "ChallengeResponseAuthentication", "CheckMail",
    "DSAAuthentication", "GSSAPICleanupCreds", "GSSAPIUseSessionCredCache", "GSSUsesSessionCCache",
    "HostbasedAcceptedKeyTypes", "HostDSAKey", "KeepAlive", "KerberosTgtPassing",
    "KeyRegenerationInterval", "PAMAuthenticationViaKbdInt", "Protocol", "PubkeyAcceptedKeyTypes",
    "ReverseMappingCheck", "RhostsAuthentication", "RhostsRSAAuthentication", "RSAAuthentication",
    "ServerKeyBits", "SkeyAuthentication", "UseLogin", "UsePrivilegeSeparation",
    "VerifyReverseMapping"};

TEST(SluicedStock, EveryKeywordOfSshdIsKnown) {
    for (const std::string keyword : sshd_keywords) {
        SCOPED_TRACE(keyword);
        // Whatever becomes of such a value: it is said in words, as is what is not served.
        const auto r = parse(keyword + " x");
        EXPECT_TRUE(r || r.error().text != "unknown keyword");
        EXPECT_TRUE(r || !r.error().text.empty());
        EXPECT_FALSE(parse(keyword)) << "without a value";
    }
    EXPECT_EQ(wrong("NoSuchKeyword x"), "sshd_config:1: NoSuchKeyword: unknown keyword");
}

TEST(SluicedStock, FormerNamesMeanWhatTheyMeant) {
    const auto c = good(
                       "ChallengeResponseAuthentication yes\nDSAAuthentication no\n"
                       "PubkeyAcceptedKeyTypes ssh-ed25519\nHostbasedAcceptedKeyTypes ssh-ed25519\n"
                       "HostDSAKey /k\nKeepAlive yes\n")
                       .base;
    EXPECT_TRUE(c.interactive_authentication);
    EXPECT_FALSE(c.pubkey_authentication);
    EXPECT_EQ(c.pubkey_accepted_algorithms, strings{"ssh-ed25519"});
    EXPECT_EQ(c.hostbased_accepted_algorithms, strings{"ssh-ed25519"});
    EXPECT_EQ(c.host_keys, strings{"/k"});
    EXPECT_FALSE(good("ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n")
                     .base.interactive_authentication)
        << "the first counts, whatever it is called";
    EXPECT_EQ(wrong("Match User x\nHostDSAKey /k"),
              "sshd_config:2: HostDSAKey: may not stand in a Match block");
    for (const auto& row : settings::former_keywords()) {
        SCOPED_TRACE(row.keyword);
        const bool known = settings::find_keyword(settings::keywords(), row.now) != nullptr ||
                           settings::find_keyword(settings::fixed_keywords(), row.now) != nullptr;
        EXPECT_TRUE(known);
    }
}

TEST(SluicedStock, WhatIsDoneAnywaySaysNothing) {
    std::string text;
    for (const auto& row : settings::fixed_keywords())
        if (!row.value.empty())
            text += std::string(row.keyword) + " " + std::string(row.value) + "\n";
    EXPECT_EQ(notes(text + "RekeyLimit 0 0\nSubsystem sftp /usr/lib/openssh/sftp-server\n"
                           "FingerprintHash SHA256\n"),
              strings());
    EXPECT_EQ(good("RekeyLimit 0 0").base.rekey, rekey_limit());
    EXPECT_EQ(good("RekeyLimit default none").base.rekey, rekey_limit());
    EXPECT_EQ(good("RekeyLimit 0 1h").base.rekey, (rekey_limit{{}, std::chrono::hours(1)}));
}

TEST(SluicedStock, WhatIsNotServedAndHarmlessIsNoted) {
    EXPECT_EQ(notes("UsePAM no\nX11Forwarding yes\n# \nPrintMotd yes\nx11forwarding YES\n"),
              (strings{"sshd_config:2: X11Forwarding: X11 is not forwarded",
                       "sshd_config:4: PrintMotd: there are no terminals"}))
        << "each once";
    EXPECT_EQ(notes("Match User x\nPermitTTY yes\nMatch User y\nPermitTTY yes"),
              strings{"sshd_config:2: PermitTTY: there are no terminals"});
    EXPECT_EQ(notes("IPQoS lowdelay throughput\nPermitListen 1 2\n").size(), 2U);
    EXPECT_EQ(notes("UseDNS yes").size(), 1U);
    EXPECT_EQ(notes("Protocol 2").size(), 1U);
    EXPECT_EQ(notes("SyslogFacility AUTHPRIV").size(), 1U);
    EXPECT_EQ(notes("Subsystem netconf /usr/bin/x -y").size(), 1U);
    EXPECT_EQ(notes("RequiredRSASize 1024").size(), 1U);
    EXPECT_EQ(notes("RequiredRSASize 3072").size(), 0U);
    // All that there can be: each keyword once.
    std::string all;
    for (const auto& row : settings::fixed_keywords())
        if (row.other_values == settings::fixed_row::others::noted)
            for (int i = 0; i < 3; ++i)
                all += std::string(row.keyword) + " " +
                       std::string(row.words.substr(0, row.words.find(' '))) +
                       (row.words.empty() ? "x\n" : "\n");
    EXPECT_LE(notes(all).size(), settings::fixed_keywords().size());
}

TEST(SluicedStock, ForwardingIsTakenAsFarAsItGoes) {
    struct {
        const char* word;
        bool local;
        std::size_t notes;
    } cases[] = {{"yes", true, 1},
                 {"all", true, 1},
                 {"local", true, 0},
                 {"remote", false, 1},
                 {"no", false, 0}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.word);
        const auto s = good(std::string("AllowTcpForwarding ") + k.word);
        EXPECT_EQ(s.base.local_forwarding, k.local);
        EXPECT_EQ(s.notes.size(), k.notes);
    }
}

TEST(SluicedStock, WhatWouldWeakenIsRefusedWithWords) {
    for (const std::string line :
         {"PermitEmptyPasswords yes", "PermitUserEnvironment yes", "PermitUserEnvironment LANG",
          "IgnoreRhosts no", "IgnoreRhosts shosts-only", "HostKeyAgent /sock",
          "PubkeyAuthOptions verify-required", "RefuseConnection yes", "RDomain x",
          "ChannelTimeout session=5m", "UnusedConnectionTimeout 5m", "AllowGroups !x",
          "DenyGroups \"\"", "DenyGroups a !", "AuthorizedKeysCommand /bin/x %i",
          "AuthorizedPrincipalsCommand /bin/x %D"}) {
        SCOPED_TRACE(line);
        const auto r = parse(line);
        ASSERT_FALSE(r);
        EXPECT_GT(r.error().text.size(), 20U) << r.error().text;
    }
    EXPECT_EQ(wrong("PermitEmptyPasswords yes"),
              "sshd_config:1: PermitEmptyPasswords: 'yes' is not served, only no: an empty "
              "password never opens anything");
}

TEST(SluicedStock, WordsThatAreNoneAreRefused) {
    EXPECT_EQ(wrong("X11Forwarding maybe"),
              "sshd_config:1: X11Forwarding: expected one of yes no, not 'maybe'");
    for (const std::string line : {"PrintMotd x", "X11Forwarding yes no", "FingerprintHash sha1",
                                   "SyslogFacility KERN", "GatewayPorts maybe", "PermitTunnel x",
                                   "UseDNS \"\"", "StrictModes maybe", "X11Forwarding no no"}) {
        SCOPED_TRACE(line);
        EXPECT_FALSE(parse(line));
    }
}

TEST(SluicedStock, SftpServerIsOurOwnWhereverItLies) {
    for (const std::string program :
         {"internal-sftp", "/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server",
          "/usr/local/bin/sluice-sftp-server"}) {
        SCOPED_TRACE(program);
        const auto c =
            good("Subsystem sftp " + program + " -R -d /in/%u -l INFO -f LOCAL0 -P remove,rmdir\n")
                .base;
        EXPECT_TRUE(c.sftp.read_only);
        EXPECT_EQ(c.sftp.start_directory, "/in/%u");
        EXPECT_EQ(c.sftp.denied, (strings{"remove", "rmdir"}));
        EXPECT_EQ(good(to_text(c)).base.sftp, c.sftp);
    }
    for (const std::string line :
         {"Subsystem sftp", "Subsystem sftp /bin/sh", "Subsystem sftp internal-sftp -X",
          "Subsystem sftp internal-sftp extra", "Subsystem sftp internal-sftp -d %h",
          "Subsystem sftp internal-sftp -d", "Subsystem sftp internal-sftp -P nonsense",
          "Subsystem sftp internal-sftp -u 8", "Subsystem sftp internal-sftp -u 002",
          "Subsystem sftp internal-sftp -m 664", "Subsystem sftp internal-sftp -m 4600",
          "Subsystem sftp internal-sftp -u 7777", "Subsystem sftp internal-sftp -l LOUD",
          "Subsystem sftp internal-sftp -h", "Subsystem sftp \"\"", "Subsystem \"\" x",
          "ForceCommand internal-sftp -X", "ForceCommand internal-sftp -d '"}) {
        SCOPED_TRACE(line);
        EXPECT_FALSE(parse(line));
    }
    for (const std::string directory : {"-x", "--", "a b", "[x]", "=x", "-", "%%/%u", "#x"}) {
        SCOPED_TRACE(directory);
        const auto c = good("Subsystem sftp internal-sftp \"-d" + directory + "\"").base;
        EXPECT_EQ(c.sftp.start_directory, directory);
        EXPECT_EQ(good(to_text(c)).base.sftp, c.sftp) << to_text(c);
    }
    EXPECT_EQ(good("ForceCommand internal-sftp -R -d /x").base.force_command,
              "internal-sftp -R -d /x");
}

TEST(SftpOptions, HaveTheirEffects) {
    sftp_options options;
    EXPECT_EQ(read_sftp_options({"-R", "-P", "remove,rmdir", "-p", "remove,mkdir"}, options), "");
    const auto config = sftp_config_from(options);
    EXPECT_TRUE(config.read_only);
    EXPECT_FALSE(config.permits("remove")) << "what is refused is, whatever is permitted";
    EXPECT_TRUE(config.permits("mkdir"));
    EXPECT_FALSE(config.permits("realpath")) << "not listed";
    EXPECT_FALSE(sftp_config_from({}).permits) << "all";

    EXPECT_FALSE(logs_operations({}));
    for (const auto& [level, logged] :
         std::vector<std::pair<std::string, bool>>{{"QUIET", false},
                                                   {"FATAL", false},
                                                   {"ERROR", false},
                                                   {"INFO", true},
                                                   {"VERBOSE", true},
                                                   {"quiet", false},
                                                   {"debug3", true},
                                                   {"DEBUG3", true}}) {
        sftp_options one;
        EXPECT_EQ(read_sftp_options({"-l", "QUIET", "-l", level}, one), "") << "the last counts";
        EXPECT_EQ(logs_operations(one), logged) << level;
    }
    sftp_options lower;
    EXPECT_EQ(read_sftp_options({"-f", "local1"}, lower), "") << "as sftp-server";
    EXPECT_EQ(syslog_facility("local1"), LOG_LOCAL1);
}

TEST(SftpOptions, TokensOfTheStartDirectory) {
    const sftp_user user{"ada", "/home/ada"};
    EXPECT_EQ(expand_start_directory("", user), "");
    EXPECT_EQ(expand_start_directory("%d/in", user), "/home/ada/in");
    EXPECT_EQ(expand_start_directory("/%%/%u", user), "/%/ada");
    for (const char* bad : {"%", "%h", "a%", "%%%", "%U"})
        EXPECT_EQ(expand_start_directory(bad, user), std::nullopt) << bad;
    EXPECT_EQ(sftp_user_named("no such account here").home, "/");
    EXPECT_EQ(sftp_user_named("root").home, "/root");
    EXPECT_EQ(sftp_user_named(std::string("root\0x", 6)).home, "/") << "a NUL";
}

TEST(SluicedStock, AlgorithmsThatOnlyOpensshHasAreLeftOut) {
    const auto s = good(
        "Ciphers 3des-cbc,aes256-ctr\nMACs -hmac-md5\n"
        "HostKeyAlgorithms +sk-ssh-ed25519@openssh.com,ssh-dss\n");
    EXPECT_EQ(s.base.ciphers, strings{"aes256-ctr"});
    EXPECT_EQ(s.base.host_key_algorithms, good("").base.host_key_algorithms);
    ASSERT_EQ(s.notes.size(), 2U);
    EXPECT_EQ(s.notes[0].keyword, "Ciphers");
    EXPECT_EQ(s.notes[1].keyword, "HostKeyAlgorithms");
    EXPECT_EQ(wrong("Ciphers 3des-cbc"), "sshd_config:1: Ciphers: no algorithm is left");
    EXPECT_EQ(wrong("Ciphers rot13"), "sshd_config:1: Ciphers: unknown algorithm 'rot13'");
    EXPECT_EQ(good("PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com").notes.size(), 0U)
        << "which are served for users";
}

TEST(SluicedStock, AddendaStayOnTheirLine) {
    EXPECT_EQ(good("VersionAddendum none").base.version_addendum, "");
    EXPECT_EQ(good("VersionAddendum a b # c").base.version_addendum, "a b # c");
    EXPECT_FALSE(parse("VersionAddendum a\rb"));
    EXPECT_FALSE(parse("VersionAddendum \xc3\xa4"));
    EXPECT_FALSE(parse("VersionAddendum " + std::string(201, 'x')));
    EXPECT_TRUE(parse("VersionAddendum " + std::string(200, 'x')));
}

}  // namespace
}  // namespace sluice
