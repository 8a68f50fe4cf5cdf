#include "sluice/auth/agent.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice {
namespace {

bytes hear(agent_client& agent, bytes_view data) {
    std::ranges::copy(data, agent.prepare_input(data.size()).begin());
    agent.commit_input(data.size());
    return to_bytes(data);
}

std::string said(agent_client& agent) {
    const std::string text = test::to_hex(agent.output());
    agent.consume_output(agent.output().size());
    return text;
}

const bytes two_keys =
    test::from_hex("00000019 0c 00000002 00000002aabb 0000000161 00000001cc 00000000");
const bytes signature = test::from_hex("00000007 0e 00000002 beef");
const bytes refusal = test::from_hex("00000001 05");

TEST(Rfc9987s4, RequestsOnTheWire) {
    agent_client agent;
    agent.request_identities();
    EXPECT_EQ(said(agent), "000000010b");
    const struct {
        const char* algorithm;
        const char* flags;
    } cases[] = {
        {"ssh-ed25519", "00000000"}, {"rsa-sha2-256", "00000002"}, {"rsa-sha2-512", "00000004"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.algorithm);
        agent.request_signature(bytes{0xaa, 0xbb}, c.algorithm, bytes{1, 2, 3});
        EXPECT_EQ(said(agent), std::string("000000120d00000002aabb00000003010203") + c.flags);
    }
    EXPECT_EQ(agent.pending(), 4u);
}

TEST(Rfc9987s4, RepliesComeInOrderHoweverTheyAreCut) {
    bytes all = two_keys;
    for (const bytes& more : {signature, refusal, refusal})
        all.insert(all.end(), more.begin(), more.end());
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, all.size()}) {
        SCOPED_TRACE(chunk);
        agent_client agent;
        agent.request_identities();
        agent.request_signature({}, "ssh-ed25519", {});
        agent.request_signature({}, "ssh-ed25519", {});
        agent.request_identities();
        std::vector<agent_reply> replies;
        for (std::size_t at = 0; at < all.size(); at += chunk) {
            hear(agent, bytes_view(all).subspan(at, std::min(chunk, all.size() - at)));
            for (auto reply = agent.next(); reply.value(); reply = agent.next())
                replies.push_back(std::move(**reply));
        }
        ASSERT_EQ(replies.size(), 4u);
        const auto* keys = std::get_if<agent_identities>(&replies[0]);
        ASSERT_NE(keys, nullptr);
        ASSERT_EQ(keys->identities.size(), 2u);
        EXPECT_EQ(keys->identities[0].key_blob, (bytes{0xaa, 0xbb}));
        EXPECT_EQ(keys->identities[0].comment, "a");
        EXPECT_EQ(keys->identities[1].comment, "");
        ASSERT_TRUE(std::holds_alternative<agent_signature>(replies[1]));
        EXPECT_EQ(std::get<agent_signature>(replies[1]).blob, (bytes{0xbe, 0xef}));
        EXPECT_TRUE(std::holds_alternative<agent_refusal>(replies[2]));
        EXPECT_TRUE(std::holds_alternative<agent_refusal>(replies[3]));
        EXPECT_EQ(agent.pending(), 0u);
    }
}

TEST(Agent, BadRepliesAreErrorsAndStaySo) {
    bytes too_many = test::from_hex("00000005 0c");
    wire::writer(too_many).write(static_cast<std::uint32_t>(limits::agent_identities_max + 1));
    bytes too_long;
    wire::writer(too_long).write(static_cast<std::uint32_t>(limits::agent_message_length_max + 1));
    struct {
        const char* name;
        bytes reply;
        errc error;
    } cases[] = {
        {"a signature", signature, errc::unexpected_message},
        {"success", test::from_hex("00000001 06"), errc::unexpected_message},
        {"nothing", test::from_hex("00000000"), errc::truncated},
        {"no count", test::from_hex("00000001 0c"), errc::truncated},
        {"a key less", test::from_hex("0000000e 0c 00000002 00000001aa 00000000"), errc::truncated},
        {"a byte more", test::from_hex("00000006 0c 00000000 00"), errc::trailing_bytes},
        {"too many keys", too_many, errc::too_long},
        {"too long", too_long, errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        agent_client agent;
        agent.request_identities();
        hear(agent, c.reply);
        EXPECT_EQ(agent.next().error(), c.error);
        hear(agent, two_keys);
        EXPECT_EQ(agent.next().error(), c.error);
    }
    agent_client agent;
    EXPECT_FALSE(agent.next().value());
    hear(agent, refusal);
    EXPECT_EQ(agent.next().error(), errc::unexpected_message) << "nothing was asked";
}

TEST(Agent, EveryTruncationOfAMessageIsAnError) {
    for (std::size_t n = 1; n < two_keys.size() - 4; ++n) {
        bytes cut;
        wire::writer(cut).write(bytes_view(two_keys).subspan(4, n));
        agent_client agent;
        agent.request_identities();
        hear(agent, cut);
        EXPECT_EQ(agent.next().error(), errc::truncated) << n;
    }
}

}  // namespace
}  // namespace sluice
