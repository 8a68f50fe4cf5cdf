// No secret is in memory when that is freed: of key exchanges, keys, their files, and logins.

#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/private_key_fields.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/endpoint/endpoint_pair.hpp"
#include "sluice/tests/secrets/freed_memory.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/transport/key_derivation.hpp"
#include "sluice/transport/key_exchange_run.hpp"
#include "sluice/transport/mac.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace sluice {
namespace {

using test::freed_memory;

const std::vector<std::string> nothing;

// What is seen when it is not wiped; without this the others would prove nothing.
TEST(FreedMemory, SeesWhatIsNotWiped) {
    for (const bool wiped : {false, true}) {
        freed_memory freed;
        freed.secret("text", "a text that is long enough");
        {
            auto copy = std::make_unique<bytes>(to_bytes(as_bytes("a text that is long enough")));
            if (wiped) wipe(*copy);
        }
        EXPECT_EQ(freed.found().size(), wiped ? 0u : 1u);
        EXPECT_GT(freed.size(), 0u);
    }
}

TEST(FreedMemory, SeesWhatOpenSslDoesNotWipe) {
    for (const bool cleansed : {false, true}) {
        freed_memory freed;
        freed.secret("text", "a text that is long enough");
        test::free_by_openssl("a text that is long enough", cleansed);
        EXPECT_EQ(freed.found().empty(), cleansed);
    }
}

// --- key exchange -------------------------------------------------------------------------------

// What a key exchange draws, all but the cookie of KEXINIT, is as secret as what comes of it.
class watched_random final : public crypto::random_source {
public:
    explicit watched_random(freed_memory& freed) : freed_(freed) {}
    void fill(mutable_bytes_view out) override {
        random_.fill(out);
        if (++draws_ > 2) freed_.secret("draw " + std::to_string(draws_), out);
    }

private:
    freed_memory& freed_;
    test::seeded_random random_;
    int draws_ = 0;  // the first two are cookies
};

// Whole exchanges between two runs; both sides' K and keys are looked for when all is gone.
TEST(FreedSecrets, OfKeyExchanges) {
    for (const auto& method : kex_methods()) {
        SCOPED_TRACE(method.name);
        transport_config client_config(role::client);
        transport_config server_config;
        freed_memory freed;
        watched_random random(freed);
        client_config.random = server_config.random = &random;
        client_config.kex_algorithms = server_config.kex_algorithms = {std::string(method.name)};
        server_config.host_keys = {test::test_host_key()};
        {
            key_exchange_run client(client_config, role::client, true);
            key_exchange_run server(server_config, role::server, true);
            std::vector<bytes> up;
            std::vector<bytes> down;
            ASSERT_TRUE(
                server.on_kexinit(client.own_kexinit(), client_config.identification, down));
            ASSERT_TRUE(client.on_kexinit(server.own_kexinit(), server_config.identification, up));
            while (client.current() != key_exchange_run::state::awaiting_trust) {
                ASSERT_FALSE(up.empty() && down.empty());
                for (const bytes& m : std::exchange(up, {}))
                    ASSERT_TRUE(server.on_message(m, down));
                for (const bytes& m : std::exchange(down, {}))
                    ASSERT_TRUE(client.on_message(m, up));
            }
            client.accept_host_key();
            const auto& outcome = client.outcome();
            freed.secret("K", bytes_view(outcome.encoded_secret).subspan(4));
            ASSERT_TRUE(std::ranges::equal(outcome.encoded_secret.view(),
                                           server.outcome().encoded_secret.view()));
            for (const bool up_way : {true, false}) {
                const auto& chosen = client.chosen();
                const auto keys =
                    derive_keys(chosen.kex->hash, outcome.encoded_secret, outcome.exchange_hash,
                                outcome.exchange_hash,
                                up_way ? chosen.client_to_server : chosen.server_to_client, up_way);
                freed.secret("key", keys.key);
            }
        }
        EXPECT_EQ(freed.found(), nothing);
        EXPECT_GT(freed.size(), 0u);
    }
}

// A connection's life: the ciphers that hold its keys are gone with it.
TEST(FreedSecrets, OfTransports) {
    for (const char* cipher :
         {"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes256-cbc"})
        for (const char* mac : {"hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com"}) {
            SCOPED_TRACE(std::string(cipher) + ' ' + mac);
            freed_memory freed;
            const auto* info = find_cipher(cipher);
            const auto* mac_info = find_mac(mac);
            ASSERT_TRUE(info != nullptr && mac_info != nullptr);
            test::seeded_random random(7);  // other numbers than those of the exchanges
            cipher_keys keys{secret_bytes(info->iv_size), secret_bytes(info->key_size),
                             secret_bytes(mac_info->key_size)};
            random.fill(keys.iv.span());
            random.fill(keys.key.span());
            random.fill(keys.mac_key.span());
            freed.secret("key", keys.key);
            freed.secret("mac key", keys.mac_key);
            ASSERT_NE(info->make(*info, mac_info, keys, true), nullptr);
            keys = {};
            EXPECT_EQ(freed.found(), nothing);
        }
}

// --- keys and their files
// -------------------------------------------------------------------------

// The numbers that make the key, in pieces that are long enough.
void secrets_of(const crypto::private_key& key, freed_memory& freed) {
    bytes fields;
    fields.reserve(16 * 1024);
    wire::writer w(fields);
    ASSERT_TRUE(crypto::write_private_fields(key, w));
    // The public part is at the front of some and within others: what is public is no secret.
    const bytes& blob = key.public_half().blob();
    wire::reader r(fields);
    int number = 0;
    while (!r.at_end()) {
        bytes_view field;
        r.read(field);
        ASSERT_FALSE(r.error());
        ++number;
        if (key.public_half().type().starts_with("ssh-ed") && field.size() > 57)
            field = field.first(field.size() / 2);  // the seed, then the public key
        const auto within = std::ranges::search(blob, field);
        if (field.size() < freed_memory::window || !within.empty()) continue;
        freed.secret("field " + std::to_string(number), field);
    }
    wipe(fields);
}

// Reads what was written, signs with it, and tries a wrong passphrase.
void use_file(std::string text, std::string_view passphrase) {
    {
        const auto read = crypto::read_private_key(text, passphrase);
        ASSERT_TRUE(read) << read.error().message();
        const auto type = read->key.public_half().type();
        ASSERT_TRUE(read->key.sign(crypto::preferred_signature_algorithm(type), as_bytes("data")));
        if (!passphrase.empty()) {
            EXPECT_FALSE(crypto::read_private_key(text, "wrong horse"));
        }
    }
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

constexpr const char* key_types[] = {"ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp256",
                                     "ecdsa-sha2-nistp521", "ssh-rsa"};
constexpr std::string_view passphrase = "correct horse battery staple";

TEST(FreedSecrets, OfKeysAndTheirFiles) {
    for (const char* type : key_types)
        for (const auto word : {std::string_view(), passphrase}) {
            SCOPED_TRACE(std::string(type) + (word.empty() ? "" : " encrypted"));
            freed_memory freed;
            freed.secret("passphrase", passphrase);
            {
                const auto key = crypto::private_key::generate(type, 2048).value();
                secrets_of(key, freed);
                use_file(crypto::write_private_key(key, {.passphrase = word, .rounds = 1},
                                                   crypto::system_random())
                             .value(),
                         word);
            }
            EXPECT_EQ(freed.found(), nothing);
            EXPECT_GT(freed.size(), 0u);
        }
}

// OpenSSL's encoder and decoder of PKCS#8 leave copies in memory that they free; we leave none.
TEST(FreedSecrets, OfPkcs8Files) {
    for (const char* type : key_types)
        for (const auto word : {std::string_view(), passphrase}) {
            SCOPED_TRACE(std::string(type) + (word.empty() ? "" : " encrypted"));
            freed_memory freed(freed_memory::whose::not_openssls);
            freed.secret("passphrase", passphrase);
            {
                const auto key = crypto::private_key::generate(type, 2048).value();
                secrets_of(key, freed);
                use_file(crypto::write_pkcs8(key, {.passphrase = word, .rounds = 1000},
                                             crypto::system_random())
                             .value(),
                         word);
            }
            EXPECT_EQ(freed.found(), nothing);
            EXPECT_GT(freed.size(), 0u);
        }
}

// --- logins -------------------------------------------------------------------------------------

TEST(FreedSecrets, OfPasswords) {
    freed_memory freed;
    const char* const password = "a password of great length";
    freed.secret("password", password);
    {
        test::endpoint_pair pair;
        pair.server_settings.auth.method_chains = {{"password"}};
        pair.answers = false;
        pair.start();
        pair.run();
        ASSERT_NE(pair.client->question(), nullptr);
        // Twice: refused, and then again by a server that would let nobody in.
        for (int i = 0; i < 2; ++i) {
            secret_bytes given(as_bytes(password));
            pair.client->answer(auth_password{std::move(given)}, pair.now);
            pair.run();
        }
    }
    EXPECT_EQ(freed.found(), nothing);
    EXPECT_GT(freed.size(), 0u);
}

TEST(FreedSecrets, OfResponses) {
    freed_memory freed;
    const char* const response = "a response of great length";
    freed.secret("response", response);
    {
        client_auth_config client_config{.user = "ada", .methods = {"keyboard-interactive"}};
        server_auth_config server_config{.method_chains = {{"keyboard-interactive"}}};
        struct pipe final : wire::payload_sink {
            void send(bytes_view head, bytes_view bulk) override {
                payload = secret_bytes(head);
                expects(bulk.empty());
            }
            std::size_t room() const override { return 1 << 20; }
            secret_bytes payload;
        };
        pipe up;
        pipe down;
        client_auth client(client_config, {1}, {2}, up);
        server_auth server(server_config, {1}, {2}, down);
        client.start();
        for (int rounds = 0; rounds < 6; ++rounds) {
            if (client.question() != nullptr) {
                auth_responses given;
                given.responses.emplace_back(as_bytes(response));
                ASSERT_TRUE(client.answer(std::move(given)));
            }
            ASSERT_TRUE(server.on_message(up.payload));
            if (server.question() != nullptr) {
                const bool asked =
                    server.question()->what == auth_question::kind::interactive_responses;
                ASSERT_TRUE(asked ? server.answer(auth_answer::accept)
                                  : server.answer(auth_prompts{.prompts = {{"?", false}}}));
            }
            ASSERT_TRUE(client.on_message(down.payload));
            if (client.succeeded()) break;
        }
        EXPECT_TRUE(client.succeeded());
    }
    EXPECT_EQ(freed.found(), nothing);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
    // Before anything of OpenSSL's is allocated.
    if (!sluice::test::watch_openssl()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
