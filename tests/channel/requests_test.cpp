#include "sluice/channel/requests.hpp"

#include "sluice/channel/global_requests.hpp"
#include "sluice/channel/messages.hpp"
#include "sluice/channel/open_types.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice {
namespace {

using test::from_hex;
using test::to_hex;

// What follows the name: written out, both ways, every truncation, one byte too many.
template <class List>
void check(const typename List::value_type& value, std::string_view name, const std::string& hex,
           bool open_end = false) {
    SCOPED_TRACE(name);
    const bytes whole = from_hex(hex);
    bytes out;
    wire::writer w(out);
    List::encode(value, w);
    EXPECT_EQ(to_hex(out), to_hex(whole));
    EXPECT_EQ(List::name_of(value), name);

    const auto decoded = List::decode(name, whole);
    ASSERT_TRUE(decoded) << decoded.error().message();
    ASSERT_TRUE(*decoded);
    EXPECT_EQ((*decoded)->index(), value.index());
    bytes again;
    wire::writer v(again);
    List::encode(**decoded, v);
    EXPECT_EQ(again, whole);

    for (std::size_t n = 0; n < whole.size(); ++n) {
        const auto r = List::decode(name, bytes_view(whole).first(n));
        if (open_end && n == 0) continue;
        EXPECT_EQ(r.error(), errc::truncated) << "at " << n << " bytes";
    }
    bytes longer = whole;
    longer.push_back(0);
    const auto r = List::decode(name, longer);
    EXPECT_EQ(r.error(), open_end ? errc::truncated : errc::trailing_bytes);
}

using requests = named::list<channel_request>;
using globals = named::list<global_request>;

TEST(Rfc4254s6, EveryChannelRequestBothWays) {
    const bytes modes = from_hex("00");
    check<requests>(pty_request{"vt", 80, 24, 640, 480, modes}, "pty-req",
                    "00000002 7674 00000050 00000018 00000280 000001e0 00000001 00");
    check<requests>(x11_request{true, "M", "0a", 2}, "x11-req",
                    "01 00000001 4d 00000002 3061 00000002");
    check<requests>(env_request{"A", "b"}, "env", "00000001 41 00000001 62");
    check<requests>(shell_request{}, "shell", "");
    check<requests>(exec_request{"ls"}, "exec", "00000002 6c73");
    check<requests>(subsystem_request{"sftp"}, "subsystem", "00000004 73667470");
    check<requests>(window_change_request{1, 2, 3, 4}, "window-change",
                    "00000001 00000002 00000003 00000004");
    check<requests>(xon_xoff_request{true}, "xon-xoff", "01");
    check<requests>(signal_request{"TERM"}, "signal", "00000004 5445524d");
    check<requests>(exit_status_request{255}, "exit-status", "000000ff");
    check<requests>(exit_signal_request{"SEGV", true, "x", ""}, "exit-signal",
                    "00000004 53454756 01 00000001 78 00000000");
    check<requests>(auth_agent_request{}, "auth-agent-req@openssh.com", "");
    check<requests>(eow_request{}, "eow@openssh.com", "");
    check<requests>(keepalive_request{}, "keepalive@openssh.com", "");
}

TEST(Rfc4335, Break) { check<requests>(break_request{500}, "break", "000001f4"); }

TEST(Rfc4254s7, EveryChannelTypeBothWays) {
    check<open_type_list>(session_channel{}, "session", "");
    check<open_type_list>(direct_tcpip_channel{"h", 80, "1", 9}, "direct-tcpip",
                          "00000001 68 00000050 00000001 31 00000009");
    check<open_type_list>(forwarded_tcpip_channel{"h", 80, "1", 9}, "forwarded-tcpip",
                          "00000001 68 00000050 00000001 31 00000009");
    check<open_type_list>(auth_agent_channel{}, "auth-agent@openssh.com", "");
    check<open_type_list>(direct_streamlocal_channel{"/s", "", 0}, "direct-streamlocal@openssh.com",
                          "00000002 2f73 00000000 00000000");
    check<open_type_list>(forwarded_streamlocal_channel{"/s", ""},
                          "forwarded-streamlocal@openssh.com", "00000002 2f73 00000000");
}

TEST(Rfc4254s7_1, EveryGlobalRequestBothWays) {
    check<globals>(tcpip_forward_request{"", 22}, "tcpip-forward", "00000000 00000016");
    check<globals>(cancel_tcpip_forward_request{"", 22}, "cancel-tcpip-forward",
                   "00000000 00000016");
    check<globals>(streamlocal_forward_request{"/s"}, "streamlocal-forward@openssh.com",
                   "00000002 2f73");
    check<globals>(cancel_streamlocal_forward_request{"/s"},
                   "cancel-streamlocal-forward@openssh.com", "00000002 2f73");
    check<globals>(no_more_sessions_request{}, "no-more-sessions@openssh.com", "");
    check<globals>(global_keepalive_request{}, "keepalive@openssh.com", "");
    const bytes key = from_hex("aabb");
    check<globals>(hostkeys_request{{key}}, "hostkeys-00@openssh.com", "00000002 aabb", true);
    check<globals>(hostkeys_prove_request{{key}}, "hostkeys-prove-00@openssh.com", "00000002 aabb",
                   true);
}

TEST(ChannelRequests, HostKeysAreCapped) {
    const bytes full(4 * limits::host_keys_max, 0);
    const auto most = decode_global_request("hostkeys-00@openssh.com", full);
    ASSERT_TRUE(most);
    EXPECT_EQ(std::get<hostkeys_request>(**most).host_keys.size(), limits::host_keys_max);
    const bytes more(4 * limits::host_keys_max + 4, 0);
    EXPECT_EQ(decode_global_request("hostkeys-00@openssh.com", more).error(), errc::too_long);
}

TEST(ChannelRequests, UnknownNamesAreNothingAndNoError) {
    for (const char* name : {"", "Exec", "exec ", "execx", "env@openssh.com"}) {
        SCOPED_TRACE(name);
        const auto r = decode_channel_request(name, from_hex("ff"));
        ASSERT_TRUE(r);
        EXPECT_FALSE(*r);
        EXPECT_FALSE(*decode_global_request(name, {}));
        EXPECT_FALSE(*open_type_list::decode(name, {}));
    }
}

template <class... T>
std::multiset<std::string_view> names(const std::variant<T...>*) {
    return {T::name...};
}

TEST(ChannelRequests, NamesAreDistinct) {
    const auto all = names(static_cast<const channel_request*>(nullptr));
    for (const auto n : all)
        EXPECT_EQ(all.count(n), 1U) << n;
    const auto global = names(static_cast<const global_request*>(nullptr));
    for (const auto n : global)
        EXPECT_EQ(global.count(n), 1U) << n;
}

TEST(ChannelRequests, WholePayloads) {
    bytes out;
    encode_channel_request(3, exec_request{"ls"}, true, out);
    EXPECT_EQ(to_hex(out),
              "62"
              "00000003"
              "00000004"
              "65786563"
              "01"
              "00000002"
              "6c73");
    out.clear();
    encode_global_request(tcpip_forward_request{"h", 1}, true, out);
    EXPECT_EQ(to_hex(out),
              "50"
              "0000000d"
              "74637069702d666f7277617264"
              "01"
              "00000001"
              "68"
              "00000001");
}

}  // namespace
}  // namespace sluice
