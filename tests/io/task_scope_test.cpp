#include "sluice/io/task_scope.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

asio::awaitable<void> sleep(std::chrono::milliseconds time, bool& interrupted) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    const auto [e] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    interrupted = bool(e);
}

asio::awaitable<void> ignore_everything(std::chrono::milliseconds time) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

struct scope_test : testing::Test {
    template <class T>
    std::optional<T> run(asio::awaitable<T> what) {
        std::optional<T> got;
        asio::co_spawn(context, std::move(what),
                       [&](std::exception_ptr, T value) { got = std::move(value); });
        context.restart();
        context.run();
        return got;
    }

    asio::io_context context{1};
    task_scope scope{context.get_executor()};
    bool interrupted = false;
};

TEST_F(scope_test, IsClosedWhenItsTasksHaveReturned) {
    scope.spawn(sleep(20ms, interrupted));
    EXPECT_EQ(scope.running(), 1u);
    EXPECT_EQ(run(scope.close(60s)), 0u);
    EXPECT_EQ(scope.running(), 0u);
    EXPECT_FALSE(interrupted);
    EXPECT_EQ(scope.cancelled(), 0u);
}

TEST_F(scope_test, CancelsBehindTheGraceTime) {
    scope.spawn(sleep(1h, interrupted));
    EXPECT_EQ(run(scope.close(10ms)), 0u);
    EXPECT_TRUE(interrupted);
    EXPECT_EQ(scope.cancelled(), 1u);
    EXPECT_TRUE(scope.stop_token().stop_requested());
}

TEST_F(scope_test, TellsHowManyDoNotReturn) {
    scope.spawn(ignore_everything(300ms));
    std::optional<std::size_t> left;
    asio::co_spawn(context, scope.close(10ms),
                   [&](std::exception_ptr, std::size_t n) { left = n; });
    while (!left)
        context.run_one();
    EXPECT_EQ(left, 1u);
    EXPECT_EQ(scope.running(), 1u);
    context.run();
    EXPECT_EQ(scope.running(), 0u);
}

TEST_F(scope_test, CancelsWhatIsStartedTooLate) {
    scope.cancel();
    scope.spawn(sleep(1h, interrupted));
    context.run();
    EXPECT_TRUE(interrupted);
    EXPECT_EQ(scope.cancelled(), 1u);
}

TEST_F(scope_test, HandsOnWhatATaskThrew) {
    std::string what;
    const auto throws = []() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        throw std::runtime_error("no good");
    };
    scope.spawn(throws(), [&](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::runtime_error& e) {
            what = e.what();
        }
    });
    context.run();
    EXPECT_EQ(what, "no good");
}

// Close-and-drain, acceptance 25.
TEST_F(scope_test, ACancelledWaitIsOnlyThat) {
    asio::cancellation_signal cancel;
    int ended = 0;
    scope.spawn(sleep(50ms, interrupted));
    asio::co_spawn(
        context, scope.join(),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { ended += 1; }));
    asio::co_spawn(context, scope.join(), [&](std::exception_ptr) { ended += 10; });
    context.poll();
    cancel.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(scope.running(), 1u);
    context.run();
    EXPECT_EQ(ended, 11);
    EXPECT_FALSE(interrupted);
}

TEST_F(scope_test, TasksThatEndEachOtherAreAllCancelled) {
    asio::steady_timer shared(context, 1h);
    int returned = 0;
    const auto wait = [&]() -> asio::awaitable<void> {
        co_await shared.async_wait(asio::as_tuple(asio::use_awaitable));
        ++returned;
        shared.cancel();
    };
    for (int i = 0; i < 10; ++i)
        scope.spawn(wait());
    context.poll();
    scope.cancel();
    context.run();
    EXPECT_EQ(returned, 10);
    EXPECT_EQ(scope.cancelled(), 10u);
}

}  // namespace
}  // namespace sluice
