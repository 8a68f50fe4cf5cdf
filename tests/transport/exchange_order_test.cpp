// What may come inside a key exchange, and how often there may be one.

#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/peer_habits.hpp"
#include "sluice/transport/transport.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using test::transport_pair;

// A message of that number which decodes, where one is needed.
bytes message_of(unsigned number) {
    switch (number) {
    case disconnect::number: return wire::encoded(disconnect{11, "bye", {}});
    case ignore::number: return wire::encoded(ignore{as_bytes("x")});
    case unimplemented::number: return wire::encoded(unimplemented{1});
    case debug::number: return wire::encoded(debug{false, "x", {}});
    case service_request::number: return wire::encoded(service_request{"ssh-userauth"});
    case service_accept::number: return wire::encoded(service_accept{"ssh-userauth"});
    case ext_info::number: return {7, 0, 0, 0, 0};
    case ping::number: return wire::encoded(ping{as_bytes("x")});
    case pong::number: return wire::encoded(pong{as_bytes("x")});
    default: return {static_cast<std::uint8_t>(number), 0, 0, 0, 0};
    }
}

// Their marks of strict key exchange are not seen: other names of the same length.
void hide_strict(bytes& data) {
    for (const std::string_view mark : {kex_strict_c, kex_strict_s}) {
        const auto at = as_text(data).find(mark);
        if (at != std::string_view::npos) data[at] = 'K';
    }
}

constexpr std::string_view stranger = "SSH-2.0-stranger_1";
constexpr std::string_view old_asyncssh = "SSH-2.0-AsyncSSH_2.10.1";

bool of_the_exchange(unsigned number) {
    return number == 20 || number == 21 || (number >= 30 && number <= 49);
}

TEST(Rfc4253s7_1, NothingOfOtherLayersInsideTheFirstExchange) {
    for (const role sender : {role::client, role::server}) {
        for (const bool strict : {false, true}) {
            for (unsigned number = 0; number < 256; ++number) {
                if (of_the_exchange(number)) continue;
                SCOPED_TRACE(std::string(sender == role::client ? "client " : "server ") +
                             (strict ? "strict " : "") + std::to_string(number));
                transport_pair pair;
                auto& from = sender == role::client ? pair.client : pair.server;
                auto& to = *from.peer;
                from.config.identification = old_asyncssh;
                pair.start();
                bytes first = to_bytes(from.machine->output());  // the line and KEXINIT
                if (!strict) hide_strict(first);
                test::feed(*to.machine, first);
                pair.poll(to);
                ASSERT_FALSE(to.error) << to.error.message();
                packet_sealer sealer;
                wire::byte_queue out;
                sealer.seal(message_of(number), {}, from.random, out);
                test::feed(*to.machine, out.view());
                pair.poll(to);
                if (number == disconnect::number) {
                    EXPECT_FALSE(to.error);
                } else if (strict) {
                    EXPECT_EQ(to.error, errc::strict_kex_violation);
                } else if (number >= 1 && number <= 4) {
                    EXPECT_FALSE(to.error);
                } else {
                    EXPECT_EQ(to.error, errc::unexpected_message);
                }
                EXPECT_TRUE(to.payloads.empty());
            }
        }
    }
}

// After KEXINIT, under the keys in use: the sender sends its KEXINIT as any payload, so that its
// own transport knows of no exchange.
void send_inside(transport_pair& pair, transport_pair::end& from, unsigned number) {
    const role own = &from == &pair.client ? role::client : role::server;
    key_exchange_run exchange(from.config, own, false);
    from.machine->send(exchange.own_kexinit());
    from.machine->send(message_of(number));
    const bytes data = to_bytes(from.machine->output());
    from.machine->consume_output(data.size());
    test::feed(*from.peer->machine, data);
    pair.poll(*from.peer);
}

TEST(Rfc4253s7_1, NothingOfOtherLayersInsideALaterExchange) {
    const struct {
        std::string_view identification;
        bool channels;  // are taken
    } peers[] = {{stranger, false}, {old_asyncssh, true}, {"SSH-2.0-AsyncSSH_2.11.0", false}};
    for (const role sender : {role::client, role::server}) {
        for (const auto& peer : peers) {
            for (unsigned number = 0; number < 256; ++number) {
                if (of_the_exchange(number)) continue;
                SCOPED_TRACE(std::string(sender == role::client ? "client " : "server ") +
                             std::string(peer.identification) + " " + std::to_string(number));
                transport_pair pair;
                auto& from = sender == role::client ? pair.client : pair.server;
                from.config.identification = peer.identification;
                pair.start();
                pair.run();
                pair.client.machine->set_authenticated();
                pair.server.machine->set_authenticated();
                from.peer->payloads.clear();
                send_inside(pair, from, number);
                const bool channel = number >= 90 && number <= 100;
                const bool taken = (number >= 1 && number <= 4) || (channel && peer.channels);
                EXPECT_EQ(from.peer->error,
                          taken ? error_code() : make_error_code(errc::unexpected_message));
                EXPECT_EQ(from.peer->payloads.size(), channel && peer.channels ? 1u : 0u);
            }
        }
    }
}

// Another KEXINIT, NEWKEYS too soon and messages of other methods are no more welcome.
TEST(Rfc4253s7_1, MessagesOfTheExchangeComeInTheirOrder) {
    for (const role sender : {role::client, role::server}) {
        for (unsigned number = 20; number < 50; ++number) {
            if (!of_the_exchange(number) || number == 30 || number == 31) continue;
            SCOPED_TRACE(number);
            transport_pair pair;
            auto& from = sender == role::client ? pair.client : pair.server;
            pair.start();
            pair.run();
            pair.client.machine->set_authenticated();
            pair.server.machine->set_authenticated();
            send_inside(pair, from, number);
            EXPECT_TRUE(from.peer->error);
        }
    }
}

// --- how often ----------------------------------------------------------------------------------

TEST(KeyExchanges, ASecondBeforeTheLoginEndsTheConnection) {
    for (const role sender : {role::client, role::server}) {
        for (const std::string_view identification : {stranger, old_asyncssh}) {
            transport_pair pair;
            auto& from = sender == role::client ? pair.client : pair.server;
            from.config.identification = identification;
            pair.start();
            pair.run();
            ASSERT_FALSE(from.peer->error);
            send_inside(pair, from, ignore::number);
            EXPECT_EQ(from.peer->error, errc::too_many_key_exchanges);
            EXPECT_FALSE(from.peer->machine->exchanging_keys()) << "nothing was computed for it";
        }
    }
}

TEST(KeyExchanges, WeBeginNoneBeforeTheLogin) {
    transport_pair pair;
    pair.start();
    pair.run();
    pair.client.machine->rekey(pair.now);
    pair.run();
    EXPECT_FALSE(pair.client.machine->exchanging_keys());
    EXPECT_FALSE(pair.server.error);
}

TEST(KeyExchanges, ThoseThatNoDataJustifiesAreBounded) {
    using std::chrono::milliseconds;
    const struct {
        const char* name;
        std::size_t data;  // between two exchanges
        milliseconds pause;
        bool refused;
    } cases[] = {
        {"at once, without data", 0, milliseconds(0), true},
        {"without data, 17 in 10 s", 0, milliseconds(600), true},
        {"without data, 16 in 10 s", 0, milliseconds(626), false},
        {"a little data", limits::key_exchange_data_min / 2, milliseconds(0), true},
        {"enough data", limits::key_exchange_data_min, milliseconds(0), false},
    };
    for (const role asks : {role::client, role::server}) {
        for (const bool up : {true, false}) {
            for (const auto& c : cases) {
                SCOPED_TRACE(c.name);
                transport_pair pair;
                auto& from = asks == role::client ? pair.client : pair.server;
                pair.start();
                pair.run();
                pair.client.machine->set_authenticated();
                pair.server.machine->set_authenticated();
                std::size_t exchanges = 0;
                for (; exchanges < 40 && !from.peer->error; ++exchanges) {
                    if (c.data != 0) {
                        bytes payload(c.data, 0);
                        payload[0] = 94;
                        (up ? pair.client : pair.server).machine->send(payload);
                        pair.run();
                    }
                    from.machine->rekey(pair.now);
                    pair.run();
                    pair.now += c.pause;
                }
                if (c.refused) {
                    EXPECT_EQ(from.peer->error, errc::too_many_key_exchanges);
                    EXPECT_EQ(exchanges, limits::idle_key_exchanges_max + 1);
                } else {
                    EXPECT_FALSE(from.peer->error) << from.peer->error.message();
                    EXPECT_EQ(exchanges, 40u);
                }
            }
        }
    }
}

// A peer that counts packets, or whose messages are small, has its reason too.
TEST(KeyExchanges, SmallMessagesJustifyThemByTheirNumber) {
    transport_pair pair;
    pair.start();
    pair.run();
    pair.client.machine->set_authenticated();
    pair.server.machine->set_authenticated();
    const bytes small{94};
    for (std::size_t exchanges = 0; exchanges < 40; ++exchanges) {
        for (std::size_t i = 0;
             i < limits::key_exchange_data_min / limits::key_exchange_message_min; ++i)
            pair.client.machine->send(small);
        pair.client.machine->rekey(pair.now);
        pair.run();
        ASSERT_FALSE(pair.server.error) << exchanges;
    }
}

// What only fills the wire is no data.
TEST(KeyExchanges, IgnoredMessagesJustifyNone) {
    transport_pair pair;
    pair.start();
    pair.run();
    pair.client.machine->set_authenticated();
    pair.server.machine->set_authenticated();
    for (std::size_t i = 0; i <= limits::idle_key_exchanges_max && !pair.server.error; ++i) {
        pair.client.machine->send(wire::encoded(ignore{bytes(20'000, 'x')}));
        pair.client.machine->rekey(pair.now);
        pair.run();
    }
    EXPECT_EQ(pair.server.error, errc::too_many_key_exchanges);
}

// --- what is kept -------------------------------------------------------------------------------

// Answers to empty pings are small: each counts with what the memory for it costs.
TEST(KeyExchanges, WhatIsHeldIsCountedWithItsOverhead) {
    transport_pair pair;
    pair.start();
    pair.run();
    pair.client.machine->set_authenticated();
    pair.server.machine->set_authenticated();
    pair.server.machine->rekey(pair.now);  // the client does not answer
    std::size_t pings = 0;
    for (; pings < 100'000 && !pair.server.error; ++pings) {
        pair.client.machine->send(wire::encoded(ping{}));
        const bytes data = to_bytes(pair.client.machine->output());
        pair.client.machine->consume_output(data.size());
        test::feed(*pair.server.machine, data);
        pair.poll(pair.server);
    }
    EXPECT_EQ(pair.server.error, errc::rekey_overdue);
    EXPECT_LE(pings, limits::held_payload_bytes_max / limits::held_payload_overhead + 1);
}

TEST(Ping, BeforeTheLoginAPeerThatDoesNotReadIsLeftSooner) {
    for (const std::size_t size : {0u, 30'000u}) {
        transport_pair pair;
        pair.start();
        pair.run();
        for (int i = 0; i < 20'000 && pair.server.machine->takes_input(); ++i) {
            pair.client.machine->send(wire::encoded(ping{bytes(size, 1)}));
            const bytes data = to_bytes(pair.client.machine->output());
            pair.client.machine->consume_output(data.size());
            test::feed(*pair.server.machine, data);
            pair.poll(pair.server);
        }
        EXPECT_FALSE(pair.server.machine->takes_input());
        EXPECT_LE(pair.server.machine->output_size(),
                  limits::unauthenticated_bytes_max + limits::packet_length_max_before_auth);
    }
}

// --- habits -------------------------------------------------------------------------------------

TEST(PeerHabits, AreOfAProgramAndItsVersions) {
    const struct {
        std::string_view identification;
        bool in_exchange;
        bool takes_eow = false;
        bool plaintext_macs = false;
        bool nist_curves = false;
    } cases[] = {
        {"SSH-2.0-AsyncSSH_2.10.1", true},
        {"SSH-2.0-AsyncSSH_2.10", true},
        {"SSH-2.0-AsyncSSH_2.10.1 comment", true},
        {"SSH-2.0-AsyncSSH_2", true},
        {"SSH-2.0-AsyncSSH_1.18.1", true},
        {"SSH-2.0-AsyncSSH_2.11.0", false},
        {"SSH-2.0-AsyncSSH_3", false},
        {"SSH-2.0-AsyncSSH_2.100", false},
        {"SSH-2.0-AsyncSSH_4294967298.1", false},
        {"SSH-2.0-AsyncSSH_2.99999999999999999999", false},
        {"SSH-2.0-AsyncSSH_2.10x", false},
        {"SSH-2.0-AsyncSSH_2.-1", false},
        {"SSH-2.0-AsyncSSH_-1", false},
        {"SSH-2.0-AsyncSSH_", false},
        {"SSH-2.0-AsyncSSH", false},
        {"SSH-2.0-AsyncSSHX_2.10", false},
        {"SSH-2.0-asyncssh_2.10", false},
        {"SSH-1.99-AsyncSSH_2.10", false},
        {"SSH-2.0-OpenSSH_9.2 AsyncSSH_2.10", false, true},
        {"SSH-2.0-OpenSSH_for_Windows_8.1", false, true},
        {"SSH-2.0-OpenSSH", false, true},
        {"SSH-2.0-openssh_9.2", false},
        {"SSH-2.0-sluice_0.1.0", false},
        {"SSH-2.0-libssh2_1.10.0", false, false, true},
        {"SSH-2.0-libssh2_1.4.3", false, false, true},
        {"SSH-2.0-libssh2_1.11.0", false},
        {"SSH-2.0-libssh_0.10.6", false},
        {"SSH-2.0-Renci.SshNet.SshClient.0.0.1", false, false, true},
        {"SSH-2.0-Renci.SshNet.SshClient.2024.1.0", false},
        {"SSH-2.0-JSCH-0.1.54", false, false, true, true},
        {"SSH-2.0-JSCH-0.2.0", false},
        {"SSH-2.0-JSCH_0.2.9", false},
        {"", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.identification);
        const peer_habits habits(c.identification);
        EXPECT_EQ(habits.has(peer_habit::channel_messages_in_exchange), c.in_exchange);
        EXPECT_EQ(habits.has(peer_habit::takes_eow), c.takes_eow);
        EXPECT_EQ(habits.has(peer_habit::plaintext_macs_only), c.plaintext_macs);
        EXPECT_EQ(habits.has(peer_habit::nist_curves_only), c.nist_curves);
        EXPECT_EQ(habits.none(), !c.in_exchange && !c.takes_eow && !c.plaintext_macs);
    }
}

}  // namespace
}  // namespace sluice
