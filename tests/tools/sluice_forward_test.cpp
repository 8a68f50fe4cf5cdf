#include "sluice/tools/sluice_forward.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SluiceForward, IsWrittenAsForSsh) {
    EXPECT_EQ(forward_of("8080:db:80"), (forward{"127.0.0.1", 8080, "db", 80}));
    EXPECT_EQ(forward_of("0:db:80"), (forward{"127.0.0.1", 0, "db", 80}));
    EXPECT_EQ(forward_of("10.0.0.1:1:db:80"), (forward{"10.0.0.1", 1, "db", 80}));
    EXPECT_EQ(forward_of("localhost:1:db:80"), (forward{"127.0.0.1", 1, "db", 80}));
    EXPECT_EQ(forward_of("[::1]:1:[fe80::1]:80"), (forward{"::1", 1, "fe80::1", 80}));
    for (const char* text : {"", "80", "80:db", "80:db:", "80:db:0", "80:db:99999", "x:db:80",
                             "80::80", "[::1:1:db:80", "[::1]1:db:80", "1:2:3:4:5", ":80:db:80"})
        EXPECT_FALSE(forward_of(text)) << text;
}

}  // namespace
}  // namespace sluice
