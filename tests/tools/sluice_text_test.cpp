#include "sluice/tools/sluice_text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

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
