#include "sluice/tools/sluice_stream.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tests/support/early_wake_ups.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr auto patience = 60s;

struct pipe_ends {
    pipe_ends() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        reads = file_descriptor(ends[0]);
        writes = file_descriptor(ends[1]);
    }
    file_descriptor reads;
    file_descriptor writes;
};

// Helps a call that blocks out of it, again and again, so that the test fails and does not hang.
class rescue {
public:
    explicit rescue(std::function<void()> help)
        : thread_([this, help = std::move(help)] {
              std::unique_lock lock(mutex_);
              const auto is_over = [this] { return is_over_; };
              if (over_.wait_for(lock, patience, is_over)) return;
              do {
                  help();
              } while (!over_.wait_for(lock, 10ms, is_over));
          }) {}
    ~rescue() {
        {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
        }
        over_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;
    std::thread thread_;
};

TEST(SluiceStream, AnEarlyWakeUpDoesNotBlockTheProgramInARead) {
    for (const std::uint64_t seed : {1u, 2u, 4u}) {  // the first wake-up is early
        SCOPED_TRACE(seed);
        pipe_ends pipe;
        asio::io_context context;
        local_stream stream(context.get_executor(), pipe.reads.get());
        std::array<std::uint8_t, 16> space{};
        std::optional<std::pair<std::size_t, error_code>> got;
        const rescue help([&] { static_cast<void>(!::write(pipe.writes.get(), "late", 4)); });
        const test::early_wake_ups early(seed);
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                error_code e;
                const std::size_t n = co_await stream.read(space, e);
                got.emplace(n, e);
            },
            [](std::exception_ptr) {});
        context.poll();
        EXPECT_FALSE(got) << "there is nothing to read yet";
        ASSERT_EQ(::write(pipe.writes.get(), "in", 2), 2);
        context.run_for(patience);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->first, 2u);
        EXPECT_FALSE(got->second);
        EXPECT_GT(early.count(), 0u);
    }
}

TEST(SluiceStream, AnEarlyWakeUpDoesNotBlockTheProgramInAWrite) {
    for (const std::uint64_t seed : {1u, 2u, 4u}) {
        SCOPED_TRACE(seed);
        pipe_ends pipe;
        asio::io_context context;
        local_stream stream(context.get_executor(), pipe.writes.get());
        const bytes text(1024 * 1024, 'x');
        std::optional<error_code> done;
        ASSERT_EQ(::fcntl(pipe.reads.get(), F_SETFL, O_NONBLOCK), 0);
        std::size_t taken = 0;
        std::vector<std::uint8_t> space(64 * 1024);
        const auto take = [&] {
            const ssize_t n = ::read(pipe.reads.get(), space.data(), space.size());
            if (n > 0) taken += static_cast<std::size_t>(n);
            return n > 0;
        };
        std::atomic<bool> rescued = false;
        const rescue help([&] {
            rescued = true;
            std::array<char, 4096> lost{};
            while (::read(pipe.reads.get(), lost.data(), lost.size()) > 0) {
            }
        });
        const test::early_wake_ups early(seed);
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                const error_code e = co_await stream.write(text);
                done = e;
            },
            [](std::exception_ptr) {});
        while (!done) {
            ASSERT_FALSE(rescued) << "a write has blocked";
            context.poll();
            take();
        }
        while (take()) {
        }
        EXPECT_EQ(done, error_code());
        EXPECT_EQ(taken, text.size());
    }
}

TEST(SluiceStream, AFileIsReadToItsEnd) {
    const test::temp_dir folder;
    std::ofstream(folder / "file") << "text";
    const file_descriptor file(::open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC));
    asio::io_context context;
    local_stream stream(context.get_executor(), file.get());
    std::array<std::uint8_t, 16> space{};
    std::size_t first = 0;
    error_code end;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            first = co_await stream.read(space, end);
            EXPECT_FALSE(end);
            static_cast<void>(co_await stream.read(space, end));
        },
        [](std::exception_ptr) {});
    context.run_for(patience);
    EXPECT_EQ(first, 4u);
    EXPECT_EQ(end, asio::error::eof);
}

}  // namespace
}  // namespace sluice
