// AuthorizedKeysCommand and AuthorizedPrincipalsCommand: programs that say which keys and which
// names of certificates let somebody in.

#include "sluice/io/program_output.hpp"
#include "sluice/io/command_helper.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/transport_pair.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr program_limits usual{64 * 1024, 60s};

result<std::string> output(const std::vector<std::string>& words,
                           const program_limits& limits = usual) {
    return program_output(*make_own_launcher(), words, limits);
}

TEST(ProgramOutput, IsAllThatAProgramHasPrinted) {
    EXPECT_EQ(output({"/bin/echo", "one"}).value(), "one\n");
    EXPECT_EQ(output({"/bin/true"}).value(), "");
    EXPECT_EQ(output({"/bin/cat"}).value(), "") << "it has no input";
    EXPECT_EQ(output({"/usr/bin/head", "-c", "65536", "/dev/zero"}).value().size(), 65'536u);
}

TEST(ProgramOutput, WordsAreGivenAsTheyAre) {
    const std::vector<std::string> odd{"a b", "'",  "''", "\"$HOME\"", "`id`", "$(id)", "a;b&c|d",
                                       "\n",  "\\", "*",  "-x",        "",     "\xff"};
    std::vector<std::string> words{"/usr/bin/printf", "%s."};
    std::string wanted;
    for (const auto& one : odd) {
        words.push_back(one);
        wanted += one + ".";
    }
    EXPECT_EQ(output(words).value(), wanted);
}

TEST(ProgramOutput, FailureIsAnError) {
    EXPECT_EQ(output({"/bin/echo", std::string("a\0b", 3)}).error(), errc::bad_value);
    EXPECT_EQ(output({"/bin/sh", "-c", "echo key; exit 1"}).error(),
              boost::system::errc::broken_pipe);
    EXPECT_EQ(output({"/bin/sh", "-c", "kill -9 $$"}).error(), boost::system::errc::broken_pipe);
    EXPECT_EQ(output({"/nowhere/at-all"}).error(), boost::system::errc::broken_pipe);
}

TEST(ProgramOutput, WhatGoesBeyondItsLimitsIsKilled) {
    EXPECT_EQ(output({"/bin/cat", "/dev/zero"}).error(), errc::too_long);
    EXPECT_EQ(output({"/usr/bin/head", "-c", "65537", "/dev/zero"}).error(), errc::too_long);
    for (const char* const hangs : {"echo key; sleep 1000", "exec >&-; sleep 1000"})
        EXPECT_EQ(output({"/bin/sh", "-c", hangs}, {1024, 200ms}).error(),
                  boost::system::errc::timed_out)
            << hangs;
}

TEST(ProgramOutput, ByTheHelperToo) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    const pid_t pid = helper->pid();
    {
        auto launcher = std::move(*helper).launcher(std::nullopt);
        ASSERT_TRUE(launcher);
        const std::vector<std::string> words{"/bin/echo", "it's"};
        EXPECT_EQ(program_output(**launcher, words, usual).value(), "it's\n");
    }
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

// --- logins --------------------------------------------------------------------------------------

class KeysProgram : public testing::Test {
protected:
    KeysProgram() { options.launcher = make_own_launcher(); }

    // A script that is run with `arguments`.
    void program(const std::string& text, std::vector<std::string> arguments = {}) {
        options.authorized_keys_program = script("program", text, std::move(arguments));
    }

    std::vector<std::string> script(const std::string& name, const std::string& text,
                                    std::vector<std::string> arguments) {
        const std::string path = dir.write(name, "#!/bin/sh\n" + text + "\n");
        namespace fs = std::filesystem;
        fs::permissions(path, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec);
        arguments.insert(arguments.begin(), path);
        return arguments;
    }

    // "" when let in, otherwise why not.
    std::string why(auth_question question) {
        asio::thread_pool pool(1);
        file_authenticator logins(options, pool);
        asio::io_context context;
        login_attempt attempt{std::move(question), "192.0.2.1"};
        auto verdict = asio::co_spawn(context, logins.check(std::move(attempt)), asio::use_future);
        context.run();
        const auto said = verdict.get();
        EXPECT_EQ(accepts(said.answer), said.reason.empty());
        return said.reason;
    }

    auth_question question(auth_question::kind what = auth_question::kind::public_key) const {
        auth_question q;
        q.what = what;
        q.user = "ada";
        q.key = key;
        q.algorithm = key.type();
        return q;
    }

    std::string echo(const std::string& line) const { return "echo '" + line + "'"; }

    const test::key_folder dir;
    const crypto::public_key key =
        crypto::private_key::generate("ssh-ed25519").value().public_half();
    file_authenticator_options options;
};

TEST_F(KeysProgram, LetsInWhoseKeyItPrints) {
    program(echo(key.line()));
    EXPECT_EQ(why(question()), "");
    EXPECT_EQ(why(question(auth_question::kind::public_key_query)), "");
    program(echo("from=\"10.0.0.0/8\" " + key.line()));
    EXPECT_NE(why(question()), "") << "options count";
    program(echo(test::test_authority().public_half().line()));
    EXPECT_EQ(why(question()), "key is not listed");
}

TEST_F(KeysProgram, IsToldWhoWantsToComeInByWhat) {
    const std::string wanted = "ada|" + key.line().substr(key.line().find(' ') + 1) + "|" +
                               std::string(key.type()) + "|" + key.fingerprint() + "|100%";
    program("[ \"$1|$2|$3|$4|$5\" = '" + wanted + "' ] && " + echo(key.line()),
            {"%u", "%k", "%t", "%f", "100%%"});
    EXPECT_EQ(why(question()), "");
    program("[ $# = 1 ] && [ \"$1\" = ada ] && " + echo(key.line()));
    EXPECT_EQ(why(question()), "") << "without arguments, the name";
    program("[ \"$1\" = '%u' ] && " + echo(key.line()), {"x%ux"});
    EXPECT_NE(why(question()), "");
}

TEST_F(KeysProgram, IsToldOfTheAccount) {
    options.account_of = [](const std::string& user) -> std::optional<system_account> {
        if (user != "ada") return std::nullopt;
        return system_account{user, 1234, 1234, "/home/a d a"};
    };
    program("[ \"$1|$2\" = '1234|/home/a d a/x' ] && " + echo(key.line()), {"%U", "%h/x"});
    EXPECT_EQ(why(question()), "");
    auto other = question();
    other.user = "eve";
    program("echo run > '" + dir.path("trace") + "'; " + echo(key.line()), {"%U"});
    EXPECT_EQ(why(other), "key is not listed, and the program that lists keys has failed");
    EXPECT_FALSE(std::filesystem::exists(dir.path("trace"))) << "no account: it is not run";
    for (const char* unknown : {"%x", "%", "%i", "%K"}) {
        program(echo(key.line()), {unknown});
        EXPECT_NE(why(question()), "") << unknown;
    }
}

TEST_F(KeysProgram, ANulIsNoList) {
    program("printf '%s\\n\\0\\n' '" + key.line() + "'");
    EXPECT_EQ(why(question()), "key is not listed, and the program that lists keys has failed");
    program("printf '\\n\\n'");
    EXPECT_EQ(why(question()), "key is not listed");
}

TEST_F(KeysProgram, ACertificateComesByTheAuthorityThatItPrints) {
    const auto& authority = test::test_authority().public_half();
    program("[ \"$1\" = ssh-ed25519-cert-v01@openssh.com ] && " +
                echo("cert-authority " + authority.line()),
            {"%t"});
    auto q = question();
    q.certificate = test::test_certificate(key, {.principals = {"ada"}});
    EXPECT_EQ(why(q), "");
    q.certificate = test::test_certificate(key, {.principals = {"grace"}});
    EXPECT_NE(why(q), "");
}

TEST_F(KeysProgram, FilesCountBesideIt) {
    options.authorized_keys_files = {dir.write("authorized_keys", key.line() + "\n")};
    for (const char* const text : {"exit 0", "exit 1"}) {
        program(text);
        EXPECT_EQ(why(question()), "") << text;
    }
}

TEST_F(KeysProgram, OneThatFailsLetsInNobody) {
    const std::string prints = echo(key.line());
    const std::string failed = "key is not listed, and the program that lists keys has failed";
    program(prints + "; exit 1");
    EXPECT_EQ(why(question()), failed);
    program(prints + "; cat /dev/zero");
    EXPECT_EQ(why(question()), failed);
    options.program_time_max = 200ms;
    program(prints + "; sleep 1000");
    EXPECT_EQ(why(question()), failed);
}

TEST_F(KeysProgram, OneThatOthersMayChangeIsNotRun) {
    program("echo run > '" + dir.path("trace") + "'; " + echo(key.line()));
    namespace fs = std::filesystem;
    fs::permissions(options.authorized_keys_program.front(), fs::perms::group_write,
                    fs::perm_options::add);
    EXPECT_NE(why(question()), "");
    EXPECT_FALSE(fs::exists(dir.path("trace")));
    options.authorized_keys_program = {dir.path("missing")};
    EXPECT_NE(why(question()), "");
}

TEST_F(KeysProgram, WithoutALauncherItLetsInNobody) {
    program(echo(key.line()));
    options.launcher.reset();
    EXPECT_NE(why(question()), "");
}

// --- names of certificates -----------------------------------------------------------------------

class PrincipalsProgram : public KeysProgram {
protected:
    PrincipalsProgram() {
        options.trusted_user_ca_keys_file =
            dir.write("cas", test::test_authority().public_half().line() + "\n");
    }

    void names(const std::string& text, std::vector<std::string> arguments = {}) {
        options.authorized_principals_program = script("names", text, std::move(arguments));
    }

    std::string why(crypto::certificate_fields fields) {
        auto q = question();
        q.certificate = test::test_certificate(key, std::move(fields));
        return KeysProgram::why(std::move(q));
    }

    bool has_run() const { return std::filesystem::exists(dir.path("trace")); }
    std::string leave_trace() const { return "echo run > '" + dir.path("trace") + "'; "; }
};

TEST_F(PrincipalsProgram, LetsInWhomItNames) {
    names("echo '# for ada'; echo ops; echo 'command=\"echo\" night'");
    EXPECT_EQ(why({.principals = {"ops"}}), "");
    EXPECT_EQ(why({.principals = {"x", "night"}}), "");
    EXPECT_EQ(why({.principals = {"ada"}}), "certificate is for others") << "not by the name";
    EXPECT_EQ(why({}), "certificate lists no principals");
    EXPECT_EQ(KeysProgram::why(question()), "key is not listed") << "a bare key has no names";
}

TEST_F(PrincipalsProgram, IsToldWhoWantsToComeInByWhat) {
    const auto& authority = test::test_authority().public_half();
    const auto base64 = [](const std::string& line) { return line.substr(line.find(' ') + 1); };
    options.account_of = [](const std::string& user) {
        return std::optional(system_account{user, 1234, 1234, "/home/ada"});
    };
    const std::string wanted = authority.fingerprint() + "|" + key.fingerprint() + "|an id'|" +
                               base64(authority.line()) + "|77|" + std::string(authority.type()) +
                               "|ssh-ed25519-cert-v01@openssh.com|ada|1234|/home/ada|%";
    dir.write("wanted", wanted);
    names("[ \"$1|$2|$3|$4|$5|$6|$7|$8|$9|${10}|${11}\" = \"$(cat '" + dir.path("wanted") +
              "')\" ] && echo ops",
          {"%F", "%f", "%i", "%K", "%s", "%T", "%t", "%u", "%U", "%h", "%%"});
    EXPECT_EQ(why({.serial = 77, .key_id = "an id'", .principals = {"ops"}}), "");
    names("[ $# = 1 ] && [ \"$1\" = ada ] && echo ops");
    EXPECT_EQ(why({.principals = {"ops"}}), "") << "without arguments, the name";
    auto q = question();
    q.certificate = test::test_certificate(key, {.principals = {"ops"}});
    names("[ \"$1\" = " + base64(q.certificate->line()) + " ] && echo ops", {"%k"});
    EXPECT_EQ(KeysProgram::why(q), "");
}

TEST_F(PrincipalsProgram, CountsBehindTheFile) {
    options.authorized_principals_file = dir.path("principals.%u");
    names("echo ops");
    EXPECT_EQ(why({.principals = {"ops"}}), "");
    dir.write("principals.ada", "night\n");
    EXPECT_EQ(why({.principals = {"ops"}}), "");
    EXPECT_EQ(why({.principals = {"night"}}), "");
    names("exit 1");
    EXPECT_EQ(why({.principals = {"night"}}), "") << "the file counts all the same";
    EXPECT_NE(why({.principals = {"ada"}}), "");
}

TEST_F(PrincipalsProgram, OneThatFailsNamesNobody) {
    const std::string failed =
        "no principal is authorized, and the program that lists principals has failed";
    for (const char* text :
         {"echo ops; exit 1", "echo ops; cat /dev/zero", "printf 'ops\\n\\0\\n'"}) {
        names(text);
        EXPECT_EQ(why({.principals = {"ops"}}), failed) << text;
    }
    names("echo ops", {"%x"});
    EXPECT_EQ(why({.principals = {"ops"}}), failed);
    options.program_time_max = 200ms;
    names("echo ops; sleep 1000");
    EXPECT_EQ(why({.principals = {"ops"}}), failed);
    options.program_time_max = 60s;
    for (const char* text : {"exit 0", "echo", "printf '\\n \\n'", "echo 'cert-authority ops'"}) {
        names(text);
        EXPECT_EQ(why({.principals = {"ops"}}), "no principal is authorized") << text;
    }
    names("echo ops");
    std::filesystem::permissions(options.authorized_principals_program.front(),
                                 std::filesystem::perms::others_write,
                                 std::filesystem::perm_options::add);
    EXPECT_EQ(why({.principals = {"ops"}}), failed) << "one that others may change";
}

TEST_F(PrincipalsProgram, IsNotRunForStrangers) {
    names(leave_trace() + "echo ops");
    const auto stranger = crypto::private_key::generate("ssh-ed25519").value();
    auto q = question();
    q.certificate =
        crypto::certificate::issue(key, {.principals = {"ops"}}, stranger, crypto::system_random())
            .value();
    EXPECT_EQ(KeysProgram::why(q), "authority is not trusted");
    // Whose name it bears has not signed it.
    bytes forged = test::test_certificate(key, {.principals = {"ops"}}).blob();
    forged.back() ^= 1;
    q.certificate = crypto::certificate::parse_claim(forged).value();
    EXPECT_EQ(KeysProgram::why(q), "no principal is authorized");
    EXPECT_EQ(KeysProgram::why(question()), "key is not listed");
    EXPECT_FALSE(has_run());
    EXPECT_EQ(why({.principals = {"ops"}}), "");
    EXPECT_TRUE(has_run());
}

}  // namespace
}  // namespace sluice
