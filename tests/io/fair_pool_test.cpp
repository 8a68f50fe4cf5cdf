#include "sluice/io/fair_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
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

std::unique_ptr<turn_tree::work> pop(turn_tree& tree) {
    return tree.pop([](const turn_tree::node&) { return true; });
}

std::string all_of(turn_tree& tree, std::string& ran) {
    ran.clear();
    while (const auto next = pop(tree))
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
    EXPECT_EQ(pop(tree), nullptr);
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
    pop(tree)->run();
    push(x, "x");
    push(a, "3");
    EXPECT_EQ(all_of(tree, ran), "2x3");
    push(a, "12");
    EXPECT_NE(pop(tree), nullptr);
    EXPECT_NE(pop(tree), nullptr);
}

TEST(TurnTree, WhoMayNotHaveATurnKeepsHisPlace) {
    turn_tree tree;
    turn_tree::node users[3]{turn_tree::node(&tree.top()), turn_tree::node(&tree.top()),
                             turn_tree::node(&tree.top())};
    std::string ran;
    const auto push = [&](int user, const std::string& names) {
        for (const char name : names)
            tree.push(users[user], std::make_unique<named>(std::string(1, name), ran));
    };
    const auto all_but = [&](std::set<int> users_out) {
        ran.clear();
        while (const auto next = tree.pop([&](const turn_tree::node& n) {
            return !users_out.contains(static_cast<int>(&n - users));
        }))
            next->run();
        return ran;
    };
    push(0, "123");
    push(1, "abc");
    push(2, "xyz");
    EXPECT_EQ(all_but({0, 1, 2}), "");
    EXPECT_EQ(all_but({0, 2}), "abc") << "from the middle";
    EXPECT_EQ(all_but({0}), "xyz") << "the last";
    push(1, "d");
    EXPECT_EQ(all_but({1}), "123") << "the first";
    EXPECT_EQ(all_but({}), "d");
    push(2, "w");
    push(0, "4");
    EXPECT_EQ(all_but({}), "w4") << "nothing is left of the order before";
}

// Whose calls never return has not all of the threads: one is there for whoever has none, and his
// next may wait for it.
TEST(FairPool, CallsThatDoNotReturnHoldUpTheirUserOnly) {
    constexpr std::size_t threads = 8;
    asio::thread_pool pool(threads);
    const auto fair = fair_pool::make(pool, threads);
    const auto stuck = fair->open("mallory", &pool);
    const auto also_stuck = fair->open("mallory", &fair);
    std::latch enough(6);
    std::atomic<int> begun = 0;
    std::latch release(1);
    std::atomic<int> ended = 0;
    for (int i = 0; i < 20; ++i)
        (i % 2 == 0 ? stuck : also_stuck)->post([&] {
            if (++begun <= 6) enough.count_down();
            release.wait();
            ++ended;
        });
    enough.wait();
    {
        const auto ada = fair->open("ada", &fair);
        const auto grace = fair->open("grace", &fair);
        std::latch done(200);
        for (int i = 0; i < 100; ++i) {
            ada->post([&] { done.count_down(); });
            grace->post([&] { done.count_down(); });
        }
        done.wait();
    }
    EXPECT_EQ(begun, 6);
    release.count_down();
    pool.join();
    EXPECT_EQ(ended, 20);
}

// Two users have the pool full, one of them with one thread; as that is free, his own next gets it
// and no more of the other's.
TEST(FairPool, AThreadThatIsKeptGoesToWhoHasNone) {
    asio::thread_pool pool(2);
    const auto fair = fair_pool::make(pool, 2);
    const auto stuck = fair->open("mallory", &pool);
    const auto ada = fair->open("ada", &pool);
    std::latch release(1);
    std::atomic<int> begun = 0;
    for (int i = 0; i < 3; ++i)
        stuck->post([&] {
            ++begun;
            release.wait();
        });
    for (int i = 0; i < 3; ++i) {
        std::promise<void> done;
        ada->post([&] { done.set_value(); });
        done.get_future().wait();
        EXPECT_LE(begun, 1);
    }
    release.count_down();
    pool.join();
    EXPECT_EQ(begun, 3);
}

// The pool is full, and one user has 256 requests behind that; another's is behind those that run
// already, and one more at most.
TEST(FairPool, AUserWithManyRequestsDelaysOthersByNoMoreThanTheThreads) {
    constexpr std::size_t threads = 4;
    constexpr std::size_t of_one = 3;  // the last is kept
    asio::thread_pool pool(threads);
    const auto fair = fair_pool::make(pool, threads);
    std::vector<std::shared_ptr<fair_pool::session>> greedy;
    for (int connection = 0; connection < 4; ++connection)
        for (int session = 0; session < 2; ++session)
            greedy.push_back(fair->open("mallory", &greedy + connection));
    const auto grace = fair->open("grace", &fair);
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
            if (i < of_one) running.count_down();
            all_wait.wait();
            // Two of these at once would keep the other user out.
            if (i >= of_one) after_other.wait_for(std::chrono::minutes(1));
            note('m');
        });
    grace->post([&] {
        running.count_down();
        all_wait.wait();
        note('g');
    });
    running.wait();
    other->post([&] {
        note('a');
        other_ran.set_value();
    });
    all_wait.count_down();
    pool.join();
    EXPECT_EQ(order.size(), 258u);
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
