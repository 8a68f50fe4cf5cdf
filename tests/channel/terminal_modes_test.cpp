#include "sluice/channel/terminal_modes.hpp"

#include "sluice/tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace sluice {
namespace {

using test::from_hex;
using test::to_hex;

TEST(Rfc4254s8, ParsesUpToTheEnd) {
    struct {
        const char* name;
        const char* in;
        const char* out;
    } cases[] = {
        {"nothing", "", "00"},
        {"end only", "00", "00"},
        {"one mode", "03 0000007f 00", "03 0000007f 00"},
        {"no TTY_OP_END", "03 0000007f", "03 0000007f 00"},
        {"sorted", "81 00009600 03 0000007f 00", "03 0000007f 81 00009600 00"},
        {"twice: the last counts", "35 00000001 35 00000000 00", "35 00000000 00"},
        {"behind the end: ignored", "00 03 0000007f", "00"},
        {"undefined opcode stops", "01 00000003 a0 ffffffff 02 0000001c 00", "01 00000003 00"},
        {"unknown but defined range", "9f 00000001 00", "9f 00000001 00"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto modes = terminal_modes::parse(from_hex(c.in));
        ASSERT_TRUE(modes);
        EXPECT_EQ(to_hex(modes->encode()), to_hex(from_hex(c.out)));
    }
}

TEST(Rfc4254s8, AnArgumentCutShortIsAnError) {
    const bytes whole = from_hex("03 0000007f 35 00000001");
    for (std::size_t n = 0; n <= whole.size(); ++n) {
        const auto modes = terminal_modes::parse(bytes_view(whole).first(n));
        if (n % 5 == 0)
            EXPECT_EQ(modes->size(), n / 5);
        else
            EXPECT_EQ(modes.error(), errc::truncated) << "at " << n << " bytes";
    }
}

TEST(Rfc4254s8, AnyLengthOfStreamMakesOneTable) {
    bytes stream;
    for (int i = 0; i < 100'000; ++i)
        stream.insert(stream.end(), {static_cast<std::uint8_t>(1 + i % 159), 0, 0, 0, 1});
    const auto modes = terminal_modes::parse(stream);
    ASSERT_TRUE(modes);
    EXPECT_EQ(modes->size(), 159U);
    EXPECT_EQ(modes->get(159), 1U);
    EXPECT_EQ(modes->get(0), std::nullopt);
    EXPECT_EQ(modes->get(200), std::nullopt);
}

// The RFC's numbers go in runs; IUTF8 is RFC 8160's.
TEST(Rfc4254s8, EveryOpcodeHasItsNumber) {
    const struct {
        std::uint8_t first;
        std::vector<std::string_view> mnemonics;
    } runs[] = {
        {1,
         {"VINTR", "VQUIT", "VERASE", "VKILL", "VEOF", "VEOL", "VEOL2", "VSTART", "VSTOP", "VSUSP",
          "VDSUSP", "VREPRINT", "VWERASE", "VLNEXT", "VFLUSH", "VSWTCH", "VSTATUS", "VDISCARD"}},
        {30,
         {"IGNPAR", "PARMRK", "INPCK", "ISTRIP", "INLCR", "IGNCR", "ICRNL", "IUCLC", "IXON",
          "IXANY", "IXOFF", "IMAXBEL", "IUTF8"}},
        {50,
         {"ISIG", "ICANON", "XCASE", "ECHO", "ECHOE", "ECHOK", "ECHONL", "NOFLSH", "TOSTOP",
          "IEXTEN", "ECHOCTL", "ECHOKE", "PENDIN"}},
        {70, {"OPOST", "OLCUC", "ONLCR", "OCRNL", "ONOCR", "ONLRET"}},
        {90, {"CS7", "CS8", "PARENB", "PARODD"}},
        {128, {"TTY_OP_ISPEED", "TTY_OP_OSPEED"}},
    };
    std::size_t row = 0;
    for (const auto& run : runs)
        for (std::size_t i = 0; i < run.mnemonics.size(); ++i, ++row) {
            ASSERT_LT(row, terminal_opcodes.size());
            EXPECT_EQ(terminal_opcodes[row].mnemonic, run.mnemonics[i]);
            EXPECT_EQ(terminal_opcodes[row].opcode, run.first + i) << run.mnemonics[i];
        }
    EXPECT_EQ(row, terminal_opcodes.size());
}

TEST(Rfc8160, Iutf8IsOpcode42AndTheTableIsInOrder) {
    std::uint8_t last = 0;
    bool iutf8 = false;
    for (const auto& o : terminal_opcodes) {
        EXPECT_GT(o.opcode, last);
        last = o.opcode;
        if (o.mnemonic == "IUTF8") iutf8 = o.opcode == 42;
    }
    EXPECT_TRUE(iutf8);
    EXPECT_EQ(last, terminal_modes::output_speed);
}

}  // namespace
}  // namespace sluice
