// Two thousand drawn runs, in parts that run side by side.

#include "sluice/tests/sim/swarm.hpp"

#include <gtest/gtest.h>

namespace sluice::sim {
namespace {

constexpr std::uint64_t seeds_a_part = 500;

class Swarm : public testing::TestWithParam<int> {};

TEST_P(Swarm, EveryPropertyHolds) {
    coverage reached;
    const std::uint64_t first = 1 + seeds_a_part * static_cast<std::uint64_t>(GetParam());
    for (std::uint64_t seed = first; seed < first + seeds_a_part; ++seed)
        ASSERT_TRUE(run_seed(seed, &reached).empty()) << told(seed);
    // The schedules do reach something.
    EXPECT_EQ(reached.runs, seeds_a_part);
    EXPECT_GT(reached.logins, seeds_a_part * 8 / 10);
    for (const std::uint64_t n : reached.outcomes)
        EXPECT_GT(n, 10u);
    EXPECT_GT(reached.channels_closed, seeds_a_part);
    EXPECT_GT(reached.bytes_read, seeds_a_part * 10'000);
    EXPECT_GT(reached.bytes_undelivered, 0u);
    EXPECT_GT(reached.bytes_discarded, 0u);
    EXPECT_GT(reached.unanswered, 0u);
    EXPECT_GT(reached.exchanges, seeds_a_part / 10);
    EXPECT_GT(reached.exits, seeds_a_part / 10);
    EXPECT_GT(reached.resets, 0u);
    EXPECT_GT(reached.pongs, 0u);
    EXPECT_GT(reached.files_closed, seeds_a_part / 10);
    EXPECT_GT(reached.files_left, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Swarm, testing::Range(0, 4));

}  // namespace
}  // namespace sluice::sim
