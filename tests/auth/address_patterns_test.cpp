#include "sluice/auth/address_patterns.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(Patterns, StarsAndQuestionMarks) {
    struct {
        const char* pattern;
        const char* text;
        bool want;
    } cases[] = {{"", "", true},
                 {"*", "", true},
                 {"**", "x", true},
                 {"?", "", false},
                 {"?", "x", true},
                 {"a*b", "ab", true},
                 {"a*b", "axxb", true},
                 {"a*b", "axxc", false},
                 {"*ab*ab*", "abab", true},
                 {"*ab*ab*", "aba", false},
                 {"a", "ab", false},
                 {"ab", "a", false},
                 {"*?x", "yx", true},
                 {"*?x", "x", false}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.pattern);
        EXPECT_EQ(matches_wildcards(k.text, k.pattern), k.want) << k.text;
    }
    // No exponential walk.
    std::string stars;
    for (int i = 0; i < 1000; ++i)
        stars += "*a";
    EXPECT_FALSE(matches_wildcards(std::string(5000, 'a'), stars + "b"));
}

}  // namespace
}  // namespace sluice
