#include "sluice/transport/transport.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/table.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using test::transport_pair;

// A payload of the upper layers with recognisable contents.
bytes payload_of(std::size_t size, std::uint8_t seed = 0) {
    bytes p(std::max<std::size_t>(size, 1));
    for (std::size_t i = 0; i < p.size(); ++i)
        p[i] = static_cast<std::uint8_t>(i * 31 + seed);
    p[0] = 94;
    return p;
}

void expect_works(transport_pair& pair) {
    for (const std::size_t size : {1u, 2u, 100u, 5000u, 32'000u}) {
        const bytes up = payload_of(size, 1);
        const bytes down = payload_of(size, 2);
        pair.client.machine->send(bytes_view(up).first(1), bytes_view(up).subspan(1));
        pair.server.machine->send(down);
        pair.run();
        ASSERT_FALSE(pair.client.error) << pair.client.error.message();
        ASSERT_FALSE(pair.server.error) << pair.server.error.message();
        ASSERT_FALSE(pair.server.payloads.empty());
        ASSERT_FALSE(pair.client.payloads.empty());
        EXPECT_EQ(pair.server.payloads.back(), up);
        EXPECT_EQ(pair.client.payloads.back(), down);
    }
}

void connect(transport_pair& pair) {
    pair.start();
    pair.run();
    ASSERT_FALSE(pair.client.error) << pair.client.error.message();
    ASSERT_FALSE(pair.server.error) << pair.server.error.message();
    ASSERT_TRUE(pair.server.machine->keys_in_use());
    EXPECT_EQ(pair.server.machine->session_id(), pair.client.machine->session_id());
}

void log_in(transport_pair& pair) {
    pair.client.machine->set_authenticated();
    pair.server.machine->set_authenticated();
}

// Every row of every table carries data, before and after a re-exchange.
TEST(Transport, EveryAlgorithmCarriesData) {
    std::vector<transport_config> configs;
    const auto with = [&](auto&& change) {
        transport_config c;
        change(c);
        configs.push_back(std::move(c));
    };
    for (const auto& kex : kex_methods())
        with([&](auto& c) { c.kex_algorithms = {std::string(kex.name)}; });
    for (const auto& cipher : ciphers()) {
        for (const auto& mac : macs()) {
            with([&](auto& c) {
                c.ciphers = {std::string(cipher.name)};
                c.macs = {std::string(mac.name)};
            });
            if (!cipher.needs_mac) break;
        }
    }
    for (const auto& compression : compressions())
        with([&](auto& c) { c.compressions = {std::string(compression.name)}; });

    for (const auto& config : configs) {
        SCOPED_TRACE(wire::join(config.kex_algorithms) + " " + wire::join(config.ciphers) + " " +
                     wire::join(config.macs) + " " + wire::join(config.compressions));
        transport_pair pair;
        for (auto* end : {&pair.client, &pair.server}) {
            end->config.kex_algorithms = config.kex_algorithms;
            end->config.ciphers = config.ciphers;
            end->config.macs = config.macs;
            end->config.compressions = config.compressions;
        }
        connect(pair);
        expect_works(pair);
        log_in(pair);
        expect_works(pair);
        pair.client.machine->rekey(pair.now);
        expect_works(pair);
        EXPECT_EQ(pair.count<transport_keys_changed>(pair.server), 2u);
        EXPECT_EQ(pair.count<transport_keys_changed>(pair.client), 2u);
    }
}

// Nobody gets a weak algorithm that did not ask for it; who asks is told its name.
TEST(Transport, WeakAlgorithmsAreNotOffered) {
    for (const role own : {role::client, role::server})
        EXPECT_TRUE(weak_algorithms(transport_config(own)).empty());

    transport_config config;
    config.host_key_algorithms = {"ssh-ed25519", "ssh-rsa"};
    config.public_key_algorithms = {"ssh-rsa"};
    config.ciphers = {"aes128-cbc", "aes128-ctr", "aes192-cbc", "aes256-cbc"};
    config.macs = {"hmac-sha2-256", "umac-64@openssh.com", "hmac-sha1",
                   "hmac-sha1-etm@openssh.com"};
    EXPECT_EQ(weak_algorithms(config),
              (std::vector<std::string>{"ssh-rsa", "aes128-cbc", "aes192-cbc", "aes256-cbc",
                                        "hmac-sha1", "hmac-sha1-etm@openssh.com"}));

    for (const char* type : {"ssh-ed25519", "ssh-rsa"}) {
        transport_pair pair;
        pair.server.config.host_keys = {test::test_host_key(type)};
        pair.client.config.host_key_algorithms = {"ssh-rsa"};
        pair.client.config.ciphers = {"aes128-cbc"};
        pair.start();
        pair.run();
        EXPECT_EQ(pair.server.error, errc::no_common_host_key);
    }
}

TEST(Transport, TheFirstChoiceIsPostQuantum) {
    transport_pair pair;
    connect(pair);
    EXPECT_EQ(pair.client.machine->algorithms().kex->name, "mlkem768x25519-sha256");
    EXPECT_EQ(pair.server.machine->algorithms().kex->name, "mlkem768x25519-sha256");
}

TEST(Transport, EveryHostKeyTypeIsProven) {
    for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                             "ecdsa-sha2-nistp521", "ssh-rsa"}) {
        for (const auto& algorithm : crypto::known_signature_algorithms()) {
            if (algorithm.key_type != type) continue;
            SCOPED_TRACE(algorithm.name);
            transport_pair pair;
            if (algorithm.weak) pair.server.config.host_key_algorithms.emplace_back(algorithm.name);
            pair.server.config.host_keys = {algorithm.certified() ? test::certified_host_key(type)
                                                                  : test::test_host_key(type)};
            pair.client.config.host_key_algorithms = {std::string(algorithm.name)};
            connect(pair);
            ASSERT_EQ(pair.count<transport_host_key>(pair.client), 1u);
            EXPECT_EQ(pair.client.machine->host_key_blob(),
                      pair.server.config.host_keys[0]->blob());
        }
    }
}

// How bytes are cut into pieces changes nothing.
TEST(Transport, OneByteAtATime) {
    transport_pair pair;
    pair.start();
    pair.run(1);
    const bytes up = payload_of(3000);
    pair.client.machine->send(up);
    pair.run(1);
    ASSERT_EQ(pair.server.payloads.size(), 1u);
    EXPECT_EQ(pair.server.payloads[0], up);
}

// Rfc4253s6_1: 35,000 bytes until the peer is known, 256 KiB then.
TEST(Rfc4253s6_1, PacketLimitGrowsWithAuthentication) {
    transport_pair pair;
    connect(pair);
    pair.client.machine->send(payload_of(limits::packet_length_max_before_auth - 300));
    pair.run();
    EXPECT_FALSE(pair.server.error);
    log_in(pair);
    pair.client.machine->send(payload_of(limits::packet_length_max - 300));
    pair.run();
    EXPECT_FALSE(pair.server.error);
    EXPECT_EQ(pair.server.payloads.size(), 2u);

    transport_pair strict;
    connect(strict);
    strict.client.machine->send(payload_of(limits::packet_length_max_before_auth + 1));
    strict.run();
    EXPECT_EQ(strict.server.error, errc::packet_too_long);
}

// Whatever byte is changed on the way, nothing wrong is delivered, and the reason tells no more
// than it must.
TEST(Rfc4253s6_4, EveryTamperedByteEndsTheConnection) {
    for (const auto& cipher : ciphers()) {
        for (const auto& mac : macs()) {
            if (!cipher.needs_mac && &mac != &macs()[0]) break;
            SCOPED_TRACE(std::string(cipher.name) + " " + std::string(mac.name));
            std::size_t length = 1;
            for (std::size_t at = 0; at < length; ++at) {
                transport_pair pair;
                for (auto* end : {&pair.client, &pair.server}) {
                    end->config.kex_algorithms = {"curve25519-sha256"};
                    end->config.ciphers = {std::string(cipher.name)};
                    end->config.macs = {std::string(mac.name)};
                }
                connect(pair);
                pair.client.machine->send(payload_of(20));
                pair.client.machine->send(payload_of(20));  // so that a longer length finds bytes
                length = pair.client.machine->output().size() / 2;
                pair.tamper = [&](auto& from, bytes& data) {
                    if (&from == &pair.client && data.size() > at) data[at] ^= 0x10;
                };
                pair.step();
                // A larger length wants more bytes, and after an error that must look like another
                // reading goes on: what comes then is no delivery.
                if (!pair.server.error) {
                    EXPECT_TRUE(at < 4 || find_cipher(cipher.name)->weak);
                    pair.tamper = {};
                    for (int k = 0; k < 10; ++k)
                        pair.client.machine->send(payload_of(4000));
                    pair.step();
                }
                EXPECT_TRUE(pair.server.error == errc::bad_mac ||
                            pair.server.error == errc::packet_too_long ||
                            pair.server.error == errc::bad_packet_length)
                    << pair.server.error.message();
                EXPECT_TRUE(pair.server.payloads.empty());
            }
        }
    }
}

// With CBC and an encrypted length, whoever changes a block chooses what is taken for the length,
// and where reading stops would tell what that was (CVE-2008-5161): every error is the same one,
// after the same number of bytes.
TEST(Cbc, ErrorsLookAlike) {
    constexpr std::size_t longest = 4 + limits::packet_length_max_before_auth;
    for (const auto& cipher : ciphers()) {
        for (const auto& mac : macs()) {
            if (!cipher.name.ends_with("-cbc") || mac.etm) continue;
            SCOPED_TRACE(std::string(cipher.name) + " " + std::string(mac.name));
            const cipher_keys keys{secret_bytes(cipher.iv_size), secret_bytes(cipher.key_size),
                                   secret_bytes(mac.key_size)};
            // Lengths: too long, not whole blocks, none, right with a wrong tag, and longer than
            // what was sent, again with a wrong tag. A bit of an IV changes the same bit of the
            // first block of plaintext.
            const std::uint32_t sent_length = 44;
            for (const std::uint32_t length : {0xffff'fff0u, 45u, 0u, sent_length, 32'012u}) {
                SCOPED_TRACE(length);
                cipher_keys changed = keys;
                for (int i = 0; i < 4; ++i)
                    changed.iv.data()[i] ^=
                        static_cast<std::uint8_t>((sent_length ^ length) >> (24 - 8 * i));
                packet_sealer sealer;
                packet_opener opener;
                sealer.rekey(cipher.make(cipher, &mac, keys, true), false);
                opener.rekey(cipher.make(cipher, &mac, changed, false), false);
                test::seeded_random random;
                wire::byte_queue sent;
                sealer.seal(payload_of(35), {}, random, sent);
                ASSERT_EQ(sent.size(), 4 + sent_length + mac.tag_size);
                bytes data = to_bytes(sent.view());
                if (length == sent_length) data.back() ^= 1;
                data.resize(longest + mac.tag_size + 1, 0x5a);

                wire::byte_queue received;
                std::size_t fed = 0;
                error_code error;
                while (!error && fed < data.size()) {
                    received.append(bytes_view(data).subspan(fed++, 1));
                    const auto opened = opener.next(received);
                    if (!opened) error = opened.error();
                    EXPECT_FALSE(opened && opened->has_value());
                }
                EXPECT_EQ(error, errc::bad_mac);
                EXPECT_EQ(fed, longest + mac.tag_size);

                // The same when all of it comes at once.
                packet_opener at_once;
                at_once.rekey(cipher.make(cipher, &mac, changed, false), false);
                wire::byte_queue whole;
                whole.append(data);
                const auto opened = at_once.next(whole);
                ASSERT_FALSE(opened);
                EXPECT_EQ(opened.error(), errc::bad_mac);
            }
        }
    }
}

// --- key re-exchange ----------------------------------------------------------------------------

TEST(Rfc4253s9, RekeyByBytesPacketsAndTime) {
    {
        transport_pair pair;
        pair.client.config.rekey.bytes = 64 * 1024;
        connect(pair);
        log_in(pair);
        for (int i = 0; i < 100; ++i) {
            pair.client.machine->send(payload_of(8 * 1024));
            pair.run();
        }
        EXPECT_EQ(pair.server.payloads.size(), 100u);
        EXPECT_GE(pair.count<transport_keys_changed>(pair.server), 10u);
    }
    {
        transport_pair pair;
        pair.server.config.rekey.packets = 10;
        connect(pair);
        log_in(pair);
        for (int i = 0; i < 100; ++i) {
            pair.client.machine->send(payload_of(10));
            pair.run();
        }
        EXPECT_EQ(pair.server.payloads.size(), 100u);
        EXPECT_GE(pair.count<transport_keys_changed>(pair.client), 9u);
    }
    {
        transport_pair pair;
        connect(pair);
        log_in(pair);
        EXPECT_EQ(pair.server.machine->next_deadline(), pair.now + std::chrono::hours(1));
        pair.now += std::chrono::hours(1);
        pair.poll(pair.server);
        pair.run();
        EXPECT_EQ(pair.count<transport_keys_changed>(pair.client), 2u);
    }
}

TEST(Rfc4253s9, NothingOfOursBeforeAuthentication) {
    transport_pair pair;
    pair.client.config.rekey.packets = 2;
    connect(pair);
    for (int i = 0; i < 10; ++i)
        pair.client.machine->send(payload_of(10));
    pair.run();
    EXPECT_EQ(pair.count<transport_keys_changed>(pair.server), 1u);
    EXPECT_EQ(pair.server.payloads.size(), 10u);
}

// Both ends begin at once; data is under way in both directions; nothing is lost or reordered.
TEST(Rfc4253s9, BothSidesAtOnceUnderLoad) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        transport_pair pair(seed);
        pair.client.config.rekey.bytes = 20'000 + random() % 10'000;
        pair.server.config.rekey.bytes = 20'000 + random() % 10'000;
        connect(pair);
        log_in(pair);
        std::vector<bytes> up;
        std::vector<bytes> down;
        for (int i = 0; i < 60; ++i) {
            for (auto* end : {&pair.client, &pair.server}) {
                if (end->machine->room() == 0 && random() % 2 == 0) continue;
                const bytes p = payload_of(1 + random() % 3000, static_cast<std::uint8_t>(i));
                end->machine->send(p);
                (end == &pair.client ? up : down).push_back(p);
            }
            for (std::uint64_t k = random() % 4; k > 0; --k)
                pair.step(1 + random() % 4000);
        }
        pair.run();
        ASSERT_FALSE(pair.client.error) << pair.client.error.message();
        ASSERT_FALSE(pair.server.error) << pair.server.error.message();
        EXPECT_EQ(pair.server.payloads, up);
        EXPECT_EQ(pair.client.payloads, down);
        EXPECT_GE(pair.count<transport_keys_changed>(pair.server), 2u);
    }
}

TEST(Rfc4253s7_1, BulkWaitsWhileKeysAreExchanged) {
    transport_pair pair;
    connect(pair);
    log_in(pair);
    EXPECT_GT(pair.client.machine->room(), 0u);
    pair.client.machine->rekey(pair.now);
    EXPECT_EQ(pair.client.machine->room(), 0u);
    const std::size_t waiting = pair.client.machine->output_size();
    pair.client.machine->send(payload_of(1000));
    EXPECT_EQ(pair.client.machine->output_size(), waiting);  // held, not sent
    pair.run();
    EXPECT_EQ(pair.server.payloads.size(), 1u);
    EXPECT_GT(pair.client.machine->room(), 0u);
}

TEST(Transport, PeerThatNeverFinishesAnExchangeIsLeft) {
    transport_pair pair;
    connect(pair);
    log_in(pair);
    pair.server.machine->rekey(pair.now);
    pair.now += limits::key_exchange_time_max;
    EXPECT_LE(pair.server.machine->next_deadline(), pair.now);
    pair.poll(pair.server);
    EXPECT_EQ(pair.server.error, errc::rekey_overdue);
}

TEST(Transport, PayloadsHeldDuringAnExchangeAreCapped) {
    transport_pair pair;
    connect(pair);
    log_in(pair);
    pair.server.machine->rekey(pair.now);
    for (int i = 0; i < 200; ++i)
        pair.server.machine->send(payload_of(30'000));
    pair.poll(pair.server);
    EXPECT_EQ(pair.server.error, errc::rekey_overdue);
    EXPECT_LT(pair.server.machine->memory_in_use(), 100'000u);
}

// --- a raw peer ---------------------------------------------------------------------------------

// Speaks to a server transport with packets of its own making, unencrypted.
class raw_client {
public:
    raw_client() {
        config_.random = &random_;
        config_.host_keys = {test::test_host_key()};
        config_.kex_algorithms = {"curve25519-sha256", "diffie-hellman-group16-sha512"};
        server.emplace(config_, role::server, time_point{});
    }
    void line(std::string_view text) { test::feed(*server, as_bytes(text)); }
    void packet(bytes_view payload) {
        wire::byte_queue out;
        sealer_.seal(payload, {}, random_, out);
        test::feed(*server, out.view());
    }
    bytes kexinit_payload(std::string_view extra_kex = {}, bool follows = false,
                          std::string_view kex = "curve25519-sha256",
                          std::string_view host_key = "ssh-ed25519") {
        const std::string kex_list = std::string(kex) + std::string(extra_kex);
        kexinit m;
        m.kex_algorithms = {kex_list};
        m.server_host_key_algorithms = {host_key};
        m.encryption_algorithms_client_to_server =
            m.encryption_algorithms_server_to_client = {"aes128-gcm@openssh.com"};
        m.mac_algorithms_client_to_server = m.mac_algorithms_server_to_client = {"hmac-sha2-256"};
        m.compression_algorithms_client_to_server =
            m.compression_algorithms_server_to_client = {"none"};
        m.first_kex_packet_follows = follows;
        return wire::encoded(m);
    }
    error_code poll() {
        for (;;) {
            auto event = server->poll(time_point{});
            if (!event) return event.error();
            if (!*event) return {};
            events.push_back(std::move(**event));
        }
    }
    // The payloads the server sent, behind its identification line.
    std::vector<bytes> sent() {
        bytes all;
        for (bytes_view out = server->output(); !out.empty(); out = server->output()) {
            all.insert(all.end(), out.begin(), out.end());
            server->consume_output(out.size());
        }
        wire::byte_queue queue;
        queue.append(all);
        if (as_text(queue.view()).starts_with("SSH-"))
            queue.consume(as_text(queue.view()).find('\n') + 1);
        std::vector<bytes> payloads;
        for (auto p = opener_.next(queue); p && *p; p = opener_.next(queue))
            payloads.push_back(to_bytes(**p));
        return payloads;
    }
    std::optional<disconnect_reason> reason() {
        for (const auto& p : sent())
            if (const auto m = wire::decode<disconnect>(p))
                return static_cast<disconnect_reason>(m->reason_code);
        return std::nullopt;
    }

    std::optional<transport> server;
    std::vector<transport_event> events;

private:
    transport_config config_;
    test::seeded_random random_;
    packet_sealer sealer_;
    packet_opener opener_;
};

bytes ecdh_init() {
    bytes p{30};
    wire::writer(p).write(bytes_view(bytes(32, 9)));
    return p;
}

std::size_t count_number(const std::vector<bytes>& payloads, std::uint8_t number) {
    return static_cast<std::size_t>(
        std::ranges::count_if(payloads, [&](const bytes& p) { return p[0] == number; }));
}

TEST(Rfc4253s4_2, IdentificationLines) {
    struct {
        const char* name;
        std::string in;
        error_code error;
        std::string identification;
    } cases[] = {
        {"plain", "SSH-2.0-x\r\n", {}, "SSH-2.0-x"},
        {"LF alone", "SSH-2.0-x\n", {}, "SSH-2.0-x"},
        {"1.99", "SSH-1.99-x comments here\r\n", {}, "SSH-1.99-x comments here"},
        {"1.5", "SSH-1.5-x\r\n", errc::unsupported_version, ""},
        {"no dash", "SSH-2.0\r\n", errc::bad_identification, ""},
        {"HTTP", "GET / HTTP/1.0\r\n", errc::bad_identification, ""},
        {"first byte already", "X", errc::bad_identification, ""},
        {"a line before it, to a server", "hello\r\nSSH-2.0-x\r\n", errc::bad_identification, ""},
        {"control character", "SSH-2.0-\x01\r\n", errc::bad_identification, ""},
        {"not finished", "SSH-2.0-x", {}, ""},
        {"255 bytes",
         "SSH-2.0-" + std::string(245, 'x') + "\r\n",
         {},
         "SSH-2.0-" + std::string(245, 'x')},
        {"256 bytes", "SSH-2.0-" + std::string(246, 'x') + "\r\n", errc::bad_identification, ""},
        {"no end in sight", "SSH-2.0-" + std::string(300, 'x'), errc::bad_identification, ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        raw_client peer;
        peer.line(c.in);
        EXPECT_EQ(peer.poll(), c.error);
        EXPECT_EQ(peer.server->peer_identification(), c.identification);
    }
}

TEST(Rfc4253s4_2, AClientTakesOtherLinesFirst) {
    transport_config config;
    transport client(config, role::client, {});
    test::feed(client, as_bytes("Welcome\r\nto this\nSSH-2.0-server\r\n"));
    EXPECT_TRUE(client.poll({}));
    EXPECT_EQ(client.peer_identification(), "SSH-2.0-server");

    transport flooded(config, role::client, {});
    for (std::size_t i = 0; i <= limits::banner_lines_max; ++i)
        test::feed(flooded, as_bytes("x\n"));
    EXPECT_EQ(flooded.poll({}).error(), errc::bad_identification);
}

TEST(Rfc4253s7, RightGuessIsUsedAndWrongOneIgnored) {
    {
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(peer.kexinit_payload({}, true));
        peer.packet(ecdh_init());
        EXPECT_FALSE(peer.poll());
        EXPECT_EQ(count_number(peer.sent(), 31), 1u);
    }
    {
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(
            peer.kexinit_payload({}, true, "diffie-hellman-group16-sha512,curve25519-sha256"));
        peer.packet(bytes{30, 0, 0, 0, 1, 5});  // for the guessed method
        peer.packet(ecdh_init());
        EXPECT_FALSE(peer.poll());
        EXPECT_EQ(count_number(peer.sent(), 31), 1u);
    }
    {
        // The host key algorithm is part of the guess.
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(
            peer.kexinit_payload({}, true, "curve25519-sha256", "rsa-sha2-512,ssh-ed25519"));
        peer.packet(ecdh_init());
        EXPECT_FALSE(peer.poll());
        EXPECT_EQ(count_number(peer.sent(), 31), 0u);
    }
}

TEST(Rfc4253s7_1, EveryListWithoutACommonNameIsItsOwnError) {
    struct {
        const char* name;
        void (*change)(transport_config&);
        errc error;
    } cases[] = {
        {"kex", [](transport_config& c) { c.kex_algorithms = {"nobody-has-this"}; },
         errc::no_common_kex},
        {"host key", [](transport_config& c) { c.host_key_algorithms = {"rsa-sha2-512"}; },
         errc::no_common_host_key},
        {"cipher", [](transport_config& c) { c.ciphers = {"rot13"}; }, errc::no_common_cipher},
        {"mac",
         [](transport_config& c) {
             c.ciphers = {"aes128-ctr"};
             c.macs = {"crc"};
         },
         errc::no_common_mac},
        {"compression", [](transport_config& c) { c.compressions = {"lha"}; },
         errc::no_common_compression},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        transport_pair pair;
        c.change(pair.client.config);
        pair.start();
        pair.run();
        EXPECT_EQ(pair.server.error, c.error);
    }
}

TEST(StrictKex, NothingButKeyExchangeBeforeNewkeys) {
    for (const bool strict : {false, true}) {
        SCOPED_TRACE(strict);
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(peer.kexinit_payload(strict ? ",kex-strict-c-v00@openssh.com" : ""));
        peer.packet(wire::encoded(ignore{}));
        EXPECT_EQ(peer.poll(), strict ? error_code(errc::strict_kex_violation) : error_code());
    }
}

TEST(StrictKex, KexinitMustBeTheFirstPacket) {
    for (const bool strict : {false, true}) {
        SCOPED_TRACE(strict);
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(wire::encoded(ignore{}));
        peer.packet(peer.kexinit_payload(strict ? ",kex-strict-c-v00@openssh.com" : ""));
        EXPECT_EQ(peer.poll(), strict ? error_code(errc::strict_kex_violation) : error_code());
        if (strict) {
            EXPECT_EQ(peer.reason(), disconnect_reason::key_exchange_failed);
        }
    }
}

// Without the marks sequence numbers run on, with them they start again: the recorded sessions show
// the second, this shows that both ends may also do without.
TEST(StrictKex, APeerWithoutTheMarkIsServed) {
    raw_client peer;
    peer.line("SSH-2.0-x\r\n");
    peer.packet(peer.kexinit_payload());
    peer.packet(ecdh_init());
    EXPECT_FALSE(peer.poll());
    const auto sent = peer.sent();
    ASSERT_FALSE(sent.empty());
    const auto own = wire::decode<kexinit>(sent[0]);
    ASSERT_TRUE(own);
    EXPECT_TRUE(own->kex_algorithms.contains(kex_strict_s));
    EXPECT_EQ(count_number(sent, newkeys::number), 1u);
}

TEST(Rfc4253s7, MessagesOutOfOrderAreRefused) {
    struct {
        const char* name;
        bytes payload;
        errc error;
    } cases[] = {
        {"NEWKEYS first", {21}, errc::unexpected_message},
        {"method message first", ecdh_init(), errc::unexpected_message},
        {"service request before keys", wire::encoded(service_request{"ssh-userauth"}),
         errc::unexpected_message},
        {"channel message before keys", {90, 0, 0, 0, 0}, errc::unexpected_message},
        {"EXT_INFO before keys", {7, 0, 0, 0, 0}, errc::unexpected_message},
        {"unknown number before keys", {150}, errc::unexpected_message},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        raw_client peer;
        peer.line("SSH-2.0-x\r\n");
        peer.packet(c.payload);
        EXPECT_EQ(peer.poll(), c.error);
        EXPECT_EQ(peer.reason(), disconnect_reason::protocol_error);
    }
    raw_client twice;
    twice.line("SSH-2.0-x\r\n");
    twice.packet(twice.kexinit_payload());
    twice.packet(twice.kexinit_payload());
    EXPECT_EQ(twice.poll(), errc::unexpected_message);

    raw_client early;  // NEWKEYS before the method has run
    early.line("SSH-2.0-x\r\n");
    early.packet(early.kexinit_payload());
    early.packet(bytes{21});
    EXPECT_EQ(early.poll(), errc::unexpected_message);
}

// C_INIT of those sizes: a KEM's key of one byte, repeated, and a curve's value of ones.
bytes hybrid_init(std::size_t key_size, std::size_t value_size, std::uint8_t filling = 0x11) {
    bytes payload;
    wire::writer w(payload);
    bytes value(key_size, filling);
    value.resize(key_size + value_size, 1);
    w.write(std::uint8_t{30});
    w.write(bytes_view(value));
    return payload;
}

TEST(Rfc4253s8, BadPublicValuesAreRefused) {
    struct {
        const char* kex;
        bytes payload;
    } cases[] = {
        {"curve25519-sha256", test::from_hex("1e 00000020" + std::string(64, '0'))},  // zero point
        {"curve25519-sha256", test::from_hex("1e 0000001f" + std::string(62, '1'))},  // short
        {"ecdh-sha2-nistp256", test::from_hex("1e 00000041 04" + std::string(128, '1'))},  // off it
        {"ecdh-sha2-nistp256",
         test::from_hex("1e 00000021 02" + std::string(64, '1'))},  // compressed
        {"mlkem768x25519-sha256", test::from_hex("1e 00000000")},
        {"mlkem768x25519-sha256", hybrid_init(1184, 31)},        // short
        {"mlkem768x25519-sha256", hybrid_init(1184, 33)},        // long
        {"mlkem768x25519-sha256", hybrid_init(1184, 32, 0xff)},  // coefficients beyond the modulus
        {"mlkem768nistp256-sha256", hybrid_init(1184, 65)},      // no point
        {"mlkem1024nistp384-sha384", hybrid_init(1184, 97)},     // the other set's key
        {"sntrup761x25519-sha512", hybrid_init(1158, 31)},
        {"sntrup761x25519-sha512", hybrid_init(1157, 32)},
        {"sntrup761x25519-sha512@openssh.com", hybrid_init(1158, 33)},
        {"diffie-hellman-group14-sha256", test::from_hex("1e 00000000")},     // e = 0
        {"diffie-hellman-group14-sha256", test::from_hex("1e 00000001 01")},  // e = 1
        {"diffie-hellman-group14-sha256",
         test::from_hex("1e 00000101 00" + std::string(512, 'f'))},  // > p
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.kex) + " " + test::to_hex(c.payload).substr(0, 20));
        transport_config config;
        config.host_keys = {test::test_host_key()};
        config.kex_algorithms = {c.kex};
        key_exchange_run run(config, role::server, true);
        std::vector<bytes> replies;
        raw_client peer;
        ASSERT_TRUE(run.on_kexinit(peer.kexinit_payload({}, false, c.kex), "SSH-2.0-x", replies));
        EXPECT_EQ(run.on_message(c.payload, replies).error(), errc::bad_public_value);
        EXPECT_TRUE(replies.empty());
    }
}

// A ciphertext that was changed under way is no error of the KEM: H differs, so the signature does.
TEST(Transport, AChangedHybridReplyEndsTheExchange) {
    for (const char* name : {"mlkem768x25519-sha256", "sntrup761x25519-sha512"}) {
        SCOPED_TRACE(name);
        transport_pair pair;
        pair.client.config.kex_algorithms = pair.server.config.kex_algorithms = {name};
        bool changed = false;
        pair.tamper = [&](const transport_pair::end& from, bytes& data) {
            const auto at = std::ranges::find(data, std::uint8_t{31});
            if (changed || &from != &pair.server || data.size() < 1000) return;
            changed = true;
            ASSERT_NE(at, data.end());
            data[data.size() - 400] ^= 1;  // in S_REPLY: behind it is the signature
        };
        pair.start();
        pair.run();
        EXPECT_TRUE(changed);
        EXPECT_EQ(pair.client.error, errc::host_key_rejected);
    }
}

TEST(Transport, ReplyOfAHybridWithAWrongLengthIsRefused) {
    for (const auto& kex : kex_methods()) {
        if (!kex.name.starts_with("mlkem") && !kex.name.starts_with("sntrup")) continue;
        SCOPED_TRACE(kex.name);
        for (const int more : {-1, 1}) {
            test::seeded_random random;
            kex_context client_side;
            client_side.random = &random;
            kex_context server_side = client_side;
            server_side.own = role::server;
            const auto key = test::test_host_key();
            server_side.key = key.get();
            server_side.host_key_algorithm = "ssh-ed25519";
            const auto client = kex.make(kex, client_side);
            const auto server = kex.make(kex, server_side);
            std::vector<bytes> replies;
            ASSERT_TRUE(server->on_message(*client->begin(), replies));
            ASSERT_EQ(replies.size(), 1u);

            const bytes_view reply = replies[0];
            wire::reader r(reply.subspan(1));
            bytes_view host_key, value, signature;
            r.read(host_key);
            r.read(value);
            r.read(signature);
            ASSERT_FALSE(r.error());
            bytes other = to_bytes(value);
            other.resize(static_cast<std::size_t>(static_cast<int>(value.size()) + more), 1);
            bytes payload;
            wire::writer w(payload);
            w.write(std::uint8_t{31});
            w.write(host_key);
            w.write(bytes_view(other));
            w.write(signature);
            std::vector<bytes> none;
            EXPECT_EQ(client->on_message(payload, none).error(), errc::bad_public_value);
            EXPECT_EQ(client->on_message(replies[0], none).error(), errc::unexpected_message);
        }
    }
}

TEST(Transport, HostCertificatesAreOfferedBesideTheKey) {
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    const auto other = crypto::private_key::generate("ssh-ed25519").value();
    const auto cert = test::test_certificate(
        key.public_half(), {.kind = crypto::certificate_kind::host, .principals = {"a"}});
    const auto users = test::test_certificate(key.public_half(), {.principals = {"a"}});
    EXPECT_EQ(make_host_key(other, cert).error(), errc::bad_value);
    EXPECT_EQ(make_host_key(key, users).error(), errc::bad_value);

    for (const char* wanted : {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"}) {
        SCOPED_TRACE(wanted);
        transport_pair pair;
        pair.server.config.host_keys = {make_host_key(key), make_host_key(key, cert).value()};
        pair.client.config.host_key_algorithms = {wanted};
        connect(pair);
        const bool certified = std::string_view(wanted) != "ssh-ed25519";
        EXPECT_EQ(pair.client.machine->host_key_blob(),
                  certified ? cert.blob() : key.public_half().blob());
        EXPECT_EQ(pair.client.machine->algorithms().host_key_algorithm, wanted);
        // What is announced are signatures, each once (RFC 8308 §3.1).
        const auto& listed = pair.client.machine->extensions().server_sig_algs;
        EXPECT_EQ(std::ranges::count(listed, "ssh-ed25519"), 1);
        EXPECT_TRUE(std::ranges::none_of(
            listed, [](const std::string& name) { return name.find("-cert-") != name.npos; }));
    }
    // A server that has the certificate only does not serve who wants the bare key.
    transport_pair pair;
    pair.server.config.host_keys = {make_host_key(key, cert).value()};
    pair.client.config.host_key_algorithms = {"ssh-ed25519"};
    pair.start();
    pair.run();
    EXPECT_EQ(pair.client.error, errc::no_common_host_key);
}

TEST(Transport, AWrongHostKeySignatureIsNotTrusted) {
    class liar final : public host_key {
    public:
        const bytes& blob() const override { return test::test_host_key()->blob(); }
        bool signs(std::string_view a) const override { return a == "ssh-ed25519"; }
        result<bytes> sign(std::string_view a, bytes_view) const override {
            return test::test_host_key()->sign(a, as_bytes("something else"));
        }
    };
    transport_pair pair;
    pair.server.config.host_keys = {std::make_shared<liar>()};
    pair.start();
    pair.run();
    EXPECT_EQ(pair.client.error, errc::host_key_rejected);
}

// --- after the handshake ------------------------------------------------------------------------

TEST(Rfc4253s11, DisconnectEndsItBothWays) {
    transport_pair pair;
    connect(pair);
    pair.client.machine->send(payload_of(100));
    pair.client.machine->disconnect(disconnect_reason::by_application, "bye");
    pair.client.machine->send(payload_of(100));  // too late
    pair.run();
    EXPECT_EQ(pair.server.payloads.size(), 1u);
    ASSERT_EQ(pair.count<transport_disconnected>(pair.server), 1u);
    const auto& bye = std::get<transport_disconnected>(pair.server.events.back());
    EXPECT_EQ(bye.reason_code, 11u);
    EXPECT_EQ(bye.description, "bye");
    EXPECT_TRUE(pair.server.machine->finished());
    EXPECT_TRUE(pair.client.machine->finished());
}

TEST(Rfc4253s11, IgnoreDebugAndUnimplementedDoNothing) {
    transport_pair pair;
    connect(pair);
    pair.client.machine->send(wire::encoded(ignore{as_bytes("noise")}));
    pair.client.machine->send(wire::encoded(debug{true, "text", "en"}));
    pair.client.machine->send(wire::encoded(unimplemented{7}));
    pair.client.machine->send(payload_of(5));
    pair.run();
    EXPECT_FALSE(pair.server.error);
    EXPECT_EQ(pair.server.payloads.size(), 1u);
    EXPECT_EQ(pair.server.machine->output_size(), 0u);
}

TEST(Rfc4253s11_4, UnknownNumbersAreAnsweredWithTheirSequenceNumber) {
    transport_pair pair;
    connect(pair);
    std::uint32_t sequence_number = 0;  // strict: counts from NEWKEYS on
    for (const std::uint8_t number : bytes{8, 19, 22, 29, 128, 191, 194, 255}) {
        SCOPED_TRACE(int{number});
        pair.client.events.clear();
        pair.client.machine->send(bytes{number, 1, 2, 3});
        pair.run();
        EXPECT_FALSE(pair.server.error);
        ASSERT_EQ(pair.count<transport_unimplemented>(pair.client), 1u);
        EXPECT_EQ(std::get<transport_unimplemented>(pair.client.events[0]).sequence_number,
                  sequence_number++);
    }
    EXPECT_TRUE(pair.server.payloads.empty());
}

TEST(Rfc8308, AServerAnnouncesWhatItTakesToThoseWhoAsk) {
    transport_pair pair;
    connect(pair);
    const auto& seen = pair.client.machine->extensions();
    EXPECT_TRUE(seen.seen);
    EXPECT_TRUE(seen.ping);
    EXPECT_TRUE(seen.hostbound);
    std::vector<std::string> signatures;
    std::ranges::copy_if(pair.server.config.public_key_algorithms, std::back_inserter(signatures),
                         [](const std::string& name) { return name.find("-cert-") == name.npos; });
    EXPECT_EQ(seen.server_sig_algs, signatures);
    EXPECT_FALSE(pair.server.machine->extensions().seen);
}

TEST(Rfc8308, ExtInfoIsCapped) {
    transport_pair pair;
    connect(pair);
    for (std::size_t i = 0; i <= limits::ext_info_messages_max; ++i)
        pair.client.machine->send(bytes{7, 0, 0, 0, 0});
    pair.run();
    EXPECT_EQ(pair.server.error, errc::too_many_messages);

    bytes many{7, 0, 0, 0, static_cast<std::uint8_t>(limits::ext_info_extensions_max + 1)};
    EXPECT_EQ(wire::decode<ext_info>(many).error(), errc::too_long);
}

TEST(Ping, IsAnsweredWithItsData) {
    transport_pair pair;
    connect(pair);
    EXPECT_TRUE(pair.client.machine->send_ping(as_bytes("are you there")));
    pair.run();
    ASSERT_EQ(pair.count<transport_pong>(pair.client), 1u);
    EXPECT_EQ(as_text(std::get<transport_pong>(pair.client.events.back()).data), "are you there");
    EXPECT_FALSE(pair.server.machine->send_ping({}));  // a client announces nothing
}

// A peer that asks and never reads the answers is not read from: memory stays bounded.
TEST(Ping, APeerThatDoesNotReadIsNotReadFrom) {
    transport_pair pair;
    connect(pair);
    log_in(pair);
    for (int i = 0; i < 200; ++i) {
        pair.client.machine->send(wire::encoded(ping{bytes(30'000, 1)}));
        while (!pair.client.machine->output().empty()) {
            const bytes_view out = pair.client.machine->output();
            test::feed(*pair.server.machine, out);
            pair.client.machine->consume_output(out.size());
        }
        pair.poll(pair.server);
        if (pair.server.machine->output_size() >= limits::input_stops_at_output) break;
    }
    EXPECT_GE(pair.server.machine->output_size(), limits::input_stops_at_output);
    EXPECT_LE(pair.server.machine->output_size(),
              limits::input_stops_at_output + limits::packet_length_max);
    EXPECT_FALSE(pair.server.error);
}

TEST(Compression, AnInflatedPacketIsCapped) {
    transport_pair pair;
    for (auto* end : {&pair.client, &pair.server})
        end->config.compressions = {"zlib@openssh.com"};
    connect(pair);
    log_in(pair);
    // A kilobyte on the wire that would be a megabyte in memory.
    pair.client.machine->send(payload_of(1), bytes(1024 * 1024, 0));
    EXPECT_LT(pair.client.machine->output_size(), 10'000u);
    pair.run();
    EXPECT_EQ(pair.server.error, errc::inflated_too_long);

    const auto inflater = find_compression("zlib@openssh.com")->make_decompressor();
    bytes out;
    EXPECT_EQ(inflater->inflate(as_bytes("not deflated at all"), 1000, out).error(),
              errc::bad_compression);
}

TEST(Compression, DelayedMeansAfterAuthentication) {
    transport_pair pair;
    for (auto* end : {&pair.client, &pair.server})
        end->config.compressions = {"zlib@openssh.com"};
    connect(pair);
    pair.client.machine->send(payload_of(1), bytes(10'000, 0));
    EXPECT_GT(pair.client.machine->output_size(), 10'000u);
    pair.run();
    log_in(pair);
    pair.client.machine->send(payload_of(1), bytes(10'000, 0));
    EXPECT_LT(pair.client.machine->output_size(), 1'000u);
    pair.run();
    EXPECT_EQ(pair.server.payloads.size(), 2u);
}

TEST(Transport, IdleMeansNoMemoryInBuffers) {
    transport_pair pair;
    connect(pair);
    expect_works(pair);
    pair.server.machine->release_idle_memory();
    EXPECT_EQ(pair.server.machine->memory_in_use(), 0u);
    expect_works(pair);
}

TEST(Transport, AfterAnErrorItIsFinished) {
    raw_client peer;
    peer.line("SSH-2.0-x\r\n");
    peer.packet(bytes{21});
    EXPECT_EQ(peer.poll(), errc::unexpected_message);
    EXPECT_EQ(peer.poll(), errc::unexpected_message);
    EXPECT_TRUE(peer.server->finished());
    const auto sent = peer.sent();
    EXPECT_EQ(sent.back()[0], disconnect::number);
    peer.server->send(payload_of(10));
    EXPECT_TRUE(peer.server->output().empty());
}

TEST(Transport, MessagesOnTheWire) {
    EXPECT_EQ(test::to_hex(wire::encoded(disconnect{11, "bye", ""})),
              "010000000b0000000362796500000000");
    EXPECT_EQ(test::to_hex(wire::encoded(unimplemented{5})), "0300000005");
    EXPECT_EQ(test::to_hex(wire::encoded(newkeys{})), "15");
    EXPECT_EQ(test::to_hex(wire::encoded(service_accept{"a"})), "060000000161");
    EXPECT_EQ(test::to_hex(wire::encoded(ping{as_bytes("x")})), "c00000000178");
    // Peers that leave out the end of DISCONNECT are understood; other messages are not.
    EXPECT_TRUE(wire::decode<disconnect>(test::from_hex("010000000b")));
    EXPECT_TRUE(wire::decode<disconnect>(test::from_hex("010000000b00000000")));
    EXPECT_FALSE(wire::decode<disconnect>(test::from_hex("0100")));
    EXPECT_EQ(wire::decode<newkeys>(test::from_hex("1500")).error(), errc::trailing_bytes);
    kexinit m;
    m.kex_algorithms = {"a,b"};
    const bytes whole = wire::encoded(m);
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_EQ(wire::decode<kexinit>({whole.data(), n}).error(), errc::truncated) << n;
}

TEST(Transport, AMarkTellsWhenAPayloadHasLeft) {
    transport_pair pair;
    connect(pair);
    log_in(pair);
    transport& client = *pair.client.machine;
    const auto leave = [&](std::size_t n) { client.consume_output(n); };
    client.send(payload_of(10));
    const auto first = client.mark();
    const std::size_t size = client.output().size();
    client.send(payload_of(10));
    const auto second = client.mark();
    EXPECT_FALSE(client.has_left(first));
    leave(size - 1);
    EXPECT_FALSE(client.has_left(first));
    leave(1);
    EXPECT_TRUE(client.has_left(first));
    EXPECT_FALSE(client.has_left(second));
    leave(client.output().size());
    EXPECT_TRUE(client.has_left(second));

    // During a key exchange it waits here.
    transport_pair other;
    connect(other);
    log_in(other);
    transport& held = *other.client.machine;
    held.rekey(other.now);
    held.send(payload_of(10));
    const auto waiting = held.mark();
    while (other.server.payloads.empty()) {
        EXPECT_FALSE(held.has_left(waiting));
        ASSERT_TRUE(other.step(1));
        if (held.output_size() == 0 && held.exchanging_keys()) {
            EXPECT_FALSE(held.has_left(waiting));
        }
    }
    EXPECT_TRUE(held.has_left(waiting));
    other.run();
    held.rekey(other.now);
    other.run();
    EXPECT_TRUE(held.has_left(waiting));

    // The payload that uses the keys up is sent, then the exchange begins.
    transport_pair worn;
    worn.client.config.rekey.packets = 1;
    connect(worn);
    log_in(worn);
    worn.client.machine->send(payload_of(10));
    ASSERT_TRUE(worn.client.machine->exchanging_keys());
    const auto last = worn.client.machine->mark();
    EXPECT_FALSE(worn.client.machine->has_left(last));
    worn.client.machine->consume_output(worn.client.machine->output().size());
    EXPECT_TRUE(worn.client.machine->has_left(last));
}

class recording_observer final : public packet_observer {
public:
    struct packet {
        std::uint32_t sequence_number;
        bytes payload;
        bool operator==(const packet&) const = default;
    };

    void on_packet(packet_direction direction, std::uint32_t sequence_number, bytes_view head,
                   bytes_view bulk) override {
        bytes payload = to_bytes(head);
        payload.insert(payload.end(), bulk.begin(), bulk.end());
        auto& list = direction == packet_direction::sent ? sent : received;
        list.push_back({sequence_number, std::move(payload)});
    }

    std::vector<packet> sent;
    std::vector<packet> received;
};

// Also what waits during a key exchange is seen when it goes, and compression is not seen at all.
TEST(Transport, AnObserverSeesEveryPayloadInTheOrderOfTheWire) {
    transport_pair pair;
    recording_observer client;
    recording_observer server;
    pair.client.config.observer = &client;
    pair.server.config.observer = &server;
    pair.client.config.compressions = pair.server.config.compressions = {"zlib@openssh.com"};
    connect(pair);
    log_in(pair);
    expect_works(pair);
    pair.client.machine->rekey(pair.now);
    const bytes payload = payload_of(10);
    pair.client.machine->send(payload);
    EXPECT_EQ(client.sent.back().payload.front(), kexinit::number);
    pair.run();
    EXPECT_EQ(client.sent.front().payload.front(), kexinit::number);
    EXPECT_EQ(client.sent.front().sequence_number, 0u);
    EXPECT_EQ(client.sent.back().payload, payload);
    EXPECT_EQ(client.sent.back().sequence_number, 0u) << "the first under its keys";
    EXPECT_EQ(client.sent, server.received);
    EXPECT_EQ(server.sent, client.received);
    EXPECT_GT(server.sent.size(), 5u);
}

}  // namespace
}  // namespace sluice
