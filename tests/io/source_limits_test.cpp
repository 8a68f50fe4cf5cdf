// Sources that are refused, in virtual time.

#include "sluice/io/source_limits.hpp"

#include "sluice/io/cpu_meter.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using verdict = source_limits::verdict;

constexpr auto ada = "192.0.2.1";
constexpr auto eve = "192.0.2.2";

class sources {
public:
    explicit sources(source_options options = with_penalties()) : limits(std::move(options)) {}

    static source_options with_penalties() {
        source_options options;
        options.penalties = source_penalties();
        return options;
    }
    auto fail(std::string_view address, source_fault how = source_fault::auth_fail) {
        return limits.penalise(address, how, {}, now);
    }
    verdict check(std::string_view address) { return limits.check(address, now); }

    source_limits limits;
    time_point now{1h};
};

TEST(SourceLimits, PenaltiesAddUpAndCountFromTheLeastOn) {
    sources s;
    EXPECT_FALSE(s.fail(ada));
    EXPECT_FALSE(s.fail(ada));
    EXPECT_EQ(s.check(ada), verdict::admitted) << "10 seconds";
    const auto refused = s.fail(ada);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->source, ada);
    EXPECT_EQ(refused->time, 15s);
    EXPECT_EQ(s.check(ada), verdict::penalised);
    EXPECT_EQ(s.check(eve), verdict::admitted);
    EXPECT_FALSE(s.fail(ada)) << "it is said once";
    EXPECT_EQ(s.limits.refused(), 1u);
}

TEST(SourceLimits, PenaltiesPass) {
    sources s;
    for (int i = 0; i < 3; ++i)
        s.fail(ada);
    s.now += 15s - 1ns;
    EXPECT_EQ(s.check(ada), verdict::penalised);
    EXPECT_TRUE(s.limits.take_releases().empty());
    s.now += 1ns;
    EXPECT_EQ(s.check(ada), verdict::admitted);
    const auto over = s.limits.take_releases();
    ASSERT_EQ(over.size(), 1u);
    EXPECT_EQ(over[0].source, ada);
    EXPECT_EQ(over[0].refused, 1u);
    EXPECT_EQ(s.limits.sources(), 0u);
    // What a source does slowly never adds up.
    for (int i = 0; i < 100; ++i, s.now += 5s)
        EXPECT_FALSE(s.fail(ada));
}

TEST(SourceLimits, PenaltiesHaveAMost) {
    sources s;
    for (int i = 0; i < 1000; ++i)
        s.fail(ada);
    s.now += 10min - 1ns;
    EXPECT_EQ(s.check(ada), verdict::penalised);
    s.now += 1ns;
    EXPECT_EQ(s.check(ada), verdict::admitted);
}

TEST(SourceLimits, EachFaultHasItsPenalty) {
    struct {
        source_fault how;
        int times;  // to 15 seconds
    } cases[] = {{source_fault::no_auth, 15},
                 {source_fault::auth_fail, 3},
                 {source_fault::grace_exceeded, 2}};
    for (const auto& k : cases) {
        sources s;
        for (int i = 1; i < k.times; ++i)
            EXPECT_FALSE(s.fail(ada, k.how));
        EXPECT_TRUE(s.fail(ada, k.how)) << k.times;
    }
}

TEST(SourceLimits, UseOfAProcessorIsCharged) {
    sources s;
    EXPECT_FALSE(s.limits.penalise(ada, {}, 1499ms, s.now));
    const auto refused = s.limits.penalise(ada, source_fault::no_auth, 1ms, s.now);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->time, 16s);
    // Without end, and nothing overflows.
    s.limits.penalise(eve, {}, std::chrono::nanoseconds::max(), s.now);
    EXPECT_EQ(s.check(eve), verdict::penalised);
    s.now += 10min;
    EXPECT_EQ(s.check(eve), verdict::admitted);

    auto options = sources::with_penalties();
    options.penalties->cpu = 0;
    sources free(options);
    EXPECT_FALSE(free.limits.penalise(ada, {}, 1h, free.now));
    EXPECT_EQ(free.limits.sources(), 0u);
}

TEST(SourceLimits, ExemptSourcesAndThoseOfNoAddressHaveNone) {
    auto options = sources::with_penalties();
    options.exempt = address_patterns::parse("127.0.0.0/8,::1").value();
    sources s(std::move(options));
    for (int i = 0; i < 100; ++i)
        for (const char* from : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "memory", ""})
            EXPECT_FALSE(s.fail(from));
    for (const char* from : {"127.0.0.1", "::1", "memory", ""})
        EXPECT_EQ(s.check(from), verdict::admitted);
    EXPECT_EQ(s.limits.sources(), 0u);
}

TEST(SourceLimits, NothingIsRefusedWhereNothingIsSet) {
    sources s{source_options()};
    for (int i = 0; i < 1000; ++i)
        EXPECT_FALSE(s.fail(ada));
    EXPECT_EQ(s.check(ada), verdict::admitted);
    EXPECT_EQ(s.limits.sources(), 0u);
}

TEST(SourceLimits, ASourceIsABlock) {
    auto options = sources::with_penalties();
    options.block_bits_v4 = 25;
    options.block_bits_v6 = 57;
    sources s(std::move(options));
    s.fail("192.0.2.1");
    s.fail("192.0.2.127");
    EXPECT_EQ(s.fail("::ffff:192.0.2.3")->source, "192.0.2.0/25");
    EXPECT_EQ(s.check("192.0.2.99"), verdict::penalised);
    EXPECT_EQ(s.check("192.0.2.128"), verdict::admitted);
    s.fail("2001:db8::1");
    s.fail("2001:db8::2");
    EXPECT_EQ(s.fail("2001:db8:0:7f::1")->source, "2001:db8::/57");
    EXPECT_EQ(s.check("2001:db8:0:1::"), verdict::penalised);
    EXPECT_EQ(s.check("2001:db8:0:80::"), verdict::admitted);

    auto one = sources::with_penalties();
    one.block_bits_v4 = 0;
    sources all(std::move(one));
    all.fail("1.1.1.1");
    all.fail("255.1.1.1");
    EXPECT_EQ(all.fail("9.9.9.9")->source, "0.0.0.0/0");
    EXPECT_EQ(all.check("::1"), verdict::admitted) << "families are apart";
}

std::string nth(std::size_t i) {
    return "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
           std::to_string(i & 255);
}

TEST(SourceLimits, TheTableIsBounded) {
    sources s;
    for (std::size_t i = 0; i < 100'000; ++i)
        for (int times = 0; times < 3; ++times)
            s.fail(nth(i));
    EXPECT_EQ(s.limits.sources(), 65'536u);
    EXPECT_EQ(s.check(nth(99'999)), verdict::penalised);
    EXPECT_EQ(s.limits.take_releases().size(), 100'000u - 65'536u);
    s.now += 15s;
    s.check(ada);
    EXPECT_EQ(s.limits.sources(), 0u);
}

TEST(SourceLimits, PermissiveForgetsWhoIsFreeFirst) {
    auto options = sources::with_penalties();
    options.penalties->sources_max_v4 = 2;
    sources s(std::move(options));
    for (int i = 0; i < 4; ++i)
        s.fail(ada);
    for (int i = 0; i < 3; ++i)
        s.fail(eve);
    for (int i = 0; i < 3; ++i)
        s.fail("192.0.2.3");
    EXPECT_EQ(s.check(ada), verdict::penalised);
    EXPECT_EQ(s.check(eve), verdict::admitted);
    EXPECT_EQ(s.check("192.0.2.3"), verdict::penalised);
    EXPECT_EQ(s.limits.sources(), 2u);
}

TEST(SourceLimits, DenyAllServesOnlyWhoIsExemptWhileItIsFull) {
    auto options = sources::with_penalties();
    options.penalties->sources_max_v4 = 2;
    options.penalties->overflow_v4 = source_overflow::deny_all;
    options.exempt = address_patterns::parse("10.0.0.0/8").value();
    sources s(std::move(options));
    s.fail(ada);
    EXPECT_EQ(s.check(eve), verdict::admitted);
    s.fail(eve);
    EXPECT_EQ(s.check("192.0.2.3"), verdict::table_full);
    EXPECT_EQ(s.check("10.1.1.1"), verdict::admitted);
    EXPECT_EQ(s.check("2001:db8::1"), verdict::admitted) << "families are apart";
    EXPECT_FALSE(s.fail("192.0.2.3"));
    EXPECT_EQ(s.limits.sources(), 2u);
    s.now += 5s;
    EXPECT_EQ(s.check("192.0.2.3"), verdict::admitted);
}

TEST(SourceLimits, ConnectionsWithoutALoginAreCounted) {
    source_options options;
    options.startups_max = 2;
    options.block_bits_v4 = 24;
    sources s(std::move(options));
    s.limits.startup_begun(ada);
    EXPECT_EQ(s.check(ada), verdict::admitted);
    s.limits.startup_begun(eve);
    EXPECT_EQ(s.check(ada), verdict::too_many_startups);
    EXPECT_EQ(s.check("192.0.3.1"), verdict::admitted);
    s.limits.startup_ended(eve);
    EXPECT_EQ(s.check(ada), verdict::admitted);
    s.limits.startup_ended(ada);
    s.limits.startup_ended(ada);  // one too many does no harm
    EXPECT_EQ(s.check(ada), verdict::admitted);
}

TEST(CpuMeter, CountsWhatItsThreadDoesInsideOfSpans) {
    cpu_meter meter;
    const auto work = [] {
        const auto begun = thread_cpu_time();
        while (thread_cpu_time() - begun < 1ms) {
        }
    };
    {
        const cpu_meter::span off(meter);
        work();
    }
    EXPECT_EQ(meter.spent(), 0ns);
    meter.start();
    {
        const cpu_meter::span outer(meter);
        const cpu_meter::span inner(meter);
        work();
    }
    EXPECT_GE(meter.spent(), 1ms);
    const auto before = meter.spent();
    work();
    EXPECT_EQ(meter.spent(), before);
    meter.add(5ms);
    EXPECT_EQ(meter.spent(), before + 5ms);
}

// A thread that is put aside for a while, by others on its processor, has not used that time.
TEST(CpuMeter, DoesNotCountTheTimeThatAThreadWaits) {
    cpu_meter meter;
    meter.start();
    std::chrono::nanoseconds used{};
    std::thread([&] {
        {
            const cpu_meter::span first(meter);
            std::this_thread::sleep_for(20ms);
        }
        {
            const cpu_meter::span second(meter);
            std::this_thread::sleep_for(20ms);
        }
        used = thread_cpu_time();
    }).join();
    EXPECT_LE(meter.spent(), used);
}

TEST(CpuMeter, CountsShortSpans) {
    cpu_meter meter;
    meter.start();
    std::chrono::nanoseconds used{};
    for (int i = 0; i < 100; ++i) {
        const cpu_meter::span one(meter);
        const auto inside = thread_cpu_time();
        while (thread_cpu_time() - inside < 10us) {
        }
        used += thread_cpu_time() - inside;
    }
    EXPECT_GE(meter.spent(), used);
}

}  // namespace
}  // namespace sluice
