#include "sluice/tools/sluice_child.hpp"

#include "sluice/tests/support/early_wake_ups.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr auto patience = 60s;

struct running {
    explicit running(const std::string& script) {
        auto started = started_child::start(context.get_executor(), {"sh", "-c", script}, {"A=b"});
        EXPECT_TRUE(started);
        child.emplace(std::move(*started));
        asio::co_spawn(
            context, child->ended(),
            asio::bind_cancellation_slot(cancel.slot(), [this](auto, int n) { status = n; }));
    }

    asio::io_context context;
    asio::cancellation_signal cancel;
    std::optional<started_child> child;
    std::optional<int> status;
};

TEST(SluiceChild, TellsItsStatusAsAShell) {
    const struct {
        const char* script;
        int status;
    } cases[] = {{"exit 0", 0},
                 {"exit 7", 7},
                 {"kill -TERM $$", 128 + SIGTERM},
                 {"test \"$A\" = b || exit 9", 0}};
    for (const auto& one : cases) {
        SCOPED_TRACE(one.script);
        running r(one.script);
        r.context.run_for(patience);
        EXPECT_EQ(r.status, one.status);
    }
    asio::io_context context;
    EXPECT_FALSE(started_child::start(context.get_executor(), {"/no/such/program"}, {}));
}

// A wait that completes early does not stop the program's thread: what the child waits for is done
// by that thread.
TEST(SluiceChild, NothingStandsStillWhileItRuns) {
    for (const std::uint64_t seed : {1u, 2u, 4u}) {  // the first wake-up is early
        SCOPED_TRACE(seed);
        const test::temp_dir folder;
        const std::string fifo = (folder / "fifo").string();
        ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
        const test::early_wake_ups early(seed);
        running r("read x <" + fifo + "; exit 7");
        r.context.poll();
        EXPECT_FALSE(r.status);
        std::ofstream(fifo) << "x\n";
        r.context.run_for(patience);
        EXPECT_EQ(r.status, 7);
        EXPECT_GT(early.count(), 0u);
    }
}

TEST(SluiceChild, AnEndThatIsNotAwaitedAnyMoreEndsIt) {
    const test::temp_dir folder;
    const std::string fifo = (folder / "fifo").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    running r("echo $$ >" + fifo + "; exec sleep 1000");
    pid_t pid = 0;
    std::ifstream(fifo) >> pid;
    ASSERT_GT(pid, 0);
    r.context.poll();
    r.cancel.emit(asio::cancellation_type::terminal);
    r.context.run_for(patience);
    EXPECT_TRUE(r.status) << "nobody waits for the program";
    r.child.reset();
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, SIGTERM);
}

}  // namespace
}  // namespace sluice
