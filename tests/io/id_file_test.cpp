#include "sluice/io/id_file.hpp"

#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(IdFile, GivesTheFirstNameOfEachNumber) {
    const auto names = parse_id_file(
        "root:x:0:0:root:/root:/bin/sh\n"
        "ada::1000:1000::/:\n"
        "toor:x:0:0::/:\n"
        "group:x:7\n"
        "last:x:4294967295:");
    EXPECT_EQ(names, (id_table{{0, "root"}, {1000, "ada"}, {7, "group"}, {4294967295, "last"}}));
}

TEST(IdFile, WhatIsNotPlainIsLeftOut) {
    for (const std::string line : {"",
                                   ":",
                                   "::",
                                   ":::",
                                   "a",
                                   "a:x",
                                   "a:x:",
                                   ":x:1:",
                                   "a b:x:1:",
                                   "a\tb:x:1:",
                                   "a\x1b[2J:x:1:",
                                   "\xc3\xa4:x:1:",
                                   "a\x7f:x:1:",
                                   "+:x:1:",
                                   "-a:x:1:",
                                   "#a:x:1:",
                                   "a:x:-1:",
                                   "a:x:+1:",
                                   "a:x: 1:",
                                   "a:x:1 :",
                                   "a:x:0x1:",
                                   "a:x:4294967296:",
                                   "a:x:99999999999999999999:",
                                   "a:x:one:"}) {
        SCOPED_TRACE(line);
        EXPECT_EQ(parse_id_file(line), id_table());
        EXPECT_EQ(parse_id_file(line + "\nb:x:2:\n" + line), (id_table{{2, "b"}}));
    }
    EXPECT_EQ(parse_id_file(std::string("a\0b:x:1:\nc:x:2", 14)), (id_table{{2, "c"}}));
    const std::string longest(limits::user_name_length_max, 'a');
    EXPECT_EQ(parse_id_file(longest + ":x:1:"), (id_table{{1, longest}}));
    EXPECT_EQ(parse_id_file(longest + "a:x:1:"), id_table());
}

TEST(IdFile, NamesAreCapped) {
    std::string text;
    for (std::size_t i = 0; i < limits::id_file_names_max + 10; ++i)
        text += "u" + std::to_string(i) + ":x:" + std::to_string(i) + ":\n";
    EXPECT_EQ(parse_id_file(text).size(), limits::id_file_names_max);
}

}  // namespace
}  // namespace sluice
