#include "sluice/crypto/key.hpp"

#include "sluice/crypto/base64.hpp"
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
        for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                 "ecdsa-sha2-nistp521", "ssh-rsa"})
            out.push_back(private_key::generate(type, 2048).value());
        return out;
    }();
    return made;
}

std::vector<std::string_view> algorithms_of(const public_key& key) {
    std::vector<std::string_view> names;
    for (const auto& a : signature_algorithms())
        if (a.key_type == key.type()) names.push_back(a.name);
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
            if (a.key_type != key.public_half().type()) {
                EXPECT_EQ(key.sign(a.name, data).error(), errc::unknown_key_type);
                EXPECT_EQ(key.public_half().verify(a.name, data, {}).error(),
                          errc::unknown_key_type);
            }
        EXPECT_EQ(key.sign("ssh-dss", data).error(), errc::unknown_key_type);
    }
    EXPECT_EQ(private_key::generate("ssh-dss").error(), errc::unknown_key_type);
}

TEST(Key, Sha1SignaturesAreNeitherMadeNorAccepted) {
    const private_key& rsa = keys().back();
    ASSERT_EQ(rsa.public_half().type(), "ssh-rsa");
    EXPECT_EQ(rsa.sign("ssh-rsa", {}).error(), errc::unknown_key_type);
    EXPECT_EQ(rsa.public_half().verify("ssh-rsa", {}, {}).error(), errc::unknown_key_type);
    EXPECT_EQ(find_signature_algorithm("ssh-rsa"), nullptr);
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
    for (const char* type : {"ssh-dss", "ssh-ed448", "sk-ssh-ed25519@openssh.com", "",
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
