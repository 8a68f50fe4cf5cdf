// Waits for descriptors that complete while nothing is ready: nothing hangs, nothing is lost.

#include "sluice/tests/support/early_wake_ups.hpp"
#include "sluice/io/command_helper.hpp"
#include "sluice/io/command_stream.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/ssh_client.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace sluice {
namespace {

namespace asio = boost::asio;
using test::as_values;
using test::early_wake_ups;
using test::run_to_end;
using test::served;
using test::ssh_client;

// SLUICE_EARLY_WAKE_UPS=SEED has every test of this program run so.
class throughout final : public testing::Environment {
public:
    void SetUp() override {
        const char* seed = std::getenv("SLUICE_EARLY_WAKE_UPS");
        if (seed == nullptr) return;
        const std::uint64_t number =
            seed == std::string_view("random")
                ? static_cast<std::uint64_t>(
                      std::chrono::steady_clock::now().time_since_epoch().count())
                : std::strtoull(seed, nullptr, 10);
        std::printf("SLUICE_EARLY_WAKE_UPS=%llu\n", static_cast<unsigned long long>(number));
        wake_ups_.emplace(number);
    }
    void TearDown() override { wake_ups_.reset(); }

private:
    std::optional<early_wake_ups> wake_ups_;
};
const auto* const environment = testing::AddGlobalTestEnvironment(new throughout);

constexpr std::uint64_t seeds[] = {1, 2, 4};  // the first wake-up is early

TEST(EarlyWakeUps, AreThereAndAreTheSameForTheSameSeed) {
    std::uint64_t before = 0;
    for (const std::uint64_t seed : {7u, 7u}) {
        asio::io_context context;
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        asio::posix::stream_descriptor reads(context, ends[0]);
        const file_descriptor writes(ends[1]);
        std::uint64_t told = 0;
        {
            const early_wake_ups early(seed);
            std::function<void()> wait = [&] {
                async_wait_readable(reads, [&](error_code e) {
                    if (e) return;
                    ++told;
                    wait();
                });
            };
            wait();
            context.poll();  // until one really waits
            EXPECT_EQ(early.count(), told);
            reads.close();
            context.run();
        }
        EXPECT_GT(told, 0u);
        if (before != 0) {
            EXPECT_EQ(told, before);
        }
        before = told;
    }
}

TEST(EarlyWakeUps, AWaitThatIsCancelledOrClosedIsTold) {
    asio::io_context context;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    asio::posix::stream_descriptor reads(context, ends[0]);
    const file_descriptor writes(ends[1]);
    error_code said;
    async_wait_readable(reads, [&](error_code e) { said = e; });
    reads.cancel();
    context.run();
    EXPECT_EQ(said, asio::error::operation_aborted);
}

struct kind_of_command {
    const char* command;
    std::size_t input;
    std::size_t output;
    std::optional<std::uint32_t> status;
    const char* signal;
};
constexpr kind_of_command kinds[] = {
    {"exit 3", 0, 0, 3, ""},
    {"exit 4", 200'000, 0, 4, ""},  // input that nobody reads
    {"head -c 10 >/dev/null; exit 5", 200'000, 0, 5, ""},
    {"head -c 300000 /dev/zero; exit 6", 0, 300'000, 6, ""},
    {"cat; exit 7", 100'000, 100'000, 7, ""},
    {"kill -TERM $$", 1000, 0, std::nullopt, "TERM"},
    {"(sleep 0.2; echo x) & exit 8", 0, 2, 8, ""},  // output behind the shell's end
};

// Several at a time on one connection.
void run_commands(served& s) {
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->log_in());
    std::vector<std::uint32_t> numbers;
    for (const auto& kind : kinds) {
        numbers.push_back(client->open());
        ASSERT_TRUE(client->exec(numbers.back(), kind.command));
        if (client->sessions[numbers.back()].close_sent) continue;  // it has ended already
        for (std::size_t sent = 0; sent < kind.input; sent += 20'000)
            client->write_data(numbers.back(), std::string(20'000, 'x'));
        client->send_eof(numbers.back());
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto& kind = kinds[i];
        SCOPED_TRACE(kind.command);
        EXPECT_TRUE(client->finish(numbers[i]));
        const auto& session = client->sessions[numbers[i]];
        EXPECT_EQ(session.exit_status, kind.status);
        EXPECT_EQ(session.exit_signal, kind.signal);
        if (kind.output != 0) {
            EXPECT_EQ(session.out.size(), kind.output);
        }
    }
    client->close();
    EXPECT_TRUE(s.until([&] { return s.connections() == 0; }));
}

TEST(EarlyWakeUps, CommandsEndEachWithItsStatus) {
    for (const bool with_helper : {false, true}) {
        for (const auto seed : seeds) {
            SCOPED_TRACE(with_helper);
            SCOPED_TRACE(seed);
            pid_t helper_pid = 0;
            {
                served s;
                if (with_helper) {
                    auto helper = command_helper::fork();
                    ASSERT_TRUE(helper);
                    helper_pid = helper->pid();
                    auto launcher = std::move(*helper).launcher(std::nullopt);
                    ASSERT_TRUE(launcher);
                    s.options.launcher = std::move(*launcher);
                }
                s.start();
                const early_wake_ups early(seed);
                run_commands(s);
                EXPECT_GT(early.count(), 0u);
            }
            if (helper_pid != 0) {
                EXPECT_EQ(::waitpid(helper_pid, nullptr, 0), helper_pid);
            }
        }
    }
}

TEST(EarlyWakeUps, TheLibrarysClientRunsCommands) {
    for (const auto seed : seeds) {
        SCOPED_TRACE(seed);
        served s;
        s.start();
        const early_wake_ups early(seed);
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connect_options o = test::test_options();
            o.host = s.address.address().to_string();
            o.port = s.address.port();
            connection c = co_await connect(s.context.get_executor(), std::move(o));
            for (int i = 0; i < 5; ++i) {
                const auto [e, result] = co_await c.run("head -c 100000 /dev/zero; exit 9",
                                                        run_options::usual(), as_values);
                EXPECT_FALSE(e) << e.message();
                EXPECT_EQ(result.out.size(), 100'000u);
                EXPECT_EQ(result.exit.status, 9u);
            }
            co_await c.close();
        }()));
    }
}

TEST(EarlyWakeUps, ACommandStreamsProcessIsWaitedFor) {
    for (const auto seed : seeds) {
        SCOPED_TRACE(seed);
        test::temp_dir folder;
        const std::string pid_file = (folder / "pid").string();
        asio::io_context context;
        const early_wake_ups early(seed);
        pid_t pid = 0;
        {
            auto stream = start_command_stream(context.get_executor(),
                                               "sh -c 'trap \"exit 0\" HUP; echo $$ > " + pid_file +
                                                   "; while :; do sleep 0.01; done'");
            ASSERT_TRUE(stream);
            while (!(std::ifstream(pid_file) >> pid)) {
            }
        }  // closed: it is hung up on
        context.run_for(std::chrono::seconds(60));
        EXPECT_TRUE(context.stopped());
        EXPECT_EQ(::kill(pid, 0), -1) << "it is waited for";
    }
}

// --- launchers whose descriptor cannot be waited for ---------------------------------------------

// As a program may have one: its own launcher, of commands that are watched by another descriptor.
class watched_otherwise final : public started_command {
public:
    watched_otherwise(std::unique_ptr<started_command> inner, file_descriptor watch)
        : inner_(std::move(inner)), watch_(std::move(watch)) {}
    int watch() const override { return watch_.get(); }
    std::optional<int> status() override { return inner_->status(); }
    void signal(int number) override { inner_->signal(number); }

private:
    std::unique_ptr<started_command> inner_;
    file_descriptor watch_;
};

class other_launcher final : public command_launcher {
public:
    using opener = file_descriptor (*)();

    explicit other_launcher(opener open) : open_(open) {}
    result<std::unique_ptr<started_command>> start(const process_options& options,
                                                   command_pipes pipes) override {
        auto started = inner_->start(options, std::move(pipes));
        if (!started) return started.error();
        return std::make_unique<watched_otherwise>(std::move(*started), open_());
    }

private:
    opener open_;
    std::shared_ptr<command_launcher> inner_ = make_own_launcher();
};

TEST(ServerSession, ACommandEndsThoughItsDescriptorCannotBeWaitedFor) {
    served s;
    s.options.launcher = std::make_shared<other_launcher>(
        [] { return file_descriptor(::open("/etc/passwd", O_RDONLY | O_CLOEXEC)); });
    s.start();
    run_commands(s);
}

// As if the wake-up of a command's end were lost. What tests are built of says so, loudly.
TEST(ServerSessionDeathTest, ACommandWhoseEndIsNeverToldIsFound) {
#ifdef NDEBUG
    GTEST_SKIP() << "where assertions are off, the command is only taken note of";
#endif
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            served s;
            s.options.launcher = std::make_shared<other_launcher>(
                [] { return file_descriptor(::eventfd(0, EFD_CLOEXEC)); });
            s.start();
            run_commands(s);
        },
        "on_lost_wake_up.*expectation broken");
}

}  // namespace
}  // namespace sluice
