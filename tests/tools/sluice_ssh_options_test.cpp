#include "sluice/tools/sluice_ssh_options.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using words = std::vector<std::string>;

ssh_config_system nothing_here() {
    ssh_config_system s;
    s.local_user = "own";
    s.home = "/own";
    s.environment = [](std::string_view) { return std::nullopt; };
    return s;
}

// What the settings come to, where there are no files.
ssh_config resolved(const words& given) {
    const auto a = ssh_arguments_of(given);
    EXPECT_TRUE(a) << a.error();
    if (!a) return {};
    auto query = query_of(a->client, nothing_here());
    query.files.clear();
    const auto config = resolve_ssh_config(query, nothing_here());
    EXPECT_TRUE(config) << config.error().message();
    return config ? *config : ssh_config();
}

TEST(SluiceSshOptions, HostsAndCommands) {
    struct {
        words given;
        std::string host;
        std::string command;
    } const cases[] = {
        {{"h"}, "h", ""},
        {{"h", "ls", "-l", "a b"}, "h", "ls -l a b"},
        {{"u@h", "-p22", "-x", "ls", "-p", "x"}, "h", "ls -p x"},
        {{"-x", "h", "--", "-x", "y"}, "h", "-x y"},
        {{"--", "h", "-x"}, "h", "-x"},
        {{"-Tanp", "22", "h", "c"}, "h", "c"},
        {{"-oPort=1", "-o", "User=x", "h"}, "h", ""},
        {{"h", ""}, "h", ""},
        {{"h", "", "x"}, "h", " x"},
        {{"a@b@h", "-"}, "h", "-"},
        {{"ssh://u@h:44", "c"}, "h", "c"},
        {{"ssh://[::1]:44"}, "::1", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.given[0]);
        const auto a = ssh_arguments_of(c.given);
        ASSERT_TRUE(a) << a.error();
        EXPECT_EQ(a->client.host, c.host);
        EXPECT_EQ(a->client.command, c.command);
    }
}

TEST(SluiceSshOptions, WhatIsWrongIsSaid) {
    const words cases[] = {
        {},
        {"-x"},
        {"-Z", "h"},
        {"h", "-Z", "c"},
        {"-p"},
        {"h", "-p"},
        {"-1", "h"},
        {"@h"},
        {"u@"},
        {""},
        {"ssh://"},
        {"ssh://h:x"},
        {"-L", "h"},
        {"-L", "1", "h"},
        {"-L", "1:2", "h"},
        {"-L", "[::1:1:a:1", "h"},
        {"-L", "1:2:3:4:5", "h"},
        {"-R", "", "h"},
        {"-W", "a", "h"},
        {"-W", "a:0", "h"},
        {"-W", "a:b:1", "h"},
        {"-W", "a:1", "-W", "a:1", "h"},
        {"-O", "check", "h"},
        {"-D", "1:2:3", "h"},
        {"-D", "80:/t", "h"},
        {"-D", "a:80:/t", "h"},
    };
    for (const auto& given : cases) {
        const auto a = ssh_arguments_of(given);
        EXPECT_FALSE(a) << testing::PrintToString(given);
        if (!a) {
            EXPECT_FALSE(a.error().empty());
        }
    }
}

// Programs pass names on that others have chosen.
TEST(SluiceSshOptions, AHostIsNeverAnOption) {
    for (const char* host : {"-oProxyCommand=x", "u@-oProxyCommand=x", "$(x)", "a b", "a\nb"}) {
        SCOPED_TRACE(host);
        const auto a = ssh_arguments_of(words{"--", host, "c"});
        ASSERT_TRUE(a) << a.error();
        EXPECT_FALSE(understand(a->client, nothing_here()));
    }
}

TEST(SluiceSshOptions, AreSettings) {
    struct {
        words given;
        std::string keyword;
        std::string value;
    } const cases[] = {
        {{"-4"}, "addressfamily", "inet"},
        {{"-6"}, "addressfamily", "inet6"},
        {{"-4", "-6"}, "addressfamily", "inet6"},
        {{"-a"}, "forwardagent", "no"},
        {{"-oForwardAgent=no", "-A"}, "forwardagent", "yes"},
        {{"-Aa"}, "forwardagent", "no"},
        {{"-B", "lo"}, "bindinterface", "lo"},
        {{"-b", "::1"}, "bindaddress", "::1"},
        {{"-C"}, "compression", "yes"},
        {{"-c", "aes256-ctr"}, "ciphers", "aes256-ctr"},
        {{"-oCiphers=aes128-ctr", "-caes256-ctr"}, "ciphers", "aes256-ctr"},
        {{"-D", "1080"}, "dynamicforward", "1080"},
        {{"-D", "[::1]:1080"}, "dynamicforward", "[::1]:1080"},
        {{"-e", "none"}, "escapechar", "none"},
        {{"-f"}, "forkafterauthentication", "yes"},
        {{"-f"}, "stdinnull", "yes"},
        {{"-g"}, "gatewayports", "yes"},
        {{"-i", "/a b"}, "identityfile", "/a b"},
        {{"-J", "a,b"}, "proxyjump", "a,b"},
        {{"-L", "8080:a:80"}, "localforward", "8080 [a]:80"},
        {{"-L", "[::1]:8080:[::2]:80"}, "localforward", "[::1]:8080 [::2]:80"},
        {{"-L", "*:8080:a:80"}, "localforward", "[*]:8080 [a]:80"},
        {{"-L", "8080:/s"}, "localforward", "8080 /s"},
        {{"-L", "a:8080:/s"}, "localforward", "[a]:8080 /s"},
        {{"-L", "/s:a:80"}, "localforward", "/s [a]:80"},
        {{"-L", "/s:/t"}, "localforward", "/s /t"},
        {{"-l", "x"}, "user", "x"},
        {{"-l", "x", "-l", "y"}, "user", "x"},
        {{"-oUser=z", "-l", "x"}, "user", "z"},
        {{"-M"}, "controlmaster", "true"},
        {{"-m", "hmac-sha2-256"}, "macs", "hmac-sha2-256"},
        {{"-N"}, "sessiontype", "none"},
        {{"-n"}, "stdinnull", "yes"},
        {{"-P", "x"}, "tag", "x"},
        {{"-p", "99"}, "port", "99"},
        {{"-p1", "-p2"}, "port", "1"},
        {{"-q"}, "loglevel", "SILENT"},
        {{"-v"}, "loglevel", "DEBUG"},
        {{"-vvv"}, "loglevel", "DEBUG"},
        {{"-R", "8080:a:80"}, "remoteforward", "8080 [a]:80"},
        {{"-R", "8080"}, "remoteforward", "8080 [socks]:0"},
        {{"-R", "a:8080"}, "remoteforward", "[a]:8080 [socks]:0"},
        {{"-S", "/c"}, "controlpath", "/c"},
        {{"-s"}, "sessiontype", "subsystem"},
        {{"-T"}, "requesttty", "false"},
        {{"-t"}, "requesttty", "true"},
        {{"-tt"}, "requesttty", "force"},
        {{"-t", "-x", "-t"}, "requesttty", "force"},
        {{"-W", "a:1"}, "sessiontype", "none"},
        {{"-W", "a:1"}, "clearallforwardings", "yes"},
        {{"-w", "1:2"}, "tunneldevice", "1:2"},
        {{"-X"}, "forwardx11", "yes"},
        {{"-Xx"}, "forwardx11", "no"},
        {{"-Y"}, "forwardx11trusted", "yes"},
    };
    for (const auto& c : cases) {
        words given = c.given;
        SCOPED_TRACE(testing::PrintToString(given));
        given.emplace_back("h");
        bool found = false;
        const ssh_config config = resolved(given);
        for (const auto& [keyword, value] : ssh_config_lines(config)) {
            if (keyword != c.keyword) continue;
            found = true;
            EXPECT_EQ(value, c.value);
        }
        EXPECT_TRUE(found);
    }
    EXPECT_EQ(resolved({"-p1", "ssh://u@h:2"}).port, 1);
    EXPECT_EQ(resolved({"ssh://u@h:2"}).port, 2);
    EXPECT_EQ(resolved({"ssh://u@h:2"}).user, "u");
    EXPECT_EQ(resolved({"-l", "x", "ssh://u@h:2"}).user, "x");
}

TEST(SluiceSshOptions, TheOthers) {
    const auto a = ssh_arguments_of(
        words{"-W", "[::1]:80", "-E", "/log", "-F", "none", "-G", "-y", "-P", "tag", "h"});
    ASSERT_TRUE(a) << a.error();
    EXPECT_EQ(a->stdio, (stdio_forward{"::1", 80}));
    EXPECT_EQ(a->log_file, "/log");
    EXPECT_EQ(a->client.config_file, "none");
    EXPECT_TRUE(a->print_settings);
    EXPECT_EQ(a->notes.size(), 1u);
    EXPECT_TRUE(ssh_arguments_of(words{"-V"})->version);
    EXPECT_EQ(ssh_arguments_of(words{"-Q", "mac"})->query, "mac");
}

TEST(SluiceSshOptions, Lists) {
    struct {
        const char* what;
        const char* holds;
        const char* lacks;
    } const cases[] = {
        {"cipher", "aes256-ctr", "hmac-sha2-256"},
        {"Ciphers", "chacha20-poly1305@openssh.com", "none"},
        {"cipher-auth", "aes256-gcm@openssh.com", "aes256-ctr"},
        {"mac", "hmac-sha2-256", "aes256-ctr"},
        {"kex", "curve25519-sha256", "aes256-ctr"},
        {"key", "ssh-ed25519", "rsa-sha2-256"},
        {"key-cert", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"},
        {"key-plain", "ssh-rsa", "ssh-ed25519-cert-v01@openssh.com"},
        {"key-sig", "rsa-sha2-512", "aes256-ctr"},
        {"sig", "rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com"},
        {"HostKeyAlgorithms", "rsa-sha2-512-cert-v01@openssh.com", "aes256-ctr"},
        {"compression", "zlib@openssh.com", "zlib"},
        {"protocol-version", "2", "1"},
        {"help", "key-sig", "aes256-ctr"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        const auto names = ssh_query(c.what);
        ASSERT_TRUE(names);
        EXPECT_EQ(std::ranges::count(*names, std::string(c.holds)), 1);
        EXPECT_EQ(std::ranges::count(*names, std::string(c.lacks)), 0);
    }
    EXPECT_FALSE(ssh_query("nonsense"));
    EXPECT_FALSE(ssh_query(""));
}

}  // namespace
}  // namespace sluice
