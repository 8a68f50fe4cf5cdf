#include "sluice/crypto/agreement.hpp"

#include "sluice/crypto/dh_groups.hpp"
#include "sluice/tests/support/fixed_random.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <algorithm>

namespace sluice::crypto {
namespace {

using test::fixed_random;
using test::from_hex;
using test::to_hex;

std::string hex_of(const result<secret_bytes>& r) { return r ? to_hex(*r) : r.error().message(); }

bytes padded(bytes number, std::size_t size) {
    while (number.size() > size && number.front() == 0)
        number.erase(number.begin());
    while (number.size() < size)
        number.insert(number.begin(), 0);
    return number;
}

TEST(Rfc7748s6_1, ExampleBothWays) {
    fixed_random alice_random(
        from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    fixed_random bob_random(
        from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    const auto alice = make_agreement(curve::x25519, alice_random);
    const auto bob = make_agreement(curve::x25519, bob_random);
    EXPECT_EQ(alice_random.taken(), 32u);
    EXPECT_EQ(to_hex(alice->public_value()),
              "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    EXPECT_EQ(to_hex(bob->public_value()),
              "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const char* const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    EXPECT_EQ(hex_of(alice->shared_secret(bob->public_value())), shared);
    EXPECT_EQ(hex_of(bob->shared_secret(alice->public_value())), shared);
}

TEST(Rfc7748s6_2, ExampleBothWays) {
    fixed_random alice_random(
        from_hex("9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
                 "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b"));
    fixed_random bob_random(
        from_hex("1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d"
                 "6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d"));
    const auto alice = make_agreement(curve::x448, alice_random);
    const auto bob = make_agreement(curve::x448, bob_random);
    EXPECT_EQ(alice_random.taken(), 56u);
    EXPECT_EQ(to_hex(alice->public_value()),
              "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
              "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0");
    EXPECT_EQ(to_hex(bob->public_value()),
              "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"
              "27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609");
    const char* const shared =
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"
        "b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d";
    EXPECT_EQ(hex_of(alice->shared_secret(bob->public_value())), shared);
    EXPECT_EQ(hex_of(bob->shared_secret(alice->public_value())), shared);
}

TEST(Rfc8731s3, X448RefusesAllZeroSecretsAndWrongLengths) {
    test::seeded_random random;
    const auto ours = make_agreement(curve::x448, random);
    bytes one(56);
    one[0] = 1;
    for (const bytes& point :
         {bytes(56), one, bytes(0), bytes(32, 9), bytes(55, 9), bytes(57, 9)}) {
        SCOPED_TRACE(to_hex(point));
        EXPECT_EQ(ours->shared_secret(point).error(), errc::bad_public_value);
    }
}

TEST(Rfc8731s3, AllZeroSecretsAndWrongLengthsAreRefused) {
    test::seeded_random random;
    const auto ours = make_agreement(curve::x25519, random);
    const bytes zero(32, 0);
    bytes one = zero;
    one[0] = 1;
    const bytes minus_one =
        from_hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    const bytes order_8 =
        from_hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
    for (const bytes& point : {zero, one, minus_one, order_8}) {
        SCOPED_TRACE(to_hex(point));
        EXPECT_EQ(ours->shared_secret(point).error(), errc::bad_public_value);
    }
    for (const std::size_t size : {0u, 1u, 31u, 33u, 64u}) {
        SCOPED_TRACE(size);
        EXPECT_EQ(ours->shared_secret(bytes(size, 9)).error(), errc::bad_public_value);
    }
}

constexpr struct {
    const char* name;
    curve which;
    std::size_t field_size;
} nist_curves[] = {{"nistp256", curve::nistp256, 32},
                   {"nistp384", curve::nistp384, 48},
                   {"nistp521", curve::nistp521, 66}};

TEST(Rfc5656s4, BothSidesAgree) {
    for (const auto& c : nist_curves) {
        SCOPED_TRACE(c.name);
        test::seeded_random random;
        const auto a = make_agreement(c.which, random);
        const auto b = make_agreement(c.which, random);
        EXPECT_EQ(a->public_value().size(), 1 + 2 * c.field_size);
        EXPECT_EQ(a->public_value().front(), 4);
        EXPECT_NE(to_hex(a->public_value()), to_hex(b->public_value()));
        const auto one = a->shared_secret(b->public_value());
        const auto other = b->shared_secret(a->public_value());
        ASSERT_TRUE(one && other);
        EXPECT_EQ(one->size(), c.field_size);
        EXPECT_EQ(to_hex(*one), to_hex(*other));
    }
}

TEST(Rfc5656s4, PointsThatAreNotUncompressedPointsOfTheCurveAreRefused) {
    for (const auto& c : nist_curves) {
        SCOPED_TRACE(c.name);
        test::seeded_random random;
        const auto ours = make_agreement(c.which, random);
        const bytes good = to_bytes(make_agreement(c.which, random)->public_value());
        const auto refused = [&ours](const bytes& point) {
            return ours->shared_secret(point).error() == errc::bad_public_value;
        };
        bytes off_curve = good;
        off_curve.back() ^= 1;
        EXPECT_TRUE(refused(off_curve));
        bytes compressed(good.begin(), good.begin() + 1 + static_cast<int>(c.field_size));
        compressed[0] = static_cast<std::uint8_t>(2 + (good.back() & 1));
        EXPECT_TRUE(refused(compressed));
        bytes hybrid = good;
        hybrid[0] = static_cast<std::uint8_t>(6 + (good.back() & 1));
        EXPECT_TRUE(refused(hybrid));
        EXPECT_TRUE(refused({0}));  // infinity
        bytes zero(good.size(), 0);
        zero[0] = 4;
        EXPECT_TRUE(refused(zero));
        bytes beyond_the_field(good.size(), 0xff);
        beyond_the_field[0] = 4;
        EXPECT_TRUE(refused(beyond_the_field));
        for (std::size_t n = 0; n < good.size(); ++n)
            EXPECT_TRUE(refused(bytes(good.begin(), good.begin() + static_cast<int>(n)))) << n;
        bytes longer = good;
        longer.push_back(0);
        EXPECT_TRUE(refused(longer));
    }
}

TEST(Agreement, PrivateValuesOutsideTheOrderAreDrawnAgain) {
    const std::string order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const std::string one(63, '0');
    fixed_random random(from_hex(std::string(64, '0') + order + std::string(64, 'f') + one + "1"));
    const auto agreed = make_agreement(curve::nistp256, random);
    EXPECT_EQ(random.taken(), 128u);
    // Private value 1: the base point itself (SEC 2 §2.4.2).
    EXPECT_EQ(to_hex(agreed->public_value()),
              "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
              "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
}

TEST(Rfc3526, PrimesAreThoseOfTheRfc) {
    struct {
        const char* name;
        const dh_group& group;
        BIGNUM* prime;
    } cases[] = {{"14", modp_group14(), BN_get_rfc3526_prime_2048(nullptr)},
                 {"15", modp_group15(), BN_get_rfc3526_prime_3072(nullptr)},
                 {"16", modp_group16(), BN_get_rfc3526_prime_4096(nullptr)},
                 {"17", modp_group17(), BN_get_rfc3526_prime_6144(nullptr)},
                 {"18", modp_group18(), BN_get_rfc3526_prime_8192(nullptr)}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        bytes want(static_cast<std::size_t>(BN_num_bytes(c.prime)));
        BN_bn2bin(c.prime, want.data());
        BN_free(c.prime);
        EXPECT_EQ(to_hex(c.group.prime), to_hex(want));
        EXPECT_EQ(c.group.generator, bytes{2});
    }
}

TEST(Rfc4253s8, FiniteFieldBothSidesAgree) {
    for (const dh_group* group : modp_groups()) {
        SCOPED_TRACE(group->prime.size());
        test::seeded_random random;
        const auto a = make_agreement(*group, random);
        const auto b = make_agreement(*group, random);
        const auto one = a->shared_secret(b->public_value());
        const auto other = b->shared_secret(a->public_value());
        ASSERT_TRUE(one && other);
        EXPECT_EQ(to_hex(*one), to_hex(*other));
        EXPECT_NE(one->data()[0], 0);
    }
}

TEST(Rfc4253s8, ValuesOutOfRangeAreRefused) {
    for (const dh_group* group : modp_groups()) {
        SCOPED_TRACE(group->prime.size());
        test::seeded_random random;
        const auto ours = make_agreement(*group, random);
        const bytes& p = group->prime;
        bytes minus_1 = p;
        minus_1.back() ^= 1;  // p is odd
        bytes minus_2 = p;
        minus_2.back() = static_cast<std::uint8_t>(minus_2.back() - 2);
        bytes longer = p;
        longer.push_back(0);
        for (const bytes& value : {bytes{}, bytes{0}, bytes{1}, p, minus_1, longer})
            EXPECT_EQ(ours->shared_secret(value).error(), errc::bad_public_value);
        EXPECT_TRUE(ours->shared_secret(bytes{2}));
        EXPECT_TRUE(ours->shared_secret(minus_2));
    }
}

TEST(Rfc4419s3, GroupsOfAPeer) {
    const dh_group& good = modp_group14();
    test::seeded_random random;
    const auto ours = make_agreement_in_peers_group({good.prime, {5}}, random);
    ASSERT_TRUE(ours);
    const auto theirs = make_agreement_in_peers_group({good.prime, {5}}, random);
    ASSERT_TRUE(theirs);
    EXPECT_EQ(hex_of((*ours)->shared_secret((*theirs)->public_value())),
              hex_of((*theirs)->shared_secret((*ours)->public_value())));

    bytes even = good.prime;
    even.back() &= 0xfe;
    bytes minus_1 = good.prime;
    minus_1.back() ^= 1;
    bytes longer = good.prime;
    longer.push_back(0);
    // 3^1300 and a generator whose powers end at zero.
    BIGNUM* n = BN_new();
    BN_one(n);
    for (int i = 0; i < 1300; ++i)
        BN_mul_word(n, 3);
    bytes power_of_3(static_cast<std::size_t>(BN_num_bytes(n)));
    BN_bn2bin(n, power_of_3.data());
    BN_free(n);
    const struct {
        const char* name;
        dh_group group;
    } cases[] = {{"no prime", {{}, {2}}},
                 {"even", {even, {2}}},
                 {"g = 0", {good.prime, {}}},
                 {"g = 1", {good.prime, {1}}},
                 {"g = p", {good.prime, good.prime}},
                 {"g = p - 1", {good.prime, minus_1}},
                 {"g > p", {good.prime, longer}},
                 {"p = 1", {{1}, {2}}},
                 {"p = 3", {{3}, {2}}},
                 {"powers of 3", {power_of_3, {3}}}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(make_agreement_in_peers_group(c.group, random).error(), errc::bad_public_value);
    }
}

TEST(Agreement, FiniteFieldTakesTheStatedNumberOfBytes) {
    fixed_random random(bytes(64, 0x5a));
    make_agreement(modp_group14(), random);
    EXPECT_EQ(random.taken(), 64u);
}

TEST(Wycheproof, X25519) {
    const auto file = test::shared_vectors("ecdh/x25519.json");
    if (!file) return;
    int checked = 0;
    for (const auto& group : (*file)["groups"])
        for (const auto& t : group["tests"]) {
            SCOPED_TRACE(t["tcId"].get<int>());
            fixed_random random(from_hex(t["private"].get<std::string>()));
            const auto ours = make_agreement(curve::x25519, random);
            const auto got = ours->shared_secret(from_hex(t["public"].get<std::string>()));
            const auto& flags = t["flags"];
            if (std::ranges::find(flags, "ZeroSharedSecret") != flags.end())
                EXPECT_EQ(got.error(), errc::bad_public_value);
            else
                EXPECT_EQ(hex_of(got), t["shared"].get<std::string>());
            ++checked;
        }
    EXPECT_GT(checked, 200);
}

TEST(Wycheproof, EcdhOnNistCurves) {
    for (const auto& c : nist_curves) {
        const auto file = test::shared_vectors(std::string("ecdh/ecdh-") + c.name + ".json");
        if (!file) return;
        int checked = 0;
        for (const auto& group : (*file)["groups"])
            for (const auto& t : group["tests"]) {
                SCOPED_TRACE(std::string(c.name) + ' ' + t["tcId"].dump());
                fixed_random random(
                    padded(from_hex(t["private"].get<std::string>()), c.field_size));
                const auto ours = make_agreement(c.which, random);
                const auto got = ours->shared_secret(from_hex(t["public"].get<std::string>()));
                if (t["result"] == "valid")
                    EXPECT_EQ(hex_of(got), t["shared"].get<std::string>());
                else  // compressed points too: RFC 5656 allows refusing them
                    EXPECT_EQ(got.error(), errc::bad_public_value);
                ++checked;
            }
        EXPECT_GT(checked, 100);
    }
}

}  // namespace
}  // namespace sluice::crypto
