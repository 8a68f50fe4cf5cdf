#include "sluice/crypto/moduli.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sluice::crypto {
namespace {

const std::string prime = test::to_hex(modp_group14().prime);  // of 2048 bits

std::string line(const std::string& modulus, const std::string& size = "2047",
                 const std::string& type = "2", const std::string& tests = "6",
                 const std::string& generator = "2") {
    return "20260101000000 " + type + ' ' + tests + " 100 " + size + ' ' + generator + ' ' +
           modulus + '\n';
}

TEST(Moduli, GroupsAreWhatTheLinesSay) {
    const auto groups =
        parse_moduli("# Time Type Tests Tries Size Generator Modulus\n\n \t\n" + line(prime) +
                     line(test::to_hex(modp_group15().prime), "3071", "2", "4", "5"));
    ASSERT_TRUE(groups);
    ASSERT_EQ(groups->size(), 2U);
    EXPECT_EQ((*groups)[0].prime, modp_group14().prime);
    EXPECT_EQ((*groups)[0].generator, bytes{2});
    EXPECT_EQ((*groups)[1].prime, modp_group15().prime);
    EXPECT_EQ((*groups)[1].generator, bytes{5});
    EXPECT_TRUE(parse_moduli("")->empty());
    const std::string one = line(prime);
    EXPECT_EQ(parse_moduli(one.substr(0, one.size() - 1) + "\r\n")->size(), 1U);
}

TEST(Moduli, WhatIsOfNoUseIsLeftOut) {
    const std::string small(256, 'f');
    for (const auto& one : {
             line(prime, "2047", "4"),       // not a safe prime
             line(prime, "2047", "2", "7"),  // composite, they found
             line(prime, "2047", "2", "0"),  // nobody has tested it
             line(prime, "2047", "2", "2"),  // not enough
             line(small, "1023"),            // RFC 8270
             line(prime + prime, "16383"),   // more than anybody asks for
         }) {
        const auto groups = parse_moduli(one + line(prime));
        ASSERT_TRUE(groups) << one;
        EXPECT_EQ(groups->size(), 1U) << one;
    }
}

TEST(Moduli, ALineThatIsNoneIsAnError) {
    std::string even = prime;
    even.back() = 'e';
    for (const auto& one : {
             std::string("x\n"), line(prime).substr(0, 40) + '\n', line(prime + " more"),
             line(prime, "2050"),  // it has other bits than that
             line(prime.substr(2)), line("00" + prime.substr(2)), line(even),
             line(prime, "2047", "two"), line(prime, "2047", "2", "-6"),
             line(prime, "2047", "2", "6", "1"), line(prime, "2047", "2", "6", "100"),
             line("g" + prime.substr(1)), line(std::string(4096, 'f')),  // longer than it says
         })
        EXPECT_EQ(parse_moduli(line(prime) + one).error(), errc::bad_value) << one;
}

TEST(Moduli, ThereAreNotAsManyAsMemoryHolds) {
    std::string text;
    for (std::size_t i = 0; i < limits::moduli_max; ++i)
        text += line(prime);
    EXPECT_EQ(parse_moduli(text)->size(), limits::moduli_max);
    EXPECT_EQ(parse_moduli(text + line(prime)).error(), errc::too_long);
}

// Of the file that OpenSSH comes with.
TEST(Moduli, OpenSshsFile) {
    const auto text = test::shared_text("dh-gex/moduli");
    if (!text) return;
    const auto groups = parse_moduli(*text);
    ASSERT_TRUE(groups);
    std::map<std::size_t, std::size_t> of_size;  // bytes
    for (const auto& group : *groups)
        ++of_size[group.prime.size()];
    EXPECT_EQ(of_size.size(), 6U);  // 2048 to 8192 bits
    EXPECT_EQ(of_size.begin()->first, 256U);
    EXPECT_EQ(of_size.rbegin()->first, 1024U);
    for (const auto& [size, count] : of_size)
        EXPECT_GE(count, 10U) << 8 * size;
}

}  // namespace
}  // namespace sluice::crypto
