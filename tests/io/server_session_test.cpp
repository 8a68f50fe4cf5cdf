// Sessions of a server: what may be asked for, and commands from their start to their end.

#include "sluice/tests/support/memory_filesystem.hpp"
#include "sluice/tests/support/ssh_client.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <fstream>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::served;
using test::ssh_client;

struct one_client {
    explicit one_client(std::function<void(server_options&)> set = {}) {
        if (set) set(s.options);
        s.start();
        client = ssh_client::connect(s);
        expects(client->log_in());
    }
    const ssh_client::session& run(std::string_view command, std::string_view input = "") {
        const auto number = client->open();
        EXPECT_TRUE(client->exec(number, command));
        if (!input.empty()) client->write_data(number, input);
        client->send_eof(number);
        EXPECT_TRUE(client->finish(number));
        return client->sessions[number];
    }

    served s;
    std::shared_ptr<ssh_client> client;
};

// --- what may be asked for ----------------------------------------------------------------------

TEST(ServerSession, OnlySessionsAreOpened) {
    one_client c;
    c.client->sessions.emplace_back();
    bytes specific;
    wire::writer w(specific);
    w.write(std::string_view("127.0.0.1"));
    w.write(std::uint32_t{22});
    w.write(std::string_view("127.0.0.1"));
    w.write(std::uint32_t{1});
    c.client->send(wire::encoded(channel_open{"direct-tcpip", 0, 1000, 1000, {specific}}));
    EXPECT_TRUE(c.s.until([&] { return c.client->sessions[0].refused.has_value(); }));
    EXPECT_EQ(c.client->sessions[0].refused, open_failure::administratively_prohibited);

    bytes forward;
    encode_global_request(tcpip_forward_request{"", 0}, true, forward);
    c.client->send(forward);
    EXPECT_TRUE(c.s.until([&] { return c.client->global_failures == 1; }));
    EXPECT_FALSE(c.client->ended());
}

TEST(ServerSession, SessionsAreLimited) {
    one_client c([](server_options& o) { o.sessions_max = 2; });
    const auto first = c.client->open();
    const auto second = c.client->open();
    const auto third = c.client->open();
    EXPECT_TRUE(c.client->sessions[first].confirmed);
    EXPECT_TRUE(c.client->sessions[second].confirmed);
    EXPECT_EQ(c.client->sessions[third].refused, open_failure::resource_shortage);
    EXPECT_TRUE(c.client->exec(first, "exit 3"));
    EXPECT_TRUE(c.client->finish(first));
    EXPECT_TRUE(c.s.until([&] {
        const auto next = c.client->open();
        return c.client->sessions[next].confirmed;
    })) << "there is room again when one has ended";
}

TEST(ServerSession, WhatIsNotServedIsRefused) {
    one_client c([](server_options& o) { o.exec = false; });
    const struct {
        const char* name;
        channel_request request;
    } cases[] = {
        {"a command where there are none", exec_request{"true"}},
        {"a shell", shell_request{}},
        {"SFTP without a filesystem", subsystem_request{"sftp"}},
        {"another subsystem", subsystem_request{"netconf"}},
        {"a terminal", pty_request{"xterm", 80, 24, 0, 0, {}}},
        {"a signal to nothing", signal_request{"TERM"}},
        {"agent forwarding", auth_agent_request{}},
    };
    const auto number = c.client->open();
    for (const auto& one : cases) {
        SCOPED_TRACE(one.name);
        EXPECT_FALSE(c.client->request(number, one.request));
    }
    EXPECT_FALSE(c.client->sessions[number].closed) << "the client may ask for something else";
    c.client->send_eof(number);
    EXPECT_TRUE(c.client->finish(number)) << "it has said that it will not";
}

TEST(ServerSession, AFilesystemThatIsNotThereRefusesTheSession) {
    one_client c([](server_options& o) {
        o.filesystem = [](const session_info& info,
                          boost::asio::any_io_executor) -> std::unique_ptr<sftp::filesystem> {
            EXPECT_EQ(info.user, "ada");
            EXPECT_EQ(info.peer_address, "127.0.0.1");
            return nullptr;
        };
    });
    EXPECT_FALSE(c.client->request(c.client->open(), subsystem_request{"sftp"}));
}

TEST(ServerSession, ASessionRunsOneThing) {
    one_client c([](server_options& o) {
        o.filesystem = [](const session_info&, boost::asio::any_io_executor) {
            return std::make_unique<test::memory_filesystem>();
        };
    });
    const auto number = c.client->open();
    EXPECT_TRUE(c.client->request(number, subsystem_request{"sftp"}));
    EXPECT_FALSE(c.client->request(number, subsystem_request{"sftp"}));
    EXPECT_FALSE(c.client->exec(number, "true"));
    EXPECT_FALSE(c.client->request(number, env_request{"LANG", "C"})) << "too late for it";
    c.client->write_data(number, std::string_view("\0\0\0\5\1\0\0\0\3", 9));
    c.client->send_eof(number);
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(c.client->sessions[number].exit_status, 0u);
    EXPECT_EQ(c.client->sessions[number].out.substr(0, 5).back(), '\2') << "VERSION";
}

TEST(ServerSession, OnlyListedVariablesAreSet) {
    one_client c([](server_options& o) { o.accepted_environment = {"LANG", "LC_*"}; });
    const auto number = c.client->open();
    const struct {
        std::string_view name;
        bool accepted;
    } cases[] = {{"LANG", true},        {"LC_ALL", true}, {"LC_", true}, {"LANGU", false},
                 {"LD_PRELOAD", false}, {"lang", false},  {"", false},   {"PATH", false}};
    for (const auto& one : cases) {
        SCOPED_TRACE(one.name);
        EXPECT_EQ(c.client->request(number, env_request{one.name, "value"}), one.accepted);
    }
    EXPECT_TRUE(c.client->exec(number, "env"));
    EXPECT_TRUE(c.client->finish(number));
    const std::string& out = c.client->sessions[number].out;
    EXPECT_NE(out.find("LANG=value\n"), std::string::npos);
    EXPECT_NE(out.find("LC_ALL=value\n"), std::string::npos);
    EXPECT_EQ(out.find("LANGU="), std::string::npos);
    EXPECT_EQ(out.find("LD_PRELOAD="), std::string::npos);
    EXPECT_EQ(out.find("PATH=value"), std::string::npos);
}

// With addresses and ports, as sshd has them.
TEST(ServerSession, ACommandLearnsWhereItsClientIs) {
    one_client c;
    const std::string out = "\n" + c.run("env").out;
    const std::string peer = "127.0.0.1 " + std::to_string(c.client->local_port());
    const std::string port = " " + std::to_string(c.s.address.port()) + "\n";
    EXPECT_NE(out.find("\nSSH_CLIENT=" + peer + port), std::string::npos) << out;
    EXPECT_NE(out.find("\nSSH_CONNECTION=" + peer + " 127.0.0.1" + port), std::string::npos) << out;
    EXPECT_EQ(out.find("\nSSH_TTY="), std::string::npos) << "there is no terminal";
    EXPECT_EQ(out.find("\nSSH_ORIGINAL_COMMAND="), std::string::npos);
}

TEST(ServerSession, WhereNothingIsKnownOfTheEndsIsSaid) {
    using pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(connection_ends().variables(),
              (pairs{{"SSH_CLIENT", "UNKNOWN 65535 65535"},
                     {"SSH_CONNECTION", "UNKNOWN 65535 UNKNOWN 65535"}}));
    const connection_ends v6{"2001:db8::1", 4000, "::1", 22};
    EXPECT_EQ(v6.variables(), (pairs{{"SSH_CLIENT", "2001:db8::1 4000 22"},
                                     {"SSH_CONNECTION", "2001:db8::1 4000 ::1 22"}}));
}

class forcing final : public authenticator {
public:
    explicit forcing(std::string command) : command_(std::move(command)) {}
    boost::asio::awaitable<login_verdict> check(login_attempt) override {
        login_verdict verdict{.answer = auth_answer::accept};
        verdict.rights.forced_command = command_;
        co_return verdict;
    }

private:
    const std::string command_;
};

TEST(ServerSession, AForcedCommandLearnsWhatWasAskedFor) {
    const auto asked = [](const channel_request& request) {
        one_client c([](server_options& o) {
            o.logins =
                std::make_shared<forcing>("echo \"[${SSH_ORIGINAL_COMMAND-nothing}]\"; true");
        });
        const auto number = c.client->open();
        EXPECT_TRUE(c.client->request(number, request));
        c.client->send_eof(number);
        EXPECT_TRUE(c.client->finish(number));
        return c.client->sessions[number].out;
    };
    EXPECT_EQ(asked(exec_request{"rm -r  \"$HOME\""}), "[rm -r  \"$HOME\"]\n");
    EXPECT_EQ(asked(subsystem_request{"sftp"}), "[sftp]\n");
    EXPECT_EQ(asked(shell_request{}), "[nothing]\n");
}

// What an SFTP session may do is its set-up's to say, which refuses it by saying nothing.
TEST(ServerSession, AForcedSftpMayHaveOptions) {
    std::string seen;
    bool set_up = true;
    const auto starts = [&](const std::string& forced, bool with_set_up) {
        one_client c([&](server_options& o) {
            o.logins = std::make_shared<forcing>(forced);
            o.exec = false;
            o.filesystem = [](const session_info&, boost::asio::any_io_executor) {
                return std::make_unique<test::memory_filesystem>();
            };
            if (with_set_up)
                o.sftp_config = [&](const session_info& who) -> std::optional<sftp_settings> {
                    seen = std::string(
                        internal_sftp_arguments(*who.rights.forced_command).value_or("none"));
                    if (!set_up) return std::nullopt;
                    return sftp_settings{};
                };
        });
        return c.client->request(c.client->open(), subsystem_request{"sftp"});
    };
    EXPECT_TRUE(starts("internal-sftp", false));
    EXPECT_FALSE(starts("internal-sftp -R", false)) << "nobody would follow the option";
    EXPECT_TRUE(starts("internal-sftp \t -R -d /x", true));
    EXPECT_EQ(seen, "-R -d /x");
    EXPECT_FALSE(starts("internal-sftpx", true)) << "another command";
    set_up = false;
    EXPECT_FALSE(starts("internal-sftp", true));
}

// As a line of authorized_keys with environment="OF_KEY=key".
class setting_variables final : public authenticator {
    boost::asio::awaitable<login_verdict> check(login_attempt) override {
        login_verdict verdict{.answer = auth_answer::accept};
        verdict.rights.environment = {{"OF_KEY", "key"}};
        co_return verdict;
    }
};

// A variable is set once, by the first who sets it, and never in place of the server's own.
TEST(ServerSession, AVariableIsSetOnce) {
    one_client c([](server_options& o) {
        o.accepted_environment = {"*"};
        o.logins = std::make_shared<setting_variables>();
    });
    const auto number = c.client->open();
    EXPECT_TRUE(c.client->request(number, env_request{"LC_A", "first"}));
    EXPECT_FALSE(c.client->request(number, env_request{"LC_A", "second"}));
    EXPECT_TRUE(c.client->request(number, env_request{"OF_KEY", "client"}));
    EXPECT_TRUE(c.client->request(number, env_request{"USER", "client"}));
    for (const char* const own : {"SSH_ORIGINAL_COMMAND", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY",
                                  "SSH_USER_AUTH", "SSH_AUTH_SOCK"})
        EXPECT_FALSE(c.client->request(number, env_request{own, "client"})) << own;
    EXPECT_TRUE(c.client->exec(number, "env"));
    EXPECT_TRUE(c.client->finish(number));
    const std::string out = "\n" + c.client->sessions[number].out;
    const auto times = [&](std::string_view name) {
        int n = 0;
        for (auto at = out.find(name); at != out.npos; at = out.find(name, at + 1))
            ++n;
        return n;
    };
    EXPECT_EQ(times("\nLC_A="), 1);
    EXPECT_EQ(times("\nLC_A=first\n"), 1);
    EXPECT_EQ(times("\nOF_KEY="), 1);
    EXPECT_EQ(times("\nOF_KEY=key\n"), 1) << "what the key says counts";
    EXPECT_EQ(times("\nUSER="), 1);
    EXPECT_EQ(times("\nSSH_CLIENT="), 1);
    EXPECT_EQ(times("\nSSH_ORIGINAL_COMMAND="), 0);
}

// Sockets above all: a command that held one would keep its connection open, or another's.
TEST(ServerSession, ACommandGetsNoDescriptorOfTheServer) {
    one_client c;
    auto other = ssh_client::connect(c.s);
    ASSERT_TRUE(other->log_in());
    EXPECT_EQ(c.run("ls -l /proc/self/fd | grep -c socket").out, "0\n");
    // 3 is the folder being listed.
    EXPECT_EQ(c.run("cd /proc/self/fd; echo *").out, "0 1 2 3\n");
}

// Nothing of the server's own environment reaches a command.
TEST(ServerSession, ACommandGetsAnEnvironmentOfItsOwn) {
    ::setenv("SLUICE_TEST_SECRET", "hidden", 1);
    one_client c;
    const std::string out = c.run("env").out;
    ::unsetenv("SLUICE_TEST_SECRET");
    EXPECT_EQ(out.find("SLUICE_TEST_SECRET"), std::string::npos);
    EXPECT_NE(out.find("PATH="), std::string::npos);
}

// --- commands -----------------------------------------------------------------------------------

TEST(Rfc4254s6_10, ACommandEndsWithItsStatus) {
    for (const std::uint32_t status : {0u, 1u, 7u, 255u}) {
        SCOPED_TRACE(status);
        one_client c;
        const auto& s = c.run("exit " + std::to_string(status));
        EXPECT_EQ(s.exit_status, status);
        EXPECT_EQ(s.exit_signal, "");
        EXPECT_TRUE(s.eof);
    }
}

TEST(Rfc4254s6_10, ACommandThatIsKilledEndsWithItsSignal) {
    for (const std::string name : {"TERM", "KILL", "USR1", "INT"}) {
        SCOPED_TRACE(name);
        one_client c;
        const auto& s = c.run("echo before; kill -" + name + " $$");
        EXPECT_EQ(s.exit_signal, name);
        EXPECT_FALSE(s.exit_status);
        EXPECT_EQ(s.out, "before\n");
    }
}

// RFC 4254 §6.10 has no names for these; sshd's is one of its own.
TEST(Rfc4254s6_10, ASignalWithoutANameIsToldAsSshdTellsIt) {
    for (const std::string name : {"BUS", "SYS", "XCPU", "TRAP"}) {
        SCOPED_TRACE(name);
        one_client c;
        const auto& s = c.run("kill -" + name + " $$");
        EXPECT_EQ(s.exit_signal, "SIG@openssh.com");
        EXPECT_FALSE(s.exit_status);
    }
}

TEST(Rfc4254s6_9, ASignalReachesTheCommand) {
    one_client c;
    const auto number = c.client->open();
    ASSERT_TRUE(c.client->exec(number,
                               "trap 'echo got it; exit 4' USR1; echo ready; while :; do "
                               "sleep 0.01; done"));
    ASSERT_TRUE(c.s.until([&] { return c.client->sessions[number].out == "ready\n"; }));
    bytes unknown;
    encode_channel_request(c.client->sessions[number].server_number, signal_request{"NONSENSE"},
                           false, unknown);
    c.client->send(unknown);
    EXPECT_FALSE(c.client->request(number, signal_request{"NONSENSE"}));
    EXPECT_FALSE(c.client->request(number, signal_request{""}));
    EXPECT_FALSE(c.client->request(number, signal_request{"SIGUSR1"})) << "it has no SIG";
    EXPECT_TRUE(c.client->request(number, signal_request{"USR1"}));
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(c.client->sessions[number].out, "ready\ngot it\n");
    EXPECT_EQ(c.client->sessions[number].exit_status, 4u);
}

TEST(ServerSession, InputOutputAndErrorsAreApart) {
    one_client c;
    const auto& s = c.run("cat; echo err >&2; echo out", "in\n");
    EXPECT_EQ(s.out, "in\nout\n");
    EXPECT_EQ(s.err, "err\n");
    EXPECT_EQ(s.exit_status, 0u);
}

TEST(ServerSession, MuchOutputArrivesWhole) {
    const struct {
        const char* name;
        std::uint32_t window;
        std::uint32_t packet;
        std::size_t size;
    } cases[] = {
        {"large windows", 2 << 20, 32 * 1024, 16 << 20},
        {"small ones", 1000, 100, 200'000},
        {"a byte at a time", 1, 1, 2000},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.name);
        one_client c;
        const auto number = c.client->open(one.window, one.packet);
        ASSERT_TRUE(
            c.client->exec(number, "head -c " + std::to_string(one.size) + " /dev/zero; exit 5"));
        EXPECT_TRUE(c.client->finish(number));
        EXPECT_EQ(c.client->sessions[number].out.size(), one.size);
        EXPECT_EQ(c.client->sessions[number].exit_status, 5u) << "behind all of it";
    }
}

// Input that nobody reads is credited, so that the client is not stuck, and it is told.
TEST(ServerSession, InputThatTheCommandDoesNotReadIsThrownAway) {
    one_client c;
    const auto number = c.client->open();
    ASSERT_TRUE(c.client->exec(number, "exec 0</dev/null; echo closed; sleep 0.2; exit 6"));
    ASSERT_TRUE(c.s.until([&] { return c.client->sessions[number].out == "closed\n"; }));
    for (int i = 0; i < 60; ++i)
        c.client->write_data(number, std::string(32 * 1024, 'x'));
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(c.client->sessions[number].exit_status, 6u);
    EXPECT_EQ(c.client->sessions[number].eows, 1u);
    EXPECT_FALSE(c.client->ended());
}

TEST(ServerSession, InputWaitsForACommandThatIsSlow) {
    one_client c;
    const auto number = c.client->open();
    ASSERT_TRUE(c.client->exec(number, "sleep 0.2; wc -c"));
    for (int i = 0; i < 40; ++i)
        c.client->write_data(number, std::string(32 * 1024, 'x'));
    c.client->send_eof(number);
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(std::stoul(c.client->sessions[number].out), 40u * 32 * 1024);
}

// --- the end of what the client has left ---------------------------------------------------------

// Whether there is no process of that number any more, as its file says.
bool process_gone(const std::filesystem::path& file) {
    pid_t pid = 0;
    std::ifstream(file) >> pid;
    return pid != 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

TEST(ServerSession, ACommandHearsThatItsClientIsGone) {
    enum {
        closes_channel,
        closes_socket,
        resets,
        says_goodbye
    } const ends[] = {closes_channel, closes_socket, resets, says_goodbye};
    for (const auto end : ends) {
        SCOPED_TRACE(end);
        test::temp_dir dir;
        one_client c([&](server_options& o) {
            o.command_directory = dir.path();
            o.handler_grace = 100ms;
            o.protocol.end.linger = 100ms;
        });
        const auto number = c.client->open();
        ASSERT_TRUE(c.client->exec(
            number,
            "exec 2>/dev/null; trap 'echo > heard; exit' HUP; echo $$ > pid; echo ready; "
            "while :; do sleep 0.01; done"));
        ASSERT_TRUE(c.s.until([&] { return c.client->sessions[number].out == "ready\n"; }));
        if (end == closes_channel) c.client->send_close(c.client->sessions[number]);
        if (end == closes_socket) c.client->close();
        if (end == resets) c.client->reset();
        if (end == says_goodbye) c.client->send(wire::encoded(disconnect{11, "", {}}));
        EXPECT_TRUE(c.s.until([&] { return process_gone(dir / "pid"); }));
        EXPECT_TRUE(std::filesystem::exists(dir / "heard"));
        if (end == closes_channel) continue;
        EXPECT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
    }
}

// A window that stays shut, and a client that vanishes: nothing of it is left running.
TEST(ServerSession, AVanishedClientLeavesNothing) {
    for (const std::uint32_t window : {0u, 1u, 1000u}) {
        SCOPED_TRACE(window);
        test::temp_dir dir;
        one_client c([&](server_options& o) { o.command_directory = dir.path(); });
        c.client->credits = false;
        const auto number = c.client->open(window);
        ASSERT_TRUE(c.client->exec(number, "echo $$ > pid; exec cat /dev/zero"));
        ASSERT_TRUE(c.s.until([&] {
            return c.client->sessions[number].out.size() == window &&
                   std::filesystem::exists(dir / "pid");
        }));
        // With the window shut and the queue full, there is nothing to do.
        c.s.context.run_for(100ms);
        c.s.handlers_run = 0;
        const auto later = std::chrono::steady_clock::now() + 100ms;
        c.s.until([&] { return std::chrono::steady_clock::now() > later; });
        EXPECT_LE(c.s.handlers_run, 4u);

        c.client->reset();
        EXPECT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
        EXPECT_TRUE(process_gone(dir / "pid"));
        c.s.stop();
        EXPECT_TRUE(c.s.until([&] { return c.s.stopped(); }));
        EXPECT_TRUE(c.s.nothing_runs());
    }
}

TEST(ServerSession, ACommandThatIgnoresHangupIsKilled) {
    test::temp_dir dir;
    one_client c([&](server_options& o) { o.command_directory = dir.path(); });
    const auto number = c.client->open();
    ASSERT_TRUE(c.client->exec(
        number, "trap '' HUP; echo $$ > pid; echo ready; while :; do sleep 1; done"));
    ASSERT_TRUE(c.s.until([&] { return c.client->sessions[number].out == "ready\n"; }));
    c.client->close();
    EXPECT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
    EXPECT_TRUE(process_gone(dir / "pid"));
}

}  // namespace
}  // namespace sluice
