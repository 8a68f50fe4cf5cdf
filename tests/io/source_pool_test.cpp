#include "sluice/io/source_pool.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <vector>

namespace sluice {
namespace {

namespace asio = boost::asio;

// What came of pieces of work, in the order of their ends.
struct asked {
    asio::io_context context;
    std::vector<std::string> ended;

    void ask(source_pool& pool, std::string source, std::function<int()> work) {
        auto run = [](asked& a, source_pool& p, std::string s,
                      std::function<int()> w) -> asio::awaitable<void> {
            const std::string name = s;
            std::string what;
            try {
                const std::optional<int> value = co_await p.run(std::move(s), std::move(w));
                what = value ? std::to_string(*value) : "refused";
            } catch (const std::exception& e) {
                what = e.what();
            }
            a.ended.push_back(name + ' ' + what);
        };
        asio::co_spawn(context, run(*this, pool, std::move(source), std::move(work)),
                       asio::detached);
        context.poll();
        context.restart();
    }
};

TEST(SourcePool, ASourceHasOneAtATime) {
    asked a;
    std::counting_semaphore<> begun(0);
    std::counting_semaphore<> go(0);
    std::atomic<int> at_once = 0;
    std::atomic<int> most = 0;
    source_pool pool({.threads = 3});
    const auto slow = [&] {
        most = std::max(most.load(), ++at_once);
        begun.release();
        go.acquire();
        return --at_once;
    };
    for (int i = 0; i < 3; ++i)
        a.ask(pool, "one", slow);
    begun.acquire();
    // Another source does not wait behind it, though it came later.
    a.ask(pool, "two", [] { return 7; });
    while (a.ended.empty())
        a.context.run_one();
    EXPECT_EQ(a.ended, std::vector<std::string>{"two 7"});
    go.release(3);
    a.context.restart();
    a.context.run();
    EXPECT_EQ(a.ended.size(), 4u);
    EXPECT_EQ(most, 1);
}

TEST(SourcePool, MoreThanMayWaitIsRefusedAtOnce) {
    asked a;
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    source_pool pool({});
    a.ask(pool, "slow", [&] {
        begun.release();
        go.acquire();
        return 0;
    });
    begun.acquire();
    for (std::size_t i = 0; i < limits::passwords_waiting_max; ++i)
        a.ask(pool, std::to_string(i), [] { return 1; });
    EXPECT_TRUE(a.ended.empty());
    a.ask(pool, "late", [] { return 1; });
    EXPECT_EQ(a.ended, std::vector<std::string>{"late refused"});
    go.release();
    a.context.run();
    EXPECT_EQ(a.ended.size(), limits::passwords_waiting_max + 2);
}

TEST(SourcePool, WhatIsThrownComesBack) {
    asked a;
    source_pool pool({});
    a.ask(pool, "x", []() -> int { throw std::runtime_error("no"); });
    a.context.run();
    a.context.restart();
    a.ask(pool, "x", [] { return 2; });
    a.context.run();
    EXPECT_EQ(a.ended, (std::vector<std::string>{"x no", "x 2"}));
}

}  // namespace
}  // namespace sluice
