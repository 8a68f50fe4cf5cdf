#include "sluice/crypto/ml_kem.hpp"

#include "sluice/crypto/ml_kem_impl.hpp"
#include "sluice/tests/support/fixed_random.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <map>
#include <sstream>
#include <vector>

namespace sluice::crypto {
namespace {

using nlohmann::json;
using test::from_hex;
using test::to_hex;

constexpr struct {
    const char* name;
    ml_kem_set set;
} sets[] = {{"768", ml_kem_set::ml_kem_768}, {"1024", ml_kem_set::ml_kem_1024}};

// All that this build has: ours, and OpenSSL's from 3.5 on.
std::vector<const ml_kem_implementation*> implementations() {
    std::vector<const ml_kem_implementation*> all{&ml_kem_own};
    if (const auto* openssl = ml_kem_of_openssl()) all.push_back(openssl);
    std::printf("ml_kem: %zu implementation(s)\n", all.size());
    return all;
}

bytes hex(const json& value) { return from_hex(value.get<std::string>()); }

std::string hex_of(const result<secret_bytes>& r) { return r ? to_hex(*r) : r.error().message(); }

// Calls `check` with every test of a file of both sets and every implementation; says how many.
template <class Check>
int for_each_test(const std::string& file, Check&& check) {
    int ran = 0;
    for (const auto& s : sets) {
        const auto vectors = test::shared_vectors("pq/mlkem" + std::string(s.name) + file);
        if (!vectors) return -1;
        for (const auto* implementation : implementations())
            for (const auto& group : (*vectors)["groups"])
                for (const auto& t : group["tests"]) {
                    SCOPED_TRACE(std::string(s.name) + " tcId " + t["tcId"].dump());
                    check(*implementation, s.set, t);
                    ++ran;
                }
    }
    return ran;
}

TEST(Fips203s7_1, KeysComeFromTheSeed) {
    const int ran =
        for_each_test("-keygen.json", [](const auto& ml_kem, ml_kem_set set, const json& t) {
            const kem_keys keys = ml_kem.generate(set, hex(t["seed"]));
            EXPECT_EQ(to_hex(keys.encapsulation_key), t["ek"].get<std::string>());
            EXPECT_EQ(to_hex(keys.decapsulation_key), t["dk"].get<std::string>());
        });
    EXPECT_TRUE(ran == -1 || ran >= 15);
}

TEST(Fips203s7_2, EncapsulationAndTheChecksOfItsKey) {
    int refused = 0;
    const int ran = for_each_test("-encaps.json", [&](const auto& ml_kem, ml_kem_set set,
                                                      const json& t) {
        const bytes ek = hex(t["ek"]);
        test::fixed_random random(hex(t["m"]));
        if (t["result"] == "invalid") {
            ++refused;
            EXPECT_EQ(ml_kem_encapsulate(set, ek, random).error(), errc::bad_public_value);
            if (ek.size() == sizes_of(set).encapsulation_key) {
                EXPECT_EQ(ml_kem.encapsulate(set, ek, hex(t["m"])).error(), errc::bad_public_value);
            }
            return;
        }
        const auto made = ml_kem.encapsulate(set, ek, hex(t["m"]));
        ASSERT_TRUE(made);
        EXPECT_EQ(to_hex(made->ciphertext), t["c"].get<std::string>());
        EXPECT_EQ(to_hex(made->shared_secret), t["K"].get<std::string>());
        const auto drawn = ml_kem_encapsulate(set, ek, random);
        ASSERT_TRUE(drawn);
        EXPECT_EQ(drawn->ciphertext, made->ciphertext);
    });
    EXPECT_TRUE(ran == -1 || (ran >= 60 && refused >= 40));
}

TEST(Fips203s7_3, DecapsulationRejectsImplicitly) {
    const int ran =
        for_each_test("-decaps.json", [](const auto& ml_kem, ml_kem_set set, const json& t) {
            const bytes seed = hex(t["seed"]);
            if (seed.size() != ml_kem_seed_size) {
                EXPECT_EQ(t["result"], "invalid");  // cannot be said in our interface
                return;
            }
            const kem_keys keys = ml_kem.generate(set, seed);
            EXPECT_EQ(to_hex(keys.encapsulation_key), t["ek"].get<std::string>());
            const bytes c = hex(t["c"]);
            const auto secret = ml_kem_decapsulate(set, keys.decapsulation_key, c);
            if (t["result"] == "invalid") {
                EXPECT_EQ(secret.error(), errc::bad_public_value);
                return;
            }
            EXPECT_EQ(hex_of(secret), t["K"].get<std::string>());
            EXPECT_EQ(hex_of(ml_kem.decapsulate(set, keys.decapsulation_key, c)),
                      t["K"].get<std::string>());
        });
    EXPECT_TRUE(ran == -1 || ran >= 100);
}

TEST(Fips203s7_3, DecapsulationKeysAreChecked) {
    const int ran = for_each_test(
        "-decaps-validation.json", [](const auto& ml_kem, ml_kem_set set, const json& t) {
            const bytes dk = hex(t["dk"]);
            const bytes c = hex(t["c"]);
            const auto secret = ml_kem_decapsulate(set, dk, c);
            if (t["result"] == "valid") {
                EXPECT_EQ(hex_of(secret), t["K"].get<std::string>());
                EXPECT_EQ(hex_of(ml_kem.decapsulate(set, dk, c)), t["K"].get<std::string>());
            } else if (c.size() != sizes_of(set).ciphertext) {
                EXPECT_EQ(secret.error(), errc::bad_public_value);
            } else {
                EXPECT_EQ(secret.error(), errc::bad_key);
                if (dk.size() == sizes_of(set).decapsulation_key) {
                    EXPECT_EQ(ml_kem.decapsulate(set, dk, c).error(), errc::bad_key);
                }
            }
        });
    EXPECT_TRUE(ran == -1 || ran >= 18);
}

TEST(Fips203s7_3, AcvpCiphertexts) {
    for (const auto& s : sets) {
        const auto file =
            test::shared_vectors("pq/mlkem" + std::string(s.name) + "-nist-decap.json");
        if (!file) return;
        for (const auto* ml_kem : implementations())
            for (const auto& t : (*file)["tests"])
                EXPECT_EQ(hex_of(ml_kem->decapsulate(s.set, hex((*file)["dk"]), hex(t["c"]))),
                          t["k"].get<std::string>());
        EXPECT_EQ((*file)["tests"].size(), 10u);
    }
}

// Lines "name = value". Names come more than once; the first is kept.
std::map<std::string, std::string> named_values(const std::string& text) {
    std::map<std::string, std::string> values;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (const auto at = line.find(" = "); at != std::string::npos)
            values.emplace(line.substr(0, at), line.substr(at + 3));
    return values;
}

// Their d is hashed as a draft of FIPS 203 had it, so the keys are taken as they are.
TEST(MlKem, CctvWholeRuns) {
    for (const char* name : {"intermediate", "unluckysample"}) {
        SCOPED_TRACE(name);
        const auto text = test::shared_text("pq/cctv-" + std::string(name) + "-ml-kem-768.txt");
        if (!text) return;
        auto value = named_values(*text);
        for (const auto* ml_kem : implementations()) {
            constexpr auto set = ml_kem_set::ml_kem_768;
            const auto made = ml_kem->encapsulate(set, from_hex(value["ek"]), from_hex(value["m"]));
            ASSERT_TRUE(made);
            EXPECT_EQ(to_hex(made->ciphertext), value["c"]);
            EXPECT_EQ(to_hex(made->shared_secret), value["K"]);
            EXPECT_EQ(hex_of(ml_kem->decapsulate(set, from_hex(value["dk"]), made->ciphertext)),
                      value["K"]);
        }
    }
}

TEST(MlKem, CctvCiphertextsThatDifferBehindAZero) {
    const auto text = test::shared_text("pq/cctv-strcmp-ml-kem-768.txt");
    if (!text) return;
    auto value = named_values(*text);
    for (const auto* ml_kem : implementations())
        EXPECT_EQ(hex_of(ml_kem->decapsulate(ml_kem_set::ml_kem_768, from_hex(value["dk"]),
                                             from_hex(value["c"]))),
                  value["K"]);
}

TEST(MlKem, BothSidesAgreeAndAnyChangeOfTheCiphertextParts) {
    for (const auto& s : sets) {
        SCOPED_TRACE(s.name);
        test::seeded_random random;
        const kem_keys keys = ml_kem_generate(s.set, random);
        auto made = ml_kem_encapsulate(s.set, keys.encapsulation_key, random);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->ciphertext.size(), sizes_of(s.set).ciphertext);
        EXPECT_EQ(made->shared_secret.size(), ml_kem_shared_secret_size);
        const auto open = [&] {
            return hex_of(ml_kem_decapsulate(s.set, keys.decapsulation_key, made->ciphertext));
        };
        const std::string secret = to_hex(made->shared_secret);
        EXPECT_EQ(open(), secret);
        for (std::size_t i = 0; i < made->ciphertext.size(); i += 61) {
            made->ciphertext[i] ^= 0x10;
            EXPECT_NE(open(), secret) << i;
            EXPECT_EQ(open().size(), secret.size());
            made->ciphertext[i] ^= 0x10;
        }
        EXPECT_EQ(open(), secret);
    }
}

TEST(MlKem, TakesTheStatedNumberOfBytes) {
    test::fixed_random random(bytes(64 + 32, 0x5a));
    const kem_keys keys = ml_kem_generate(ml_kem_set::ml_kem_768, random);
    EXPECT_EQ(random.taken(), 64u);
    EXPECT_TRUE(ml_kem_encapsulate(ml_kem_set::ml_kem_768, keys.encapsulation_key, random));
    EXPECT_EQ(random.taken(), 96u);
}

TEST(MlKem, WrongLengthsAreRefused) {
    for (const auto& s : sets) {
        SCOPED_TRACE(s.name);
        test::seeded_random random;
        const kem_keys keys = ml_kem_generate(s.set, random);
        const auto made = ml_kem_encapsulate(s.set, keys.encapsulation_key, random);
        ASSERT_TRUE(made);
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, made->ciphertext.size() - 1,
                                       made->ciphertext.size() + 1}) {
            SCOPED_TRACE(size);
            EXPECT_EQ(ml_kem_decapsulate(s.set, keys.decapsulation_key, bytes(size)).error(),
                      errc::bad_public_value);
        }
        for (const std::size_t size :
             {std::size_t{0}, keys.encapsulation_key.size() - 1, keys.encapsulation_key.size() + 1})
            EXPECT_EQ(ml_kem_encapsulate(s.set, bytes(size), random).error(),
                      errc::bad_public_value);
    }
}

// Keys and ciphertexts of one implementation are the other's, and so are the secrets.
TEST(MlKem, OursAndOpenSslsAgree) {
    const ml_kem_implementation* openssl = ml_kem_of_openssl();
    if (openssl == nullptr) {
        std::printf("vectors: absent ML-KEM of OpenSSL beside ours: %s has none\n",
                    OpenSSL_version(OPENSSL_VERSION));
        EXPECT_LT(OpenSSL_version_num(), 0x30500000UL) << "from 3.5 on it has ML-KEM";
        return;
    }
    std::printf("vectors: ran ML-KEM of OpenSSL beside ours: %s\n",
                OpenSSL_version(OPENSSL_VERSION));
    test::seeded_random random;
    for (const auto& s : sets) {
        for (int i = 0; i < 100; ++i) {
            SCOPED_TRACE(std::string(s.name) + " run " + std::to_string(i));
            secret_bytes seed(ml_kem_seed_size);
            secret_bytes message(ml_kem_message_size);
            random.fill(seed.span());
            random.fill(message.span());
            const kem_keys ours = ml_kem_own.generate(s.set, seed);
            const kem_keys theirs = openssl->generate(s.set, seed);
            EXPECT_EQ(ours.encapsulation_key, theirs.encapsulation_key);
            EXPECT_EQ(to_hex(ours.decapsulation_key), to_hex(theirs.decapsulation_key));

            const auto made = ml_kem_own.encapsulate(s.set, theirs.encapsulation_key, message);
            const auto same = openssl->encapsulate(s.set, ours.encapsulation_key, message);
            ASSERT_TRUE(made && same);
            EXPECT_EQ(made->ciphertext, same->ciphertext);
            EXPECT_EQ(to_hex(made->shared_secret), to_hex(same->shared_secret));

            // Both ways round, and with a ciphertext that was changed: the same useless secret.
            bytes changed = made->ciphertext;
            changed[static_cast<std::size_t>(i)] ^= 1;
            for (const bytes& c : {made->ciphertext, changed}) {
                const auto opened = ml_kem_own.decapsulate(s.set, theirs.decapsulation_key, c);
                const auto also = openssl->decapsulate(s.set, ours.decapsulation_key, c);
                ASSERT_TRUE(opened && also);
                EXPECT_EQ(to_hex(*opened), to_hex(*also));
                EXPECT_EQ(to_hex(*opened) == to_hex(made->shared_secret), c == made->ciphertext);
            }
        }
    }
}

}  // namespace
}  // namespace sluice::crypto
