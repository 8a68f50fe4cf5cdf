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
        {"an extension's", test::from_hex("00000006 1d 00000001 61"), errc::unexpected_message},
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

TEST(Rfc9987s3, TheOtherRequestsOnTheWire) {
    agent_client agent;
    agent.remove(bytes{0xaa, 0xbb});
    EXPECT_EQ(said(agent),
              "00000007"
              "12"
              "00000002aabb");
    agent.remove_all();
    EXPECT_EQ(said(agent),
              "00000001"
              "13");
    agent.lock("ab");
    EXPECT_EQ(said(agent),
              "00000007"
              "16"
              "000000026162");
    agent.unlock("ab");
    EXPECT_EQ(said(agent),
              "00000007"
              "17"
              "000000026162");
    agent.query();
    EXPECT_EQ(said(agent),
              "0000000a"
              "1b"
              "000000057175657279");
    agent.extend("x@y", bytes{1, 2});
    EXPECT_EQ(said(agent),
              "0000000a"
              "1b"
              "00000003784079"
              "0102");
    agent.bind_session({bytes{1}, bytes{2}, bytes{3}, true});
    EXPECT_EQ(said(agent),
              "0000002d"
              "1b"
              "00000018"
              "73657373696f6e2d62696e64406f70656e7373682e636f6d"
              "0000000101"
              "0000000102"
              "0000000103"
              "01");
    ASSERT_TRUE(agent.add_fields("t", bytes{7}, "c", {}));
    EXPECT_EQ(said(agent),
              "0000000c"
              "11"
              "0000000174"
              "07"
              "0000000163");
    ASSERT_TRUE(agent.add_fields("t", bytes{7}, "c", {.confirm = true}));
    EXPECT_EQ(said(agent),
              "0000000d"
              "19"
              "0000000174"
              "07"
              "0000000163"
              "02");
    EXPECT_EQ(agent.add_fields("t", bytes(limits::agent_message_length_max), "c").error(),
              errc::too_long);
    EXPECT_EQ(agent.pending(), 9u);
}

// Message by message: a key's memory is not shared with the next request's.
TEST(Agent, RequestsGoOutOneByOne) {
    agent_client agent;
    agent.remove_all();
    agent.request_identities();
    EXPECT_EQ(test::to_hex(agent.output()), "0000000113");
    agent.consume_output(3);
    EXPECT_EQ(test::to_hex(agent.output()), "0113");
    agent.consume_output(2);
    EXPECT_EQ(test::to_hex(agent.output()), "000000010b");
    agent.consume_output(5);
    EXPECT_TRUE(agent.output().empty());
}

TEST(Rfc9987s3_8, RepliesOfExtensions) {
    const auto ask = [](auto request, const char* reply) {
        agent_client agent;
        request(agent);
        bytes framed;
        wire::writer(framed).write(bytes_view(test::from_hex(reply)));
        hear(agent, framed);
        return agent.next();
    };
    const auto query = [](agent_client& a) { a.query(); };
    const auto extend = [](agent_client& a) { a.extend("x@y", {}); };
    const auto plain = [](agent_client& a) { a.remove_all(); };
    using names = std::vector<std::string>;

    EXPECT_TRUE(std::holds_alternative<agent_success>(ask(plain, "06").value().value()));
    EXPECT_TRUE(std::holds_alternative<agent_success>(ask(extend, "06").value().value()));
    EXPECT_TRUE(std::holds_alternative<agent_refusal>(ask(extend, "05").value().value()));
    EXPECT_TRUE(std::holds_alternative<agent_refusal>(ask(extend, "1c").value().value()));
    const struct {
        const char* reply;
        names want;
    } queries[] = {{"1d 00000005 7175657279 00000001 61 00000001 62", {"a", "b"}},
                   {"1d 00000005 7175657279", {}},
                   {"06 00000001 61", {"a"}},
                   {"06", {}}};
    for (const auto& c : queries) {
        SCOPED_TRACE(c.reply);
        EXPECT_EQ(std::get<agent_extensions>(ask(query, c.reply).value().value()).names, c.want);
    }
    for (const char* reply : {"1d 00000003 784079 0102", "06 0102"}) {
        SCOPED_TRACE(reply);
        EXPECT_EQ(std::get<agent_extension_response>(ask(extend, reply).value().value()).contents,
                  (bytes{1, 2}));
    }
    bytes many{29};
    wire::writer w(many);
    w.write("query");
    for (std::size_t i = 0; i <= limits::agent_extensions_max; ++i)
        w.write("");
    EXPECT_EQ(ask(query, test::to_hex(many).c_str()).error(), errc::too_long);
    EXPECT_EQ(ask(query, "1d 00000003 784079").error(), errc::bad_value);
    EXPECT_EQ(ask(extend, "1d 00000003 784078").error(), errc::bad_value);
    EXPECT_EQ(ask(query, "06 000000").error(), errc::truncated);
    EXPECT_EQ(ask(plain, "1d").error(), errc::unexpected_message);
    EXPECT_EQ(ask(plain, "06 00").error(), errc::trailing_bytes);
    EXPECT_EQ(ask(extend, "0c 00000000").error(), errc::unexpected_message);
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
