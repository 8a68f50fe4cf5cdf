#include "sluice/io/command_helper.hpp"

#include "sluice/io/command_helper_messages.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace sluice {
namespace {

constexpr int patience_ms = 60'000;

struct open_pipes {
    file_descriptor input;  // our ends
    file_descriptor output;
    file_descriptor error;
    command_pipes theirs;
};

open_pipes make_pipes() {
    open_pipes made;
    const auto join = [](file_descriptor& reads, file_descriptor& writes) {
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        reads = file_descriptor(ends[0]);
        writes = file_descriptor(ends[1]);
    };
    join(made.theirs.input, made.input);
    join(made.output, made.theirs.output);
    join(made.error, made.theirs.error);
    return made;
}

std::string read_all(const file_descriptor& from) {
    std::string text;
    std::array<char, 4096> block;
    for (ssize_t n = 0; (n = ::read(from.get(), block.data(), block.size())) > 0;)
        text.append(block.data(), static_cast<std::size_t>(n));
    return text;
}

int wait_for_end(started_command& command) {
    for (;;) {
        pollfd one{command.watch(), POLLIN, 0};
        if (::poll(&one, 1, patience_ms) <= 0) return -1;
        if (const auto status = command.status()) return *status;
    }
}

// Both launchers keep the same promise.
class Launcher : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (!GetParam()) {
            launcher_ = make_own_launcher();
            return;
        }
        auto helper = command_helper::fork();
        ASSERT_TRUE(helper);
        helper_pid_ = helper->pid();
        auto launcher = std::move(*helper).launcher(std::nullopt);
        ASSERT_TRUE(launcher);
        launcher_ = *launcher;
    }
    void TearDown() override {
        launcher_.reset();
        if (helper_pid_ == 0) return;
        int status = -1;
        EXPECT_EQ(::waitpid(helper_pid_, &status, 0), helper_pid_);
        EXPECT_EQ(status, 0);
    }

    // The status of a command without input, and what it printed.
    int run(const process_options& options, std::string& printed) {
        auto pipes = make_pipes();
        pipes.input.reset();
        auto command = launcher_->start(options, std::move(pipes.theirs));
        EXPECT_TRUE(command);
        if (!command) return -1;
        printed = read_all(pipes.output) + read_all(pipes.error);
        return wait_for_end(**command);
    }

    std::shared_ptr<command_launcher> launcher_;
    pid_t helper_pid_ = 0;
};

INSTANTIATE_TEST_SUITE_P(OwnAndHelper, Launcher, testing::Bool(),
                         [](const auto& p) { return p.param ? "Helper" : "Own"; });

TEST_P(Launcher, GivesStreamsEnvironmentAndStatus) {
    const test::temp_dir folder;
    auto pipes = make_pipes();
    process_options options;
    options.command = "pwd; echo \"$A\" >&2; cat; exit 7";
    options.directory = folder.path();
    options.environment = {{"A", "a\nb"}, {"B", "second"}};
    auto command = launcher_->start(options, std::move(pipes.theirs));
    ASSERT_TRUE(command);
    ASSERT_EQ(::write(pipes.input.get(), "in", 2), 2);
    pipes.input.reset();
    EXPECT_EQ(read_all(pipes.output), folder.path().string() + "\nin");
    EXPECT_EQ(read_all(pipes.error), "a\nb\n");
    const int status = wait_for_end(**command);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
    EXPECT_EQ((*command)->status(), status) << "it stays so";
}

TEST_P(Launcher, ACommandHasNoOtherDescriptorAndNoSignalIsIgnored) {
    std::string printed;
    EXPECT_EQ(run({.command = "ls /proc/self/fd | tr '\\n' ' '"}, printed), 0);
    EXPECT_EQ(printed, "0 1 2 3 ") << "3 is the folder that ls reads";
    // Signals 1 to 28: two of those above are libc's own.
    EXPECT_EQ(run({.command = "grep -hE 'Sig(Ign|Blk)' /proc/self/status | "
                              "sed 's/.*\\(.......\\)$/\\1/'"},
                  printed),
              0);
    EXPECT_EQ(printed, "0000000\n0000000\n");
}

TEST_P(Launcher, WhatLooksLikeAnOptionIsACommand) {
    std::string printed;
    const int status = run({.command = "-c 'echo no'"}, printed);
    EXPECT_EQ(WEXITSTATUS(status), 127) << printed;
}

TEST_P(Launcher, ASignalReachesTheWholeGroup) {
    auto pipes = make_pipes();
    auto command = launcher_->start({.command = "sleep 1000 & echo ready; wait; sleep 1000"},
                                    std::move(pipes.theirs));
    ASSERT_TRUE(command);
    std::array<char, 6> ready{};
    ASSERT_EQ(::read(pipes.output.get(), ready.data(), ready.size()), 6);
    EXPECT_FALSE((*command)->status());
    (*command)->signal(SIGTERM);
    EXPECT_EQ(read_all(pipes.output), "") << "both sleeps are gone";
    const int status = wait_for_end(**command);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

TEST_P(Launcher, LettingGoHangsUp) {
    auto pipes = make_pipes();
    auto command = launcher_->start({.command = "echo ready; sleep 1000"}, std::move(pipes.theirs));
    ASSERT_TRUE(command);
    std::array<char, 6> ready{};
    ASSERT_EQ(::read(pipes.output.get(), ready.data(), ready.size()), 6);
    command->reset();
    EXPECT_EQ(read_all(pipes.output), "");
}

TEST(OwnLauncher, AChildThatWasLetGoLeavesNoZombie) {
    const auto launcher = make_own_launcher();
    auto pipes = make_pipes();
    auto first = launcher->start({.command = "echo $$; exec sleep 1000"}, std::move(pipes.theirs));
    ASSERT_TRUE(first);
    std::array<char, 32> printed{};
    ASSERT_GT(::read(pipes.output.get(), printed.data(), printed.size() - 1), 0);
    const pid_t pid = std::atoi(printed.data());
    first->reset();
    EXPECT_EQ(read_all(pipes.output), "");
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
    auto more = make_pipes();
    auto second = launcher->start({.command = "exit 0"}, std::move(more.theirs));
    ASSERT_TRUE(second);
    EXPECT_EQ(wait_for_end(**second), 0);
    EXPECT_EQ(::kill(pid, 0), -1) << "it was waited for";
}

TEST_P(Launcher, ManyCommandsEndEachWithItsStatus) {
    std::vector<std::unique_ptr<started_command>> commands;
    for (int i = 0; i < 64; ++i) {
        auto pipes = make_pipes();
        auto command =
            launcher_->start({.command = "exit " + std::to_string(i)}, std::move(pipes.theirs));
        ASSERT_TRUE(command) << command.error().message();
        commands.push_back(std::move(*command));
    }
    for (int i = 0; i < 64; ++i)
        EXPECT_EQ(wait_for_end(*commands[static_cast<std::size_t>(i)]), i << 8);
}

TEST(OwnLauncher, AChildThatSomebodyElseWaitedForHasEnded) {
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    for (const char* command : {"exit 3", "sleep 0.1"}) {  // over before it is watched, or not
        auto pipes = make_pipes();
        auto started = make_own_launcher()->start({.command = command}, std::move(pipes.theirs));
        EXPECT_TRUE(started);
        if (!started) continue;
        EXPECT_EQ(wait_for_end(**started), SIGKILL) << "nobody knows its status";
    }
    ::signal(SIGCHLD, before);
}

TEST(CommandHelper, KnowsTheStatusThoughItsProgramIgnoresSigchld) {
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    auto helper = command_helper::fork();
    ::signal(SIGCHLD, before);
    ASSERT_TRUE(helper);
    auto launcher = std::move(*helper).launcher(std::nullopt);
    ASSERT_TRUE(launcher);
    auto pipes = make_pipes();
    auto command = (*launcher)->start({.command = "exit 3"}, std::move(pipes.theirs));
    ASSERT_TRUE(command);
    EXPECT_EQ(wait_for_end(**command), 3 << 8);
}

TEST(CommandHelper, WhatCannotBeStartedEndsAsForAShell) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    auto launcher = std::move(*helper).launcher(std::nullopt);
    ASSERT_TRUE(launcher);
    auto pipes = make_pipes();
    auto command = (*launcher)->start({.command = "true", .directory = "/nowhere/at/all"},
                                      std::move(pipes.theirs));
    ASSERT_TRUE(command);
    EXPECT_EQ(wait_for_end(**command), 127 << 8);
}

TEST(CommandHelper, WithoutItItsCommandsHaveEnded) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    const pid_t pid = helper->pid();
    auto launcher = std::move(*helper).launcher(std::nullopt);
    ASSERT_TRUE(launcher);
    auto pipes = make_pipes();
    auto command = (*launcher)->start({.command = "sleep 1000"}, std::move(pipes.theirs));
    ASSERT_TRUE(command);
    ::kill(pid, SIGKILL);
    EXPECT_EQ(wait_for_end(**command), SIGKILL);
    auto more = make_pipes();
    EXPECT_FALSE((*launcher)->start({.command = "true"}, std::move(more.theirs)));
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(CommandHelper, WithoutItsServerItHangsUpAndEnds) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    const pid_t pid = helper->pid();
    auto launcher = std::move(*helper).launcher(std::nullopt);
    ASSERT_TRUE(launcher);
    auto pipes = make_pipes();
    // One that SIGHUP does not end: it is killed.
    auto command = (*launcher)->start({.command = "trap '' HUP; echo ready; sleep 1000"},
                                      std::move(pipes.theirs));
    ASSERT_TRUE(command);
    std::array<char, 6> ready{};
    ASSERT_EQ(::read(pipes.output.get(), ready.data(), ready.size()), 6);
    launcher->reset();
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(read_all(pipes.output), "");
}

TEST(CommandHelper, SignalsOfTheTerminalAreNotForIt) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    const pid_t pid = helper->pid();
    auto launcher = std::move(*helper).launcher(std::nullopt);  // it is at work now
    ASSERT_TRUE(launcher);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::kill(pid, number);
    auto pipes = make_pipes();
    auto command = (*launcher)->start({.command = "exit 5"}, std::move(pipes.theirs));
    ASSERT_TRUE(command);
    EXPECT_EQ(wait_for_end(**command), 5 << 8);
}

// A helper with its bare socket, for who says what no launcher does.
std::pair<file_descriptor, pid_t> start_raw_helper() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return {file_descriptor(), -1};
    file_descriptor ours(ends[0]);
    file_descriptor theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ours.reset();
        ::_exit(run_command_helper(std::move(theirs)));
    }
    return {std::move(ours), pid};
}

// A server that was taken over can say what it likes; the helper goes on, and starts nothing.
TEST(CommandHelper, NonsenseIsDropped) {
    auto [ours, pid] = start_raw_helper();
    ASSERT_GT(pid, 0);
    const auto send = [socket = ours.get()](bytes_view message) {
        ASSERT_EQ(::send(socket, message.data(), message.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(message.size()));
    };
    send(wire::encoded(helper::account{}));
    std::array<std::uint8_t, 16> answer{};
    ASSERT_EQ(::recv(ours.get(), answer.data(), answer.size(), 0), 1);
    EXPECT_EQ(answer[0], helper::ready::number);

    const test::temp_dir folder;
    const std::string made = folder.path().string() + "/made";
    const bytes start = wire::encoded(helper::start{{.command = "touch " + made}});
    send(start);  // without descriptors
    send(bytes_view(start).first(start.size() / 2));
    send(bytes(100, 0xff));
    send(wire::encoded(helper::account{true, "root", 0, 0}));  // only the first message may be one
    send(wire::encoded(helper::start{{.command = std::string("a\0b", 3)}}));
    send(wire::encoded(helper::ended{}));
    ours.reset();
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0) << "it ended because its server did";
    struct stat info {};
    EXPECT_NE(::stat(made.c_str(), &info), 0);
}

TEST(CommandHelper, AnythingButAnAccountFirstEndsIt) {
    auto [ours, pid] = start_raw_helper();
    ASSERT_GT(pid, 0);
    const bytes message = wire::encoded(helper::start{{.command = "true"}});
    ASSERT_GT(::send(ours.get(), message.data(), message.size(), MSG_NOSIGNAL), 0);
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
}

TEST(CommandHelper, MoreThanItTakesIsNotSent) {
    auto helper = command_helper::fork();
    ASSERT_TRUE(helper);
    auto launcher = std::move(*helper).launcher(std::nullopt);
    ASSERT_TRUE(launcher);
    const auto error_of = [&](const process_options& options) {
        auto pipes = make_pipes();
        auto command = (*launcher)->start(options, std::move(pipes.theirs));
        return command ? error_code() : command.error();
    };
    EXPECT_EQ(error_of({.command = std::string(limits::helper_message_length_max, 'x')}),
              errc::too_long);
    process_options crowded{.command = "true"};
    crowded.environment.resize(limits::helper_variables_max + 1, {"A", "b"});
    EXPECT_EQ(error_of(crowded), errc::too_long);
    // The largest that a session may ask for fits.
    process_options large{.command = "true #" + std::string(limits::command_length_max - 6, 'x')};
    large.environment.emplace_back("A", std::string(limits::environment_bytes_max, 'y'));
    EXPECT_FALSE(error_of(large));
}

TEST(HelperMessages, TooManyVariablesAndNulsAreRefused) {
    process_options crowded;
    crowded.environment.resize(limits::helper_variables_max + 1, {"A", "b"});
    EXPECT_EQ(wire::decode<helper::start>(wire::encoded(helper::start{crowded})).error(),
              errc::too_long);
    EXPECT_EQ(wire::decode<helper::start>(
                  wire::encoded(helper::start{{.directory = std::string("/a\0b", 4)}}))
                  .error(),
              errc::bad_value);
}

}  // namespace
}  // namespace sluice
