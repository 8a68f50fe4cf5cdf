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

TEST(SluiceForward, IsReadFromSettings) {
    ssh_config c;
    c.gateway_ports = false;
    c.local_forward = {{{{}, 1, {}}, ssh_forward_end{"a", 80, {}}},
                       {{"*", 2, {}}, ssh_forward_end{"b", 80, {}}},
                       {{"", 3, {}}, ssh_forward_end{"c", 80, {}}},
                       {{"localhost", 4, {}}, ssh_forward_end{"d", 80, {}}},
                       {{"::1", 5, {}}, ssh_forward_end{"e", 80, {}}},
                       {{{}, 0, "/s"}, ssh_forward_end{"f", 80, {}}},
                       {{{}, 6, {}}, ssh_forward_end{{}, 0, "/t"}}};
    std::vector<std::string> faults;
    EXPECT_EQ(local_forwards_of(c, faults), (std::vector<forward>{{"127.0.0.1", 1, "a", 80},
                                                                  {"0.0.0.0", 2, "b", 80},
                                                                  {"0.0.0.0", 3, "c", 80},
                                                                  {"127.0.0.1", 4, "d", 80},
                                                                  {"::1", 5, "e", 80}}));
    EXPECT_EQ(faults.size(), 2u);
    c.gateway_ports = true;
    EXPECT_EQ(local_forwards_of(c, faults).front().bind, "0.0.0.0");
}

}  // namespace
}  // namespace sluice
