// What a peer's text may take in a log.

#include "sluice/io/log_fields.hpp"

#include "sluice/tests/support/ssh_client.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr std::size_t most = limits::log_field_length_max;

std::string cut(std::string value) {
    log_record record{log_severity::info, "login_failed", {{"user", std::move(value)}}};
    cut_fields(record);
    return record.fields[0].second;
}

TEST(LogFields, LongValuesAreCutAndSaySo) {
    EXPECT_EQ(cut(""), "");
    EXPECT_EQ(cut(std::string(most, 'x')), std::string(most, 'x'));
    EXPECT_EQ(cut(std::string(most + 1, 'x')), std::string(most, 'x') + "... (257 bytes)");
    EXPECT_EQ(cut(std::string(65'536, '\0')), std::string(most, '\0') + "... (65536 bytes)");
}

TEST(LogFields, CharactersStayWhole) {
    const std::string ring = "\xc3\xa5";
    std::string text = "x";
    while (text.size() <= most)
        text += ring;
    EXPECT_EQ(cut(text), text.substr(0, most - 1) + "... (257 bytes)");
    const std::string none(most + 9, '\x80');  // no UTF-8 at all
    EXPECT_EQ(cut(none), none.substr(0, most - 3) + "... (265 bytes)");
}

// Whatever sink a program has: the longest host of direct-tcpip, and a command of tens of KiB.
TEST(LogFields, NoRecordOfAServerIsLong) {
    using test::served;
    using test::ssh_client;
    served s;
    std::size_t longest = 0;
    s.options.log = [log = s.options.log, &longest](const log_record& record) {
        for (const auto& [name, value] : record.fields)
            longest = std::max(longest, value.size());
        log(record);
    };
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->log_in());
    bytes where;
    wire::writer w(where);
    w.write(std::string_view(std::string(255, 'h')));
    w.write(std::uint32_t{80});
    w.write(std::string_view("127.0.0.1"));
    w.write(std::uint32_t{1});
    client->sessions.emplace_back();
    client->send(wire::encoded(channel_open{"direct-tcpip", 0, 1 << 20, 32 * 1024, {where}}));
    ASSERT_TRUE(s.until([&] { return client->sessions[0].refused.has_value(); }));
    const auto number = client->open();
    EXPECT_TRUE(client->exec(number, ": " + std::string(30'000, 'c')));
    EXPECT_EQ(s.logged("forwarding_refused"), 1u);
    EXPECT_TRUE(s.last("session", "what").ends_with("c... (30002 bytes)"));
    EXPECT_LE(longest, most + 32);
    client->close();
    EXPECT_TRUE(s.until([&] { return s.connections() == 0; }));
}

}  // namespace
}  // namespace sluice
