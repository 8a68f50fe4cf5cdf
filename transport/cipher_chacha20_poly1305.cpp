// chacha20-poly1305@openssh.com (PROTOCOL.chacha20poly1305): not the AEAD of RFC 8439. The first 32
// bytes of the key (K_2) are for the packet, the second (K_1) for its length.

#include "sluice/crypto/symmetric.hpp"
#include "sluice/transport/cipher.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::size_t tag_size = crypto::poly1305::tag_size;

class chacha20_poly1305 final : public packet_cipher {
public:
    explicit chacha20_poly1305(const cipher_keys& keys)
        : body_(crypto::stream_cipher_kind::chacha20, keys.key.view().first(32), iv(0, 0)),
          length_(crypto::stream_cipher_kind::chacha20, keys.key.view().subspan(32, 32), iv(0, 0)) {
    }

    const packet_shape& shape() const override { return shape_; }

    // The encrypted length stays where it is: the tag is over it.
    std::uint32_t open_length(std::uint32_t sequence_number, mutable_bytes_view front) override {
        std::array<std::uint8_t, 4> plain;
        length_.restart(iv(sequence_number, 0));
        length_.apply(front.first(4), plain.data());
        return load_be32(plain.data());
    }

    bool open(std::uint32_t sequence_number, mutable_bytes_view packet) override {
        const auto sealed = packet.first(packet.size() - tag_size);
        std::array<std::uint8_t, tag_size> tag;
        authenticate(sequence_number, sealed, tag);
        if (!equal_in_constant_time(tag, packet.last(tag_size))) return false;
        body_.restart(iv(sequence_number, 1));
        body_.apply_in_place(sealed.subspan(4));
        return true;
    }

    void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        length_.restart(iv(sequence_number, 0));
        length_.apply_in_place(packet.first(4));
        const auto sealed = packet.first(packet.size() - tag_size);
        std::array<std::uint8_t, tag_size> tag;
        one_time_key(sequence_number);
        body_.restart(iv(sequence_number, 1));
        body_.apply_in_place(packet.subspan(4, front - 4));
        body_.apply(bulk, packet.data() + front);
        body_.apply_in_place(sealed.subspan(front + bulk.size()));
        mac_.update(sealed);
        mac_.finish(tag);
        std::copy(tag.begin(), tag.end(), packet.end() - tag_size);
    }

private:
    // Block counter (8 bytes, little-endian), then the sequence number (8 bytes, big-endian).
    static std::array<std::uint8_t, 16> iv(std::uint32_t sequence_number, std::uint8_t block) {
        std::array<std::uint8_t, 16> out{};
        out[0] = block;
        store_be32(out.data() + 12, sequence_number);
        return out;
    }

    // The Poly1305 key of a packet is the start of block 0 of its key stream.
    void one_time_key(std::uint32_t sequence_number) {
        std::array<std::uint8_t, 32> key{};
        body_.restart(iv(sequence_number, 0));
        body_.apply_in_place(key);
        mac_.begin(key);
        wipe(key);
    }

    void authenticate(std::uint32_t sequence_number, bytes_view sealed, mutable_bytes_view tag) {
        one_time_key(sequence_number);
        mac_.update(sealed);
        mac_.finish(tag);
    }

    crypto::stream_cipher body_;
    crypto::stream_cipher length_;
    crypto::poly1305 mac_;
    packet_shape shape_{
        .block_size = 8, .tag_size = tag_size, .length_bytes = 4, .length_in_blocks = false};
};

}  // namespace

std::unique_ptr<packet_cipher> make_chacha20_poly1305(const cipher_info&, const mac_info*,
                                                      const cipher_keys& keys, bool) {
    return std::make_unique<chacha20_poly1305>(keys);
}

}  // namespace sluice
