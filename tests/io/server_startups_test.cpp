// MaxStartups: how many connections may be without a login, by count and by random early drop.

#include "sluice/tests/support/ssh_client.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace sluice {
namespace {

using test::served;
using test::ssh_client;

// Draws that a test chooses for the server's own two bytes; whatever keys need is the seed's.
class chosen_draws final : public crypto::random_source {
public:
    void fill(mutable_bytes_view out) override {
        if (out.size() != 2) return rest_.fill(out);
        out[0] = 0;
        out[1] = percent;
        ++draws;
    }
    std::uint8_t percent = 0;
    std::size_t draws = 0;

private:
    test::seeded_random rest_;
};

struct startups {
    explicit startups(startup_limits limits) {
        s.options.startups = limits;
        s.options.protocol.transport.random = &random;
        s.start();
    }
    // Whether the server serves one more, which then waits for a login.
    bool serves() {
        auto client = ssh_client::connect(s);
        if (!client->exchange_keys()) return false;
        waiting.push_back(std::move(client));
        return true;
    }
    chosen_draws random;
    served s;
    std::vector<std::shared_ptr<ssh_client>> waiting;
};

TEST(Startups, BelowTheFirstNumberNothingIsDrawn) {
    startups some({3, 100, 10});
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(some.serves());
    EXPECT_EQ(some.random.draws, 0u);
    EXPECT_FALSE(some.serves());
    EXPECT_EQ(some.random.draws, 1u);
    EXPECT_EQ(some.s.last("refused", "reason"), "too many connections");
}

// From `begin` on with `rate_percent`, rising to all at `full`, as in OpenSSH: of 2:30:6, 30, 47,
// 65 and 82 per cent.
TEST(Startups, TheChanceOfARefusalRisesFromBeginToFull) {
    startups some({2, 30, 6});
    EXPECT_TRUE(some.serves());
    EXPECT_TRUE(some.serves());
    for (const int refused : {30, 47, 65, 82}) {
        SCOPED_TRACE(refused);
        some.random.percent = static_cast<std::uint8_t>(refused - 1);
        EXPECT_FALSE(some.serves());
        some.random.percent = static_cast<std::uint8_t>(refused);
        EXPECT_TRUE(some.serves());
    }
    const auto draws = some.random.draws;
    some.random.percent = 99;
    EXPECT_FALSE(some.serves()) << "six wait";
    EXPECT_EQ(some.random.draws, draws) << "no draw lets in more";
}

TEST(Startups, OneNumberIsAHardLimit) {
    startups some({2, 100, 2});
    some.random.percent = 99;
    EXPECT_TRUE(some.serves());
    EXPECT_TRUE(some.serves());
    EXPECT_FALSE(some.serves());
    some.waiting.back()->close();
    some.waiting.pop_back();
    EXPECT_TRUE(some.s.until([&] { return some.s.connections() == 1; }));
    EXPECT_TRUE(some.serves()) << "who has left counts no more";
    EXPECT_TRUE(some.waiting.front()->log_in());
    EXPECT_TRUE(some.serves()) << "nor who has logged in";
    EXPECT_FALSE(some.serves());
}

}  // namespace
}  // namespace sluice
