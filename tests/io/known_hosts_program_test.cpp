// KnownHostsCommand: a program that lists known hosts.

#include "sluice/io/known_hosts_program.hpp"

#include "sluice/io/load_ssh_config.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/transport_pair.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <string>

namespace sluice {
namespace {

namespace asio = boost::asio;
using reason = known_hosts_question::reason;

class KnownHostsProgram : public testing::Test {
protected:
    boost::system::result<ssh_client_settings, ssh_config_error> load(const std::string& command) {
        ssh_config_query query{
            "h.example", {}, {"Port=2222", "HostKeyAlias=%h", "KnownHostsCommand=" + command}, {}};
        ssh_config_system here;
        here.local_user = "own";
        here.home = "/home/own";
        return load_ssh_config(query, here);
    }

    std::optional<std::string> ask(const std::string& command, known_hosts_question question) {
        const auto settings = load(command);
        EXPECT_TRUE(settings) << settings.error().message();
        if (!settings || !settings->connect.on_known_hosts) return std::nullopt;
        asio::io_context context;
        auto answer = asio::co_spawn(context, settings->connect.on_known_hosts(std::move(question)),
                                     asio::use_future);
        context.run();
        return answer.get();
    }

    std::string script(const std::string& text) const {
        const std::string path = dir_.write("program", "#!/bin/sh\n" + text + "\n");
        ::chmod(path.c_str(), 0700);
        return path;
    }

    const test::key_folder dir_;
    const crypto::public_key key_ =
        crypto::private_key::generate("ssh-ed25519").value().public_half();
};

TEST_F(KnownHostsProgram, IsToldWhomItIsAskedAbout) {
    const std::string program = script("for i in \"$@\"; do printf '%s|' \"$i\"; done");
    const std::string arguments = " %H %I %t %f %K %h %p \"a  b\" %% %d %k";
    const std::string behind = "h.example|2222|a  b|%|/home/own|%h|";
    EXPECT_EQ(ask(program + arguments, {reason::order, "[h.example]:2222"}),
              "[h.example]:2222|ORDER|NONE|NONE|NONE|" + behind);
    const std::string base64 = key_.line().substr(key_.line().find(' ') + 1);
    EXPECT_EQ(ask(program + arguments, {reason::host_name, "h", crypto::presented_key(key_)}),
              "h|HOSTNAME|ssh-ed25519|" + key_.fingerprint() + "|" + base64 + "|" + behind);
    const auto cert =
        test::test_certificate(key_, {.kind = crypto::certificate_kind::host, .principals = {"h"}});
    EXPECT_EQ(
        ask(program + " %t %K", {reason::host_name, "h", crypto::presented_key(cert)}),
        "ssh-ed25519-cert-v01@openssh.com|" + cert.line().substr(cert.line().find(' ') + 1) + "|");
}

TEST_F(KnownHostsProgram, HasTheEnvironmentOfThisProcess) {
    ::setenv("SLUICE_TEST_WORD", "a 'b", 1);
    EXPECT_EQ(ask(script("printf %s \"$SLUICE_TEST_WORD\""), {}), "a 'b");
    ::unsetenv("SLUICE_TEST_WORD");
}

TEST_F(KnownHostsProgram, OneThatFailsGivesNoAnswer) {
    for (const char* text :
         {"echo x; exit 1", "echo x; kill -9 $$", "printf 'x\\0y'", "echo x; cat /dev/zero"})
        EXPECT_EQ(ask(script(text), {}), std::nullopt) << text;
    EXPECT_EQ(ask("/absent", {}), std::nullopt);
    EXPECT_EQ(ask(script("exit 0"), {}), "");
}

TEST_F(KnownHostsProgram, WhatCannotBeIsRefusedBeforeItRuns) {
    const struct {
        const char* command;
        const char* why;
    } cases[] = {
        {"program", "KnownHostsCommand: expected the absolute path of a program"},
        {"/bin/x %x", "KnownHostsCommand: no token %x here"},
        {"/bin/x %T", "KnownHostsCommand: no token %T here"},
        {"/bin/x a%", "KnownHostsCommand: no token % here"},
    };
    for (const auto& c : cases) {
        const auto settings = load(c.command);
        ASSERT_FALSE(settings) << c.command;
        EXPECT_EQ(settings.error().text, c.why);
    }
    EXPECT_FALSE(load("\"\""));
    EXPECT_FALSE(load("/bin/x 'a")) << "a quote that does not end";
    const auto none = load("none");
    ASSERT_TRUE(none) << none.error().text;
    EXPECT_FALSE(none->connect.on_known_hosts);
}

}  // namespace
}  // namespace sluice
