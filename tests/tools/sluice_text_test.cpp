#include "sluice/tools/sluice_text.hpp"

#include "sluice/tests/support/utf8.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

TEST(SluiceText, OfAServerDoesATerminalNoHarm) {
    const struct {
        const char* name;
        std::string in;
        std::string want;
    } cases[] = {
        {"plain", "Welcome to this host.", "Welcome to this host."},
        {"newline, return and tab", "a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"},
        {"nul", std::string("a\0b", 3), "a\\x00b"},
        {"escape", "\x1b[2Jgone", "\\x1b[2Jgone"},
        {"delete and bell", "\x7f\a", "\\x7f\\x07"},
        {"UTF-8", "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x9f",
         "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x9f"},
        {"C1 in UTF-8",
         "\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"},
        {"C1 bare",
         "\x9b"
         "31m",
         "\\x9b31m"},
        {"no-break space", "\xc2\xa0", "\xc2\xa0"},
        {"cut off", "\xe2\x82", "\\xe2\\x82"},
        {"overlong, two bytes", "\xc0\xaf", "\\xc0\\xaf"},
        {"overlong, three bytes", "\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
        {"overlong, four bytes", "\xf0\x80\x82\x9b", "\\xf0\\x80\\x82\\x9b"},
        {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"line separator", "\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
        {"right to left",
         "\xe2\x80\xae"
         "gpj",
         "\\xe2\\x80\\xaegpj"},
        {"isolate", "\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(printable(c.in), c.want);
    }
}

TEST(SluiceText, NoByteThatControlsATerminalIsEverLeft) {
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            const std::string in{static_cast<char>(a), static_cast<char>(b)};
            const std::string shown = printable(in);
            const bool bare =
                std::ranges::any_of(shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
            EXPECT_FALSE(bare) << a << ' ' << b;
            EXPECT_EQ(printable(shown), shown) << a << ' ' << b;
        }
    }
}

// C0, DEL, C1, ARABIC LETTER MARK, marks of direction, separators of lines, embeddings, isolates.
bool controls_a_terminal(std::uint32_t code) {
    constexpr std::pair<std::uint32_t, std::uint32_t> ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    return std::ranges::any_of(
        ranges, [code](const auto& r) { return code >= r.first && code <= r.second; });
}

TEST(SluiceText, EveryCharacterIsKeptOrWrittenOut) {
    const auto written_out = [](std::string_view text) {
        std::string out;
        for (const char c : text) {
            const auto value = static_cast<unsigned char>(c);
            out += {'\\', 'x', "0123456789abcdef"[value >> 4], "0123456789abcdef"[value & 15]};
        }
        return out;
    };
    for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
        const std::string text = test::utf8_of(code);
        const bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (printable(text) == (surrogate || controls_a_terminal(code) ? written_out(text) : text))
            continue;
        ADD_FAILURE() << std::hex << code << ": " << printable(text);
    }
    for (const std::string& text : test::utf8_bounds()) {
        std::string want;
        for (std::string_view left = text; !left.empty();) {
            const auto [code, length] = test::utf8_front(left);
            const std::string_view one = left.substr(0, length == 0 ? 1 : length);
            want += length == 0 || controls_a_terminal(code) ? written_out(one) : std::string(one);
            left.remove_prefix(one.size());
        }
        EXPECT_EQ(printable(text), want) << written_out(text);
    }
}

TEST(SluiceText, EveryLineOfAServerIsMarked) {
    const struct {
        const char* name;
        std::string in;
        std::size_t columns;
        std::string want;
    } cases[] = {
        {"nothing", "", 0, ""},
        {"one line", "one", 0, "> one"},
        {"its end is no line", "one\n", 0, "> one"},
        {"lines", "one\r\n\ntwo", 0, "> one\n> \n> two"},
        {"a return within", "one\rtwo", 0, "> one\\x0dtwo"},
        {"a tab", "a\tb", 0, "> a\\x09b"},
        {"fits", "12345678901", 13, "> 12345678901"},
        {"folded", "123456789012", 13, "> 12345678901\n> 2"},
        {"what is wide counts twice",
         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
         "12",
         13,
         "> \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
         "1\n> 2"},
        {"folded between words", "1234567 901234", 13, "> 1234567 \n> 901234"},
        {"folded within a long one", "12 45678901234", 13, "> 12 45678901\n> 234"},
        {"blanks without end", std::string(12, ' ') + "x", 13, ">            \n>  x"},
        {"narrower than the mark", "123456789", 1, "> 12345678\n> 9"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(marked(c.in, "> ", c.columns), c.want);
    }
    EXPECT_EQ(marked_line("Password: \nEnter passphrase for key: ", "> ", 0),
              "> Password: \\x0aEnter passphrase for key: ");
    EXPECT_EQ(marked_line("", "> ", 0), "> ");
}

TEST(SluiceText, TheMarkNamesUserAndHost) {
    connect_options o;
    o.host = "files.example";
    EXPECT_EQ(server_mark(o), "(files.example) ");
    o.user = "ada\n";
    EXPECT_EQ(server_mark(o), "(ada\\x0a@files.example) ");
}

TEST(SluiceText, ALongNameIsCutAtItsFront) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdefg", 6), "...efg");
    EXPECT_EQ(shortened("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 5), "...\xe2\x82\xac");
    EXPECT_EQ(shortened(std::string(5000, 'x'), 20).size(), 20u);
}

}  // namespace
}  // namespace sluice
