#include "sluice/channel/window.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

TEST(Rfc4254s5_2, SendWindowNeverPasses32Bits) {
    send_window w(0xffff'fff0);
    EXPECT_TRUE(w.add(15));
    EXPECT_EQ(w.left(), 0xffff'ffffU);
    EXPECT_EQ(w.add(1).error(), errc::window_overflow);
    EXPECT_EQ(w.left(), 0xffff'ffffU);
    w.take(0xffff'ffff);
    EXPECT_EQ(w.left(), 0U);
    EXPECT_TRUE(w.add(0xffff'ffff));
}

TEST(Rfc4254s5_2, ReceiveWindowRefusesWhatIsBeyondIt) {
    receive_window w(10);
    EXPECT_TRUE(w.take(10));
    EXPECT_EQ(w.take(1).error(), errc::window_exceeded);
    EXPECT_TRUE(w.take(0));
    EXPECT_EQ(w.held(), 10U);
    EXPECT_EQ(w.take(std::size_t{1} << 32).error(), errc::window_exceeded);
}

TEST(ReceiveWindow, HalfAWindowIsOneAdjust) {
    receive_window w(1000);
    std::size_t adjusts = 0;
    std::uint64_t credited = 0;
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_TRUE(w.take(10));
        if (const auto n = w.consumed(10)) {
            ++adjusts;
            credited += *n;
        }
    }
    EXPECT_EQ(credited + w.due(), 100'000U);
    EXPECT_LE(adjusts, 200U);
}

// Even when a reader keeps nearly everything, what it lets go comes back.
TEST(ReceiveWindow, TheLastByteIsCreditedAtOnce) {
    receive_window w(1000);
    ASSERT_TRUE(w.take(1000));
    EXPECT_EQ(w.consumed(1), 1U);
    ASSERT_TRUE(w.take(1));
    EXPECT_EQ(w.consumed(1000), 1000U);
}

TEST(ReceiveWindow, CreditIsConserved) {
    for (const std::uint32_t size : {1U, 2U, 3U, 100U, 0xffff'ffffU}) {
        SCOPED_TRACE(size);
        std::mt19937 random(size);
        receive_window w(size);
        for (int i = 0; i < 10'000; ++i) {
            const auto up_to = [&](std::uint32_t n) {
                return static_cast<std::uint32_t>(random() % (std::uint64_t{n} + 1));
            };
            ASSERT_TRUE(w.take(up_to(w.left())));
            w.consumed(up_to(w.held()));
            ASSERT_EQ(std::uint64_t{w.left()} + w.held() + w.due(), size);
            ASSERT_TRUE(w.left() != 0 || w.held() != 0);  // never dry without a reader's doing
        }
    }
}

}  // namespace
}  // namespace sluice
