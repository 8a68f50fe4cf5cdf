#include "sluice/crypto/umac.hpp"

#include "sluice/tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::crypto {
namespace {

const std::string key = "abcdefghijklmnop";
const std::string nonce = "bcdefghi";

std::string tag_of(std::size_t size, bytes_view message, std::string_view n = nonce) {
    umac mac(size, as_bytes(key));
    bytes tag(size);
    mac.begin(as_bytes(n));
    mac.update(message);
    mac.finish(tag);
    return test::to_hex(tag);
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i)
        out += text;
    return out;
}

// All messages of the appendix but the one of 2^25 bytes, which is more than we take.
TEST(Rfc4418, Appendix) {
    const struct {
        std::string name;
        std::string message;
        std::string tag32;
        std::string tag64;
        std::string tag96;
    } cases[] = {
        {"empty", "", "113145fb", "6e155fad26900be1", "32fedb100c79ad58f07ff764"},
        {"a 3", repeated("a", 3), "3b91d102", "44b5cb542f220104", "185e4fe905cba7bd85e4c2dc"},
        {"a 2^10", repeated("a", 1 << 10), "599b350b", "26bf2f5d60118bd9",
         "7a54abe04af82d60fb298c3c"},
        {"a 2^15", repeated("a", 1 << 15), "58dcf532", "27f8ef643b0d118d",
         "7b136bd911e4b734286ef2be"},
        {"a 2^20", repeated("a", 1 << 20), "db6364d1", "a4477e87e9f55853",
         "f8acfa3ac31cfeea047f7b11"},
        {"abc 1", "abc", "abf3a3a0", "d4d7b9f6bd4fbfcf", "883c3d4b97a61976ffcf2323"},
        {"abc 500", repeated("abc", 500), "abeb3c8b", "d4cf26ddefd5c01a",
         "8824a260c53c66a36c9260a6"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(tag_of(4, as_bytes(c.message)), c.tag32);
        EXPECT_EQ(tag_of(8, as_bytes(c.message)), c.tag64);
        EXPECT_EQ(tag_of(12, as_bytes(c.message)), c.tag96);
        // The appendix has none of 128 bits. Their first 96 are those of UMAC-96: its three hashes
        // and its pad are the beginning of theirs (§3.3.1, §5.1). OpenSSH proves the rest.
        EXPECT_EQ(tag_of(16, as_bytes(c.message)).substr(0, 24), c.tag96);
    }
}

// §3.3.1: nonces that differ in the last bit take the halves of one block as pad.
TEST(Rfc4418, EveryNonceHasItsPad) {
    std::vector<std::string> tags;
    for (const char* n : {"bcdefghh", "bcdefghi", "bcdefghj", "bcdefghk"})
        for (const std::size_t size : {4u, 8u, 12u, 16u})
            tags.push_back(tag_of(size, as_bytes(key), n));
    for (std::size_t i = 0; i < tags.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
            EXPECT_NE(tags[i], tags[k]);
}

// However a message is cut into pieces, and whatever was hashed before it, its tag is the same.
TEST(Umac, PiecesMakeNoDifference) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    for (const std::size_t size : {4u, 8u, 12u, 16u}) {
        umac mac(size, as_bytes(key));
        for (const std::size_t length :
             {0u, 1u, 31u, 32u, 33u, 1023u, 1024u, 1025u, 1056u, 2048u, 5000u, 70'000u}) {
            bytes message(length);
            for (auto& b : message)
                b = static_cast<std::uint8_t>(random());
            bytes tag(size);
            mac.begin(as_bytes(nonce));
            for (bytes_view left = message; !left.empty();) {
                const std::size_t piece = std::min<std::size_t>(left.size(), random() % 100);
                mac.update(left.first(piece));
                left = left.subspan(piece);
            }
            mac.finish(tag);
            EXPECT_EQ(test::to_hex(tag), tag_of(size, message)) << length;
        }
    }
}

// The sum that NH gives a word of all ones stays in range of POLY by a marker (§5.3.2): no bit of
// the message goes unseen where sums are large.
TEST(Umac, EveryBitOfAMessageCounts) {
    bytes message(3000, 0xff);
    const std::string whole = tag_of(16, message);
    for (std::size_t i = 0; i < message.size(); i += 7) {
        message[i] ^= 1;
        EXPECT_NE(tag_of(16, message), whole) << i;
        message[i] ^= 1;
    }
}

}  // namespace
}  // namespace sluice::crypto
