// Published and recorded data: packets of every cipher and MAC, key derivation, whole sessions.

#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/key_derivation.hpp"
#include "sluice/transport/packet.hpp"
#include "sluice/transport/transport.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

namespace sluice {
namespace {

using nlohmann::json;
using test::from_hex;
using test::to_hex;

bytes hex(const json& value) {
    return value.is_null() ? bytes{} : from_hex(value.get<std::string>());
}

// Gives out given bytes, in order: the random stream of a recording.
class scripted_random final : public crypto::random_source {
public:
    void add(bytes_view data) { stream_.insert(stream_.end(), data.begin(), data.end()); }
    void fill(mutable_bytes_view out) override {
        for (auto& b : out)
            b = at_ < stream_.size() ? stream_[at_++] : std::uint8_t{0};
    }
    bool used_up() const { return at_ == stream_.size(); }

private:
    bytes stream_;
    std::size_t at_ = 0;
};

cipher_keys keys_of(const json& j) {
    return {secret_bytes(hex(j["iv"])), secret_bytes(hex(j["key"])),
            secret_bytes(hex(j["mac_key"]))};
}

TEST(Vectors, PacketsOfEveryCipherAndMac) {
    const auto file = test::shared_vectors("ssh-transport/packets.json");
    if (!file) return;
    std::set<std::string> ran;
    for (const auto& c : (*file)["cases"]) {
        const auto cipher_name = c["cipher"].get<std::string>();
        const auto mac_name = c["mac"].is_null() ? "" : c["mac"].get<std::string>();
        SCOPED_TRACE(cipher_name + " " + mac_name);
        const cipher_info* cipher = find_cipher(cipher_name);
        const mac_info* mac = cipher != nullptr && cipher->needs_mac ? find_mac(mac_name) : nullptr;
        if (cipher == nullptr || (cipher->needs_mac && mac == nullptr)) {
            EXPECT_TRUE(cipher_name == "3des-cbc" ||
                        mac_name == "hmac-sha1-96");  // left out for good
            continue;
        }
        ran.insert(cipher_name + " " + (mac != nullptr ? mac_name : ""));

        // Straight at the cipher, whose sequence number is an argument: also over the wrap.
        const auto opening = cipher->make(*cipher, mac, keys_of(c), false);
        const auto sealing = cipher->make(*cipher, mac, keys_of(c), true);
        for (const auto& p : c["packets"]) {
            const auto seq = p["seq"].get<std::uint32_t>();
            const bytes wire = hex(p["wire"]);
            const bytes plain = hex(p["plain"]);
            const bytes payload = hex(p["payload"]);

            bytes opened = wire;
            EXPECT_EQ(opening->open_length(seq, opened) + 4, plain.size());
            ASSERT_TRUE(opening->open(seq, opened));
            EXPECT_EQ(to_hex(bytes_view(opened).subspan(4, plain.size() - 4)),
                      to_hex(bytes_view(plain).subspan(4)));

            // Sealed in a gather: half of the payload in front, half as bulk.
            bytes sealed(wire.size());
            std::copy(plain.begin(), plain.end(), sealed.begin());
            const std::size_t front = 5 + payload.size() / 2;
            const bytes_view bulk =
                bytes_view(plain).subspan(front, payload.size() - payload.size() / 2);
            std::fill_n(sealed.begin() + static_cast<std::ptrdiff_t>(front), bulk.size(),
                        std::uint8_t{0xee});
            sealing->seal(seq, sealed, front, bulk);
            EXPECT_EQ(to_hex(sealed), to_hex(wire));
        }
    }
    // Of ours all but UMAC, aes192-cbc and four MACs of aes192-ctr.
    EXPECT_EQ(ran.size(), 29u);
}

TEST(Vectors, KeyDerivation) {
    const auto file = test::shared_vectors("ssh-transport/kdf-nist-cavs.json");
    if (!file) return;
    const std::map<std::string, crypto::hash_kind> hashes{{"SHA1", crypto::hash_kind::sha1},
                                                          {"SHA256", crypto::hash_kind::sha256},
                                                          {"SHA384", crypto::hash_kind::sha384},
                                                          {"SHA512", crypto::hash_kind::sha512}};
    std::size_t ran = 0;
    for (const auto& c : (*file)["tests"]) {
        const auto name = c["hash"].get<std::string>();
        SCOPED_TRACE(c.dump());
        ASSERT_TRUE(hashes.contains(name));
        for (const char* column :
             {"A_iv_c2s", "B_iv_s2c", "C_key_c2s", "D_key_s2c", "E_mac_c2s", "F_mac_s2c"}) {
            const bytes want = hex(c[column]);
            const auto got = derive_key(hashes.at(name), hex(c["K_mpint"]), hex(c["H"]), column[0],
                                        hex(c["session_id"]), want.size());
            EXPECT_EQ(to_hex(got), to_hex(want)) << column;
            ++ran;
        }
    }
    EXPECT_GT(ran, 0u);
}

// The side of a recording that ran on a known random stream, played by our transport.
struct replay {
    explicit replay(const json& recording)
        : file(recording),
          own(file["ephemeral"]["owner"] == "client" ? role::client : role::server),
          ours(own == role::client ? "c2s" : "s2c"),
          theirs(own == role::client ? "s2c" : "c2s") {}

    const json& file;
    role own;
    const char* ours;
    const char* theirs;
};

bytes padding_of(const bytes& plain_packet) {
    const std::size_t padding = plain_packet.at(4);
    return {plain_packet.end() - static_cast<std::ptrdiff_t>(padding), plain_packet.end()};
}

bytes payload_of(const bytes& plain_packet) {
    return {plain_packet.begin() + 5,
            plain_packet.end() - static_cast<std::ptrdiff_t>(plain_packet.at(4))};
}

// A recorded sealed packet, opened with the recorded keys: for its padding.
bytes open_recorded(packet_cipher& cipher, const json& packet) {
    bytes wire = hex(packet["wire"]);
    const auto seq = packet["seq"].get<std::uint32_t>();
    const std::uint32_t length = cipher.open_length(seq, wire);
    EXPECT_TRUE(cipher.open(seq, wire));
    wire.resize(4 + length);
    wire[0] = static_cast<std::uint8_t>(length >> 24);
    return wire;
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> all;
    for (const auto name : wire::name_list{text}.names())
        all.emplace_back(name);
    return all;
}

// A host key whose private half is not known: answers with the recorded signature.
class recorded_host_key final : public host_key {
public:
    recorded_host_key(bytes blob, std::string algorithm, bytes hash, bytes signature)
        : blob_(std::move(blob)),
          algorithm_(std::move(algorithm)),
          hash_(std::move(hash)),
          signature_(std::move(signature)) {}
    const bytes& blob() const override { return blob_; }
    bool signs(std::string_view algorithm) const override { return algorithm == algorithm_; }
    result<bytes> sign(std::string_view, bytes_view data) const override {
        EXPECT_EQ(to_hex(data), to_hex(hash_));  // our H is the recorded H
        return signature_;
    }

private:
    bytes blob_;
    std::string algorithm_;
    bytes hash_;
    bytes signature_;
};

void replay_session(const json& file) {
    const replay r(file);
    const auto side = [&](const char* name) { return file["handshake"][name]; };
    const bytes own_kexinit_packet = hex(side(r.ours)[0]["wire"]);
    const bytes own_kexinit_payload = payload_of(own_kexinit_packet);
    const auto own_kexinit = wire::decode<kexinit>(own_kexinit_payload);
    ASSERT_TRUE(own_kexinit);
    ASSERT_NE(find_kex(file["kex"].get<std::string>()), nullptr);

    // Cookie, padding of KEXINIT, ephemeral key and so on, in the order in which we draw them.
    scripted_random random;
    random.add(own_kexinit->cookie);
    random.add(padding_of(own_kexinit_packet));
    const auto& packets = side(r.ours);
    random.add(hex(file["ephemeral"]["x25519_private"]));
    if (file["ephemeral"].contains("mlkem768_seed"))
        random.add(hex(file["ephemeral"]["mlkem768_seed"]));
    for (std::size_t i = 1; i < packets.size(); ++i)
        random.add(padding_of(hex(packets[i]["wire"])));
    const auto cipher_name = file["cipher"][r.ours].get<std::string>();
    const auto& cipher = *find_cipher(cipher_name);
    const auto& mac_json = file["mac"][r.ours];
    const mac_info* mac = mac_json.is_null() ? nullptr : find_mac(mac_json.get<std::string>());
    const auto recorded = cipher.make(cipher, mac, keys_of(file["keys"][r.ours]), false);
    for (const auto& packet : file["packets"][r.ours])
        random.add(padding_of(open_recorded(*recorded, packet)));

    transport_config config;
    config.random = &random;
    config.padding_multiple = 16;  // as the recorded side pads, whatever the cipher
    config.identification = file[r.own == role::client ? "V_C" : "V_S"].get<std::string>();
    config.kex_algorithms = split(own_kexinit->kex_algorithms.text);
    // The marks are ours to add; the recording has them at the end, as we do.
    std::erase_if(config.kex_algorithms, [](const auto& n) {
        return n == ext_info_c || n == kex_strict_c || n == kex_strict_s;
    });
    config.host_key_algorithms = split(own_kexinit->server_host_key_algorithms.text);
    config.ciphers = split(own_kexinit->encryption_algorithms_client_to_server.text);
    config.macs = split(own_kexinit->mac_algorithms_client_to_server.text);
    config.compressions = split(own_kexinit->compression_algorithms_client_to_server.text);
    if (r.own == role::server) {
        const bytes reply_payload = payload_of(hex(packets[1]["wire"]));
        wire::reader fields(bytes_view(reply_payload).subspan(1));
        bytes_view blob, value, signature;
        fields.read(blob);
        fields.read(value);
        fields.read(signature);
        ASSERT_FALSE(fields.error());
        // One key for every algorithm of the list, so that the whole list is offered.
        for (const auto& algorithm : config.host_key_algorithms)
            config.host_keys.push_back(std::make_shared<recorded_host_key>(
                to_bytes(blob), algorithm, hex(file["H"]), to_bytes(signature)));
    }

    // A server's EXT_INFO is the transport's own doing.
    const bytes first_payload = hex(file["packets"][r.ours][0]["payload"]);
    if (const auto announced = wire::decode<ext_info>(first_payload)) {
        ASSERT_EQ(announced->extensions.at(0).name, "server-sig-algs");
        config.public_key_algorithms = split(announced->extensions[0].value);
        config.extensions.clear();
        for (std::size_t i = 1; i < announced->extensions.size(); ++i)
            config.extensions.emplace_back(announced->extensions[i].name,
                                           announced->extensions[i].value);
    }

    transport machine(config, r.own, {});
    // The recorded side pads to 16 in the clear and to the cipher's own block with this one.
    if (cipher_name == "chacha20-poly1305@openssh.com") config.padding_multiple = 8;
    bytes sent;
    std::vector<bytes> received;
    const auto take_output = [&] {
        for (bytes_view out = machine.output(); !out.empty(); out = machine.output()) {
            sent.insert(sent.end(), out.begin(), out.end());
            machine.consume_output(out.size());
        }
    };
    const auto poll = [&] {
        for (;;) {
            const auto event = machine.poll({});
            ASSERT_TRUE(event) << event.error().message();
            if (!*event) return;
            if (std::holds_alternative<transport_host_key>(**event)) machine.accept_host_key({});
            if (const auto* p = std::get_if<transport_payload>(&**event))
                received.push_back(to_bytes(p->payload));
        }
    };
    const auto receive = [&](const std::string& text, const bytes& data) {
        test::feed(machine, as_bytes(text));
        test::feed(machine, data);
        poll();
    };

    receive(file[r.own == role::client ? "V_S" : "V_C"].get<std::string>() + "\r\n", {});
    for (const auto& packet : side(r.theirs))
        receive("", hex(packet["wire"]));
    EXPECT_EQ(to_hex(machine.session_id()), file["session_id"].get<std::string>());

    // Our packets, then theirs: the transport does not care how the two directions interleave.
    for (const auto& packet : file["packets"][r.ours])
        if (packet["msg"] != ext_info::number) machine.send(hex(packet["payload"]));
    for (const auto& packet : file["packets"][r.theirs])
        receive("", hex(packet["wire"]));
    take_output();

    bytes want = to_bytes(as_bytes(config.identification + "\r\n"));
    for (const auto& packet : packets) {
        const bytes wire = hex(packet["wire"]);
        want.insert(want.end(), wire.begin(), wire.end());
    }
    for (const auto& packet : file["packets"][r.ours]) {
        const bytes wire = hex(packet["wire"]);
        want.insert(want.end(), wire.begin(), wire.end());
    }
    EXPECT_EQ(to_hex(sent), to_hex(want));
    EXPECT_TRUE(random.used_up());

    std::vector<bytes> payloads;
    for (const auto& packet : file["packets"][r.theirs]) {
        const bytes payload = hex(packet["payload"]);
        if (payload[0] >= 5 && payload[0] != 7 && payload[0] < 192) payloads.push_back(payload);
    }
    EXPECT_EQ(received, payloads);
}

TEST(Vectors, RecordedSessionsReplayToTheirBytes) {
    const auto folder = test::shared_vector_folder() / "ssh-transport/sessions";
    if (!test::has_shared_vectors("ssh-transport/sessions")) return;
    std::size_t ran = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const auto name = "ssh-transport/sessions/" + entry.path().filename().string();
        SCOPED_TRACE(name);
        const auto file = test::shared_vectors(name);
        // The exponents that it draws are longer than ours: tests/interop has this method.
        if ((*file)["kex"] == "diffie-hellman-group-exchange-sha256") continue;
        replay_session(*file);
        ++ran;
    }
    EXPECT_GE(ran, 15u);
}

}  // namespace
}  // namespace sluice
