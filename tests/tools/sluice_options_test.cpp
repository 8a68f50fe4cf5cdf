#include "sluice/tools/sluice_options.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

client_arguments with(std::vector<std::string> settings) {
    client_arguments a;
    a.host = "files.example";
    a.settings = std::move(settings);
    return a;
}

// Without files: what a test says is all there is.
ssh_config_system nothing_here() {
    ssh_config_system s;
    s.local_user = "own";
    s.home = "/own";
    return s;
}

boost::system::result<client_settings, std::string> understand(const client_arguments& a) {
    return understand(a, nothing_here());
}

connect_options understood(const client_arguments& a) {
    const auto s = understand(a);
    EXPECT_TRUE(s) << s.error();
    return s ? s->connect : connect_options();
}

TEST(SluiceOptions, HostUserAndPort) {
    client_arguments a;
    a.host = "ada@files.example";
    auto o = understood(a);
    EXPECT_EQ(o.host, "files.example");
    EXPECT_EQ(o.user, "ada");
    EXPECT_EQ(o.port, 22);
    EXPECT_EQ(o.host_keys_unknown, host_key_policy::ask);
    EXPECT_FALSE(o.identity_files);
    a.user = "eve";
    a.port = 2022;
    a.settings = {"Port=1", "User=mallory"};
    o = understood(a);
    EXPECT_EQ(o.user, "eve");
    EXPECT_EQ(o.port, 2022);
    a.host = "strange@user@host";
    a.user.clear();
    EXPECT_EQ(understood(a).user, "strange@user");
    a.host = "files.example";
    a.settings.clear();
    EXPECT_EQ(understood(a).user, "own");
    for (const char* host : {"ada@", "", "-v", "x;y", "$(x)", "a b"}) {
        SCOPED_TRACE(host);
        a.host = host;
        EXPECT_FALSE(understand(a));
    }
}

TEST(SluiceOptions, SettingsAreThoseOfSshConfig) {
    const auto o = understood(
        with({"StrictHostKeyChecking=accept-new", "userknownhostsfile /a /b", "IdentityFile=one",
              "IdentityFile = two", "ConnectTimeout=7", "ServerAliveInterval=0",
              "ServerAliveCountMax=9", "IdentitiesOnly=yes", "IdentityAgent=none",
              "HashKnownHosts=yes", "Ciphers=aes256-ctr", "MACs=-hmac-sha2-512-etm@openssh.com",
              "KexAlgorithms=+ecdh-sha2-nistp256", "HostKeyAlgorithms=ssh-ed25519",
              "NumberOfPasswordPrompts=1", "Port=5", "Port=6", "RequiredRSASize=3072"}));
    EXPECT_EQ(o.rsa_bits_min, 3072u);
    EXPECT_EQ(o.host_keys_unknown, host_key_policy::accept_new);
    EXPECT_EQ(o.known_hosts_files, (std::vector<std::string>{"/a", "/b", "/etc/ssh/ssh_known_hosts",
                                                             "/etc/ssh/ssh_known_hosts2"}));
    EXPECT_EQ(o.identity_files, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(o.connect_timeout, 7s);
    EXPECT_EQ(o.protocol.keepalive_interval, 0s);
    EXPECT_EQ(o.protocol.keepalive_count_max, 9u);
    EXPECT_TRUE(o.identities_only);
    EXPECT_EQ(o.agent_socket, "");
    EXPECT_TRUE(o.hash_known_hosts);
    EXPECT_EQ(o.protocol.transport.ciphers, std::vector<std::string>{"aes256-ctr"});
    EXPECT_EQ(o.protocol.transport.macs, std::vector<std::string>{"hmac-sha2-256-etm@openssh.com"});
    EXPECT_EQ(o.protocol.transport.kex_algorithms.back(), "ecdh-sha2-nistp256");
    EXPECT_EQ(o.protocol.transport.host_key_algorithms, std::vector<std::string>{"ssh-ed25519"});
    EXPECT_EQ(o.protocol.auth.prompts_max, 1u);
    EXPECT_EQ(o.port, 5);  // the first counts
    // New keys go to the first, which is none then.
    EXPECT_EQ(
        understood(with({"UserKnownHostsFile=none", "GlobalKnownHostsFile=/g"})).known_hosts_files,
        (std::vector<std::string>{"", "/g"}));
    EXPECT_TRUE(understood(with({"IdentityFile=none"})).identity_files->empty());
    EXPECT_TRUE(understand(with({"BatchMode=yes"}))->batch_mode);
}

TEST(SluiceOptions, WhatIsWrongIsNamed) {
    const struct {
        const char* setting;
        const char* named;
    } cases[] = {
        {"Frobnicate=yes", "unknown keyword"},
        {"Port", "no argument"},
        {"Port=", "no argument"},
        {"Port=0", "from 1 to 65535"},
        {"Port=70000", "from 1 to 65535"},
        {"Port=22x", "from 1 to 65535"},
        {"BatchMode=maybe", "yes or no"},
        {"StrictHostKeyChecking=maybe", "accept-new"},
        {"Include=/etc/passwd", "for files"},
        {"Host=x", "for files"},
        {"Ciphers=rot13", "rot13"},
        {"ConnectTimeout=-1", "a time"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.setting);
        const auto s = understand(with({c.setting}));
        ASSERT_FALSE(s);
        EXPECT_TRUE(s.error().starts_with("command line: " + std::string(c.setting))) << s.error();
        EXPECT_NE(s.error().find(c.named), std::string::npos) << s.error();
    }
}

TEST(SluiceOptions, ArgumentsMayHoldAnything) {
    client_arguments a = with({"IdentityFile=/second"});
    a.identities = {"/a \"b\" \\c#d"};
    EXPECT_EQ(understood(a).identity_files,
              (std::vector<std::string>{"/a \"b\" \\c#d", "/second"}));
    a.user = "DOMAIN\\ada";
    EXPECT_EQ(understood(a).user, "DOMAIN\\ada");
}

TEST(SluiceOptions, FilesAndServersToGoThrough) {
    ssh_config_system s = nothing_here();
    s.read = [](const std::string& path, bool) -> result<std::string> {
        if (path == "/own") return std::string("Host jump\n  Port 2022\n  User hopper\n");
        if (path == "/own/.ssh/config") return std::string("User by-default\n");
        return make_error_code(boost::system::errc::no_such_file_or_directory);
    };
    client_arguments a = with({});
    a.jump = "jump,eve@second:23";
    EXPECT_EQ(understand(a, s)->connect.user, "by-default");
    a.config_file = "/own";
    const auto o = understand(a, s)->connect;
    EXPECT_EQ(o.user, "own");
    ASSERT_EQ(o.jump_hosts.size(), 2u);
    EXPECT_EQ(o.jump_hosts[0].user, "hopper");
    EXPECT_EQ(o.jump_hosts[0].port, 2022);
    EXPECT_EQ(o.jump_hosts[1].host, "second");
    EXPECT_EQ(o.jump_hosts[1].user, "eve");
    EXPECT_EQ(o.jump_hosts[1].port, 23);
    a.config_file = "none";
    EXPECT_EQ(understand(a, s)->connect.jump_hosts[0].port, 22);
    a.config_file = "/missing";
    EXPECT_FALSE(understand(a, s));
}

}  // namespace
}  // namespace sluice
