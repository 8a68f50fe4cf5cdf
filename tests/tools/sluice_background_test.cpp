#include "sluice/tools/sluice_background.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SluiceBackground, WhoLeavesIsNotWaitedForAndWhoEndsTellsHisStatus) {
    EXPECT_EQ(in_background([](const auto&) { return 7; }), 7);
    EXPECT_EQ(in_background([](const auto& leave) {
                  leave();
                  leave();  // once is enough
                  return 7;
              }),
              0);
}

}  // namespace
}  // namespace sluice
