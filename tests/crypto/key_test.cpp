#include "sluice/crypto/key.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::crypto {
namespace {

using test::from_hex;
using test::to_hex;

bytes blob_of(std::initializer_list<bytes> strings) {
    bytes out;
    wire::writer w(out);
    for (const bytes& s : strings)
        w.write(bytes_view(s));
    return out;
}

bytes text(std::string_view s) { return to_bytes(as_bytes(s)); }

bytes mpint(bytes_view big_endian) {
    bytes out;
    wire::writer(out).write(wire::mpint::of(big_endian));
    return out;
}

bytes joined(std::initializer_list<bytes> parts) {
    bytes out;
    for (const bytes& p : parts)
        out.insert(out.end(), p.begin(), p.end());
    return out;
}

bytes rsa_blob(bytes_view e, bytes_view n) {
    return joined({blob_of({text("ssh-rsa")}), mpint(e), mpint(n)});
}

bytes ecdsa_blob(std::string_view curve, const bytes& point) {
    return blob_of({text("ecdsa-sha2-" + std::string(curve)), text(curve), point});
}

// One key a type, made once: RSA keys are slow to make.
const std::vector<private_key>& keys() {
    static const std::vector<private_key> made = [] {
        std::vector<private_key> out;
        for (const char* type : {"ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp256",
                                 "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"})
            out.push_back(private_key::generate(type, 2048).value());
        return out;
    }();
    return made;
}

std::vector<std::string_view> algorithms_of(const public_key& key) {
    std::vector<std::string_view> names;
    for (const auto& a : signature_algorithms())
        if (a.key_type == key.type() && !a.certified()) names.push_back(a.name);
    return names;
}

TEST(Key, GeneratedKeysSignAndVerify) {
    const bytes data = text("what is signed");
    for (const private_key& key : keys())
        for (const auto algorithm : algorithms_of(key.public_half())) {
            SCOPED_TRACE(algorithm);
            const auto signature = key.sign(algorithm, data);
            ASSERT_TRUE(signature);
            EXPECT_TRUE(key.public_half().verify(algorithm, data, *signature));
            // Other data, and the empty text, do not verify.
            EXPECT_EQ(key.public_half().verify(algorithm, text("what is Signed"), *signature),
                      result<>(errc::bad_signature));
            EXPECT_EQ(key.public_half().verify(algorithm, {}, *signature),
                      result<>(errc::bad_signature));
        }
}

TEST(Key, SignaturesThatWereTamperedWithAreRefused) {
    const bytes data = text("what is signed");
    for (const private_key& key : keys()) {
        const auto algorithm = algorithms_of(key.public_half()).front();
        SCOPED_TRACE(algorithm);
        const bytes good = key.sign(algorithm, data).value();
        for (std::size_t n = 0; n < good.size(); ++n) {
            bytes_view cut(good.data(), n);
            EXPECT_EQ(key.public_half().verify(algorithm, data, cut).error(), errc::bad_signature)
                << n;
            bytes flipped = good;
            flipped[n] ^= 0x10;
            EXPECT_EQ(key.public_half().verify(algorithm, data, flipped).error(),
                      errc::bad_signature)
                << n;
        }
        bytes longer = good;
        longer.push_back(0);
        EXPECT_EQ(key.public_half().verify(algorithm, data, longer).error(), errc::bad_signature);
        const bytes huge(limits::signature_length_max + 1, 1);
        EXPECT_EQ(key.public_half().verify(algorithm, data, huge).error(), errc::bad_signature);
    }
}

TEST(Key, BlobsParseAndEveryDamageIsRefused) {
    for (const private_key& key : keys()) {
        const public_key& half = key.public_half();
        SCOPED_TRACE(half.type());
        const bytes blob = half.blob();
        const auto again = public_key::from_blob(blob);
        ASSERT_TRUE(again);
        EXPECT_EQ(*again, half);
        EXPECT_EQ(again->type(), half.type());
        for (std::size_t n = 0; n < blob.size(); ++n)
            EXPECT_FALSE(public_key::from_blob({blob.data(), n})) << n;
        bytes longer = blob;
        longer.push_back(0);
        EXPECT_EQ(public_key::from_blob(longer).error(), errc::trailing_bytes);

        const auto line = public_key::from_line(half.line() + " a comment\n");
        ASSERT_TRUE(line);
        EXPECT_EQ(*line, half);
        EXPECT_EQ(line->fingerprint(), half.fingerprint());
    }
}

TEST(Key, AlgorithmsFitTheirKeysOnly) {
    const bytes data = text("data");
    for (const private_key& key : keys()) {
        for (const auto& a : signature_algorithms())
            if (a.key_type != key.public_half().type() || a.certified()) {
                EXPECT_EQ(key.sign(a.name, data).error(), errc::unknown_key_type);
                EXPECT_EQ(key.public_half().verify(a.name, data, {}).error(),
                          errc::unknown_key_type);
            }
        EXPECT_EQ(key.sign("ssh-dss", data).error(), errc::unknown_key_type);
    }
    EXPECT_EQ(private_key::generate("ssh-dss").error(), errc::unknown_key_type);
}

// SHA-1 is there for who asks for it by name, and is none of those that are used unasked.
TEST(Key, Sha1SignaturesAreForWhoNamesThem) {
    const private_key& rsa = keys().back();
    ASSERT_EQ(rsa.public_half().type(), "ssh-rsa");
    const bytes data = text("data");
    const bytes signature = rsa.sign("ssh-rsa", data).value();
    EXPECT_TRUE(rsa.public_half().verify("ssh-rsa", data, signature));
    EXPECT_EQ(rsa.public_half().verify("ssh-rsa", text("date"), signature).error(),
              errc::bad_signature);
    EXPECT_EQ(rsa.public_half().verify("rsa-sha2-256", data, signature).error(),
              errc::bad_signature);
    EXPECT_EQ(
        rsa.public_half().verify("ssh-rsa", data, rsa.sign("rsa-sha2-256", data).value()).error(),
        errc::bad_signature);

    ASSERT_NE(find_signature_algorithm("ssh-rsa"), nullptr);
    EXPECT_TRUE(find_signature_algorithm("ssh-rsa")->weak);
    EXPECT_FALSE(is_sound_signature_algorithm("ssh-rsa"));
    for (const auto& a : signature_algorithms())
        EXPECT_TRUE(is_sound_signature_algorithm(a.name)) << a.name;
    // The bare key and its certificate.
    EXPECT_EQ(signature_algorithms().size() + 2, known_signature_algorithms().size());
}

TEST(Rfc8332s3, TheBlobNamesTheAlgorithm) {
    const private_key& rsa = keys().back();
    const bytes data = text("data");
    const bytes sha256 = rsa.sign("rsa-sha2-256", data).value();
    EXPECT_TRUE(rsa.public_half().verify("rsa-sha2-256", data, sha256));
    EXPECT_EQ(rsa.public_half().verify("rsa-sha2-512", data, sha256).error(), errc::bad_signature);
}

TEST(Rfc8332s3, ShorterSignaturesWithoutLeadingZerosAreAccepted) {
    const private_key& rsa = keys().back();
    constexpr std::size_t head = 4 + 12 + 4;  // string "rsa-sha2-256", length
    bytes data = text("0000");
    bytes signature;
    // One signature in 256 begins with a zero byte.
    for (unsigned i = 0; i < 20'000; ++i) {
        data[0] = static_cast<std::uint8_t>(i);
        data[1] = static_cast<std::uint8_t>(i >> 8);
        signature = rsa.sign("rsa-sha2-256", data).value();
        ASSERT_EQ(signature.size(), head + 256) << "sent at full length";
        if (signature[head] == 0) break;
    }
    ASSERT_EQ(signature[head], 0);
    const bytes_view content = bytes_view(signature).subspan(head);
    const auto with = [](bytes_view raw) { return blob_of({text("rsa-sha2-256"), to_bytes(raw)}); };
    EXPECT_TRUE(rsa.public_half().verify("rsa-sha2-256", data, with(content)));
    EXPECT_TRUE(rsa.public_half().verify("rsa-sha2-256", data, with(content.subspan(1))));
    bytes longer{0};
    longer.insert(longer.end(), content.begin(), content.end());
    EXPECT_FALSE(rsa.public_half().verify("rsa-sha2-256", data, with(longer)));
    EXPECT_FALSE(rsa.public_half().verify("rsa-sha2-256", data, with({})));
}

TEST(Rfc4253s6_6, RsaKeysOutOfBoundsAreRefused) {
    const bytes e = from_hex("010001");
    const auto odd = [](std::size_t size, std::uint8_t top) {
        bytes n(size, 0x5b);
        n.front() = top;
        return n;
    };
    EXPECT_TRUE(public_key::from_blob(rsa_blob(e, odd(256, 0x80))));
    EXPECT_TRUE(public_key::from_blob(rsa_blob(e, odd(2048, 0x80))));
    struct {
        const char* name;
        bytes blob;
        errc error;
    } cases[] = {
        {"2047 bits", rsa_blob(e, odd(256, 0x7f)), errc::key_too_small},
        {"1024 bits", rsa_blob(e, odd(128, 0x80)), errc::key_too_small},
        {"no modulus", rsa_blob(e, {}), errc::key_too_small},
        {"16385 bits", rsa_blob(e, odd(2049, 0x01)), errc::bad_key},
        {"even modulus", rsa_blob(e, bytes(256, 0x80)), errc::bad_key},
        {"exponent 0", rsa_blob({}, odd(256, 0x80)), errc::bad_key},
        {"exponent 1", rsa_blob(bytes{1}, odd(256, 0x80)), errc::bad_key},
        {"even exponent", rsa_blob(bytes{4}, odd(256, 0x80)), errc::bad_key},
        {"huge exponent", rsa_blob(bytes(9, 0x7f), odd(256, 0x80)), errc::bad_key},
        {"negative modulus", joined({blob_of({text("ssh-rsa"), e}), blob_of({odd(256, 0x80)})}),
         errc::bad_mpint},
        {"padded modulus", joined({blob_of({text("ssh-rsa"), e}), blob_of({odd(257, 0x00)})}),
         errc::bad_mpint},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(public_key::from_blob(c.blob).error(), c.error);
    }
}

TEST(Rfc5656s3_1, PointsOffTheCurveAndOtherFormsAreRefused) {
    for (const private_key& key : keys()) {
        const std::string type(key.public_half().type());
        if (!type.starts_with("ecdsa")) continue;
        SCOPED_TRACE(type);
        const std::string curve = type.substr(11);
        const bytes& blob = key.public_half().blob();
        const std::size_t at = 4 + type.size() + 4 + curve.size() + 4;
        const bytes point(blob.begin() + static_cast<int>(at), blob.end());
        ASSERT_TRUE(public_key::from_blob(ecdsa_blob(curve, point)));
        bytes off = point;
        off.back() ^= 1;
        EXPECT_EQ(public_key::from_blob(ecdsa_blob(curve, off)).error(), errc::bad_key);
        bytes compressed(point.begin(), point.begin() + 1 + static_cast<int>(point.size() / 2));
        compressed[0] = static_cast<std::uint8_t>(2 + (point.back() & 1));
        EXPECT_EQ(public_key::from_blob(ecdsa_blob(curve, compressed)).error(), errc::bad_key);
        EXPECT_EQ(public_key::from_blob(ecdsa_blob(curve, {0})).error(), errc::bad_key);
        EXPECT_EQ(public_key::from_blob(ecdsa_blob(curve, {})).error(), errc::bad_key);
        EXPECT_EQ(public_key::from_blob(blob_of({text(type), text("nistp999"), point})).error(),
                  errc::bad_key);
    }
}

TEST(Key, BlobsOfOtherTypesAreUnknown) {
    for (const char* type : {"ssh-dss", "ssh-ed9999", "sk-ssh-rsa@openssh.com", "",
                             "ssh-ed25519-cert-v01@openssh.com"})
        EXPECT_EQ(public_key::from_blob(blob_of({text(type), bytes(32, 1)})).error(),
                  errc::unknown_key_type);
    EXPECT_EQ(public_key::from_blob(bytes(limits::public_key_blob_length_max + 1, 0)).error(),
              errc::too_long);
    EXPECT_EQ(public_key::from_blob({}).error(), errc::truncated);
    EXPECT_EQ(public_key::from_blob(blob_of({text("ssh-ed25519"), bytes(31, 1)})).error(),
              errc::bad_key);
}

TEST(Key, LinesThatAreNotKeys) {
    const std::string good = keys().front().public_half().line();
    ASSERT_TRUE(public_key::from_line("  " + good + "\r\n"));
    for (const std::string& line :
         {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 "),
          good.substr(0, good.size() - 1), good + "=", "ssh-rsa" + good.substr(11),
          good.substr(0, 20) + "!" + good.substr(21), std::string("# comment")}) {
        SCOPED_TRACE(line);
        EXPECT_FALSE(public_key::from_line(line));
    }
    EXPECT_EQ(public_key::from_line("ssh-rsa " + std::string(100'000, 'A')).error(),
              errc::too_long);
}

TEST(Rfc4648, Base64BothWays) {
    struct {
        const char* plain;
        const char* coded;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.plain);
        EXPECT_EQ(to_base64(as_bytes(c.plain)), c.coded);
        const auto back = from_base64(c.coded);
        ASSERT_TRUE(back);
        EXPECT_EQ(as_text(*back), c.plain);
    }
    for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "=",
                            "====", "Z===", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_"}) {
        SCOPED_TRACE(bad);
        EXPECT_EQ(from_base64(bad).error(), errc::bad_value);
    }
}

TEST(Rfc8032s7_1, Ed25519Verifies) {
    struct {
        const char* name;
        const char* key;
        const char* message;
        const char* signature;
    } cases[] = {
        {"1", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"2", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"3", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto key = public_key::from_blob(blob_of({text("ssh-ed25519"), from_hex(c.key)}));
        ASSERT_TRUE(key);
        EXPECT_EQ(key->bits(), 256u);
        bytes message = from_hex(c.message);
        const bytes signature = blob_of({text("ssh-ed25519"), from_hex(c.signature)});
        EXPECT_TRUE(key->verify("ssh-ed25519", message, signature));
        message.push_back(0);
        EXPECT_EQ(key->verify("ssh-ed25519", message, signature).error(), errc::bad_signature);
    }
}

// Of the seed, by way of PKCS#8 (RFC 8410 §7).
private_key ed448_key(const bytes& seed) {
    bytes der = from_hex("3047020100300506032b6571043b0439");
    der.insert(der.end(), seed.begin(), seed.end());
    const std::string pem =
        "-----BEGIN PRIVATE KEY-----\n" + to_base64(der) + "\n-----END PRIVATE KEY-----\n";
    return read_private_key(pem).value().key;
}

TEST(Rfc8032s7_4, Ed448SignsAndVerifies) {
    struct {
        const char* name;
        const char* seed;
        const char* key;
        const char* message;
        const char* signature;
    } cases[] = {{"Blank",
                  "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f"
                  "044e39a3fc5b94492f8f032e7549a20098f95b",
                  "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46"
                  "c7061bd6783df1e50f6cd1fa1abeafe8256180",
                  "",
                  "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f62"
                  "8281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d"
                  "8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600"},
                 {"1 octet",
                  "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2"
                  "877c5e3bc397a659949ef8021e954e0a12274e",
                  "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb0074"
                  "2802b8438ea4cb82169c235160627b4c3a9480",
                  "03",
                  "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b9"
                  "81b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcec"
                  "bf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00"},
                 {"11 octets",
                  "cd23d24f714274e744343237b93290f511f6425f98e64459ff203e8985083ffdf60500553abc"
                  "0e05cd02184bdb89c4ccd67e187951267eb328",
                  "dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e365fce161d71c"
                  "e7131a543ea4cb5f7e9f1d8b00696447001400",
                  "0c3e544074ec63b0265e0c",
                  "1f0a8888ce25e8d458a21130879b840a9089d999aaba039eaf3e3afa090a09d389dba82c4ff2"
                  "ae8ac5cdfb7c55e94d5d961a29fe0109941e00b8dbdeea6d3b051068df7254c0cdc129cbe62d"
                  "b2dc957dbb47b51fd3f213fb8698f064774250a5028961c9bf8ffd973fe5d5c206492b140e00"},
                 {"12 octets",
                  "258cdd4ada32ed9c9ff54e63756ae582fb8fab2ac721f2c8e676a72768513d939f63dddb5560"
                  "9133f29adf86ec9929dccb52c1c5fd2ff7e21b",
                  "3ba16da0c6f2cc1f30187740756f5e798d6bc5fc015d7c63cc9510ee3fd44adc24d8e968b6e4"
                  "6e6f94d19b945361726bd75e149ef09817f580",
                  "64a65f3cdedcdd66811e2915",
                  "7eeeab7c4e50fb799b418ee5e3197ff6bf15d43a14c34389b59dd1a7b1b85b4ae90438aca634"
                  "bea45e3a2695f1270f07fdcdf7c62b8efeaf00b45c2c96ba457eb1a8bf075a3db28e5c24f6b9"
                  "23ed4ad747c3c9e03c7079efb87cb110d3a99861e72003cbae6d6b8b827e4e6c143064ff3c00"},
                 {"13 octets",
                  "7ef4e84544236752fbb56b8f31a23a10e42814f5f55ca037cdcc11c64c9a3b2949c1bb607003"
                  "14611732a6c2fea98eebc0266a11a93970100e",
                  "b3da079b0aa493a5772029f0467baebee5a8112d9d3a22532361da294f7bb3815c5dc59e176b"
                  "4d9f381ca0938e13c6c07b174be65dfa578e80",
                  "64a65f3cdedcdd66811e2915e7",
                  "6a12066f55331b6c22acd5d5bfc5d71228fbda80ae8dec26bdd306743c5027cb4890810c162c"
                  "027468675ecf645a83176c0d7323a2ccde2d80efe5a1268e8aca1d6fbc194d3f77c44986eb4a"
                  "b4177919ad8bec33eb47bbb5fc6e28196fd1caf56b4e7e0ba5519234d047155ac727a1053100"},
                 {"64 octets",
                  "d65df341ad13e008567688baedda8e9dcdc17dc024974ea5b4227b6530e339bff21f99e68ca6"
                  "968f3cca6dfe0fb9f4fab4fa135d5542ea3f01",
                  "df9705f58edbab802c7f8363cfe5560ab1c6132c20a9f1dd163483a26f8ac53a39d6808bf4a1"
                  "dfbd261b099bb03b3fb50906cb28bd8a081f00",
                  "bd0f6a3747cd561bdddf4640a332461a4a30a12a434cd0bf40d766d9c6d458e5512204a30c17"
                  "d1f50b5079631f64eb3112182da3005835461113718d1a5ef944",
                  "554bc2480860b49eab8532d2a533b7d578ef473eeb58c98bb2d0e1ce488a98b18dfde9b9b907"
                  "75e67f47d4a1c3482058efc9f40d2ca033a0801b63d45b3b722ef552bad3b4ccb667da350192"
                  "b61c508cf7b6b5adadc2c8d9a446ef003fb05cba5f30e88e36ec2703b349ca229c2670833900"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto key = public_key::from_blob(blob_of({text("ssh-ed448"), from_hex(c.key)}));
        ASSERT_TRUE(key);
        EXPECT_EQ(key->bits(), 448u);
        bytes message = from_hex(c.message);
        const bytes signature = blob_of({text("ssh-ed448"), from_hex(c.signature)});
        EXPECT_TRUE(key->verify("ssh-ed448", message, signature));
        const private_key whole = ed448_key(from_hex(c.seed));
        EXPECT_EQ(whole.public_half(), *key);
        EXPECT_EQ(whole.sign("ssh-ed448", message).value(), signature);
        message.push_back(0);
        EXPECT_EQ(key->verify("ssh-ed448", message, signature).error(), errc::bad_signature);
    }
}

TEST(Rfc8709s4, Ed448KeysHave57Bytes) {
    for (const std::size_t size : {0u, 32u, 56u, 58u})
        EXPECT_EQ(public_key::from_blob(blob_of({text("ssh-ed448"), bytes(size, 1)})).error(),
                  errc::bad_key);
}

TEST(Wycheproof, Ed25519Verify) {
    const auto file = test::shared_vectors("signatures/ed25519-verify.json");
    if (!file) return;
    int checked = 0;
    for (const auto& group : (*file)["groups"]) {
        const auto key = public_key::from_blob(
            blob_of({text("ssh-ed25519"), from_hex(group["publicKey"].get<std::string>())}));
        ASSERT_TRUE(key);
        for (const auto& t : group["tests"]) {
            SCOPED_TRACE(t["tcId"].get<int>());
            const bytes signature =
                blob_of({text("ssh-ed25519"), from_hex(t["sig"].get<std::string>())});
            EXPECT_EQ(key->verify("ssh-ed25519", from_hex(t["msg"].get<std::string>()), signature)
                          .has_value(),
                      t["result"] == "valid");
            ++checked;
        }
    }
    EXPECT_GT(checked, 100);
}

TEST(Wycheproof, EcdsaVerify) {
    struct {
        const char* file;
        const char* curve;
    } files[] = {{"ecdsa-nistp256-sha256-verify", "nistp256"},
                 {"ecdsa-nistp384-sha384-verify", "nistp384"},
                 {"ecdsa-nistp521-sha512-verify", "nistp521"}};
    for (const auto& f : files) {
        const auto file = test::shared_vectors(std::string("signatures/") + f.file + ".json");
        if (!file) return;
        const std::string type = std::string("ecdsa-sha2-") + f.curve;
        int checked = 0;
        for (const auto& group : (*file)["groups"]) {
            const auto key = public_key::from_blob(
                ecdsa_blob(f.curve, from_hex(group["publicKey"].get<std::string>())));
            ASSERT_TRUE(key);
            for (const auto& t : group["tests"]) {
                SCOPED_TRACE(type + ' ' + t["tcId"].dump());
                const auto& flags = t["flags"];
                // These test the fixed length of another encoding.
                if (std::ranges::find(flags, "SignatureSize") != flags.end()) continue;
                const bytes raw = from_hex(t["sig"].get<std::string>());
                if (raw.size() % 2 != 0) continue;
                const bytes_view r(raw.data(), raw.size() / 2);
                const bytes_view s(raw.data() + r.size(), r.size());
                const bytes signature = blob_of({text(type), joined({mpint(r), mpint(s)})});
                EXPECT_EQ(
                    key->verify(type, from_hex(t["msg"].get<std::string>()), signature).has_value(),
                    t["result"] == "valid");
                ++checked;
            }
        }
        EXPECT_GT(checked, 100);
    }
}

TEST(Wycheproof, RsaVerify) {
    for (const char* name :
         {"2048-sha256", "2048-sha512", "3072-sha256", "3072-sha512", "4096-sha512"}) {
        const auto file =
            test::shared_vectors(std::string("signatures/rsa-pkcs1-") + name + "-verify.json");
        if (!file) return;
        const std::string algorithm = std::string("rsa-sha2-") + (name + 8);
        int checked = 0;
        for (const auto& group : (*file)["groups"]) {
            const auto key = public_key::from_blob(rsa_blob(
                from_hex(group["e"].get<std::string>()), from_hex(group["n"].get<std::string>())));
            ASSERT_TRUE(key);
            for (const auto& t : group["tests"]) {
                SCOPED_TRACE(algorithm + ' ' + t["tcId"].dump() + ' ' + t["comment"].dump());
                const bytes signature =
                    blob_of({text(algorithm), from_hex(t["sig"].get<std::string>())});
                const bool accepted =
                    key->verify(algorithm, from_hex(t["msg"].get<std::string>()), signature)
                        .has_value();
                if (t["result"] != "acceptable")
                    EXPECT_EQ(accepted, t["result"] == "valid");
                else  // the DigestInfo without NULL
                    EXPECT_FALSE(accepted);
                ++checked;
            }
        }
        EXPECT_GT(checked, 50);
    }
}

}  // namespace
}  // namespace sluice::crypto
