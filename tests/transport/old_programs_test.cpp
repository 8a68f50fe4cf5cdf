// What a server offers to programs that know nothing that is offered to all.

#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/transport.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

using test::transport_pair;

constexpr std::string_view old_libssh2 = "SSH-2.0-libssh2_1.10.0";
constexpr std::string_view old_jsch = "SSH-2.0-JSCH-0.1.54";
constexpr std::string_view stranger = "SSH-2.0-stranger_1";

// As libssh2 1.10 and JSch 0.1.55 offer it, as far as we know the names.
void make_old(transport_pair& pair, std::string_view identification) {
    auto& client = pair.client.config;
    client.identification = identification;
    client.ciphers = {"aes256-ctr"};
    client.macs = {"hmac-sha2-256", "hmac-sha1"};
    if (identification != old_jsch) return;
    client.kex_algorithms = {"ecdh-sha2-nistp256"};
    client.host_key_algorithms = {"ecdsa-sha2-nistp256"};
}

TEST(OldPrograms, GetWhatTheyKnow) {
    for (const std::string_view program : {old_libssh2, old_jsch}) {
        SCOPED_TRACE(program);
        transport_pair pair;
        make_old(pair, program);
        pair.server.config.host_keys = {test::test_host_key(),
                                        test::test_host_key("ecdsa-sha2-nistp256")};
        pair.server.config.to_old_programs = old_program_offer::best();
        pair.start();
        pair.run();
        ASSERT_FALSE(pair.server.error) << pair.server.error.message();
        ASSERT_FALSE(pair.client.error) << pair.client.error.message();
        ASSERT_FALSE(pair.server.machine->exchanging_keys());
        const negotiated& chosen = pair.server.machine->algorithms();
        EXPECT_EQ(chosen.client_to_server.mac->name, "hmac-sha2-256");
        EXPECT_EQ(chosen.server_to_client.mac->name, "hmac-sha2-256");
        if (program == old_jsch) {
            EXPECT_EQ(chosen.kex->name, "ecdh-sha2-nistp256");
            EXPECT_EQ(chosen.host_key_algorithm, "ecdsa-sha2-nistp256");
        }
        // And in the exchanges after it.
        pair.server.machine->set_authenticated();
        pair.client.machine->set_authenticated();
        pair.client.machine->rekey(pair.now);
        pair.run();
        EXPECT_FALSE(pair.server.error) << pair.server.error.message();
        EXPECT_EQ(pair.count<transport_keys_changed>(pair.server), 2u);
    }
}

TEST(OldPrograms, NobodyElseGetsIt) {
    for (const std::string_view program : {stranger, old_libssh2, old_jsch}) {
        SCOPED_TRACE(program);
        transport_pair pair;
        make_old(pair, program);
        // Where nothing is to be offered, or the client says that it is somebody else.
        if (program == stranger) pair.server.config.to_old_programs = old_program_offer::best();
        pair.start();
        pair.run();
        EXPECT_EQ(pair.server.error,
                  program == old_jsch ? errc::no_common_kex : errc::no_common_mac);
    }
    // What a client offers is its own affair.
    transport_pair pair;
    pair.client.config.to_old_programs = old_program_offer::best();
    pair.server.config.identification = old_libssh2;
    pair.server.config.macs = {"hmac-sha2-256"};
    pair.server.config.ciphers = {"aes256-ctr"};
    pair.start();
    EXPECT_NE(as_text(pair.client.machine->output()).find("curve25519"), std::string_view::npos)
        << "a client says at once what it offers";
    pair.run();
    EXPECT_EQ(pair.server.error, errc::no_common_mac);
}

TEST(OldPrograms, OneNameIsOfferedOnce) {
    transport_pair pair;
    make_old(pair, old_libssh2);
    pair.server.config.macs = {"hmac-sha2-256"};
    pair.server.config.to_old_programs = old_program_offer::best();
    pair.start();
    test::feed(*pair.server.machine, as_bytes(std::string(old_libssh2) + "\r\n"));
    pair.poll(pair.server);
    const std::string_view offer = as_text(pair.server.machine->output());
    const std::string list = std::string("\0\0\0\x0dhmac-sha2-256", 17);
    EXPECT_NE(offer.find(list), std::string_view::npos);
    EXPECT_EQ(offer.find("hmac-sha2-256,hmac-sha2-256"), std::string_view::npos);
}

// The line goes out at once; the rest when it is known who asks. Nothing else goes before it.
TEST(OldPrograms, TheOfferWaitsForTheClientsLine) {
    transport_pair pair;
    pair.server.config.to_old_programs = old_program_offer::best();
    pair.start();
    auto& server = *pair.server.machine;
    const auto next = [&] {
        const std::string out(as_text(server.output()));
        server.consume_output(out.size());
        return out;
    };
    EXPECT_EQ(next(), pair.server.config.identification + "\r\n");
    EXPECT_TRUE(server.exchanging_keys());
    EXPECT_EQ(server.room(), 0u);
    server.send(wire::encoded(ignore{as_bytes("x")}));
    EXPECT_EQ(next(), "") << "held until there are keys";
    test::feed(server, as_bytes("SSH-2.0-stran"));
    pair.poll(pair.server);
    EXPECT_EQ(next(), "");
    test::feed(server, as_bytes("ger_1\r\n"));
    pair.poll(pair.server);
    const std::string offer = next();
    EXPECT_NE(offer.find("curve25519-sha256"), std::string::npos);
    EXPECT_EQ(offer.find("hmac-sha2-256,"), std::string::npos);
    EXPECT_EQ(offer.find("hmac-sha2-256\0", 0, 14), std::string::npos);
}

}  // namespace
}  // namespace sluice
