#include "sluice/crypto/bcrypt_pbkdf.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

using test::from_hex;
using test::to_hex;

TEST(BcryptPbkdf, PublishedVectors) {
    const auto file = test::shared_vectors("keys/bcrypt-pbkdf.json");
    if (!file) return;
    int checked = 0;
    for (const auto& t : (*file)["tests"]) {
        const bytes password = from_hex(t["password_hex"].get<std::string>());
        const bytes salt = from_hex(t["salt_hex"].get<std::string>());
        const std::string want = t["output"].get<std::string>();
        bytes key(want.size() / 2);
        bcrypt_pbkdf(as_text(password), salt, t["rounds"].get<std::uint32_t>(), key);
        EXPECT_EQ(to_hex(key), want);
        ++checked;
    }
    EXPECT_GE(checked, 3);
}

TEST(BcryptPbkdf, EveryInputMatters) {
    const auto derive = [](std::string_view passphrase, std::string_view salt, std::uint32_t rounds,
                           std::size_t size) {
        bytes key(size);
        bcrypt_pbkdf(passphrase, as_bytes(salt), rounds, key);
        return to_hex(key);
    };
    const std::string base = derive("passphrase", "salt", 2, 48);
    EXPECT_EQ(derive("passphrase", "salt", 2, 48), base);
    EXPECT_NE(derive("Passphrase", "salt", 2, 48), base);
    EXPECT_NE(derive("passphrase", "Salt", 2, 48), base);
    EXPECT_NE(derive("passphrase", "salt", 1, 48), base);
    // Interleaved: not even a shorter key is a prefix of a longer one.
    EXPECT_NE(derive("passphrase", "salt", 2, 32), base.substr(0, 64));
}

}  // namespace
}  // namespace sluice::crypto
