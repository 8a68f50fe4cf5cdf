#include "sluice/io/descriptor_budget.hpp"

#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice {
namespace {

using shares = std::vector<descriptor_share>;

std::size_t fill(descriptor_account& account, shares& into) {
    std::size_t taken = 0;
    while (auto share = account.take()) {
        into.push_back(std::move(*share));
        ++taken;
    }
    return taken;
}

TEST(DescriptorBudget, IsOfAConnectionAUserAndTheProcess) {
    const auto budget = descriptor_budget::make({.process = 20, .user = 12, .connection = 8});
    shares held;
    const auto first = budget->account("ada");
    const auto second = budget->account("ada");
    const auto third = budget->account("ada");
    EXPECT_EQ(fill(*first, held), 8u);
    EXPECT_EQ(fill(*second, held), 4u) << "the user has no more";
    EXPECT_EQ(fill(*third, held), 0u);
    const auto other = budget->account("grace");
    EXPECT_EQ(fill(*other, held), 8u) << "others are not concerned";
    EXPECT_EQ(fill(*budget->account("grace"), held), 0u) << "nor is there any more";
    EXPECT_EQ(budget->in_use(), 20u);

    held.erase(held.begin());
    EXPECT_TRUE(third->take().has_value()) << "what is given back is there again";
    held.clear();
    EXPECT_EQ(budget->in_use(), 0u);
    EXPECT_EQ(fill(*third, held), 8u);
}

TEST(DescriptorBudget, SeveralAreGrantedTogetherOrNotAtAll) {
    const auto budget = descriptor_budget::make({.process = 9, .user = 9, .connection = 9});
    const auto account = budget->account("ada");
    const auto four = account->take(4);
    auto other = account->take(4);
    EXPECT_TRUE(four && other);
    EXPECT_FALSE(account->take(4));
    EXPECT_FALSE(account->take(static_cast<std::size_t>(-1)));
    EXPECT_EQ(budget->in_use(), 8u);
    *other = {};
    EXPECT_EQ(budget->in_use(), 4u);
}

TEST(DescriptorBudget, AShareOutlivesItsConnection) {
    auto budget = descriptor_budget::make({.process = 2, .user = 2, .connection = 2});
    auto share = budget->account("ada")->take(2);
    ASSERT_TRUE(share.has_value());
    EXPECT_FALSE(budget->account("ada")->take()) << "still the same user's";
    descriptor_share moved = std::move(*share);
    EXPECT_EQ(budget->in_use(), 2u);
    moved = {};
    EXPECT_EQ(budget->in_use(), 0u);
    EXPECT_TRUE(budget->account("ada")->take(2).has_value());
}

TEST(DescriptorBudget, LeavesHalfToTheServer) {
    const auto small = descriptor_budget::caps_within(256);
    EXPECT_EQ(small.process, 128u);
    EXPECT_EQ(small.user, 64u);
    EXPECT_EQ(small.connection, 32u);
    const auto large = descriptor_budget::caps_within(1 << 20);
    EXPECT_EQ(large.process, 1u << 19);
    EXPECT_EQ(large.user, limits::descriptors_of_user_max);
    EXPECT_EQ(large.connection, limits::descriptors_of_connection_max);
}

TEST(DescriptorBudget, IsForAnyThread) {
    const auto budget = descriptor_budget::make({.process = 8, .user = 6, .connection = 4});
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&budget, i] {
                for (int n = 0; n < 2000; ++n) {
                    const auto account = budget->account(i % 2 == 0 ? "ada" : "grace");
                    shares held;
                    EXPECT_LE(fill(*account, held), 4u);
                }
            });
    }
    EXPECT_EQ(budget->in_use(), 0u);
}

TEST(DescriptorBudget, WithoutAnAccountNothingIsCounted) {
    EXPECT_TRUE(take_descriptors(nullptr, 1'000'000).has_value());
}

}  // namespace
}  // namespace sluice
