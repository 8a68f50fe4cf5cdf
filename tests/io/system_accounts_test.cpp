#include "sluice/io/system_accounts.hpp"

#include "sluice/io/percent_tokens.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <string>

namespace sluice {
namespace {

TEST(SystemAccounts, AreFoundByNameAndNumber) {
    const auto root = account_named("root");
    ASSERT_TRUE(root && *root);
    EXPECT_EQ((*root)->name, "root");
    EXPECT_EQ((*root)->uid, 0U);
    EXPECT_TRUE((*root)->home.starts_with('/'));
    const auto same = account_numbered(0);
    ASSERT_TRUE(same && *same);
    EXPECT_EQ((*same)->name, "root");
    EXPECT_EQ(group_named("root").value(), std::optional<gid_t>(0));
}

TEST(SystemAccounts, WhatIsNoneIsNoError) {
    using namespace std::literals;
    for (const auto& name : {"no such account here"s, ""s, "root\0"s, "root\0x"s, "root\n"s,
                             std::string(100'000, 'a')}) {
        EXPECT_EQ(account_named(name).value().has_value(), false);
        EXPECT_EQ(group_named(name).value(), std::nullopt);
    }
    EXPECT_FALSE(account_numbered(3'999'999'999).value());
}

TEST(SystemAccounts, HaveGroups) {
    const auto root = account_named("root").value().value();
    const auto groups = groups_of(root).value();
    ASSERT_FALSE(groups.empty());
    EXPECT_EQ(groups.front(), "root");
    const system_account stranger{"no such account here", 3'999'999'999, 3'999'999'999};
    EXPECT_EQ(groups_of(stranger).value(), std::vector<std::string>()) << "no number has a name";
}

TEST(SystemAccounts, HomesAreThoseOfTheirAccounts) {
    const auto homes = all_homes();
    EXPECT_TRUE(std::ranges::is_sorted(homes));
    for (const auto& home : homes)
        EXPECT_TRUE(home.size() > 1 && home.starts_with('/')) << home;
    for (const char* of_the_system : {"/", "/bin", "/usr/sbin", "/dev"})
        EXPECT_EQ(std::ranges::count(homes, of_the_system), 0);
}

TEST(PercentTokens, AreReplacedOnce) {
    const auto values = [](char letter) -> std::optional<std::string> {
        if (letter == 'u') return "%h";
        if (letter == 'e') return "";
        return std::nullopt;
    };
    EXPECT_EQ(replace_tokens("", values), "");
    EXPECT_EQ(replace_tokens("a%ub", values), "a%hb") << "not looked through again";
    EXPECT_EQ(replace_tokens("%u%e%u", values), "%h%h");
    EXPECT_EQ(replace_tokens("%%u%%", values), "%u%");
    for (const char* bad : {"%", "a%", "%%%", "%x", "%U", "% u"})
        EXPECT_EQ(replace_tokens(bad, values), std::nullopt) << bad;
    EXPECT_EQ(replace_tokens(std::string("%\0", 2), values), std::nullopt);
}

TEST(PercentTokens, AnUnknownOneIsNamed) {
    EXPECT_EQ(unknown_token("%u/%%/%h", "uh"), "");
    EXPECT_EQ(unknown_token("%u/%x/%y", "uh"), "%x");
    EXPECT_EQ(unknown_token("100%", "uh"), "%");
    EXPECT_EQ(unknown_token("%", "%"), "%");
}

}  // namespace
}  // namespace sluice
