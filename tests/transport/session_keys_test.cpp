// What a connection keeps over its key exchanges, shown against a peer that counts and derives by
// itself: two ends of ours would agree on any mistake.

#include "sluice/crypto/agreement.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/key_derivation.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace sluice {
namespace {

using test::to_hex;

constexpr std::string_view host_key_algorithm = "ssh-ed25519";

// A peer by RFC 4253 that has of ours only the ciphers and the derivation of one key, which
// published vectors test. Sequence numbers, session id, H and the order of messages are its own.
class peer_by_the_book {
public:
    peer_by_the_book(role own, bool strict, std::string_view cipher)
        : own_(own), strict_(strict), cipher_(*find_cipher(cipher)) {
        config_.random = &our_random_;
        config_.host_keys = {test::test_host_key()};
        config_.ciphers = {std::string(cipher)};
        config_.macs = {std::string(mac_.name)};
        config_.kex_algorithms = {"curve25519-sha256"};
        config_.extensions.clear();
        us.emplace(config_, own == role::client ? role::server : role::client, time_point{});
        test::feed(*us, as_bytes(std::string(identification) + "\r\n"));
        begin_exchange();
        run();
    }

    static constexpr std::string_view identification = "SSH-2.0-by_the_book";

    void begin_exchange() {
        kexinit m;
        std::string methods = "curve25519-sha256";
        if (strict_)
            methods += "," + std::string(own_ == role::client ? kex_strict_c : kex_strict_s);
        m.kex_algorithms = {methods};
        m.server_host_key_algorithms = {host_key_algorithm};
        m.encryption_algorithms_client_to_server = {cipher_.name};
        m.encryption_algorithms_server_to_client = {cipher_.name};
        m.mac_algorithms_client_to_server = m.mac_algorithms_server_to_client = {mac_.name};
        m.compression_algorithms_client_to_server = {"none"};
        m.compression_algorithms_server_to_client = {"none"};
        own_kexinit_ = wire::encoded(m);
        send(own_kexinit_);
    }

    // One packet; `padding` bytes where a test says so.
    void send(bytes_view payload, std::optional<std::size_t> padding = std::nullopt) {
        const auto& shape = sending_->shape();
        const std::size_t inside = (shape.length_in_blocks ? 5 : 1) + payload.size();
        std::size_t fill = shape.block_size - inside % shape.block_size;
        if (fill < 4) fill += shape.block_size;
        fill = padding.value_or(fill);
        bytes packet(4);
        store_be32(packet.data(), static_cast<std::uint32_t>(1 + payload.size() + fill));
        packet.push_back(static_cast<std::uint8_t>(fill));
        packet.insert(packet.end(), payload.begin(), payload.end());
        packet.resize(packet.size() + fill + shape.tag_size);
        sending_->seal(sent_++, packet, 5 + payload.size(), {});
        test::feed(*us, packet);
    }

    // Until nothing moves.
    void run() {
        for (bool moved = true; moved;) {
            poll();
            const bytes_view out = us->output();
            moved = !out.empty();
            input_.append(out);
            us->consume_output(out.size());
            while (take_packet()) {
            }
        }
    }

    std::optional<transport> us;
    bytes session_id;           // the H of the first exchange
    bytes exchange_hash;        // of the last
    std::vector<bytes> told;    // by us: payloads of upper layers
    std::vector<bytes> heard;   // by us, of the peer's
    error_code error;           // of ours
    std::size_t exchanges = 0;  // that the peer has gone through
    std::uint32_t sent() const { return sent_; }
    std::uint32_t received() const { return received_; }
    std::string fault;

private:
    void poll() {
        for (;;) {
            const auto event = us->poll({});
            if (!event) error = event.error();
            if (!event || !*event) return;
            if (std::holds_alternative<transport_host_key>(**event)) us->accept_host_key({});
            if (const auto* p = std::get_if<transport_payload>(&**event))
                heard.push_back(to_bytes(p->payload));
        }
    }

    bool take_packet() {
        if (their_identification_.empty()) {
            const auto text = as_text(input_.view());
            const auto end = text.find("\r\n");
            if (end == text.npos) return false;
            their_identification_ = text.substr(0, end);
            input_.consume(end + 2);
            return true;
        }
        const auto& shape = receiving_->shape();
        if (input_.size() < shape.length_bytes || !fault.empty()) return false;
        const std::uint32_t length = receiving_->open_length(received_, input_.span());
        const std::size_t whole = 4 + length + shape.tag_size;
        if (input_.size() < whole || !receiving_->open(received_, input_.span().first(whole))) {
            fault = "cannot open packet " + std::to_string(received_);
            return false;
        }
        ++received_;
        const bytes packet = to_bytes(input_.view().first(4 + length));
        input_.consume(whole);
        take({packet.begin() + 5, packet.end() - packet[4]});
        return true;
    }

    void take(const bytes& payload) {
        switch (payload.at(0)) {
        case kexinit::number:
            their_kexinit_ = payload;
            if (own_kexinit_.empty()) begin_exchange();
            agreement_ = crypto::make_agreement(crypto::curve::x25519, random_);
            if (own_ == role::client) {
                bytes init{30};
                wire::writer(init).write(agreement_->public_value());
                send(init);
            }
            break;
        case 30:
        case 31: agree(payload); break;
        case newkeys::number:
            receiving_ = cipher_.make(cipher_, &mac_, keys(own_ == role::server), false);
            if (strict_) received_ = 0;
            own_kexinit_.clear();
            ++exchanges;
            break;
        default: told.push_back(payload);
        }
    }

    void agree(const bytes& payload) {
        wire::reader fields(bytes_view(payload).subspan(1));
        bytes_view host_key = test::test_host_key()->blob();
        bytes_view value;
        if (own_ == role::client) fields.read(host_key);
        fields.read(value);
        const auto secret = agreement_->shared_secret(value);
        if (fields.error() || !secret) {
            fault = "no secret";
            return;
        }
        encoded_secret_.clear();
        wire::writer(encoded_secret_).write(wire::mpint::of(*secret));

        const bool client = own_ == role::client;
        bytes hashed;
        wire::writer w(hashed);
        w.write(client ? identification : std::string_view(their_identification_));
        w.write(client ? std::string_view(their_identification_) : identification);
        w.write(bytes_view(client ? own_kexinit_ : their_kexinit_));
        w.write(bytes_view(client ? their_kexinit_ : own_kexinit_));
        w.write(host_key);
        w.write(client ? agreement_->public_value() : value);
        w.write(client ? value : agreement_->public_value());
        w.append(encoded_secret_);
        exchange_hash = crypto::hash(crypto::hash_kind::sha256).update(hashed).finish();
        if (session_id.empty()) session_id = exchange_hash;

        if (!client) {
            bytes reply{31};
            wire::writer r(reply);
            r.write(host_key);
            r.write(agreement_->public_value());
            r.write(bytes_view(*test::test_host_key()->sign(host_key_algorithm, exchange_hash)));
            send(reply);
        }
        send(wire::encoded(newkeys{}));
        sending_ = cipher_.make(cipher_, &mac_, keys(client), true);
        if (strict_) sent_ = 0;
    }

    // RFC 4253 §7.2: A, C and E from client to server, B, D and F the other way.
    cipher_keys keys(bool client_to_server) const {
        const auto key = [&](char letter, std::size_t size) {
            return derive_key(crypto::hash_kind::sha256, encoded_secret_, exchange_hash,
                              static_cast<char>(client_to_server ? letter : letter + 1), session_id,
                              size);
        };
        return {key('A', cipher_.iv_size), key('C', cipher_.key_size), key('E', mac_.key_size)};
    }

    const role own_;
    const bool strict_;
    const cipher_info& cipher_;
    const mac_info& mac_ = *find_mac("hmac-sha2-256");
    transport_config config_;
    test::seeded_random our_random_{1};
    test::seeded_random random_{2};
    wire::byte_queue input_;
    std::string their_identification_;
    bytes own_kexinit_;  // of the exchange that runs
    bytes their_kexinit_;
    bytes encoded_secret_;
    std::unique_ptr<crypto::agreement> agreement_;
    std::unique_ptr<packet_cipher> sending_ = make_null_cipher();
    std::unique_ptr<packet_cipher> receiving_ = make_null_cipher();
    std::uint32_t sent_ = 0;
    std::uint32_t received_ = 0;
};

// Goes through `use` with peers of both roles, with strict key exchange and without, and ciphers
// that take the sequence number into the MAC and into the nonce.
void with_every_peer(void (*use)(peer_by_the_book&, bool strict)) {
    for (const role own : {role::client, role::server})
        for (const bool strict : {false, true})
            for (const char* cipher : {"aes128-ctr", "chacha20-poly1305@openssh.com"}) {
                SCOPED_TRACE(std::string(own == role::client ? "client" : "server") +
                             (strict ? ", strict, " : ", ") + cipher);
                peer_by_the_book peer(own, strict, cipher);
                ASSERT_EQ(peer.fault, "");
                ASSERT_FALSE(peer.error) << peer.error.message();
                ASSERT_EQ(peer.exchanges, 1u);
                peer.us->set_authenticated();
                use(peer, strict);
            }
}

// Some payloads each way arrive as they were sent.
void expect_talk(peer_by_the_book& peer) {
    for (std::uint8_t i = 0; i < 3; ++i) {
        const bytes up{94, i, 1};
        const bytes down{94, i, 2};
        peer.send(up);
        peer.us->send(down);
        peer.run();
        ASSERT_EQ(peer.fault, "");
        ASSERT_FALSE(peer.error) << peer.error.message();
        ASSERT_FALSE(peer.heard.empty());
        EXPECT_EQ(peer.heard.back(), up);
        ASSERT_FALSE(peer.told.empty());
        EXPECT_EQ(peer.told.back(), down);
    }
}

// Without the marks sequence numbers are never reset (RFC 4253 §6.4), with them by every NEWKEYS
// (PROTOCOL 1.10), each direction for itself.
TEST(Rfc4253s6_4, SequenceNumbersOverKeyExchangesAreThoseOfThePeer) {
    with_every_peer([](peer_by_the_book& peer, bool strict) {
        expect_talk(peer);
        for (const bool ours : {true, false, true}) {
            if (ours)
                peer.us->rekey({});
            else
                peer.begin_exchange();
            peer.run();
            ASSERT_EQ(peer.fault, "");
            ASSERT_FALSE(peer.error) << peer.error.message();
            expect_talk(peer);
        }
        EXPECT_EQ(peer.exchanges, 4u);
        // Three payloads after each exchange; in front of them KEXINIT, one of the method, NEWKEYS.
        EXPECT_EQ(peer.sent(), strict ? 3u : 4u * 6);
        EXPECT_EQ(peer.received(), strict ? 3u : 4u * 6);
    });
}

// RFC 4253 §7.2: the exchange hash of the first exchange is the session id for good.
TEST(Rfc4253s7_2, TheSessionIdStays) {
    with_every_peer([](peer_by_the_book& peer, bool) {
        const bytes first = peer.session_id;
        EXPECT_EQ(to_hex(peer.us->session_id()), to_hex(first));
        for (int i = 0; i < 2; ++i) {
            peer.us->rekey({});
            peer.run();
            expect_talk(peer);
            EXPECT_NE(to_hex(peer.exchange_hash), to_hex(first));
            EXPECT_EQ(to_hex(peer.us->session_id()), to_hex(first));
        }
    });
}

// A packet has a payload, and at least four bytes of padding (RFC 4253 §6).
TEST(Rfc4253s6, PaddingLeavesAPayload) {
    const struct {
        std::size_t payload;
        std::size_t padding;
        bool taken;
    } cases[] = {{0, 11, false}, {1, 10, true},  {7, 4, true},    {8, 3, false},
                 {11, 0, false}, {0, 27, false}, {0, 251, false}, {1, 250, true}};
    for (const auto& c : cases) {
        SCOPED_TRACE(std::to_string(c.payload) + " and " + std::to_string(c.padding));
        peer_by_the_book peer(role::client, false, "aes128-ctr");
        peer.us->set_authenticated();
        const std::size_t before = peer.heard.size();
        peer.send(bytes(c.payload, 94), c.padding);
        peer.run();
        EXPECT_EQ(peer.error, c.taken ? error_code() : errc::bad_packet_length);
        EXPECT_EQ(peer.heard.size(), before + (c.taken ? 1 : 0));
    }
    // In the clear too, where anybody can send one: a length of 12 and 11 or more bytes of padding.
    for (const int padding : {11, 12, 255}) {
        SCOPED_TRACE(padding);
        test::transport_pair pair;
        pair.start();
        bytes packet{0, 0, 0, 12, static_cast<std::uint8_t>(padding)};
        packet.resize(16, 20);
        test::feed(*pair.server.machine, as_bytes("SSH-2.0-x\r\n"));
        test::feed(*pair.server.machine, packet);
        pair.poll(pair.server);
        EXPECT_EQ(pair.server.error, errc::bad_packet_length);
    }
}

}  // namespace
}  // namespace sluice
