// Which curve or group each method runs in: two ends of ours would agree in a wrong one too.

#include "sluice/crypto/agreement.hpp"
#include "sluice/crypto/dh_groups.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/transport/kex.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string_view>

namespace sluice {
namespace {

using crypto::curve;
using maker = std::function<std::unique_ptr<crypto::agreement>(crypto::random_source&)>;

maker on(curve which) {
    return [which](crypto::random_source& random) { return crypto::make_agreement(which, random); };
}

maker in(const crypto::dh_group& group) {
    return
        [&group](crypto::random_source& random) { return crypto::make_agreement(group, random); };
}

TEST(KexMethods, RunInTheCurveOrGroupOfTheirName) {
    const std::map<std::string_view, maker> wanted{
        {"curve25519-sha256", on(curve::x25519)},
        {"curve25519-sha256@libssh.org", on(curve::x25519)},
        {"curve448-sha512", on(curve::x448)},
        {"ecdh-sha2-nistp256", on(curve::nistp256)},
        {"ecdh-sha2-nistp384", on(curve::nistp384)},
        {"ecdh-sha2-nistp521", on(curve::nistp521)},
        {"diffie-hellman-group14-sha256", in(crypto::modp_group14())},
        {"diffie-hellman-group15-sha512", in(crypto::modp_group15())},
        {"diffie-hellman-group16-sha512", in(crypto::modp_group16())},
        {"diffie-hellman-group17-sha512", in(crypto::modp_group17())},
        {"diffie-hellman-group18-sha512", in(crypto::modp_group18())},
    };
    std::size_t seen = 0;
    for (const auto& method : kex_methods()) {
        SCOPED_TRACE(method.name);
        const auto found = wanted.find(method.name);
        EXPECT_EQ(method.agree != nullptr, found != wanted.end());
        if (method.agree == nullptr || found == wanted.end()) continue;
        ++seen;
        // The same private value gives the same public one in the same group only.
        test::seeded_random one;
        test::seeded_random other;
        const auto ours = method.agree(one);
        const auto right = found->second(other);
        EXPECT_EQ(to_bytes(ours->public_value()), to_bytes(right->public_value()));
    }
    EXPECT_EQ(seen, wanted.size());
}

}  // namespace
}  // namespace sluice
