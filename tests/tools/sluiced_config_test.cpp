#include "sluice/tools/sluiced_settings.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using std::chrono::seconds;
using strings = std::vector<std::string>;

algorithm_choices some_algorithms() {
    algorithm_choices a;
    a.kex = {{"k1", "k2"}, {"k1", "k2", "old"}};
    a.host_key = {{"h1", "h2"}, {}};
    a.pubkey = {{"p1", "p2"}, {}};
    a.hostbased = {{"h1", "h2"}, {}};
    a.ca_signature = {{"s1", "s2"}, {"s1", "s2", "s3"}};
    a.cipher = {{"aes-1", "aes-2", "cha"}, {"aes-1", "aes-2", "cha", "weak"}};
    a.mac = {{"m1", "m2"}, {}};
    return a;
}

auto parse(std::string_view text) {
    return read_sluiced_settings({{"sluiced.conf", std::string(text)}}, some_algorithms());
}

sluiced_config good(std::string_view text) {
    const auto r = parse(text);
    EXPECT_TRUE(r) << r.error().message();
    return r ? r->base : sluiced_config();
}

std::string wrong(std::string_view text) {
    const auto r = parse(text);
    return r ? "no error" : r.error().message();
}

TEST(SluicedConfig, NothingGivesTheDefaults) {
    const auto c = good("\n  \n# a comment\n\t# another\r\n");
    EXPECT_TRUE(c.ports.empty());
    EXPECT_TRUE(c.password_authentication);
    EXPECT_EQ(c.max_auth_tries, 6U);
    EXPECT_EQ(c.login_grace_time, seconds(120));
    EXPECT_EQ(c.max_startups, (startup_limit{10, 30, 100}));
    EXPECT_EQ(c.max_sessions, 10U);
    EXPECT_EQ(c.ciphers, (strings{"aes-1", "aes-2", "cha"}));
    EXPECT_EQ(c.compression, compression_setting::no);
    EXPECT_EQ(c.level, log_level::info);
    EXPECT_TRUE(c.authorized_keys_files.empty());
    EXPECT_FALSE(c.atomic_uploads);
    EXPECT_FALSE(c.local_forwarding);
    EXPECT_EQ(may_open(c, "127.0.0.1", 22), connect_answer::refuse);
}

TEST(SluicedConfig, AProgramThatListsKeys) {
    const auto c = good(
        "AuthorizedKeysCommand /bin/keys %u \"a b\" 100%%\n"
        "AuthorizedKeysCommandUser git");
    EXPECT_EQ(c.authorized_keys_command,
              (std::vector<std::string>{"/bin/keys", "%u", "a b", "100%%"}));
    EXPECT_EQ(c.authorized_keys_command_user, "git");
    EXPECT_TRUE(asks_a_program(c));
    EXPECT_FALSE(asks_a_program(good("AuthorizedKeysCommand none")));
}

TEST(SluicedConfig, AProgramThatListsPrincipals) {
    const auto c = good(
        "AuthorizedPrincipalsCommand /bin/names %F %f %i %K %k %s %T %t %u %U %h %%\n"
        "AuthorizedPrincipalsCommandUser git");
    EXPECT_EQ(c.authorized_principals_command.size(), 13U);
    EXPECT_EQ(c.authorized_principals_command_user, "git");
    EXPECT_TRUE(asks_a_program(c));
    EXPECT_FALSE(asks_a_program(good("AuthorizedPrincipalsCommand none")));
    EXPECT_FALSE(parse("AuthorizedPrincipalsCommand names"));
    EXPECT_FALSE(parse("AuthorizedPrincipalsCommand /bin/names \"\" %D"));
}

// A token that is not known is no letter of a name.
TEST(SluicedConfig, TokensAreThoseOfTheirKeyword) {
    EXPECT_EQ(wrong("AuthorizedKeysFile /keys/%u %f"),
              "sluiced.conf:1: AuthorizedKeysFile: only %u, %U, %h and %% are served, not '%f'");
    for (const char* line :
         {"AuthorizedKeysFile %", "AuthorizedKeysFile a%", "AuthorizedKeysFile %%%",
          "AuthorizedPrincipalsFile %i", "ShostsFile %f", "AuthorizedKeysCommand /bin/x %i",
          "AuthorizedKeysCommand /bin/x %u %", "AuthorizedPrincipalsCommand /bin/x %C",
          "Match User ada\nAuthorizedKeysFile %x"})
        EXPECT_FALSE(parse(line)) << line;
    const auto c =
        good("AuthorizedKeysFile .ssh/keys %h/%u/%U /%%/%%h\nAuthorizedPrincipalsFile %h/p");
    EXPECT_EQ(c.authorized_keys_files, (strings{".ssh/keys", "%h/%u/%U", "/%%/%%h"}));
    EXPECT_EQ(c.authorized_principals_file, "%h/p");
}

TEST(SluicedConfig, WhereConnectionsMayGo) {
    const auto anywhere = good("AllowTcpForwarding LOCAL\nPermitOpen any");
    EXPECT_EQ(may_open(anywhere, "x", 1), connect_answer::permit);
    EXPECT_EQ(may_open(good("PermitOpen any"), "x", 1), connect_answer::refuse);
    EXPECT_EQ(may_open(good("AllowTcpForwarding local\nPermitOpen none"), "x", 1),
              connect_answer::refuse);
    const auto some = good("AllowTcpForwarding local\nPermitOpen db.*:5432 [::1]:*");
    EXPECT_EQ(may_open(some, "db.internal", 5432), connect_answer::permit);
    EXPECT_EQ(may_open(some, "db.internal", 5433), connect_answer::refuse);
    EXPECT_EQ(may_open(some, "127.0.0.1", 5432), connect_answer::refuse);
    EXPECT_EQ(may_open(some, "::1", 9), connect_answer::permit);
    const auto addresses = good("AllowTcpForwarding local\nPermitOpen 10.0.0.*:80 [::0:1]:80 b:81");
    EXPECT_EQ(may_open(addresses, "a", 80), connect_answer::refuse) << "whatever its address";
    EXPECT_EQ(may_open(addresses, "a", 81), connect_answer::refuse);
    EXPECT_EQ(may_open(addresses, "b", 81), connect_answer::permit);
    EXPECT_EQ(may_open(addresses, "10.0.0.7", 80), connect_answer::permit);
    EXPECT_EQ(may_open(addresses, "10.0.1.7", 80), connect_answer::refuse);
    EXPECT_EQ(may_open(addresses, "::1", 80), connect_answer::permit) << "in whatever form";
    EXPECT_EQ(wrong("AllowTcpForwarding maybe"),
              "sluiced.conf:1: AllowTcpForwarding: expected yes, all, local, remote or no, not "
              "'maybe'");
    for (const char* text :
         {"db", "db:", ":80", "db:0", "db:70000", "::1:80", "[]:80", "db:80 any"})
        EXPECT_FALSE(parse(std::string("PermitOpen ") + text)) << text;
}

TEST(SluicedConfig, EveryKeyword) {
    const auto c = good(
        "Port 2222\nPort 2223\n"
        "ListenAddress 127.0.0.1:0\nListenAddress [::1]:2224\nListenAddress ::\n"
        "HostKey /etc/a\nHostKey \"/etc/with blank\"\n"
        "AuthorizedKeysFile .ssh/a /etc/keys/%u\nUsersFile /etc/users\n"
        "PasswordAuthentication no\nPubkeyAuthentication yes\n"
        "AuthenticationMethods publickey,publickey publickey\n"
        "AllowUsers ada dev-*@10.0.0.?\nDenyUsers root\nAllowUsers grace\n"
        "MaxAuthTries 3\nLoginGraceTime 1h30m\nMaxStartups 5:50:60\nMaxSessions 2\n"
        "KexAlgorithms k2\nHostKeyAlgorithms h2,h1\nPubkeyAcceptedAlgorithms p2\n"
        "Ciphers cha\nMACs m2,m1\nCompression delayed\nRekeyLimit 2G 1h\n"
        "ClientAliveInterval 15\nClientAliveCountMax 0\nBanner /etc/banner\nLogLevel DEBUG2\n"
        "LogFormat json\nSubsystem sftp internal-sftp -R\nChrootDirectory /srv\n"
        "AtomicUploads yes\nSFTPStayOnFilesystem yes\nAllowTcpForwarding local\nPermitOpen "
        "db.*:5432 [::1]:* *:80\n"
        "AddressFamily inet6\nHostCertificate /etc/a-cert.pub\nTrustedUserCAKeys /etc/ca\n"
        "AuthorizedPrincipalsFile /etc/principals/%u\nRevokedKeys /etc/krl\nModuliFile "
        "/etc/moduli\n"
        "CASignatureAlgorithms s3\nKbdInteractiveAuthentication yes\n"
        "HostbasedAuthentication yes\nHostbasedAcceptedAlgorithms h2\n"
        "HostbasedUsesNameFromPacketOnly yes\nHostbasedKnownHostsFile /etc/kh1 /etc/kh2\n"
        "ShostsFile /etc/shosts\nUsePAM yes\nPAMServiceName sftp\nPermitRootLogin no\n"
        "AcceptEnv A B*\nAcceptEnv C\nSetEnv X=1 \"Y=two words\" X=2\nSetEnv Z=no\n"
        "ForceCommand echo \"a  b\" # all of it \nDisableForwarding yes\n");
    EXPECT_EQ(c.family, listen_family::inet6);
    EXPECT_EQ(c.host_certificates, strings{"/etc/a-cert.pub"});
    EXPECT_EQ(c.trusted_user_ca_keys, "/etc/ca");
    EXPECT_EQ(c.authorized_principals_file, "/etc/principals/%u");
    EXPECT_EQ(c.revoked_keys, "/etc/krl");
    EXPECT_EQ(c.moduli_file, "/etc/moduli");
    EXPECT_EQ(c.ca_signature_algorithms, strings{"s3"});
    EXPECT_TRUE(c.interactive_authentication);
    EXPECT_TRUE(c.hostbased_authentication);
    EXPECT_EQ(c.hostbased_accepted_algorithms, strings{"h2"});
    EXPECT_TRUE(c.hostbased_name_from_packet_only);
    EXPECT_EQ(c.hostbased_known_hosts_files, (strings{"/etc/kh1", "/etc/kh2"}));
    EXPECT_EQ(c.shosts_files, strings{"/etc/shosts"});
    EXPECT_TRUE(c.use_pam);
    EXPECT_EQ(c.pam_service, "sftp");
    EXPECT_EQ(c.permit_root_login, root_login::no);
    EXPECT_EQ(c.accepted_environment, (strings{"A", "B*", "C"}));
    EXPECT_EQ(c.environment,
              (std::vector<std::pair<std::string, std::string>>{{"X", "1"}, {"Y", "two words"}}));
    EXPECT_EQ(c.force_command, "echo \"a  b\" # all of it");
    EXPECT_TRUE(c.disable_forwarding);
    EXPECT_EQ(may_open(c, "db.x", 5432), connect_answer::refuse) << "disabled";
    EXPECT_TRUE(c.atomic_uploads);
    EXPECT_TRUE(c.stay_on_filesystem);
    EXPECT_TRUE(c.local_forwarding);
    EXPECT_EQ(c.permit_open,
              (std::vector<open_pattern>{{"db.*", 5432}, {"::1", std::nullopt}, {"*", 80}}));
    EXPECT_EQ(c.ports, (std::vector<std::uint16_t>{2222, 2223}));
    EXPECT_EQ(c.listen_addresses,
              (std::vector<listen_address>{{"127.0.0.1", 0}, {"::1", 2224}, {"::", std::nullopt}}));
    EXPECT_EQ(c.host_keys, (strings{"/etc/a", "/etc/with blank"}));
    EXPECT_EQ(c.authorized_keys_files, (strings{".ssh/a", "/etc/keys/%u"}));
    EXPECT_EQ(c.users_file, "/etc/users");
    EXPECT_FALSE(c.password_authentication);
    EXPECT_TRUE(c.pubkey_authentication);
    EXPECT_EQ(c.authentication_methods,
              (std::vector<strings>{{"publickey", "publickey"}, {"publickey"}}));
    EXPECT_EQ(c.allow_users,
              (std::vector<user_pattern>{{"ada", ""}, {"dev-*", "10.0.0.?"}, {"grace", ""}}));
    EXPECT_EQ(c.deny_users, (std::vector<user_pattern>{{"root", ""}}));
    EXPECT_EQ(c.max_auth_tries, 3U);
    EXPECT_EQ(c.login_grace_time, seconds(5400));
    EXPECT_EQ(c.max_startups, (startup_limit{5, 50, 60}));
    EXPECT_EQ(c.max_sessions, 2U);
    EXPECT_EQ(c.kex_algorithms, strings{"k2"});
    EXPECT_EQ(c.host_key_algorithms, (strings{"h2", "h1"}));
    EXPECT_EQ(c.pubkey_accepted_algorithms, strings{"p2"});
    EXPECT_EQ(c.ciphers, strings{"cha"});
    EXPECT_EQ(c.macs, (strings{"m2", "m1"}));
    EXPECT_EQ(c.compression, compression_setting::delayed);

    EXPECT_EQ(c.rekey, (rekey_limit{std::uint64_t{2} << 30, seconds(3600)}));
    EXPECT_EQ(c.client_alive_interval, seconds(15));
    EXPECT_EQ(c.client_alive_count_max, 0U);
    EXPECT_EQ(c.banner, "/etc/banner");
    EXPECT_EQ(c.level, log_level::debug2);
    EXPECT_EQ(c.format, log_format::json);
    EXPECT_TRUE(c.sftp.read_only);
    EXPECT_EQ(c.root, "/srv");
}

TEST(SluicedConfig, SpellingIsFree) {
    for (const char* text : {"MaxAuthTries 4", "maxauthtries 4", "MAXAUTHTRIES=4",
                             "MaxAuthTries = 4", "  MaxAuthTries\t4  ", "MaxAuthTries \"4\" # why",
                             "MaxAuthTries '4'\r", "MaxAuthTries =4"}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(good(text).max_auth_tries, 4U);
    }
    EXPECT_EQ(good("Banner \"a # \\\"b\\\" \\\\\"").banner, "a # \"b\" \\");
    EXPECT_EQ(good("Banner a=b").banner, "a=b");
    EXPECT_EQ(good("Banner none").banner, "");
    EXPECT_TRUE(good("AuthorizedKeysFile none").authorized_keys_files.empty());
    EXPECT_TRUE(good("AuthenticationMethods any").authentication_methods.empty());
    EXPECT_FALSE(good("Subsystem sftp internal-sftp").sftp.read_only);
    EXPECT_EQ(good("Compression yes").compression, compression_setting::delayed);
}

TEST(SluicedConfig, TheFirstValueCounts) {
    EXPECT_EQ(good("MaxAuthTries 4\nmaxauthtries 5").max_auth_tries, 4U);
    EXPECT_EQ(good("Ciphers cha\nCiphers aes-1").ciphers, strings{"cha"});
    // The second does not count, but it must be right.
    EXPECT_EQ(wrong("MaxAuthTries 4\nMaxAuthTries x"),
              "sluiced.conf:2: MaxAuthTries: expected a number from 1 to 1000, not 'x'");
}

TEST(SluicedConfig, Times) {
    struct {
        const char* text;
        int want;  // -1: an error
    } cases[] = {{"0", 0},        {"90", 90},      {"90s", 90},         {"2m", 120},
                 {"1h30m", 5400}, {"1H30M", 5400}, {"1d", 86'400},      {"2w", 1209600},
                 {"1m30", 90},    {"", -1},        {"m", -1},           {"1x", -1},
                 {"-1", -1},      {"1 m", -1},     {"99999999999", -1}, {"4000w", -1}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        const auto r = parse(std::string("LoginGraceTime \"") + k.text + "\"");
        EXPECT_EQ(r ? r->base.login_grace_time.count() : -1, k.want);
    }
}

TEST(SluicedConfig, RekeyLimits) {
    struct {
        const char* text;
        rekey_limit want;
    } cases[] = {{"default", {}},
                 {"default none", {}},
                 {"0 0", {}},
                 {"0 1h", {{}, seconds(3600)}},
                 {"1K", {1024, {}}},
                 {"16", {16, {}}},
                 {"1m none", {1 << 20, {}}},
                 {"default 30m", {{}, seconds(1800)}},
                 {"4294967295G", {std::uint64_t{4294967295} << 30, {}}}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(good(std::string("RekeyLimit ") + k.text).rekey, k.want);
    }
}

TEST(SluicedConfig, ListsOfAlgorithmsReplaceOrChangeTheDefaults) {
    struct {
        const char* text;
        strings want;
    } cases[] = {{"cha", {"cha"}},
                 {"cha,aes-1,cha", {"cha", "aes-1"}},
                 {"weak", {"weak"}},
                 {"+weak", {"aes-1", "aes-2", "cha", "weak"}},
                 {"+aes-1", {"aes-2", "cha", "aes-1"}},
                 {"-aes-*", {"cha"}},
                 {"-cha,absent", {"aes-1", "aes-2"}},
                 {"^cha", {"cha", "aes-1", "aes-2"}},
                 {"^weak,cha", {"weak", "cha", "aes-1", "aes-2"}}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(good(std::string("Ciphers ") + k.text).ciphers, k.want);
    }
}

TEST(SluicedConfig, ErrorsNameFileLineAndKeyword) {
    struct {
        const char* text;
        const char* want;
    } cases[] = {
        {"\nNoSuchThing 1", "sluiced.conf:2: NoSuchThing: unknown keyword"},
        {"Port", "sluiced.conf:1: Port: a value is missing"},
        {"Port # none", "sluiced.conf:1: Port: a value is missing"},
        {"Port 1 2", "sluiced.conf:1: Port: too many values"},
        {"port 0", "sluiced.conf:1: port: expected a number from 1 to 65535, not '0'"},
        {"Port 65536", "sluiced.conf:1: Port: expected a number from 1 to 65535, not '65536'"},
        {"Port -1", "sluiced.conf:1: Port: expected a number from 1 to 65535, not '-1'"},
        {"Banner \"x", "sluiced.conf:1: Banner: a quote that does not end"},
        {"Banner \"\"", "sluiced.conf:1: Banner: expected a file name"},
        {"PasswordAuthentication maybe",
         "sluiced.conf:1: PasswordAuthentication: expected yes or no, not 'maybe'"},
        {"ListenAddress [::1",
         "sluiced.conf:1: ListenAddress: expected an address, or "
         "address:port, or [v6]:port, not '[::1'"},
        {"ListenAddress host:",
         "sluiced.conf:1: ListenAddress: expected an address, or "
         "address:port, or [v6]:port, not 'host:'"},
        {"ListenAddress :22",
         "sluiced.conf:1: ListenAddress: expected an address, or "
         "address:port, or [v6]:port, not ':22'"},
        {"MaxStartups 10:30",
         "sluiced.conf:1: MaxStartups: expected start:rate:full, rate from 1 "
         "to 100, not '10:30'"},
        {"MaxStartups 1:2:3:4",
         "sluiced.conf:1: MaxStartups: expected start:rate:full, rate from "
         "1 to 100, not '1:2:3:4'"},
        {"MaxStartups 10:30:5",
         "sluiced.conf:1: MaxStartups: full is smaller than start in '10:30:5'"},
        {"RekeyLimit 1T",
         "sluiced.conf:1: RekeyLimit: expected bytes (K, M, G) or default, then a "
         "time or none, not '1T'"},
        {"RekeyLimit 18446744073709551615K",
         "sluiced.conf:1: RekeyLimit: expected bytes (K, M, G) or default, then a "
         "time or none, not '18446744073709551615K'"},
        {"RekeyLimit 8", "sluiced.conf:1: RekeyLimit: a limit below 16 bytes is below one block"},
        {"Ciphers rot13", "sluiced.conf:1: Ciphers: unknown algorithm 'rot13'"},
        {"Ciphers +rot13", "sluiced.conf:1: Ciphers: unknown algorithm 'rot13'"},
        {"Ciphers cha,,aes-1",
         "sluiced.conf:1: Ciphers: expected names with commas between them, not 'cha,,aes-1'"},
        {"Ciphers -*", "sluiced.conf:1: Ciphers: no algorithm is left"},
        {"AuthenticationMethods gssapi-with-mic",
         "sluiced.conf:1: AuthenticationMethods: expected any, or lists of publickey, password, "
         "keyboard-interactive and hostbased, not 'gssapi-with-mic'"},
        {"AllowUsers @host",
         "sluiced.conf:1: AllowUsers: expected a pattern such as ada, dev-* or ada@10.0.0.*, not "
         "'@host'"},
        {"AllowUsers a@10.0.0.1/8",
         "sluiced.conf:1: AllowUsers: expected an address, wildcards or address/bits behind the "
         "'@' of 'a@10.0.0.1/8'"},
        {"AuthorizedKeysCommand keys %u",
         "sluiced.conf:1: AuthorizedKeysCommand: expected the absolute path of a program, not "
         "'keys'"},
        {"AuthorizedKeysCommand \"\"",
         "sluiced.conf:1: AuthorizedKeysCommand: expected the absolute path of a program, not ''"},
        {"AuthorizedKeysCommand /bin/keys %u%i",
         "sluiced.conf:1: AuthorizedKeysCommand: only %u, %U, %h, %f, %k, %t and %% are served, "
         "not "
         "'%i'"},
        {"AuthorizedKeysCommand /bin/keys 100%",
         "sluiced.conf:1: AuthorizedKeysCommand: only %u, %U, %h, %f, %k, %t and %% are served, "
         "not "
         "'%'"},
        {"AuthorizedKeysCommandUser -x",
         "sluiced.conf:1: AuthorizedKeysCommandUser: expected the name of a user or group, not "
         "'-x'"},
        {"AllowGroups !staff",
         "sluiced.conf:1: AllowGroups: expected a pattern such as wheel or dev-*, not '!staff'"},
        {"PerSourceMaxStartups 0",
         "sluiced.conf:1: PerSourceMaxStartups: expected a number from 1 to 2147483647, not '0'"},
        {"HostKeyAgent x",
         "sluiced.conf:1: HostKeyAgent: 'x' is not served, only none: host keys are read from "
         "files"},
        {"PermitTTY no no", "sluiced.conf:1: PermitTTY: too many values"},
        {"ForceCommand", "sluiced.conf:1: ForceCommand: a value is missing"},
        {"ForceCommand internal-sftp -X",
         "sluiced.conf:1: ForceCommand: internal-sftp: The following argument was not expected: "
         "-X"},
        {"SetEnv A", "sluiced.conf:1: SetEnv: expected NAME=value, not 'A'"},
        {"AcceptEnv A=b",
         "sluiced.conf:1: AcceptEnv: expected names of variables, with wildcards, not 'A=b'"},
        {"PAMServiceName a/b",
         "sluiced.conf:1: PAMServiceName: expected a name without '/', not 'a/b'"},
        {"CASignatureAlgorithms p1",
         "sluiced.conf:1: CASignatureAlgorithms: unknown algorithm 'p1'"},
        {"PermitRootLogin forced-commands-only",
         "sluiced.conf:1: PermitRootLogin: expected yes, prohibit-password or no, not "
         "'forced-commands-only'"},
        {"Include more", "sluiced.conf:1: Include: not possible here"},
        {"Compression zlib",
         "sluiced.conf:1: Compression: expected yes, delayed or no, not 'zlib'"},
        {"LogLevel LOUD",
         "sluiced.conf:1: LogLevel: expected QUIET, FATAL, ERROR, INFO, VERBOSE "
         "or DEBUG to DEBUG3, not 'LOUD'"},
        {"LogFormat xml", "sluiced.conf:1: LogFormat: expected text or json, not 'xml'"},
        {"Subsystem sftp /bin/x",
         "sluiced.conf:1: Subsystem: sftp is served by internal-sftp only, which sftp-server is "
         "taken for"},
        {"Subsystem sftp internal-sftp -X",
         "sluiced.conf:1: Subsystem: internal-sftp: The following argument was not expected: -X"},
        {"AuthorizedKeysFile a none", "sluiced.conf:1: AuthorizedKeysFile: 'none' stands alone"},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(wrong(k.text), k.want);
    }
}

TEST(SluicedConfig, ContradictionsAreErrors) {
    struct {
        const char* text;
        const char* want;
    } cases[] = {
        {"PasswordAuthentication no\nPubkeyAuthentication no",
         "sluiced.conf:2: PubkeyAuthentication: with PasswordAuthentication no, nobody could log "
         "in"},
        {"PasswordAuthentication no\nAuthenticationMethods publickey,password",
         "sluiced.conf:2: AuthenticationMethods: every list needs a method that is disabled"},
        {"AllowUsers ada\nDenyUsers ada", "sluiced.conf:1: AllowUsers: 'ada' is in DenyUsers too"},
        {"DenyGroups a b\nAllowGroups c b",
         "sluiced.conf:2: AllowGroups: 'b' is in DenyGroups too"},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(wrong(k.text), k.want);
    }
    // One way in is enough.
    good("PasswordAuthentication no\nAuthenticationMethods password publickey");
}

TEST(SluicedConfig, LengthsAreCapped) {
    EXPECT_EQ(wrong("Banner " + std::string(limits::policy_line_length_max, 'x')),
              "sluiced.conf:1: line is too long");
    EXPECT_EQ(wrong(std::string(limits::policy_file_length_max + 1, '\n')),
              "sluiced.conf: file is too long");
    std::string many;
    for (int i = 0; i < 1100; ++i)
        many += "AllowUsers u" + std::to_string(i) + "\n";
    EXPECT_EQ(wrong(many), "sluiced.conf:1025: AllowUsers: too many values");
    EXPECT_EQ(wrong(std::string("Banner a\0b", 10)), "sluiced.conf:1: Banner: a NUL byte");
}

TEST(SluicedConfig, DenyGoesBeforeAllow) {
    const auto c = good("AllowUsers a* b@10.0.0.*\nDenyUsers ab?");
    struct {
        const char* user;
        const char* host;
        bool want;
    } cases[] = {{"ada", "1.2.3.4", true}, {"abc", "1.2.3.4", false}, {"abcd", "1.2.3.4", true},
                 {"b", "10.0.0.7", true},  {"b", "10.0.1.7", false},  {"c", "10.0.0.7", false}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.user);
        EXPECT_EQ(user_allowed(c, {k.user, k.host}), k.want);
    }
    EXPECT_TRUE(user_allowed(good(""), {"anybody", ""}));
    const auto blocks = good("AllowUsers *@10.0.0.0/8,!10.1.0.0/16");
    EXPECT_TRUE(user_allowed(blocks, {"ada", "10.2.0.1"}));
    EXPECT_FALSE(user_allowed(blocks, {"ada", "10.1.0.1"}));
    EXPECT_FALSE(user_allowed(blocks, {"ada", "11.0.0.1"}));
    EXPECT_TRUE(user_allowed(good("PermitRootLogin prohibit-password"), {"root", ""}));
    EXPECT_FALSE(user_allowed(good("PermitRootLogin no"), {"root", ""}));
    EXPECT_TRUE(user_allowed(good("PermitRootLogin no"), {"ada", ""}));
}

TEST(SluicedConfig, GroupsLetInAndKeepOut) {
    using groups = std::optional<strings>;
    struct {
        const char* text;
        groups of_user;  // nothing: no account
        bool want;
    } const cases[] = {
        {"AllowGroups wheel", strings{"ada", "wheel"}, true},
        {"AllowGroups wheel", strings{"ada"}, false},
        {"AllowGroups wheel", strings{}, false},
        {"AllowGroups *", std::nullopt, false},
        {"AllowGroups x\nAllowGroups whe* y", strings{"wheel"}, true},
        {"DenyGroups wheel", strings{"ada", "wheel"}, false},
        {"DenyGroups wheel", strings{"ada"}, true},
        {"DenyGroups wheel", strings{}, false},  // as of sshd: in no group at all
        {"DenyGroups *", std::nullopt, true},
        {"DenyGroups guests\nAllowGroups wheel", strings{"wheel", "guests"}, false},
        {"DenyGroups guests\nAllowGroups wheel", strings{"wheel"}, true},
        {"AllowUsers ada\nAllowGroups wheel", strings{"wheel"}, true},
        {"AllowUsers eve\nAllowGroups wheel", strings{"wheel"}, false},
        {"DenyUsers ada\nAllowGroups wheel", strings{"wheel"}, false},
        {"", std::nullopt, true},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_EQ(user_allowed(good(k.text), {"ada", "10.0.0.1", 22, {}, {}, k.of_user}), k.want);
    }
    const auto c = good("AllowGroups a b*\nAllowGroups c\nDenyGroups d?");
    EXPECT_EQ(c.allow_groups, (strings{"a", "b*", "c"}));
    EXPECT_NE(to_text(c).find("allowgroups a\nallowgroups b*\nallowgroups c\n"), std::string::npos);
    EXPECT_NE(to_text(c).find("denygroups d?\n"), std::string::npos);
    EXPECT_FALSE(parse(std::string_view("AllowGroups a\0b", 15)));
}

}  // namespace
}  // namespace sluice
