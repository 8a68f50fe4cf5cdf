// Key revocation lists (PROTOCOL.krl), made by ssh-keygen and by hand.

#include "sluice/crypto/krl.hpp"

#include "sluice/tests/support/key_folder.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

using test::contents;
using test::run;

const private_key& one() {
    static const auto k = private_key::generate("ssh-ed25519").value();
    return k;
}

const private_key& other() {
    static const auto k = private_key::generate("ecdsa-sha2-nistp256").value();
    return k;
}

const private_key& authority() {
    static const auto k = private_key::generate("ssh-ed25519").value();
    return k;
}

certificate certified(std::uint64_t serial, std::string id = "id",
                      const private_key& by = authority()) {
    return certificate::issue(one().public_half(), {.serial = serial, .key_id = std::move(id)}, by,
                              system_random())
        .value();
}

TEST(Krl, SaysWhatSshKeygenSays) {
    const test::key_folder dir;
    const std::string ca = dir.write("ca.pub", authority().public_half().line() + '\n');
    const std::string key_line = one().public_half().line();
    const std::string print = one().public_half().fingerprint();
    const certificate subjects[] = {certified(0),
                                    certified(1),
                                    certified(5),
                                    certified(9),
                                    certified(10),
                                    certified(11),
                                    certified(1'000'000),
                                    certified(~std::uint64_t{0}),
                                    certified(7, "somebody's"),
                                    certified(5, "id", other())};
    struct {
        const char* name;
        std::string specification;
        std::string authority;  // argument of -s
    } const cases[] = {
        {"nothing", "", ca},
        {"a key", "key: " + key_line, ""},
        {"another key", "key: " + other().public_half().line(), ""},
        {"the authority", "key: " + authority().public_half().line(), ""},
        {"its SHA-1", "sha1: " + key_line, ""},
        {"its SHA-256", "sha256: " + key_line, ""},
        {"its fingerprint", "hash: " + print, ""},
        {"numbers", "serial: 1\nserial: 1000000\nserial: 18446744073709551615", ca},
        {"a range", "serial: 5-10", ca},
        {"a large range", "serial: 5-1000000000", ca},
        {"a bitmap", "serial: 1\nserial: 3\nserial: 5\nserial: 7\nserial: 10\nserial: 14", ca},
        {"an identity", "id: somebody's", ca},
        {"identities of anybody", "id: id\nid: x", "none"},
        {"all at once", "serial: 5\nid: somebody's\nsha1: " + other().public_half().line(), ca},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const std::string file = dir.path("krl");
        run("ssh-keygen -q -k -z 42 -f " + file +
            (c.authority.empty() ? "" : " -s " + c.authority) + ' ' +
            dir.write("specification", c.specification + '\n'));
        const std::string data = contents(file);
        const auto list = krl::parse(as_bytes(data));
        ASSERT_TRUE(list) << list.error().message();
        EXPECT_EQ(list->version(), 42u);
        EXPECT_GT(list->generated(), 1'500'000'000u);
        const auto asked = [&](const std::string& line) {
            return test::try_run("ssh-keygen -Q -f " + file + ' ' +
                                 dir.write("subject.pub", line + '\n'))
                       .status != 0;
        };
        for (const private_key* key : {&one(), &other(), &authority()})
            EXPECT_EQ(list->revokes(key->public_half()), asked(key->public_half().line()));
        for (const certificate& cert : subjects)
            EXPECT_EQ(list->revokes(cert), asked(cert.line())) << cert.fields().serial;
    }
}

bytes header(std::uint64_t magic = 0x5353484b524c0a00, std::uint32_t format = 1) {
    bytes out;
    wire::writer w(out);
    w.write(magic);
    w.write(format);
    w.write(std::uint64_t{7});
    w.write(std::uint64_t{8});
    w.write(std::uint64_t{0});
    w.write(std::string_view());
    w.write("a comment");
    return out;
}

bytes string_of(bytes_view data) {
    bytes out;
    wire::writer(out).write(data);
    return out;
}

bytes with_section(std::uint8_t type, bytes_view section) {
    bytes out = header();
    wire::writer w(out);
    w.write(type);
    w.write(section);
    return out;
}

bytes with_certificates(std::uint8_t type, bytes_view section) {
    bytes part;
    wire::writer w(part);
    w.write(bytes_view(authority().public_half().blob()));
    w.write(std::string_view());
    w.write(type);
    w.write(section);
    return with_section(1, part);
}

bytes numbers(std::initializer_list<std::uint64_t> all) {
    bytes out;
    for (const std::uint64_t n : all)
        wire::writer(out).write(n);
    return out;
}

bytes extension(bool critical) {
    bytes out;
    wire::writer w(out);
    w.write("x@example.com");
    w.write(critical);
    w.write("contents");
    return out;
}

bytes bitmap(std::uint64_t offset, const bytes& magnitude) {
    bytes out = numbers({offset});
    wire::writer(out).write(wire::mpint::of(magnitude));
    return out;
}

TEST(Krl, WhatIsReadAndWhatIsNot) {
    const bytes blob = one().public_half().blob();
    bytes behind = header();
    behind.push_back(2);
    struct {
        const char* name;
        bytes data;
        bool good;
    } const cases[] = {
        {"the header alone", header(), true},
        {"another magic", header(0x5353484b524c0a01), false},
        {"another format", header(0x5353484b524c0a00, 2), false},
        {"a key", with_section(2, string_of(blob)), true},
        {"a key of a type that nobody knows", with_section(2, string_of(bytes{1, 2, 3})), true},
        {"an empty key", with_section(2, string_of({})), false},
        {"a key cut short", with_section(2, bytes{0, 0, 0, 9, 1}), false},
        {"SHA-1", with_section(3, string_of(bytes(20, 1))), true},
        {"SHA-1 too short", with_section(3, string_of(bytes(19, 1))), false},
        {"SHA-256", with_section(5, string_of(bytes(32, 1))), true},
        {"SHA-256 too long", with_section(5, string_of(bytes(33, 1))), false},
        {"a signature", with_section(4, blob), false},
        {"an unknown section", with_section(6, {}), false},
        {"an extension", with_section(255, extension(false)), true},
        {"a critical one", with_section(255, extension(true)), false},
        {"an extension cut short", with_section(255, bytes{0, 0}), false},
        {"an extension of certificates", with_certificates(0x39, extension(false)), true},
        {"a critical one of certificates", with_certificates(0x39, extension(true)), false},
        {"an unknown section of certificates", with_certificates(0x24, {}), false},
        {"certificates of nobody", with_section(1, {}), false},
        {"numbers", with_certificates(0x20, numbers({1, 2, 3})), true},
        {"numbers cut short", with_certificates(0x20, bytes{0, 0}), false},
        {"a range", with_certificates(0x21, numbers({1, 1})), true},
        {"a range backwards", with_certificates(0x21, numbers({2, 1})), false},
        {"three ends", with_certificates(0x21, numbers({1, 2, 3})), false},
        {"a bitmap", with_certificates(0x22, bitmap(1, {0x81})), true},
        {"a bitmap without bits", with_certificates(0x22, numbers({1})), false},
        {"a negative bitmap",
         with_certificates(0x22, bytes{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x81}), false},
        {"a section without contents", behind, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto list = krl::parse(c.data);
        EXPECT_EQ(list.has_value(), c.good);
        if (!list) {
            EXPECT_EQ(list.error(), errc::bad_value);
            continue;
        }
        EXPECT_EQ(list->version(), 7u);
        EXPECT_EQ(list->generated(), 8u);
        EXPECT_EQ(list->comment(), "a comment");
    }
    EXPECT_EQ(krl::parse(bytes(limits::krl_length_max + 1)).error(), errc::too_long);
}

TEST(Krl, BitmapsReachAsFarAsTheirBits) {
    const bytes data = with_certificates(0x22, bitmap(~std::uint64_t{0} - 8, {0x02, 0x81}));
    const krl list = krl::parse(data).value();
    const std::uint64_t offset = ~std::uint64_t{0} - 8;
    EXPECT_TRUE(list.revokes(certified(offset)));
    EXPECT_FALSE(list.revokes(certified(offset + 1)));
    EXPECT_TRUE(list.revokes(certified(offset + 7)));
    EXPECT_FALSE(list.revokes(certified(offset + 8)));
    EXPECT_FALSE(list.revokes(certified(0)));  // the bit that would be for 2^64
    EXPECT_FALSE(list.revokes(certified(offset - 1)));
    EXPECT_FALSE(list.revokes(certified(offset, "id", other())));
}

TEST(Krl, EveryTruncationIsRefusedOrAListOfFewerSections) {
    const bytes data = with_certificates(0x20, numbers({1, 2, 3}));
    ASSERT_TRUE(krl::parse(data));
    for (std::size_t n = 0; n < data.size(); ++n)
        EXPECT_EQ(krl::parse({data.data(), n}).has_value(), n == header().size()) << n;
}

}  // namespace
}  // namespace sluice::crypto
