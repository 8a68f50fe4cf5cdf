#include "sluice/wire/reader.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/secret.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>

namespace sluice {
namespace {

using test::from_hex;

TEST(Rfc4251s5, Uint32) {
    struct {
        const char* name;
        const char* in;
        std::uint32_t value;
        error_code error;
    } cases[] = {
        {"zero", "00000000", 0, {}},
        {"big endian", "29b7f4aa", 699'921'578, {}},  // the RFC's own example
        {"three of 4", "000000", 7, errc::truncated},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const bytes in = from_hex(c.in);
        wire::reader r(in);
        std::uint32_t value = 7;
        r.read(value);
        EXPECT_EQ(value, c.value);
        EXPECT_EQ(r.error(), c.error);
    }
}

TEST(Rfc4251s5, BooleanAnyNonzeroIsTrue) {
    for (int i = 0; i < 256; ++i) {
        const bytes in{static_cast<std::uint8_t>(i)};
        wire::reader r(in);
        bool value = i == 0;
        r.read(value);
        EXPECT_EQ(value, i != 0);
    }
    bytes out;
    wire::writer(out).write(true);
    EXPECT_EQ(out, bytes{1});
}

TEST(Rfc4251s5, MpintExamplesBothWays) {
    struct {
        const char* magnitude;
        const char* wire;
    } cases[] = {
        {"", "00000000"}, {"09a378f9b2e332a7", "0000000809a378f9b2e332a7"}, {"80", "000000020080"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.wire);
        const bytes magnitude = from_hex(c.magnitude);
        bytes out;
        wire::writer(out).write(wire::mpint{magnitude});
        EXPECT_EQ(test::to_hex(out), c.wire);
        wire::reader r(out);
        wire::mpint back;
        r.read(back);
        EXPECT_FALSE(r.error());
        EXPECT_EQ(to_bytes(back.magnitude), magnitude);
    }
}

TEST(Rfc4251s5, MpintRejectsWhatIsNotMinimalOrNegative) {
    for (const char* in : {"0000000100", "00000002007f", "00000003000080", "0000000180",
                           "00000002edcc", "00000005ff21524111"}) {
        SCOPED_TRACE(in);
        const bytes raw = from_hex(in);
        wire::reader r(raw);
        wire::mpint value;
        r.read(value);
        EXPECT_EQ(r.error(), errc::bad_mpint);
    }
}

TEST(Rfc4251s5, MpintWriterDropsLeadingZeros) {
    const bytes raw{0, 0, 0x81};
    bytes out;
    wire::writer(out).write(wire::mpint{raw});
    EXPECT_EQ(test::to_hex(out), "000000020081");
}

TEST(Rfc4251s5, NameListExamples) {
    struct {
        const char* wire;
        const char* text;
    } cases[] = {{"00000000", ""},
                 {"000000047a6c6962", "zlib"},
                 {"000000097a6c69622c6e6f6e65", "zlib,none"}};
    for (const auto& c : cases) {
        const bytes in = from_hex(c.wire);
        wire::reader r(in);
        wire::name_list list;
        r.read(list);
        EXPECT_FALSE(r.error());
        EXPECT_EQ(list.text, c.text);
        bytes out;
        wire::writer(out).write(list);
        EXPECT_EQ(out, in);
    }
}

TEST(Rfc4251s6, NameListSyntaxAndCaps) {
    const std::string name64(64, 'a');
    std::string many = "a";
    for (std::size_t i = 1; i < limits::name_list_names_max; ++i)
        many += ",a";
    struct {
        std::string text;
        error_code error;
    } cases[] = {
        {",", errc::bad_name_list},
        {"a,", {}},  // libssh 0.10
        {"a,,", errc::bad_name_list},
        {",a", errc::bad_name_list},
        {"a,,b", errc::bad_name_list},
        {"a b", errc::bad_name_list},
        {std::string("a\0b", 3), errc::bad_name_list},
        {"\x7f", errc::bad_name_list},
        {"\xc3\xa9", errc::bad_name_list},
        {name64, {}},
        {name64 + "a", errc::bad_name_list},
        {many, {}},
        {many + ",a", errc::too_long},
        {std::string(limits::name_list_length_max + 1, 'a'), errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text.substr(0, 40));
        const auto list = wire::name_list::parse(c.text);
        EXPECT_EQ(list ? error_code{} : list.error(), c.error);
    }
}

TEST(Rfc4253s7_1, FirstCommonFollowsTheFirstList) {
    EXPECT_EQ(wire::first_common({"c,b,a"}, {"a,b"}), "b");
    EXPECT_EQ(wire::first_common({"c"}, {"a,b"}), "");
    EXPECT_EQ(wire::first_common({"b,"}, {"a,b"}), "b");
    EXPECT_EQ(wire::first_common({"c,"}, {"a,"}), "");
    EXPECT_EQ(wire::name_list{"a,b,"}.names(), (std::vector<std::string_view>{"a", "b"}));
    EXPECT_EQ(wire::first_common({""}, {"a,b"}), "");
}

TEST(Reader, FirstErrorSticks) {
    const bytes in{0, 0, 0, 9, 1};
    wire::reader r(in);
    std::string_view text = "kept";
    r.read(text);
    EXPECT_EQ(r.error(), errc::truncated);
    std::uint8_t next = 42;
    r.read(next);
    EXPECT_EQ(next, 42);
    EXPECT_EQ(text, "kept");
    r.fail(errc::bad_value);
    EXPECT_EQ(r.error(), errc::truncated);
}

struct sample_message {
    static constexpr std::uint8_t number = 200;
    bool flag = false;
    std::uint64_t offset = 0;
    std::string_view text;
    std::array<std::uint8_t, 4> fixed{};
    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.flag, m.offset, m.text, m.fixed);
    }
};

TEST(Codec, BytesBothWaysAndEveryTruncation) {
    const sample_message m{true, 0x0102030405060708, "hi", {1, 2, 3, 4}};
    const bytes whole = wire::encoded(m);
    EXPECT_EQ(test::to_hex(whole),
              "c8010102030405060708000000026869"
              "01020304");
    const auto back = wire::decode<sample_message>(whole);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->text, "hi");
    EXPECT_EQ(back->offset, m.offset);
    EXPECT_EQ(back->fixed, m.fixed);
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_EQ(wire::decode<sample_message>({whole.data(), n}).error(), errc::truncated) << n;
    bytes longer = whole;
    longer.push_back(0);
    EXPECT_EQ(wire::decode<sample_message>(longer).error(), errc::trailing_bytes);
    longer[0] = 201;
    EXPECT_EQ(wire::decode<sample_message>(longer).error(), errc::unexpected_message);
}

TEST(Writer, BackPatchedStrings) {
    bytes out{9};
    wire::writer w(out);
    const auto outer = w.begin_string();
    w.write("ab");
    w.end_string(outer);
    EXPECT_EQ(test::to_hex(out),
              "09"
              "00000006"
              "00000002"
              "6162");
}

TEST(Secret, CopiesAndMovesAndShrinks) {
    secret_bytes a(from_hex("0102030405"));
    secret_bytes b = a;
    EXPECT_TRUE(equal_in_constant_time(a, b));
    b.shrink(2);
    EXPECT_EQ(test::to_hex(b), "0102");
    EXPECT_FALSE(equal_in_constant_time(a, b));
    const secret_bytes c = std::move(a);
    EXPECT_EQ(c.size(), 5u);
    EXPECT_TRUE(a.empty());
    b.span()[0] = 0x81;
    EXPECT_FALSE(equal_in_constant_time(b, from_hex("0102")));
}

TEST(ByteQueue, BehavesAsAFifo) {
    std::mt19937 random(7);
    wire::byte_queue queue;
    std::string model;
    std::uint8_t next = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (random() % 2 == 0) {
            const std::size_t n = random() % 300;
            const auto space = queue.prepare(n);
            ASSERT_GE(space.size(), n);
            for (std::size_t k = 0; k < n; ++k) {
                space[k] = next;
                model += static_cast<char>(next++);
            }
            queue.commit(n);
        } else {
            const std::size_t n = random() % (queue.size() + 1);
            queue.consume(n);
            model.erase(0, n);
        }
        ASSERT_EQ(as_text(queue.view()), model);
    }
    queue.consume(queue.size());
    queue.release_if_empty();
    EXPECT_EQ(queue.capacity(), 0u);
}

// A queue that is filled and emptied in small steps keeps a small block: memory follows what is in
// it, not what went through it.
TEST(ByteQueue, MemoryIsBoundedByWhatIsQueued) {
    wire::byte_queue queue;
    const bytes piece(1000, 1);
    queue.append(piece);
    for (int i = 0; i < 10'000; ++i) {
        queue.append(piece);
        queue.consume(1000);
    }
    EXPECT_LE(queue.capacity(), 8000u);
}

TEST(Error, EveryErrorHasATextAndAReason) {
    for (int i = 1; i <= static_cast<int>(errc::limit_reached); ++i) {
        const error_code e = static_cast<errc>(i);
        EXPECT_NE(e.message(), "unknown error") << i;
        EXPECT_GE(static_cast<int>(reason_for(e)), 1);
        EXPECT_LE(static_cast<int>(reason_for(e)), 15);
        EXPECT_NE(text_for(reason_for(e)), "");
    }
    EXPECT_EQ(reason_for(errc::bad_mac), disconnect_reason::mac_error);
    EXPECT_EQ(reason_for(errc::unexpected_message), disconnect_reason::protocol_error);
}

}  // namespace
}  // namespace sluice
