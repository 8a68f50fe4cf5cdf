#include "sluice/crypto/symmetric.hpp"

#include "sluice/crypto/hmac.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/wire/secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::crypto {
namespace {

using nlohmann::json;
using test::to_hex;

bytes hex(const json& value) { return test::from_hex(value.get<std::string>()); }

// Calls `check` with every test of a file; -1 where the file is not there.
template <class Check>
int for_each_test(const std::string& name, Check&& check) {
    const auto file = test::shared_vectors(name);
    if (!file) return -1;
    int ran = 0;
    for (const auto& group : (*file)["groups"])
        for (const auto& t : group["tests"]) {
            SCOPED_TRACE(name + " tcId " + t["tcId"].dump());
            check(t);
            ++ran;
        }
    return ran;
}

// In two pieces, as packets are sealed: what lies in front, and bulk data from elsewhere.
TEST(Wycheproof, AesGcm) {
    const int ran = for_each_test("aead/aes-gcm.json", [](const json& t) {
        const bytes key = hex(t["key"]);
        const bytes message = hex(t["msg"]);
        const bytes ciphertext = hex(t["ct"]);
        const bytes tag = hex(t["tag"]);
        const auto kind = key.size() == 16 ? aead_kind::aes128_gcm : aead_kind::aes256_gcm;
        const bool valid = t["result"] == "valid";

        aead opening(kind, key, false);
        bytes opened = ciphertext;
        opening.begin(hex(t["iv"]), hex(t["aad"]));
        opening.update(opened, opened.data());
        EXPECT_EQ(opening.verify(tag), valid);
        if (!valid) return;
        EXPECT_EQ(opened, message);

        aead sealing(kind, key, true);
        bytes sealed(message.size());
        bytes made(aead::tag_size);
        const std::size_t front = message.size() / 2;
        sealing.begin(hex(t["iv"]), hex(t["aad"]));
        sealing.update(bytes_view(message).first(front), sealed.data());
        sealing.update(bytes_view(message).subspan(front), sealed.data() + front);
        sealing.finish(made);
        EXPECT_EQ(to_hex(sealed), to_hex(ciphertext));
        EXPECT_EQ(to_hex(made), to_hex(tag));
    });
    EXPECT_TRUE(ran == -1 || ran > 100);
}

// SSH has a construction of its own from the same two parts; the vectors are of RFC 8439 §2.8,
// whose counter and nonce lie in the same 16 bytes.
TEST(Wycheproof, ChaCha20AndPoly1305) {
    const int ran = for_each_test("aead/chacha20-poly1305-rfc8439.json", [](const json& t) {
        const auto block = [&t](std::uint8_t counter) {
            bytes iv{counter, 0, 0, 0};
            const bytes nonce = hex(t["iv"]);
            iv.insert(iv.end(), nonce.begin(), nonce.end());
            return iv;
        };
        const bytes ciphertext = hex(t["ct"]);
        const bytes associated = hex(t["aad"]);
        stream_cipher stream(stream_cipher_kind::chacha20, hex(t["key"]), block(0));
        bytes one_time_key(32);
        stream.apply_in_place(one_time_key);

        const auto padding = [](std::size_t size) { return bytes((16 - size % 16) % 16); };
        const auto length = [](std::uint64_t size) {
            bytes out;
            for (int i = 0; i < 8; ++i)
                out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
            return out;
        };
        poly1305 mac;
        mac.begin(one_time_key);
        for (const bytes& part :
             {associated, padding(associated.size()), ciphertext, padding(ciphertext.size()),
              length(associated.size()), length(ciphertext.size())})
            mac.update(part);
        bytes tag(poly1305::tag_size);
        mac.finish(tag);
        EXPECT_EQ(to_hex(tag) == t["tag"].get<std::string>(), t["result"] == "valid");

        bytes message = ciphertext;
        stream.restart(block(1));
        stream.apply_in_place(message);
        if (t["result"] != "valid") return;
        EXPECT_EQ(to_hex(message), t["msg"].get<std::string>());
    });
    EXPECT_TRUE(ran == -1 || ran > 60);
}

TEST(Wycheproof, Hmac) {
    const struct {
        const char* file;
        hash_kind kind;
    } files[] = {{"mac/hmac-sha1.json", hash_kind::sha1},
                 {"mac/hmac-sha2-256.json", hash_kind::sha256},
                 {"mac/hmac-sha2-512.json", hash_kind::sha512}};
    for (const auto& f : files) {
        const int ran = for_each_test(f.file, [&](const json& t) {
            hmac mac(f.kind, hex(t["key"]));
            bytes tag(mac.size());
            for (int again = 0; again < 2; ++again) {
                mac.begin();
                mac.update(hex(t["msg"]));
                mac.finish(tag);
                EXPECT_EQ(equal_in_constant_time(tag, hex(t["tag"])), t["result"] == "valid");
            }
        });
        EXPECT_TRUE(ran == -1 || ran > 30);
    }
}

// SP 800-38A F.2.1, F.2.3 and F.2.5: the same four blocks under keys of each size.
TEST(Cbc, Sp800_38aF2) {
    const bytes iv = test::from_hex("000102030405060708090a0b0c0d0e0f");
    const bytes plain = test::from_hex(
        "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710");
    const struct {
        const char* key;
        const char* sealed;
    } cases[] = {
        {"2b7e151628aed2a6abf7158809cf4f3c",
         "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"
         "73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7"},
        {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
         "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a"
         "571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd"},
        {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d"
         "39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b"},
    };
    for (const auto& c : cases) {
        const bytes key = test::from_hex(c.key);
        const bytes want = test::from_hex(c.sealed);
        SCOPED_TRACE(key.size());
        // The chain runs on from call to call.
        cbc_cipher sealing(key, iv, true);
        cbc_cipher opening(key, iv, false);
        bytes data = plain;
        sealing.apply_in_place(mutable_bytes_view(data).first(16));
        sealing.apply_in_place({});
        sealing.apply_in_place(mutable_bytes_view(data).subspan(16));
        EXPECT_EQ(to_hex(data), to_hex(want));
        opening.apply_in_place(mutable_bytes_view(data).first(48));
        opening.apply_in_place(mutable_bytes_view(data).subspan(48));
        EXPECT_EQ(data, plain);
    }
}

}  // namespace
}  // namespace sluice::crypto
