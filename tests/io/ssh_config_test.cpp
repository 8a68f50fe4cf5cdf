// ssh_config(5): text in, a resolved configuration out, on a system that is made up.

#include "sluice/io/load_ssh_config.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_keywords.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_match.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/io/ssh_config_values.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

// Files and facts of a test.
struct made_up {
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> variables;
    std::map<std::string, std::string> names;  // what each resolves to
    strings commands;                          // that were run
    int status = 0;                            // of them

    ssh_config_system system() {
        ssh_config_system s;
        s.local_user = "own";
        s.home = "/own";
        s.user_id = "1000";
        s.local_host = "here.example";
        s.environment = [this](std::string_view name) -> std::optional<std::string> {
            const auto found = variables.find(std::string(name));
            if (found == variables.end()) return std::nullopt;
            return found->second;
        };
        s.home_of = [](std::string_view user) -> std::optional<std::string> {
            if (user == "eve") return "/eve";
            return std::nullopt;
        };
        s.read = [this](const std::string& path, bool guarded) -> result<std::string> {
            if (guarded && path == "/open") return errc::bad_config;
            const auto found = files.find(path);
            if (found != files.end()) return found->second;
            return make_error_code(boost::system::errc::no_such_file_or_directory);
        };
        s.glob = [this](const std::string& pattern) -> result<strings> {
            strings found;
            for (const auto& [path, text] : files)
                if (path == pattern || (pattern.ends_with('*') &&
                                        path.starts_with(pattern.substr(0, pattern.size() - 1))))
                    found.push_back(path);
            return found;
        };
        s.run = [this](const std::string& command) -> result<int> {
            commands.push_back(command);
            return status;
        };
        s.local_addresses = [] { return strings{"10.1.2.3", "fd00::1"}; };
        s.canonical_address = [](const std::string& text) -> std::optional<std::string> {
            if (text == "127.1") return "127.0.0.1";
            return std::nullopt;
        };
        s.canonical_name = [this](const std::string& name) -> std::optional<std::string> {
            const auto found = names.find(name);
            if (found == names.end()) return std::nullopt;
            return found->second;
        };
        return s;
    }

    boost::system::result<ssh_config, ssh_config_error> resolve(std::string text,
                                                                std::string host = "h.example") {
        files["/config"] = std::move(text);
        return resolve_ssh_config({std::move(host), {}, {}, {{"/config", true, true, false}}},
                                  system());
    }
    ssh_config resolved(std::string text, std::string host = "h.example") {
        const auto c = resolve(std::move(text), std::move(host));
        EXPECT_TRUE(c) << c.error().message();
        return c ? *c : ssh_config();
    }
    std::string refusal(std::string text, std::string host = "h.example") {
        const auto c = resolve(std::move(text), std::move(host));
        EXPECT_FALSE(c);
        return c ? "" : c.error().message();
    }
};

// --- lines --------------------------------------------------------------------------------------

TEST(SshConfigLines, AreSplitAsSshDoes) {
    const struct {
        const char* line;
        const char* keyword;
        strings words;
    } cases[] = {
        {"", "", {}},
        {"  # comment", "", {}},
        {"Port 22", "port", {"22"}},
        {"  Port = 22 # why", "port", {"22"}},
        {"Port=22\r\f", "port", {"22"}},
        {"\"Port\" 22", "port", {"22"}},
        {"User \"a b\" 'c d'", "user", {"a b", "c d"}},
        {"User a\\ b \\\"c\\\" d\\e", "user", {"a b", "\"c\"", "d\\e"}},
        {"User 'a\\ b'", "user", {"a\\ b"}},
        {"User a#b", "user", {"a#b"}},
        {"User \"\"", "user", {""}},
        {"User #", "user", {}},
        {"X = = y", "x", {"=", "y"}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line);
        ssh_config_line line;
        EXPECT_EQ(split_ssh_config_line(c.line, line), "");
        EXPECT_EQ(line.keyword, c.keyword);
        EXPECT_EQ(line.words, c.words);
    }
    std::string many = "SendEnv";
    for (std::size_t i = 0; i <= limits::ssh_config_values_max; ++i)
        many += " a";
    const strings refused{"Port",
                          "User \"a",
                          "User 'a",
                          "\"Port 22",
                          "=x",
                          std::string("User a\0b", 8),
                          std::string(limits::ssh_config_line_length_max + 1, 'x'),
                          many};
    for (const std::string& wrong : refused) {
        SCOPED_TRACE(wrong.substr(0, 30));
        ssh_config_line line;
        EXPECT_NE(split_ssh_config_line(wrong, line), "");
    }
}

// --- values -------------------------------------------------------------------------------------

TEST(SshConfigValues, Times) {
    EXPECT_EQ(ssh_config_seconds("90"), 90);
    EXPECT_EQ(ssh_config_seconds("1h30m"), 5400);
    EXPECT_EQ(ssh_config_seconds("1W2D"), 777'600);
    for (const char* wrong : {"", "x", "1y", "-1", "99999999999", "9999999w", "1.5"})
        EXPECT_FALSE(ssh_config_seconds(wrong)) << wrong;
}

TEST(SshConfigValues, Bytes) {
    EXPECT_EQ(ssh_config_bytes("17"), 17u);
    EXPECT_EQ(ssh_config_bytes("1g"), 1u << 30);
    EXPECT_EQ(ssh_config_bytes("1.5G"), 3u << 29);
    for (const char* wrong : {"", "x", "G", "-1", "8E", "9999999999G", "1.", "1.x", "1.23456G"})
        EXPECT_FALSE(ssh_config_bytes(wrong)) << wrong;
}

TEST(SshConfigValues, JumpHosts) {
    EXPECT_EQ(ssh_jump_from("a"), (ssh_jump{"", "a", {}}));
    EXPECT_EQ(ssh_jump_from("u@v@a:22"), (ssh_jump{"u@v", "a", 22}));
    EXPECT_EQ(ssh_jump_from("ssh://u@[::1]:33/"), (ssh_jump{"u", "::1", 33}));
    for (const char* wrong : {"", "@a", "u@", "a:", "a:0", "a:x", "::1", "[::1", "[::1]x", "ssh://",
                              "ssh://a/b", "a:1:2"})
        EXPECT_FALSE(ssh_jump_from(wrong)) << wrong;
}

// --- what counts --------------------------------------------------------------------------------

TEST(SshConfig, TheFirstValueCountsAndListsAddUp) {
    made_up m;
    const auto c = m.resolved(
        "Port 2\nPort 3\nIdentityFile a\nIdentityFile b\nIdentityFile a\nSendEnv A B\n"
        "SendEnv -A C\nSetEnv X=1 X=2\nSetEnv Y=1\nUserKnownHostsFile /a /b\n"
        "UserKnownHostsFile /c\nLocalForward 1 a:1\nLocalForward 2 b:2\nLocalForward 1 a:1\n");
    EXPECT_EQ(c.port, 2);
    EXPECT_EQ(c.identity_file, (strings{"a", "b"}));
    EXPECT_EQ(c.send_env, (strings{"B", "C"}));
    EXPECT_EQ(c.set_env, (strings{"X=1"}));
    EXPECT_EQ(c.user_known_hosts_file, (strings{"/a", "/b"}));
    EXPECT_EQ(c.local_forward.size(), 2u);
    EXPECT_EQ(c.update_host_keys, "false");  // known hosts of one's own
    EXPECT_EQ(m.resolved("").update_host_keys, "true");
}

TEST(SshConfig, HostAndMatchChooseLines) {
    const struct {
        const char* name;
        const char* condition;
        bool counts;
    } cases[] = {
        {"pattern", "Host x *.exampl?", true},
        {"no pattern", "Host x", false},
        {"negated", "Host * !h.*", false},
        {"negated alone", "Host !x", false},
        {"case", "Host H.example", false},
        {"all", "Match all", true},
        {"host in any case", "Match host H.*", true},
        {"host is HostName", "HostName real\nMatch host real", true},
        {"originalhost is not", "HostName real\nMatch originalhost real", false},
        {"user", "User u\nMatch user u,v", true},
        {"default user", "Match user own", true},
        {"localuser", "User u\nMatch localuser own", true},
        {"both", "Match host x user own", false},
        {"not", "Match !host x", true},
        {"list with not", "Match host *,!h.example", false},
        {"canonical", "Match canonical", false},
        {"final", "Match final host h.example", true},
        {"not final", "Match !final", true},
        {"tag", "Tag a\nMatch tagged b,a", true},
        {"another tag", "Tag a\nMatch tagged b", false},
        {"no tag", "Match tagged a", false},
        {"no tag, nor any", "Match tagged *", false},
        {"no tag is wanted", "Match tagged \"\"", true},
        {"a tag where none is wanted", "Tag a\nMatch tagged \"\"", false},
        {"not tagged", "Match !tagged a", true},
        {"shell", "Match sessiontype shell", true},
        {"exec", "Match sessiontype exec", false},
        {"none", "SessionType none\nMatch sessiontype none", true},
        {"subsystem", "SessionType subsystem\nMatch sessiontype exec,subsystem", true},
        {"command", "Match command ls", false},
        {"no command", "Match command \"\"", true},
        {"version", "Match version sluice_*", true},
        {"another's version", "Match version OpenSSH_*", false},
        {"network", "Match localnetwork 10.0.0.0/8", true},
        {"network of IPv6", "Match localnetwork 192.168.0.0/16,fd00::/8", true},
        {"another network", "Match localnetwork 192.168.0.0/16", false},
        {"unknown", "Match sun shines", false},
        {"not unknown", "Match !sun shines", false},
        {"unknown behind what holds", "Match host * sun shines", false},
        {"unknown, then what holds", "Match sun shines host *", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        made_up m;
        const auto r = m.resolved(std::string(c.condition) + "\nPort 7\n");
        EXPECT_EQ(r.port, c.counts ? 7 : 22);
    }
}

TEST(SshConfig, MatchSeesTheCommand) {
    made_up m;
    m.files["/config"] =
        "Match sessiontype exec command rsync*\nPort 7\nMatch sessiontype shell\nPort 8\n";
    ssh_config_query query{"h.example", {}, {}, {{"/config", true, true, false}}, "rsync --server"};
    EXPECT_EQ(resolve_ssh_config(query, m.system())->port, 7);
    query.command = "ls";
    EXPECT_EQ(resolve_ssh_config(query, m.system())->port, 22);
    query.command.clear();
    EXPECT_EQ(resolve_ssh_config(query, m.system())->port, 8);
}

TEST(SshConfig, AnUnknownConditionIsNoted) {
    made_up m;
    EXPECT_EQ(m.resolved("Match sun shines\nPort 7\n").notes,
              strings{"/config:1: Match: unknown condition 'sun', it does not hold"});
}

TEST(SshConfig, MatchExecRunsOnlyWhereItIsPermittedAndTheRestHolds) {
    made_up m;
    EXPECT_EQ(m.resolved("Match host x exec no\nPort 2\nMatch exec \"say %h %p\"\nPort 3\n").port,
              3);
    EXPECT_EQ(m.commands, strings{"say h.example 22"});
    m.status = 1;
    EXPECT_EQ(m.resolved("Match exec x\nPort 3\nMatch !exec x\nPort 4\n").port, 4);
    auto s = m.system();
    s.run = {};
    const auto c = resolve_ssh_config({"h", {}, {}, {{"/config", true, true, false}}}, s);
    ASSERT_FALSE(c);
    EXPECT_EQ(c.error().message(), "/config:1: match: 'exec' is not permitted here");
}

TEST(SshConfig, IncludedFilesCountWhereTheyStand) {
    made_up m;
    m.files = {{"/own/.ssh/one", "Port 2\nHost x\nUser u\n"},
               {"/d/a", "Port 3\n"},
               {"/d/b", "Port 4\nBatchMode yes\n"}};
    EXPECT_EQ(m.resolved("Include one\nUser own-line\n").user, "own-line");
    EXPECT_EQ(m.resolved("Include ~/.ssh/one\n").port, 2);
    EXPECT_EQ(m.resolved("Host x\nInclude one\nHost *\nPort 9\n").port, 9);
    const auto both = m.resolved("Include /d/* /missing\n");
    EXPECT_EQ(both.port, 3);
    EXPECT_EQ(both.batch_mode, true);
}

TEST(SshConfig, WhatIsWrongIsNamedWithItsPlace) {
    const struct {
        const char* text;
        const char* message;
    } cases[] = {
        {"\nFrobnicate yes\n", "/config:2: unknown keyword 'frobnicate'"},
        {"Host x\nPort 0\n", "/config:2: Port: expected a number from 1 to 65535, not '0'"},
        {"Port 1 2\n", "/config:1: Port: too many values"},
        {"Port #\n", "/config:1: Port: a value is missing"},
        {"User \"\"\n", "/config:1: User: an empty value"},
        {"Host\n", "/config:1: no argument behind Host"},
        {"Host #\n", "/config:1: host: no pattern"},
        {"Match\n", "/config:1: no argument behind Match"},
        {"Match tagged\n", "/config:1: match: no value for 'tagged'"},
        {"Match host \"\"\n", "/config:1: match: no value for 'host'"},
        {"Match localnetwork here\n",
         "/config:1: match: localnetwork: expected addresses as 10.0.0.0/8, not 'here'"},
        {"ObscureKeystrokeTiming interval:0\n",
         "/config:1: ObscureKeystrokeTiming: expected yes, no or interval:MILLISECONDS, not "
         "'interval:0'"},
        {"ChannelTimeout session\n",
         "/config:1: ChannelTimeout: expected type=time, not 'session'"},
        {"ChannelTimeout none x=1\n", "/config:1: ChannelTimeout: 'none' stands alone"},
        {"Match host\n", "/config:1: match: no value for 'host'"},
        {"Include /bad\n", "/bad:1: BatchMode: expected yes or no, not 'maybe'"},
        {"Include /open\n", "/open: others than its owner may write it"},
        {"Include /self\n", "/self:1: too many files within files"},
        {"ConnectionAttempts 0\n", "ConnectionAttempts: expected at least 1"},
        {"Ciphers rot13\n", "/config:1: Ciphers: unknown algorithm 'rot13'"},
        {"Ciphers -*\n", "Ciphers: no algorithm is left"},
        {"HostName %p\n", "HostName: no token %p here"},
        {"ControlPath /%\n", "ControlPath: a % at the end"},
        {"UserKnownHostsFile /${NOT_SET}\n", "UserKnownHostsFile: the variable NOT_SET is not set"},
        {"ProxyUseFdpass yes\nProxyCommand x\n",
         "ProxyUseFdpass: a ProxyCommand that hands over a descriptor is not supported"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        made_up m;
        m.files = {{"/bad", "BatchMode maybe\n"}, {"/open", ""}, {"/self", "Include /self\n"}};
        EXPECT_EQ(m.refusal(c.text), c.message);
    }
    made_up m;
    EXPECT_EQ(m.refusal(std::string(limits::ssh_config_file_length_max + 1, '\n')),
              "/config: too long");
    for (const char* host : {"", "-x", "a;b", "a b", "$(x)", "a\nb", "`x`"})
        EXPECT_FALSE(m.resolve("", host)) << host;
}

TEST(SshConfig, FilesAndValuesHaveCaps) {
    made_up m;
    m.files["/many"] = "";
    std::string text;
    for (std::size_t i = 0; i <= limits::ssh_config_files_max; ++i)
        text += "Include /many\n";
    EXPECT_EQ(m.refusal(text), "/many: too many files");
    text.clear();
    for (std::size_t i = 0; i <= limits::ssh_config_values_max; ++i)
        text += "IdentityFile /" + std::to_string(i) + "\n";
    EXPECT_TRUE(m.refusal(text).ends_with("IdentityFile: too many values"));
    m.variables["LONG"] = std::string(limits::ssh_config_text_length_max, 'x');
    EXPECT_TRUE(m.refusal("ControlPath /${LONG}\n").starts_with("ControlPath: too long"));
}

TEST(SshConfig, UnknownAndFormerKeywordsMayBePassedOver) {
    made_up m;
    const auto c = m.resolved(
        "IgnoreUnknown Frob*,other\nFrobnicate a b c\nOther x\nProtocol 1\nRSAAuthentication no\n"
        "ChallengeResponseAuthentication no\n");
    EXPECT_EQ(c.kbd_interactive_authentication, false);
    EXPECT_EQ(c.notes, (strings{"/config:4: protocol has no meaning any more",
                                "/config:5: rsaauthentication has no meaning any more"}));
    std::string many;
    for (std::size_t i = 0; i <= limits::policy_errors_max; ++i)
        many += "Protocol 1\n";
    EXPECT_EQ(m.resolved(many).notes.size(), limits::policy_errors_max);
    EXPECT_TRUE(m.refusal("Frobnicate x\nIgnoreUnknown frob*\n").ends_with("'frobnicate'"));
}

TEST(SshConfig, TokensAndVariablesAreExpanded) {
    made_up m;
    m.variables["DIR"] = "/dir/%h";  // what replaces is not looked at again
    const auto c = m.resolved(
        "HostName real.%h\nUser u\nPort 4\nHostKeyAlias Al\n"
        "ControlPath ~/%%-%d-%h-%i-%k-%L-%l-%n-%p-%r-%u\n"
        "UserKnownHostsFile ${DIR} ~eve/x\nIdentityAgent ~/agent\nRemoteCommand echo %h \"%n\"\n");
    EXPECT_EQ(c.host_name, "real.h.example");
    EXPECT_EQ(c.control_path,
              "/own/%-/own-real.h.example-1000-al-here-here.example-h.example-4-u-own");
    EXPECT_EQ(c.user_known_hosts_file, (strings{"/dir/%h", "/eve/x"}));
    EXPECT_EQ(c.identity_agent, "/own/agent");
    EXPECT_EQ(c.remote_command, "echo real.h.example \"h.example\"");
    EXPECT_EQ(m.resolved("ControlPath ~\nIdentityAgent ~eve\n").control_path, "/own/");
    EXPECT_EQ(m.resolved("ControlPath ~\nIdentityAgent ~eve\n").identity_agent, "/eve/");
    // %C: SHA-1 of %l%h%p%r, as `printf here.exampleh.example22own | sha1sum` has it.
    EXPECT_EQ(m.resolved("ControlPath %C\n").control_path,
              "5413a9624914753788ecd76754b7882be087af60");
}

// ProxyCommand and Match exec bring names to a shell: wherever they come from, they are looked at
// before anything is expanded.
TEST(SshConfig, NamesThatAShellWouldTakeForMoreAreRefused) {
    const strings users{"$NAME", "a$IFS", "a;b",   "`a`", "a|b",    "a&b",  "-a",
                        "a>b",   "(a)",   "a{b}",  "'a",  "a -o x", "a\tb", "a\"b",
                        "a\\",   "a\nb",  "a\x7f", "a{",  "a)"};
    const strings hosts{"$NAME", "a$IFS", "a;b", "`a`", "a|b", "a&b", "-a", "a b", "a\\b"};
    const std::string exec = "Match exec \"say %r %h %k\"\nPort 3\n";
    for (const std::string& user : users) {
        SCOPED_TRACE(user);
        made_up m;
        m.files["/config"] = exec;
        ssh_config_query query{"h.example", user, {}, {{"/config", true, true, false}}};
        EXPECT_FALSE(resolve_ssh_config(query, m.system())) << "USER@HOST and -l";
        query.user.clear();
        m.files["/config"] = "User '" + user + "'\n" + exec;
        EXPECT_FALSE(resolve_ssh_config(query, m.system())) << "User of a file";
        m.files["/config"] = exec;
        for (const char* keyword : {"User", "ProxyJump"}) {
            const bool jump = std::string_view(keyword) == "ProxyJump";
            query.settings = {ssh_config_setting(keyword, jump ? user + "@h" : user)};
            EXPECT_FALSE(resolve_ssh_config(query, m.system())) << "-o " << keyword;
        }
        EXPECT_TRUE(m.commands.empty());
    }
    for (const std::string& host : hosts) {
        SCOPED_TRACE(host);
        made_up m;
        m.files["/config"] = exec;
        ssh_config_query query{host, {}, {}, {{"/config", true, true, false}}};
        EXPECT_FALSE(resolve_ssh_config(query, m.system()));
        query.host = "h.example";
        for (const char* keyword : {"HostName", "HostKeyAlias", "ProxyJump"}) {
            query.settings = {ssh_config_setting(keyword, host)};
            EXPECT_FALSE(resolve_ssh_config(query, m.system())) << "-o " << keyword;
        }
        EXPECT_TRUE(m.commands.empty());
    }
    made_up m;
    EXPECT_EQ(m.resolved("User domain\\\\ada\n").user, "domain\\ada");
    EXPECT_EQ(m.resolved("User \"ada lovelace\"\n").user, "ada lovelace");
    EXPECT_EQ(m.resolved("HostName %h.net\n", "a").host_name, "a.net");
    EXPECT_EQ(m.resolved("HostName fe80::1%%eth0\n").host_name, "fe80::1%eth0");
}

TEST(SshConfig, NamesAreMadeCanonical) {
    made_up m;
    m.names = {{"web.two.example.", "web.two.example"},
               {"alias.two.example.", "Real.cdn.example"},
               {"x.y.z.", "x.y.z"},
               {"evil.two.example.", "$(x).cdn.example"}};
    const std::string settings =
        "CanonicalizeHostname yes\nCanonicalDomains one.example two.example\n";
    EXPECT_EQ(m.resolved(settings, "web").host_name, "web.two.example");
    EXPECT_EQ(m.resolved(settings, "nowhere").host_name, "nowhere");
    EXPECT_EQ(m.refusal(settings + "CanonicalizeFallbackLocal no\n", "nowhere"),
              "could not resolve host \"nowhere\"");
    EXPECT_EQ(m.resolved(settings, "alias").host_name, "alias.two.example");
    EXPECT_EQ(
        m.resolved(settings + "CanonicalizePermittedCNAMEs *.two.example:*.cdn.example\n", "alias")
            .host_name,
        "real.cdn.example");
    EXPECT_EQ(m.resolved(settings + "CanonicalizePermittedCNAMEs *:*\n", "evil").host_name,
              "evil.two.example");
    EXPECT_EQ(m.resolved(settings, "x.y.z.").host_name, "x.y.z");
    EXPECT_EQ(m.resolved(settings, "a.b.c").host_name, "a.b.c");  // dots enough
    EXPECT_EQ(m.resolved(settings + "ProxyJump j\n", "web").host_name, "web");
    EXPECT_EQ(m.resolved("ProxyJump j\nCanonicalizeHostname always\nCanonicalDomains two.example\n",
                         "web")
                  .host_name,
              "web.two.example");
    const auto again =
        m.resolved(settings + "Host web.two.example\nPort 2\nMatch canonical\nUser c\n", "WEB");
    EXPECT_EQ(again.port, 2);
    EXPECT_EQ(again.user, "c");
    EXPECT_EQ(m.resolved("", "127.1").host_name, "127.0.0.1");
}

TEST(SshConfig, ListsOfAlgorithmsChangeTheDefault) {
    const auto usual = resolve_algorithms(algorithm_kind::cipher, "");
    ASSERT_GT(usual.size(), 2u);
    EXPECT_EQ(resolve_algorithms(algorithm_kind::cipher, "^" + usual.back()).front(), usual.back());
    EXPECT_EQ(resolve_algorithms(algorithm_kind::cipher, "+3des-cbc").back(), "3des-cbc");
    EXPECT_EQ(resolve_algorithms(algorithm_kind::cipher, "-" + usual.front()).front(), usual[1]);
    EXPECT_EQ(resolve_algorithms(algorithm_kind::cipher, "aes256-ctr,aes256-ctr"),
              strings{"aes256-ctr"});
    EXPECT_EQ(usable_algorithms(algorithm_kind::cipher, "3des-cbc,aes256-ctr"),
              strings{"aes256-ctr"});
    EXPECT_EQ(usable_algorithms(algorithm_kind::host_key, "ssh-rsa,ssh-ed25519"),
              (strings{"ssh-rsa", "ssh-ed25519"}));  // weak, and known to who names it
    const auto patterns =
        resolve_algorithms(algorithm_kind::public_key, "rsa-sha2-256,ssh-ed25519*");
    EXPECT_EQ(patterns.front(), "rsa-sha2-256");
    EXPECT_EQ(patterns[1], "ssh-ed25519-cert-v01@openssh.com");
    EXPECT_EQ(patterns[2], "ssh-ed25519");
    EXPECT_NE(check_algorithms(algorithm_kind::cipher, "aes*"), "");
    EXPECT_NE(check_algorithms(algorithm_kind::public_key, "x*"), "");
    EXPECT_EQ(check_algorithms(algorithm_kind::mac, "-what-is-not-there"), "");
}

// Every keyword reads what it prints, and the default of the table is one of its values.
TEST(SshConfigKeywords, ReadWhatTheyPrint) {
    made_up m;
    const auto first = m.resolved(
        "AddKeysToAgent confirm 1h\nLocalForward [::1]:1 [::2]:2\nLocalForward /a /b\n"
        "RemoteForward 3\nDynamicForward 4\nProxyJump u@a:22,[::1]:3\nSendEnv A\nSetEnv B=1\n"
        "IPQoS af21 0x11\nRekeyLimit 1G 1h\nTunnelDevice 1:2\nCanonicalDomains a b\n"
        "CanonicalizePermittedCNAMEs a:b\nPermitRemoteOpen a:1 *:*\nForwardAgent /x\n"
        "BindAddress 1.2.3.4\nCertificateFile /c\nLocalCommand x y\nControlPersist 90\nTag t\n"
        "ObscureKeystrokeTiming interval:50\nChannelTimeout a=1m *=2h\nWarnWeakCrypto no-pq-kex\n"
        "RefuseConnection no\nVersionAddendum a b\n");
    std::string text;
    for (auto [keyword, value] : ssh_config_lines(first)) {
        if (keyword == "host" || value.find("[socks]") != value.npos) continue;
        text += keyword + " " + value + "\n";
    }
    auto second = m.resolved(text + "RemoteForward 3\n");
    EXPECT_EQ(ssh_config_lines(second), ssh_config_lines(first));
    strings names;
    for (const ssh_keyword& row : ssh_keywords())
        names.push_back(in_lower_case(row.name));
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

// --- connecting by it ---------------------------------------------------------------------------

connect_options options_from(made_up& m, std::string text, std::string host = "h.example") {
    m.files["/config"] = std::move(text);
    const auto s =
        load_ssh_config({std::move(host), {}, {}, {{"/config", true, true, false}}}, m.system());
    EXPECT_TRUE(s) << s.error().message();
    return s ? s->connect : connect_options();
}

TEST(SshConfig, KeywordsBecomeConnectOptions) {
    made_up m;
    m.variables["AGENT"] = "/of/variable";
    const auto o = options_from(
        m,
        "HostName real\nPort 2022\nUser ada\nAddressFamily inet6\nBindAddress 1.2.3.4\n"
        "BindInterface lo\nConnectionAttempts 4\nConnectTimeout 1m\nTCPKeepAlive no\n"
        "HostKeyAlias AL\nStrictHostKeyChecking yes\nUserKnownHostsFile /k\n"
        "GlobalKnownHostsFile none\nHashKnownHosts yes\nIdentityFile ~/%h\nIdentitiesOnly yes\n"
        "IdentityAgent $AGENT\nPasswordAuthentication no\nPubkeyAuthentication unbound\n"
        "NumberOfPasswordPrompts 7\nCompression yes\nRekeyLimit 1M 2h\nServerAliveInterval 5\n"
        "ServerAliveCountMax 6\nCiphers aes256-ctr\nMACs hmac-sha2-256,hmac-md5\n"
        "KexAlgorithms curve25519-sha256\nHostKeyAlgorithms ssh-ed25519\n"
        "PubkeyAcceptedAlgorithms rsa-sha2-512\nProxyCommand nc %h %p '%r'\n");
    EXPECT_EQ(o.host, "real");
    EXPECT_EQ(o.port, 2022);
    EXPECT_EQ(o.user, "ada");
    EXPECT_EQ(o.family, address_family::v6);
    EXPECT_EQ(o.bind_address, "1.2.3.4");
    EXPECT_EQ(o.bind_interface, "lo");
    EXPECT_EQ(o.connection_attempts, 4u);
    EXPECT_EQ(o.connect_timeout, 60s);
    EXPECT_FALSE(o.tcp_keep_alive);
    EXPECT_EQ(o.host_key_alias, "al");
    EXPECT_EQ(o.host_keys_unknown, host_key_policy::strict);
    EXPECT_EQ(o.known_hosts_files, strings{"/k"});
    EXPECT_TRUE(o.hash_known_hosts);
    EXPECT_EQ(o.identity_files, strings{"/own/real"});
    EXPECT_TRUE(o.identities_only);
    EXPECT_EQ(o.agent_socket, "/of/variable");
    EXPECT_EQ(o.protocol.auth.methods, (strings{"publickey", "keyboard-interactive"}));
    EXPECT_FALSE(o.protocol.auth.hostbound);
    EXPECT_EQ(o.protocol.auth.prompts_max, 7u);
    EXPECT_EQ(o.protocol.transport.compressions.front(), "zlib@openssh.com");
    EXPECT_EQ(o.protocol.transport.rekey.bytes, 1u << 20);
    EXPECT_EQ(o.protocol.transport.rekey.interval, 2h);
    EXPECT_EQ(o.protocol.keepalive_interval, 5s);
    EXPECT_EQ(o.protocol.keepalive_count_max, 6u);
    EXPECT_EQ(o.protocol.transport.ciphers, strings{"aes256-ctr"});
    EXPECT_EQ(o.protocol.transport.macs, strings{"hmac-sha2-256"});
    EXPECT_EQ(o.protocol.transport.kex_algorithms, strings{"curve25519-sha256"});
    EXPECT_EQ(o.protocol.transport.host_key_algorithms, strings{"ssh-ed25519"});
    EXPECT_EQ(o.protocol.auth.public_key_algorithms, strings{"rsa-sha2-512"});
    EXPECT_EQ(o.proxy_command, "nc real 2022 'ada'");
}

TEST(SshConfig, WithoutAWordTheLibrarysDefaultsHold) {
    made_up m;
    const auto o = options_from(m, "");
    const connect_options usual;
    EXPECT_EQ(o.host, "h.example");
    EXPECT_EQ(o.user, "own");
    EXPECT_FALSE(o.identity_files);
    EXPECT_FALSE(o.agent_socket);
    EXPECT_EQ(o.connect_timeout, usual.connect_timeout);
    EXPECT_EQ(o.host_keys_unknown, host_key_policy::ask);
    EXPECT_EQ(o.protocol.auth.methods, usual.protocol.auth.methods);
    EXPECT_EQ(o.protocol.transport.ciphers, usual.protocol.transport.ciphers);
    EXPECT_EQ(o.protocol.transport.macs, usual.protocol.transport.macs);
    EXPECT_EQ(o.protocol.transport.kex_algorithms, usual.protocol.transport.kex_algorithms);
    EXPECT_EQ(o.protocol.transport.host_key_algorithms,
              usual.protocol.transport.host_key_algorithms);
    EXPECT_EQ(o.protocol.transport.compressions, usual.protocol.transport.compressions);
    EXPECT_EQ(o.protocol.keepalive_interval, usual.protocol.keepalive_interval);
    EXPECT_EQ(o.protocol.auth.public_key_algorithms, usual.protocol.auth.public_key_algorithms);
}

TEST(SshConfig, AChangedKeyIsAcceptedOnlyByNo) {
    made_up m;
    for (const char* word : {"no", "off"})
        EXPECT_EQ(options_from(m, "StrictHostKeyChecking " + std::string(word)).host_keys_unknown,
                  host_key_policy::accept_any);
    EXPECT_EQ(options_from(m, "StrictHostKeyChecking accept-new").host_keys_unknown,
              host_key_policy::accept_new);
}

TEST(SshConfig, JumpHostsHaveTheirOwnSettings) {
    made_up m;
    const std::string text =
        "Host first\nPort 1\nUser f\nProxyCommand reach %h\nHost second\nUser s\nHostName real-%h\n"
        "ProxyJump unused\nHost inner\nProxyJump outer\nHost circle\nProxyJump circle2\n"
        "Host circle2\nProxyJump circle\nHost h.example\nPort 9\n";
    auto o = options_from(m, text + "ProxyJump first,eve@second:22\n");
    ASSERT_EQ(o.jump_hosts.size(), 2u);
    EXPECT_EQ(o.proxy_command, "");
    EXPECT_EQ(o.port, 9);
    EXPECT_EQ(o.jump_hosts[0].host, "first");
    EXPECT_EQ(o.jump_hosts[0].port, 1);
    EXPECT_EQ(o.jump_hosts[0].user, "f");
    EXPECT_EQ(o.jump_hosts[0].proxy_command, "reach first");
    EXPECT_EQ(o.jump_hosts[1].host, "real-second");
    EXPECT_EQ(o.jump_hosts[1].user, "eve");
    EXPECT_EQ(o.jump_hosts[1].port, 22);
    EXPECT_TRUE(o.jump_hosts[1].jump_hosts.empty());

    o = options_from(m, text + "ProxyJump inner\n");
    ASSERT_EQ(o.jump_hosts.size(), 2u);
    EXPECT_EQ(o.jump_hosts[0].host, "outer");
    EXPECT_EQ(o.jump_hosts[1].host, "inner");

    m.files["/config"] = text;
    const auto circle =
        load_ssh_config({"circle", {}, {}, {{"/config", true, true, false}}}, m.system());
    ASSERT_FALSE(circle);
    EXPECT_EQ(circle.error().message(), "ProxyJump: the hosts go in a circle");
    const auto many = load_ssh_config({"x", {}, {"ProxyJump=1,2,3,4,5,6,7,8,9"}, {}}, m.system());
    ASSERT_FALSE(many);
    EXPECT_NE(many.error().message().find("too many hosts"), std::string::npos);
}

TEST(SshConfig, WhatCannotWorkIsRefused) {
    made_up m;
    for (const char* setting :
         {"PreferredAuthentications=gssapi-with-mic", "Ciphers=3des-cbc", "ProxyCommand=x %C",
          "IdentityFile=/%Z", "ProxyJump=-x", "ProxyJump=a;b"}) {
        SCOPED_TRACE(setting);
        EXPECT_FALSE(load_ssh_config({"h", {}, {setting}, {}}, m.system()));
    }
}

TEST(SshConfig, SessionsGetTheVariablesThatAreNamed) {
    made_up m;
    const auto c = m.resolved("SendEnv LC_* -LC_ALL LANG\nSetEnv A=1 LANG=x\n");
    using pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(ssh_config_environment(c, {"LANG=de", "LC_TIME=fr", "HOME=/", "=x", "LC_BAD"}),
              (pairs{{"LANG", "de"}, {"LC_TIME", "fr"}, {"A", "1"}, {"LANG", "x"}}));
}

}  // namespace
}  // namespace sluice
