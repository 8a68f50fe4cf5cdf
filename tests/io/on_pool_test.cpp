#include "sluice/io/on_pool.hpp"

#include "sluice/wire/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

namespace sluice {
namespace {

namespace asio = boost::asio;

// Work that is there until it is let go.
class held_work {
public:
    std::string operator()() {
        begun_->release();
        let_go_->acquire();
        return *text_;
    }
    void wait_for_its_beginning() { begun_->acquire(); }
    void let_go() { let_go_->release(); }

private:
    std::shared_ptr<std::binary_semaphore> begun_ = std::make_shared<std::binary_semaphore>(0);
    std::shared_ptr<std::binary_semaphore> let_go_ = std::make_shared<std::binary_semaphore>(0);
    std::shared_ptr<std::string> text_ = std::make_shared<std::string>("done");
};

// `ended` is called with what the coroutine has thrown.
template <class Work>
void start(asio::io_context& context, asio::thread_pool& pool, Work work,
           asio::cancellation_slot slot, std::function<void(const std::exception_ptr&)> ended) {
    auto finish = [ended = std::move(ended)](const std::exception_ptr& e, const auto&) {
        ended(e);
    };
    asio::co_spawn(context, on_pool(pool, std::move(work)),
                   asio::bind_cancellation_slot(slot, std::move(finish)));
}

TEST(OnPool, GivesWhatTheWorkReturns) {
    asio::thread_pool pool(1);
    asio::io_context context;
    auto id = asio::co_spawn(context, on_pool(pool, [] { return std::this_thread::get_id(); }),
                             asio::use_future);
    context.run();
    EXPECT_NE(id.get(), std::this_thread::get_id());
}

TEST(OnPool, ThrowsWhatTheWorkThrows) {
    asio::thread_pool pool(1);
    asio::io_context context;
    auto failed = asio::co_spawn(
        context, on_pool(pool, []() -> int { throw std::runtime_error("no"); }), asio::use_future);
    context.run();
    EXPECT_THROW(failed.get(), std::runtime_error);
}

TEST(OnPool, ACancelledCoroutineWaitsNoLonger) {
    asio::thread_pool pool(1);
    asio::io_context context;
    asio::cancellation_signal cancel;
    held_work work;
    bool ended = false;
    start(context, pool, work, cancel.slot(), [&](const std::exception_ptr& e) {
        ended = true;
        EXPECT_TRUE(e);
    });
    context.poll();
    work.wait_for_its_beginning();
    cancel.emit(asio::cancellation_type::terminal);
    context.run();
    EXPECT_TRUE(ended);
    work.let_go();
    pool.join();
}

// Else those who connect, ask and leave would have a pool at work for hours.
TEST(OnPool, WorkThatNobodyWaitsForIsNotBegun) {
    asio::thread_pool pool(1);
    asio::io_context context;
    asio::cancellation_signal cancel;
    held_work first;
    bool begun = false;
    int ended = 0;
    const auto count = [&](const std::exception_ptr&) { ++ended; };
    start(context, pool, first, {}, count);
    start(
        context, pool, [&] { return begun = true; }, cancel.slot(), count);
    context.poll();
    first.wait_for_its_beginning();
    cancel.emit(asio::cancellation_type::terminal);
    while (ended == 0)
        context.run_one();
    first.let_go();
    context.run();
    pool.join();
    EXPECT_EQ(ended, 2);
    EXPECT_FALSE(begun);
}

TEST(OnPool, TheContextMayGoBeforeTheWorkEnds) {
    asio::thread_pool pool(1);
    held_work work;
    {
        asio::io_context context;
        asio::co_spawn(context, on_pool(pool, work),
                       [](const std::exception_ptr&, const std::string&) { FAIL(); });
        context.poll();
        work.wait_for_its_beginning();
    }
    work.let_go();
    pool.join();
}

// The thread is done with the context before the coroutine ends: nothing else is waited for.
TEST(OnPool, TheContextMayGoAsSoonAsTheCoroutineHasEnded) {
    asio::thread_pool pool(2);
    for (int i = 0; i < 2000; ++i) {
        asio::io_context context;
        bool ended = false;
        asio::co_spawn(context, on_pool(pool, [i] { return i; }),
                       [&](const std::exception_ptr&, int value) {
                           ended = true;
                           EXPECT_EQ(value, i);
                           context.stop();
                       });
        context.run();
        ASSERT_TRUE(ended);
    }
}

}  // namespace
}  // namespace sluice
