// hostkeys-00@openssh.com and hostkeys-prove-00@openssh.com (OpenSSH PROTOCOL 2.5).

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/support/linked.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using test::linked;
using test::test_host_key;

constexpr std::string_view key_types[] = {"ssh-ed25519",         "ssh-ed448",
                                          "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                          "ecdsa-sha2-nistp521", "ssh-rsa"};

// Logs in; gives the announcement, if there was one.
std::optional<bytes> announcement(linked& l) {
    l.start();
    l.begin_login();
    l.say({test::none_request()});
    expects(l.server->authenticated());
    std::optional<bytes> found;
    for (const bytes& payload : l.received) {
        const auto m = wire::decode<global_request_message>(payload);
        if (!m || m->request_name != hostkeys_request::name) continue;
        EXPECT_FALSE(m->want_reply);
        EXPECT_FALSE(found) << "said twice";
        found = to_bytes(m->request_specific.data);
    }
    l.received.clear();
    return found;
}

std::vector<bytes> keys_in(bytes_view request_specific) {
    const auto request = decode_global_request(hostkeys_request::name, request_specific);
    if (!request || !*request) return {};
    std::vector<bytes> keys;
    for (const bytes_view key : std::get<hostkeys_request>(**request).host_keys)
        keys.push_back(to_bytes(key));
    return keys;
}

bytes prove_request(const std::vector<bytes>& keys, bool want_reply = true) {
    hostkeys_prove_request request;
    for (const bytes& key : keys)
        request.host_keys.push_back(key);
    bytes payload;
    encode_global_request(request, want_reply, payload);
    return payload;
}

// What a key is to sign: the request's name, the session id, the key.
bytes proven_by(const linked& l, const bytes& key) {
    bytes data;
    wire::writer w(data);
    w.write(hostkeys_prove_request::name);
    w.write(bytes_view(l.client->session_id()));
    w.write(bytes_view(key));
    return data;
}

TEST(OpensshProtocol2_5, AllHostKeysAreAnnouncedAfterTheLogin) {
    linked l;
    l.server_settings.transport.host_keys.clear();
    std::vector<bytes> want;
    for (const auto type : key_types) {
        l.server_settings.transport.host_keys.push_back(test_host_key(type));
        want.push_back(test_host_key(type)->blob());
    }
    l.server_settings.transport.host_keys.push_back(test_host_key("ssh-rsa"));  // the same again
    const auto said = announcement(l);
    ASSERT_TRUE(said);
    EXPECT_EQ(keys_in(*said), want);
}

TEST(OpensshProtocol2_5, TheAnnouncementCanBeLeftOut) {
    linked l;
    l.server_settings.announce_host_keys = false;
    EXPECT_FALSE(announcement(l));
}

TEST(OpensshProtocol2_5, EveryKeyIsProven) {
    for (const std::string_view negotiated :
         {"ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512", "ecdsa-sha2-nistp384"}) {
        SCOPED_TRACE(negotiated);
        linked l;
        l.server_settings.transport.host_keys.clear();
        for (const auto type : key_types)
            l.server_settings.transport.host_keys.push_back(test_host_key(type));
        l.server_settings.transport.host_key_algorithms = {std::string(negotiated)};
        l.client_settings.host_key_algorithms = {std::string(negotiated)};
        const auto said = announcement(l);
        ASSERT_TRUE(said);
        const auto keys = keys_in(*said);
        ASSERT_EQ(keys.size(), std::size(key_types));

        l.say({prove_request(keys)});
        ASSERT_EQ(l.received.size(), 1u);
        wire::reader r(bytes_view(l.received[0]).subspan(1));
        ASSERT_EQ(l.received[0].front(), request_success::number);
        for (const bytes& blob : keys) {
            const auto key = crypto::public_key::from_blob(blob);
            ASSERT_TRUE(key);
            SCOPED_TRACE(key->type());
            bytes_view signature;
            r.read(signature);
            // An RSA key signs as it did in the key exchange, or with the better hash.
            std::string_view algorithm = key->type();
            if (algorithm == "ssh-rsa")
                algorithm = negotiated == "rsa-sha2-256" ? negotiated : "rsa-sha2-512";
            EXPECT_TRUE(key->verify(algorithm, proven_by(l, blob), signature));
            bytes other = proven_by(l, blob);
            other.back() ^= 1;
            EXPECT_FALSE(key->verify(algorithm, other, signature));
        }
        EXPECT_EQ(r.error(), error_code());
        EXPECT_TRUE(r.at_end());
    }
}

TEST(OpensshProtocol2_5, OnlyKeysOfOursAreProven) {
    const bytes own = test_host_key()->blob();
    const bytes foreign = crypto::private_key::generate("ssh-ed25519")->public_half().blob();
    bytes cut = own;
    cut.pop_back();
    const struct {
        const char* name;
        std::vector<bytes> keys;
        bool proven;
    } cases[] = {
        {"ours", {own}, true},
        {"another's", {foreign}, false},
        {"another's behind ours", {own, foreign}, false},
        {"no key at all", {{1, 2, 3}}, false},
        {"most of a key", {cut}, false},
        {"none", {}, false},
        {"the same twice: a signature each would be work for nothing", {own, own}, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        linked l;
        ASSERT_TRUE(announcement(l));
        l.say({prove_request(c.keys)});
        ASSERT_EQ(l.received.size(), 1u);
        EXPECT_EQ(l.received[0].front(),
                  c.proven ? request_success::number : request_failure::number);
        EXPECT_EQ(l.received[0].size() > 1, c.proven);
        EXPECT_EQ(l.server_error, error_code());
    }
}

TEST(OpensshProtocol2_5, NobodyWaitsForAProofThatWasNotAskedFor) {
    linked l;
    ASSERT_TRUE(announcement(l));
    l.say({prove_request({test_host_key()->blob()}, false)});
    EXPECT_TRUE(l.received.empty());
    EXPECT_EQ(l.server_error, error_code());
}

TEST(OpensshProtocol2_5, MoreKeysThanTheCapEndTheConnection) {
    linked l;
    ASSERT_TRUE(announcement(l));
    const std::vector<bytes> keys(limits::host_keys_max + 1, test_host_key()->blob());
    bytes payload = prove_request({});
    for (const auto& key : keys)
        wire::writer(payload).write(bytes_view(key));
    l.say({payload});
    EXPECT_EQ(l.server_error, errc::too_long);
}

// Only a server announces keys; a client that does so is refused.
TEST(OpensshProtocol2_5, AClientAnnouncesNothing) {
    linked l;
    std::size_t events = 0;
    ASSERT_TRUE(announcement(l));
    l.on_server_event = [&](server_event&) { ++events; };
    bytes specific;
    wire::writer(specific).write(bytes_view(test_host_key()->blob()));
    l.say({test::global(hostkeys_request::name, true, specific),
           test::global(hostkeys_request::name, false, specific)});
    ASSERT_EQ(l.received.size(), 1u);
    EXPECT_EQ(l.received[0], wire::encoded(request_failure{}));
    EXPECT_EQ(events, 0u);
}

}  // namespace
}  // namespace sluice
