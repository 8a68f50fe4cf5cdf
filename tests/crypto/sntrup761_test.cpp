#include "sluice/crypto/sntrup761.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

using nlohmann::json;
using test::from_hex;
using test::to_hex;

bytes hex(const json& value) { return from_hex(value.get<std::string>()); }

std::string hex_of(const result<secret_bytes>& r) { return r ? to_hex(*r) : r.error().message(); }

// The generator that known answers are made with: CTR_DRBG with AES-256 and no derivation function
// (NIST SP 800-90A §10.2.1). The submission draws words one by one, so a draw of ours that is
// words is given to it in fours.
class known_answer_random final : public random_source {
public:
    explicit known_answer_random(const bytes& seed) { update(seed); }

    void fill(mutable_bytes_view out) override {
        const std::size_t each = out.size() == 4 * 761 ? 4 : out.size();
        for (; !out.empty(); out = out.subspan(each))
            draw(out.first(each));
    }

private:
    using block = std::array<std::uint8_t, 16>;

    void draw(mutable_bytes_view out) {
        while (!out.empty()) {
            const block next = next_block();
            const std::size_t n = std::min(out.size(), next.size());
            std::copy_n(next.begin(), n, out.begin());
            out = out.subspan(n);
        }
        update(bytes(48));
    }

    block next_block() {
        for (std::size_t i = counter_.size(); i-- > 0;)
            if (++counter_[i] != 0) break;
        block out{};
        int size = 0;
        EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(context, EVP_aes_256_ecb(), nullptr, key_.data(), nullptr);
        EVP_EncryptUpdate(context, out.data(), &size, counter_.data(), 16);
        EVP_CIPHER_CTX_free(context);
        EXPECT_EQ(size, 16);
        return out;
    }

    void update(const bytes& provided) {
        bytes next;
        for (int i = 0; i < 3; ++i)
            std::ranges::copy(next_block(), std::back_inserter(next));
        for (std::size_t i = 0; i < next.size(); ++i)
            next[i] ^= provided.at(i);
        std::copy_n(next.begin(), 32, key_.begin());
        std::copy_n(next.begin() + 32, 16, counter_.begin());
    }

    std::array<std::uint8_t, 32> key_{};
    block counter_{};
};

TEST(Sntrup761, KnownAnswers) {
    const auto file = test::shared_vectors("pq/sntrup761-kat.json");
    if (!file) return;
    int implicit = 0;
    for (const auto& t : (*file)["tests"]) {
        SCOPED_TRACE(t["count"].get<int>());
        known_answer_random random(hex(t["seed"]));
        const kem_keys keys = sntrup761_generate(random);
        EXPECT_EQ(to_hex(keys.encapsulation_key), t["pk"].get<std::string>());
        EXPECT_EQ(to_hex(keys.decapsulation_key), t["sk"].get<std::string>());
        const auto made = sntrup761_encapsulate(hex(t["pk"]), random);
        ASSERT_TRUE(made);
        EXPECT_EQ(to_hex(made->ciphertext), t["ct"].get<std::string>());
        EXPECT_EQ(to_hex(made->shared_secret), t["ss"].get<std::string>());
        EXPECT_EQ(hex_of(sntrup761_decapsulate(hex(t["sk"]), hex(t["ct"]))),
                  t["ss"].get<std::string>());

        // Ciphertexts that were changed as the file says.
        bytes early = hex(t["ct"]);
        early[5] ^= 0x01;
        bytes late = hex(t["ct"]);
        late.back() ^= 0x80;
        for (const auto& [name, ciphertext] :
             {std::pair("implicit_rejection", early), std::pair("implicit_rejection_2", late)}) {
            if (!t.contains(name)) continue;
            ++implicit;
            EXPECT_EQ(hex_of(sntrup761_decapsulate(hex(t["sk"]), ciphertext)),
                      t[name]["ss"].get<std::string>());
        }
    }
    EXPECT_EQ((*file)["tests"].size(), 8u);
    EXPECT_EQ(implicit, 6);
}

TEST(Sntrup761, BothSidesAgreeAndAnyChangeOfTheCiphertextParts) {
    test::seeded_random random;
    for (int round = 0; round < 5; ++round) {
        SCOPED_TRACE(round);
        const kem_keys keys = sntrup761_generate(random);
        EXPECT_EQ(keys.encapsulation_key.size(), sntrup761_encapsulation_key_size);
        EXPECT_EQ(keys.decapsulation_key.size(), sntrup761_decapsulation_key_size);
        auto made = sntrup761_encapsulate(keys.encapsulation_key, random);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->ciphertext.size(), sntrup761_ciphertext_size);
        EXPECT_EQ(made->shared_secret.size(), sntrup761_shared_secret_size);
        const auto open = [&] {
            return hex_of(sntrup761_decapsulate(keys.decapsulation_key, made->ciphertext));
        };
        const std::string secret = to_hex(made->shared_secret);
        EXPECT_EQ(open(), secret);
        for (std::size_t i = 0; i < made->ciphertext.size(); i += 97) {
            made->ciphertext[i] ^= 0x04;
            EXPECT_NE(open(), secret) << i;
            EXPECT_EQ(open().size(), secret.size());
            made->ciphertext[i] ^= 0x04;
        }
        EXPECT_EQ(open(), secret);
    }
}

// Whatever bytes come: every key decodes to some polynomial, every ciphertext to some secret.
TEST(Sntrup761, BytesOfAllKindsAreTaken) {
    test::seeded_random random;
    const kem_keys keys = sntrup761_generate(random);
    for (const auto filling : {std::uint8_t{0}, std::uint8_t{0x55}, std::uint8_t{0xff}}) {
        SCOPED_TRACE(filling);
        EXPECT_TRUE(
            sntrup761_encapsulate(bytes(sntrup761_encapsulation_key_size, filling), random));
        EXPECT_TRUE(sntrup761_decapsulate(keys.decapsulation_key,
                                          bytes(sntrup761_ciphertext_size, filling)));
        EXPECT_TRUE(sntrup761_decapsulate(bytes(sntrup761_decapsulation_key_size, filling),
                                          bytes(sntrup761_ciphertext_size, filling)));
    }
}

TEST(Sntrup761, WrongLengthsAreRefused) {
    test::seeded_random random;
    const kem_keys keys = sntrup761_generate(random);
    for (const std::size_t size : {0u, 1u, 1038u, 1040u, 4096u})
        EXPECT_EQ(sntrup761_decapsulate(keys.decapsulation_key, bytes(size)).error(),
                  errc::bad_public_value);
    for (const std::size_t size : {0u, 1u, 1157u, 1159u, 4096u})
        EXPECT_EQ(sntrup761_encapsulate(bytes(size), random).error(), errc::bad_public_value);
    for (const std::size_t size : {0u, 1762u, 1764u})
        EXPECT_EQ(sntrup761_decapsulate(bytes(size), bytes(sntrup761_ciphertext_size)).error(),
                  errc::bad_key);
}

}  // namespace
}  // namespace sluice::crypto
