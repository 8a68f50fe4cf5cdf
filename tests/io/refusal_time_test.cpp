#include "sluice/io/refusal_time.hpp"

#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using duration = refusal_time::duration;

const refusal_time times(bytes(32, 7));

TEST(RefusalTime, IsTheUsersOwn) {
    std::set<duration> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "user" + std::to_string(i);
        const duration time = times.of_user(name);
        EXPECT_GE(time, limits::refusal_time_min);
        EXPECT_LT(time, limits::refusal_time_min + limits::refusal_time_spread);
        EXPECT_EQ(times.of_user(name), time) << "the same each time";
        EXPECT_NE(refusal_time(bytes(32, 8)).of_user(name), time) << "by a secret";
        seen.insert(time);
    }
    EXPECT_GT(seen.size(), 90u);
    EXPECT_EQ(refusal_time::of_process().of_user("ada"), refusal_time::of_process().of_user("ada"));
}

TEST(RefusalTime, IsDoubledUntilItIsLongerThanTheWork) {
    const duration own = times.of_user("ada");
    EXPECT_EQ(times.whole("ada", 0ms), own);
    EXPECT_EQ(times.whole("ada", own), own);
    EXPECT_EQ(times.whole("ada", own + 1ns), 2 * own);
    EXPECT_EQ(times.whole("ada", 3 * own), 4 * own);
    // Nobody waits for ever.
    EXPECT_LT(times.whole("ada", 1h), 2 * limits::refusal_time_max);
}

// The best that a threshold can tell two sets of times apart: 0.5 is a guess.
double best_classifier(std::vector<duration> a, std::vector<duration> b) {
    std::vector<std::pair<duration, int>> all;
    for (const duration t : a)
        all.emplace_back(t, 1);
    for (const duration t : b)
        all.emplace_back(t, -1);
    std::ranges::sort(all);
    int lead = 0;
    int most = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        lead += all[i].second;
        // A threshold stands between two times that differ.
        if (i + 1 == all.size() || all[i].first != all[i + 1].first)
            most = std::max(most, std::abs(lead));
    }
    return 0.5 + static_cast<double>(most) / static_cast<double>(all.size());
}

// 400 answers to users that exist and whose key files are long, 400 to users that do not.
TEST(RefusalTime, TellsNothingOfTheWork) {
    test::seeded_random random;
    const auto noisy = [&](duration work) {
        std::array<std::uint8_t, 2> noise{};
        random.fill(noise);
        return work + std::chrono::microseconds(noise[0] + noise[1]);
    };
    std::vector<duration> bare_known, bare_unknown, known, unknown;
    for (int i = 0; i < 400; ++i) {
        const std::string user = "user" + std::to_string(i);
        const std::string nobody = "nobody" + std::to_string(i);
        const duration long_file = noisy(4ms);
        const duration no_file = noisy(100us);
        bare_known.push_back(long_file);
        bare_unknown.push_back(no_file);
        known.push_back(std::max(times.whole(user, long_file), long_file));
        unknown.push_back(std::max(times.whole(nobody, no_file), no_file));
    }
    EXPECT_EQ(best_classifier(bare_known, bare_unknown), 1.0) << "as it was without";
    EXPECT_LE(best_classifier(known, unknown), 0.55);
    // And for one name, what it takes does not depend on what there is.
    for (int i = 0; i < 400; ++i)
        EXPECT_EQ(times.whole("ada", noisy(4ms)), times.whole("ada", noisy(100us)));
}

}  // namespace
}  // namespace sluice
