#include "sluice/io/fair_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

namespace asio = boost::asio;

struct named final : turn_tree::work {
    named(std::string n, std::string& out) : name(std::move(n)), ran(out) {}
    void run() override { ran += name; }
    std::string name;
    std::string& ran;
};

std::string all_of(turn_tree& tree, std::string& ran) {
    ran.clear();
    while (const auto next = tree.pop())
        next->run();
    return ran;
}

TEST(TurnTree, UsersConnectionsAndSessionsTakeTurns) {
    turn_tree tree;
    turn_tree::node ada(&tree.top());
    turn_tree::node grace(&tree.top());
    turn_tree::node ada_first(&ada);
    turn_tree::node ada_second(&ada);
    turn_tree::node grace_first(&grace);
    turn_tree::node a(&ada_first);
    turn_tree::node b(&ada_first);
    turn_tree::node c(&ada_second);
    turn_tree::node x(&grace_first);
    std::string ran;
    const auto push = [&](turn_tree::node& leaf, const std::string& names) {
        for (const char name : names)
            tree.push(leaf, std::make_unique<named>(std::string(1, name), ran));
    };
    EXPECT_EQ(tree.pop(), nullptr);
    push(a, "123");
    EXPECT_EQ(all_of(tree, ran), "123") << "one alone, in order";

    push(a, "1234");
    push(x, "xyz");
    EXPECT_EQ(all_of(tree, ran), "1x2y3z4") << "users, however many wait";

    push(a, "1234");
    push(b, "abcd");
    push(x, "xyzuvw");
    EXPECT_EQ(all_of(tree, ran), "1xay2zbu3vcw4d") << "two sessions are no two users";

    push(a, "1234");
    push(b, "abcd");
    push(c, "ABCD");
    EXPECT_EQ(all_of(tree, ran), "1AaB2CbD3c4d") << "nor two connections";

    push(a, "12");
    tree.pop()->run();
    push(x, "x");
    push(a, "3");
    EXPECT_EQ(all_of(tree, ran), "2x3");
    push(a, "12");
    EXPECT_NE(tree.pop(), nullptr);
    EXPECT_NE(tree.pop(), nullptr);
}

// One user has the pool full, and 256 requests behind that; another's request is behind those that
// run already, and one more at most.
TEST(FairPool, AUserWithManyRequestsDelaysOthersByNoMoreThanTheThreads) {
    constexpr std::size_t threads = 2;
    asio::thread_pool pool(threads);
    const auto fair = fair_pool::make(pool, threads);
    std::vector<std::shared_ptr<fair_pool::session>> greedy;
    for (int connection = 0; connection < 4; ++connection)
        for (int session = 0; session < 2; ++session)
            greedy.push_back(fair->open("mallory", &greedy + connection));
    const auto other = fair->open("ada", &fair);

    std::latch running(threads);
    std::latch all_wait(1);
    std::promise<void> other_ran;
    const std::shared_future<void> after_other = other_ran.get_future().share();
    std::mutex mutex;
    std::string order;
    const auto note = [&](char who) {
        const std::lock_guard lock(mutex);
        order += who;
    };
    for (std::size_t i = 0; i < 256; ++i)
        greedy[i % greedy.size()]->post([&, i] {
            if (i < threads) running.count_down();
            all_wait.wait();
            // Two of these at once would keep the other user out.
            if (i >= threads) after_other.wait_for(std::chrono::minutes(1));
            note('m');
        });
    running.wait();
    other->post([&] {
        note('a');
        other_ran.set_value();
    });
    all_wait.count_down();
    pool.join();
    EXPECT_EQ(order.size(), 257u);
    EXPECT_LE(order.find('a'), threads) << order;
}

TEST(FairPool, WhatIsPostedFromManyThreadsRunsOnce) {
    asio::thread_pool pool(3);
    const auto fair = fair_pool::make(pool, 2);
    std::atomic<int> ran = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                const auto own = fair->open(t % 2 == 0 ? "ada" : "grace", &ran + t);
                std::latch done(1000);
                for (int i = 0; i < 1000; ++i)
                    own->post([&ran, &done] {
                        ++ran;
                        done.count_down();
                    });
                done.wait();
            });
    }
    pool.join();
    EXPECT_EQ(ran, 4000);
}

// What work holds is gone when it has run, and before its session goes.
TEST(FairPool, WhatWorkHoldsGoesWithIt) {
    asio::thread_pool pool(1);
    const auto fair = fair_pool::make(pool, 1);
    const auto own = fair->open("ada", nullptr);
    std::latch go(1);
    auto held = std::make_shared<int>(7);  // not const: a constant one is copied with its work
    for (int i = 0; i < 3; ++i)
        own->post([held, &go] { go.wait(); });
    EXPECT_EQ(held.use_count(), 4);
    go.count_down();
    pool.join();
    EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace sluice
