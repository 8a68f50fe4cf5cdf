// What settings say of sources: text to values, and to what the library is told.

#include "sluice/tools/sluiced_sources.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using std::chrono::seconds;

boost::system::result<sluiced_settings, config_error> parse(const std::string& text) {
    return read_sluiced_settings({{"sluiced.conf", text}}, sluiced_algorithms());
}

sluiced_config good(const std::string& text) {
    const auto r = parse(text);
    EXPECT_TRUE(r) << r.error().message();
    return r ? r->base : sluiced_config();
}

std::string wrong(const std::string& text) {
    const auto r = parse(text);
    return r ? "no error" : r.error().message();
}

TEST(SluicedSources, PenaltiesAreOnByDefaultAsInOpenSsh) {
    const auto options = source_options_from(good(""));
    EXPECT_FALSE(options.startups_max);
    EXPECT_EQ(options.block_bits_v4, 32u);
    EXPECT_EQ(options.block_bits_v6, 128u);
    ASSERT_TRUE(options.penalties);
    EXPECT_EQ(options.penalties->auth_fail, seconds(5));
    EXPECT_EQ(options.penalties->no_auth, seconds(1));
    EXPECT_EQ(options.penalties->grace_exceeded, seconds(10));
    EXPECT_EQ(options.penalties->cpu, 10u);
    EXPECT_EQ(options.penalties->max, seconds(600));
    EXPECT_EQ(options.penalties->min, seconds(15));
    EXPECT_EQ(options.penalties->sources_max_v4, 65'536u);
    EXPECT_EQ(options.penalties->sources_max_v6, 65'536u);
    EXPECT_EQ(options.penalties->overflow_v4, source_overflow::permissive);
    EXPECT_FALSE(options.exempt.allows("127.0.0.1"));
    EXPECT_FALSE(source_options().penalties) << "a program says what it wants";
}

TEST(SluicedSources, WhatIsSetIsTold) {
    const auto options = source_options_from(
        good("PerSourceMaxStartups 3\nPerSourceNetBlockSize 24:56\n"
             "PerSourcePenalties authfail:1m noauth:2 grace-exceeded:3 cpu:4 max:1h min:30\n"
             "PerSourcePenalties max-sources4:7 max-sources6:8 overflow:deny-all crash:1d\n"
             "PerSourcePenaltyExemptList 10.0.0.0/8,::1\n"));
    EXPECT_EQ(options.startups_max, 3u);
    EXPECT_EQ(options.block_bits_v4, 24u);
    EXPECT_EQ(options.block_bits_v6, 56u);
    ASSERT_TRUE(options.penalties);
    EXPECT_EQ(options.penalties->auth_fail, seconds(60));
    EXPECT_EQ(options.penalties->no_auth, seconds(2));
    EXPECT_EQ(options.penalties->grace_exceeded, seconds(3));
    EXPECT_EQ(options.penalties->cpu, 4u);
    EXPECT_EQ(options.penalties->max, seconds(3600));
    EXPECT_EQ(options.penalties->min, seconds(30));
    EXPECT_EQ(options.penalties->sources_max_v4, 7u);
    EXPECT_EQ(options.penalties->sources_max_v6, 8u);
    EXPECT_EQ(options.penalties->overflow_v4, source_overflow::deny_all);
    EXPECT_EQ(options.penalties->overflow_v6, source_overflow::deny_all) << "as the other";
    EXPECT_TRUE(options.exempt.allows("10.1.2.3"));
    EXPECT_TRUE(options.exempt.allows("::1"));
    EXPECT_FALSE(options.exempt.allows("11.1.2.3"));
}

TEST(SluicedSources, TheFirstValueOfANameCounts) {
    const auto c = good(
        "PerSourcePenalties authfail:7\nPerSourcePenalties authfail:8 noauth:9\n"
        "PerSourcePenalties yes\nPerSourcePenalties no\n");
    EXPECT_EQ(c.per_source_penalties.auth_fail, seconds(7));
    EXPECT_EQ(c.per_source_penalties.no_auth, seconds(9));
    EXPECT_TRUE(c.per_source_penalties.on);
    EXPECT_FALSE(source_options_from(good("PerSourcePenalties no")).penalties);
    EXPECT_FALSE(good("PerSourceMaxStartups none").per_source_max_startups);
    EXPECT_EQ(good("PerSourceNetBlockSize 8").per_source_net_block, (net_block_size{8, 128}));
}

TEST(SluicedSources, WhatIsWrongStopsTheStart) {
    struct {
        std::string text;
        std::string want;  // behind the file, the line and the keyword
    } cases[] = {
        {"PerSourcePenalties", "a value is missing"},
        {"PerSourcePenalties \"\"", "expected yes, no, or words such as authfail:5s, not ''"},
        {"PerSourcePenalties maybe", "expected yes, no, or words such as authfail:5s, not 'maybe'"},
        {"PerSourcePenalties authfail",
         "expected yes, no, or words such as authfail:5s, not 'authfail'"},
        {"PerSourcePenalties speed:5s",
         "expected yes, no, or words such as authfail:5s, not 'speed:5s'"},
        {"PerSourcePenalties authfail:",
         "'authfail': expected a time such as 120, 2m or 1h30m, not ''"},
        {"PerSourcePenalties authfail:-1",
         "'authfail': expected a time such as 120, 2m or 1h30m, not '-1'"},
        {"PerSourcePenalties max:99999999999",
         "'max': expected a time such as 120, 2m or 1h30m, not '99999999999'"},
        {"PerSourcePenalties cpu:1001", "'cpu': expected a number from 0 to 1000, not '1001'"},
        {"PerSourcePenalties cpu:-1", "'cpu': expected a number from 0 to 1000, not '-1'"},
        {"PerSourcePenalties max-sources4:0",
         "'max-sources4': expected a number from 1 to 1048576, not '0'"},
        {"PerSourcePenalties max-sources6:18446744073709551616",
         "'max-sources6': expected a number from 1 to 1048576, not '18446744073709551616'"},
        {"PerSourcePenalties overflow:never",
         "'overflow': expected permissive or deny-all, not 'never'"},
        {"PerSourcePenalties noauth:1 noauth:2", "'noauth' is there twice"},
        {"PerSourcePenalties no authfail:1", "'no' stands alone"},
        {"PerSourcePenalties max:10 min:20", "with max below min, nothing is ever refused"},
        {std::string("PerSourcePenalties authfail:\0", 29), "a NUL byte"},
        {"PerSourceMaxStartups -1", "expected a number from 1 to 2147483647, not '-1'"},
        {"PerSourceMaxStartups 4294967297",
         "expected a number from 1 to 2147483647, not '4294967297'"},
        {"PerSourceNetBlockSize 33",
         "expected bits of IPv4, up to 32, and perhaps :bits of IPv6, up to 128, not '33'"},
        {"PerSourceNetBlockSize 32:129",
         "expected bits of IPv4, up to 32, and perhaps :bits of IPv6, up to 128, not '32:129'"},
        {"PerSourceNetBlockSize :64",
         "expected bits of IPv4, up to 32, and perhaps :bits of IPv6, up to 128, not ':64'"},
        {"PerSourcePenaltyExemptList \"\"",
         "expected addresses, wildcards and address/bits with commas between them, not ''"},
        {"PerSourcePenaltyExemptList localhost",
         "expected addresses, wildcards and address/bits with commas between them, not "
         "'localhost'"},
        {"PerSourcePenaltyExemptList 10.0.0.1/8",
         "expected addresses, wildcards and address/bits with commas between them, not "
         "'10.0.0.1/8'"},
        {"PerSourcePenaltyExemptList ::1,",
         "expected addresses, wildcards and address/bits with commas between them, not '::1,'"},
    };
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        const std::string keyword = k.text.substr(0, k.text.find(' '));
        EXPECT_EQ(wrong(k.text), "sluiced.conf:1: " + keyword + ": " + k.want);
    }
    EXPECT_EQ(wrong("Match User a\nPerSourcePenalties no"),
              "sluiced.conf:2: PerSourcePenalties: may not stand in a Match block");
}

}  // namespace
}  // namespace sluice
