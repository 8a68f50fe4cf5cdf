#include "sluice/crypto/dh_groups.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/wire/mpint.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace sluice {
namespace {

// One side of the method, without a transport.
struct side {
    explicit side(role own) {
        context.own = own;
        context.client_identification = "SSH-2.0-c";
        context.server_identification = "SSH-2.0-s";
        context.random = &random;
        context.key = key.get();
        context.host_key_algorithm = "ssh-ed25519";
        const auto& info = *find_kex("diffie-hellman-group-exchange-sha256");
        method = info.make(info, context);
    }
    result<std::optional<kex_outcome>> take(bytes_view payload) {
        replies.clear();
        return method->on_message(payload, replies);
    }

    test::seeded_random random;
    std::shared_ptr<const host_key> key = test::test_host_key();
    kex_context context;
    std::unique_ptr<key_exchange> method;
    std::vector<bytes> replies;
};

bytes request(std::uint32_t min, std::uint32_t n, std::uint32_t max) {
    bytes payload;
    wire::writer w(payload);
    w.write(std::uint8_t{34});
    w.write(min);
    w.write(n);
    w.write(max);
    return payload;
}

bytes group_of(const bytes& p, const bytes& g) {
    bytes payload;
    wire::writer w(payload);
    w.write(std::uint8_t{31});
    w.write(wire::mpint::of(p));
    w.write(wire::mpint::of(g));
    return payload;
}

TEST(Rfc4419s3, TheClientAsksAsRfc8270Says) {
    side client(role::client);
    EXPECT_EQ(client.method->begin(), request(2048, 3072, 8192));
    EXPECT_EQ(side(role::server).method->begin(), std::nullopt);
}

TEST(Rfc4419s3, TheServerAnswersWithTheGroupThatFitsBest) {
    const struct {
        std::uint32_t min, n, max;
        std::size_t bits;  // 0: none
        error_code error;
    } cases[] = {
        {2048, 3072, 8192, 3072, {}},
        {2048, 2048, 2048, 2048, {}},
        {1024, 1024, 8192, 2048, {}},  // nothing below 2048 is given out
        {1024, 1024, 2047, 0, errc::key_exchange_failed},
        {2048, 2049, 8192, 3072, {}},
        {2048, 7680, 8192, 8192, {}},
        {2048, 7680, 7680, 6144, {}},  // none of that size: the largest
        {2048, 9000, 0xffffffff, 8192, {}},
        {5000, 5500, 6000, 0, errc::key_exchange_failed},
        {8193, 8193, 9000, 0, errc::key_exchange_failed},
        {3072, 2048, 8192, 0, errc::bad_value},
        {2048, 8192, 4096, 0, errc::bad_value},
        {0, 0, 0, 0, errc::key_exchange_failed},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::to_string(c.min) + " " + std::to_string(c.n) + " " +
                     std::to_string(c.max));
        side server(role::server);
        const auto answer = server.take(request(c.min, c.n, c.max));
        if (c.error) {
            EXPECT_EQ(answer.error(), c.error);
            EXPECT_TRUE(server.replies.empty());
            EXPECT_EQ(server.take(request(2048, 3072, 8192)).error(), errc::unexpected_message);
            continue;
        }
        ASSERT_TRUE(answer);
        EXPECT_FALSE(*answer);
        ASSERT_EQ(server.replies.size(), 1u);
        const bytes_view reply = server.replies[0];
        wire::reader r(reply.subspan(1));
        wire::mpint p, g;
        r.read(p);
        r.read(g);
        ASSERT_FALSE(r.error());
        EXPECT_EQ(reply.front(), 31);
        EXPECT_EQ(p.magnitude.size() * 8, c.bits);
        EXPECT_EQ(to_bytes(g.magnitude), bytes{2});
    }
}

TEST(Rfc4419s3, TheClientChecksTheGroup) {
    const bytes good = crypto::modp_group14().prime;
    bytes even = good;
    even.back() &= 0xfe;
    bytes minus_1 = even;
    bytes short_by_a_bit = good;
    short_by_a_bit.front() = 0x7f;
    bytes too_long(1025, 0xff);
    const struct {
        const char* name;
        bytes p, g;
        bool taken;
    } cases[] = {
        {"group 14", good, {2}, true},
        {"group 18, generator 5", crypto::modp_group18().prime, {5}, true},
        {"2047 bits", short_by_a_bit, {2}, false},
        {"1024 bits", bytes(128, 0xff), {2}, false},
        {"8200 bits", too_long, {2}, false},
        {"nothing", {}, {}, false},
        {"even", even, {2}, false},
        {"g = 0", good, {}, false},
        {"g = 1", good, {1}, false},
        {"g = p - 1", good, minus_1, false},
        {"g = p", good, good, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        side client(role::client);
        client.method->begin();
        const auto answer = client.take(group_of(c.p, c.g));
        if (c.taken) {
            EXPECT_TRUE(answer);
            ASSERT_EQ(client.replies.size(), 1u);
            EXPECT_EQ(client.replies[0].front(), 32);
            continue;
        }
        EXPECT_EQ(answer.error(), errc::bad_public_value);
        EXPECT_TRUE(client.replies.empty());
        EXPECT_EQ(client.take(group_of(good, {2})).error(), errc::unexpected_message);
    }
}

TEST(Rfc4419s5, MessagesOutOfTurnAreRefused) {
    const bytes good = crypto::modp_group14().prime;
    const bytes old_request{30, 0, 0, 8, 0};
    const bytes value{32, 0, 0, 0, 1, 5};
    for (const bytes& payload : {old_request, value, group_of(good, {2})})
        EXPECT_EQ(side(role::server).take(payload).error(), errc::unexpected_message);
    side client(role::client);
    client.method->begin();
    EXPECT_EQ(client.take(bytes{33, 0, 0, 0, 0}).error(), errc::unexpected_message);

    side server(role::server);
    ASSERT_TRUE(server.take(request(2048, 2048, 2048)));
    EXPECT_EQ(server.take(request(2048, 2048, 2048)).error(), errc::unexpected_message);
}

TEST(Rfc4419s3, TruncatedMessagesAreRefused) {
    const bytes whole_request = request(2048, 3072, 8192);
    for (std::size_t n = 1; n < whole_request.size(); ++n)
        EXPECT_EQ(side(role::server).take(bytes_view(whole_request).first(n)).error(),
                  errc::truncated);
    const bytes whole_group = group_of(crypto::modp_group14().prime, {2});
    for (std::size_t n = 1; n < whole_group.size(); n += 7) {
        side client(role::client);
        client.method->begin();
        EXPECT_EQ(client.take(bytes_view(whole_group).first(n)).error(), errc::truncated);
    }
    bytes longer = whole_request;
    longer.push_back(0);
    EXPECT_EQ(side(role::server).take(longer).error(), errc::trailing_bytes);
}

// H is written out here from the messages that went over.
TEST(Rfc4419s3, BothSidesHashTheRequestTheGroupAndTheValues) {
    side client(role::client);
    side server(role::server);
    const auto first = client.method->begin();
    ASSERT_TRUE(first && server.take(*first));
    const bytes group = server.replies.at(0);
    ASSERT_TRUE(client.take(group));
    const bytes init = client.replies.at(0);
    const auto ours = server.take(init);
    ASSERT_TRUE(ours && *ours);
    const bytes reply = server.replies.at(0);
    const auto theirs = client.take(reply);
    ASSERT_TRUE(theirs && *theirs);
    EXPECT_EQ((*ours)->exchange_hash, (*theirs)->exchange_hash);
    EXPECT_TRUE(equal_in_constant_time((*ours)->encoded_secret, (*theirs)->encoded_secret));

    const bytes_view reply_view = reply;
    wire::reader r(reply_view.subspan(1));
    bytes_view host_key;
    wire::mpint f;
    r.read(host_key);
    r.read(f);
    bytes hashed;
    wire::writer w(hashed);
    w.write("SSH-2.0-c");
    w.write("SSH-2.0-s");
    w.write("");  // I_C
    w.write("");  // I_S
    w.write(host_key);
    w.append(bytes_view(*first).subspan(1));
    w.append(bytes_view(group).subspan(1));
    w.append(bytes_view(init).subspan(1));
    w.write(f);
    w.append((*ours)->encoded_secret);
    EXPECT_EQ(crypto::digest(crypto::hash_kind::sha256, hashed), (*ours)->exchange_hash);
}

// The prime that a server offers who has groups of its own, each known by its last byte.
int last_byte_of_offered(side& server, std::span<const crypto::dh_group> groups,
                         const bytes& asked) {
    server.context.exchange_groups = groups;
    const auto answer = server.take(asked);
    EXPECT_TRUE(answer);
    if (!answer || server.replies.size() != 1) return -1;
    wire::reader r(bytes_view(server.replies[0]).subspan(1));
    wire::mpint p;
    r.read(p);
    return p.magnitude.empty() ? -1 : p.magnitude.back();
}

TEST(Rfc4419s3, TheServerMayHaveGroupsOfItsOwn) {
    const auto group = [](std::size_t size, std::uint8_t last) {
        crypto::dh_group g{bytes(size / 8, 0xff)};
        g.prime.back() = last;
        return g;
    };
    // In no order, as files may be.
    const std::vector<crypto::dh_group> groups = {group(4096, 41), group(2048, 21),
                                                  group(4096, 43), group(2048, 23),
                                                  group(4096, 45), group(7680, 71)};
    const auto offered = [&](std::uint32_t min, std::uint32_t n, std::uint32_t max) {
        std::set<int> bytes_seen;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            side server(role::server);
            server.random = test::seeded_random(seed);
            bytes_seen.insert(last_byte_of_offered(server, groups, request(min, n, max)));
        }
        return bytes_seen;
    };
    EXPECT_EQ(offered(2048, 2048, 8192), (std::set{21, 23}));
    EXPECT_EQ(offered(2048, 3072, 8192), (std::set{41, 43, 45}));
    EXPECT_EQ(offered(2048, 8192, 8192), std::set{71});
    EXPECT_EQ(offered(2048, 3072, 3072), (std::set{21, 23})) << "none of that size: the largest";
    EXPECT_EQ(offered(3072, 3072, 3072), std::set{0xff}) << "none at all: RFC 3526 has one";
}

TEST(DefaultOffer, TheGroupExchangeIsForClients) {
    const auto has = [](const transport_config& config) {
        return std::ranges::count(config.kex_algorithms, "diffie-hellman-group-exchange-sha256");
    };
    EXPECT_EQ(has(transport_config(role::client)), 1);
    EXPECT_EQ(has(transport_config(role::server)), 0);
    EXPECT_EQ(has(transport_config()), 0);
}

}  // namespace
}  // namespace sluice
