#include "sluice/channel/messages.hpp"

#include "sluice/tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using test::from_hex;
using test::to_hex;

// Written out, both ways, with every truncation and one byte too many. `open_end` is the size of a
// trailing field that takes whatever is there, or -1.
template <class M>
void check(const M& message, const std::string& hex, int open_end = -1) {
    SCOPED_TRACE(hex);
    const bytes whole = from_hex(hex);
    EXPECT_EQ(to_hex(wire::encoded(message)), to_hex(whole));
    const auto decoded = wire::decode<M>(whole);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(wire::encoded(*decoded), whole);

    const std::size_t fixed = whole.size() - static_cast<std::size_t>(std::max(open_end, 0));
    for (std::size_t n = 0; n < fixed; ++n) {
        const auto m = wire::decode<M>(bytes_view(whole).first(n));
        EXPECT_EQ(m.error(), errc::truncated) << "at " << n << " bytes";
    }
    if (open_end < 0) {
        bytes longer = whole;
        longer.push_back(0);
        EXPECT_EQ(wire::decode<M>(longer).error(), errc::trailing_bytes);
    }
    bytes other = whole;
    other[0] = 2;
    EXPECT_EQ(wire::decode<M>(other).error(), errc::unexpected_message);
}

TEST(Rfc4254s4, GlobalRequestAndItsReplies) {
    const bytes raw = from_hex("0a0b");
    check(global_request_message{"abc", true, {raw}}, "50 00000003 616263 01 0a0b", 2);
    check(request_success{{raw}}, "51 0a0b", 2);
    check(request_failure{}, "52");
}

TEST(Rfc4254s5_1, OpenConfirmationAndFailure) {
    const bytes raw = from_hex("ff");
    check(channel_open{"session", 1, 2, 3, {raw}},
          "5a 00000007 73657373696f6e 00000001 00000002 00000003 ff", 1);
    check(channel_open_confirmation{1, 2, 3, 4, {raw}}, "5b 00000001 00000002 00000003 00000004 ff",
          1);
    check(channel_open_failure{1, 3, "no", "en"},
          "5c 00000001 00000003 00000002 6e6f 00000002 656e");
}

TEST(Rfc4254s5_2, WindowAdjustDataAndExtendedData) {
    const bytes raw = from_hex("010203");
    check(channel_window_adjust{7, 4096}, "5d 00000007 00001000");
    check(channel_data{7, raw}, "5e 00000007 00000003 010203");
    check(channel_data{7, {}}, "5e 00000007 00000000");
    check(channel_extended_data{7, 1, raw}, "5f 00000007 00000001 00000003 010203");
}

TEST(Rfc4254s5_3, EofAndClose) {
    check(channel_eof{9}, "60 00000009");
    check(channel_close{9}, "61 00000009");
}

TEST(Rfc4254s5_4, RequestSuccessAndFailure) {
    const bytes raw = from_hex("2a");
    check(channel_request_message{9, "x", false, {raw}}, "62 00000009 00000001 78 00 2a", 1);
    check(channel_success{9}, "63 00000009");
    check(channel_failure{9}, "64 00000009");
}

}  // namespace
}  // namespace sluice
