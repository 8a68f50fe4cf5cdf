#include "sluice/crypto/shielded_key.hpp"

#include "sluice/crypto/key_file.hpp"
#include "sluice/tests/support/seeded_random.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace sluice::crypto {
namespace {

const bytes data = to_bytes(as_bytes("what is signed"));

TEST(ShieldedKey, SignsAsTheKeyItself) {
    test::seeded_random random(1);
    const struct {
        std::string_view type;
        std::string_view algorithm;
    } cases[] = {{"ssh-ed25519", "ssh-ed25519"},
                 {"ssh-ed448", "ssh-ed448"},
                 {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
                 {"ssh-rsa", "rsa-sha2-512"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.type);
        const auto key = private_key::generate(c.type).value();
        const auto shield = shielded(key, random).value();
        EXPECT_EQ(shield.public_half(), key.public_half());
        for (int times = 0; times < 2; ++times) {
            const auto signature = shield.sign(c.algorithm, data);
            ASSERT_TRUE(signature);
            EXPECT_TRUE(key.public_half().verify(c.algorithm, data, *signature));
        }
        EXPECT_EQ(shield.sign("ssh-dss", data).error(), errc::unknown_key_type);
        const auto again = shielded(shield, random).value();
        EXPECT_TRUE(
            key.public_half().verify(c.algorithm, data, again.sign(c.algorithm, data).value()));
        const auto text = write_private_key(shield, {}, random).value();
        EXPECT_EQ(read_private_key(text).value().key.public_half(), key.public_half());
        EXPECT_EQ(write_pkcs8(shield, {}, random).error(), errc::bad_value);
    }
}

}  // namespace
}  // namespace sluice::crypto
