#pragma once

// Private to transport/: how a cipher without a tag of its own goes with a MAC. Either over the
// plaintext and with the length encrypted (RFC 4253 §6.4), or encrypt-then-MAC with the length in
// clear (PROTOCOL 1.5).

#include "sluice/transport/cipher.hpp"
#include "sluice/transport/packet_mac.hpp"
#include "sluice/wire/expects.hpp"

#include <memory>
#include <utility>

namespace sluice {

constexpr std::size_t aes_block_size = 16;

/// `Cipher` runs on from packet to packet, and has
///     void open(mutable_bytes_view data);                // in place, whole blocks
///     void seal(mutable_bytes_view data, std::size_t front, bytes_view bulk);
/// where `bulk` belongs behind the `front` bytes of `data`, whole blocks altogether.
template <class Cipher>
class encrypt_then_mac final : public packet_cipher {
public:
    encrypt_then_mac(Cipher cipher, const mac_info& mac, const cipher_keys& keys)
        : cipher_(std::move(cipher)),
          mac_(mac, keys.mac_key),
          shape_{.block_size = aes_block_size,
                 .tag_size = mac.tag_size,
                 .length_bytes = 4,
                 .length_in_blocks = false} {}

    const packet_shape& shape() const override { return shape_; }

    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        return load_be32(front.data());
    }

    bool open(std::uint32_t sequence_number, mutable_bytes_view packet) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        mac_.begin(sequence_number);
        mac_.update(sealed);
        if (!mac_.matches(packet.last(shape_.tag_size))) return false;
        cipher_.open(sealed.subspan(4));
        return true;
    }

    void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        cipher_.seal(sealed.subspan(4), front - 4, bulk);
        mac_.begin(sequence_number);
        mac_.update(sealed);
        mac_.finish(packet.last(shape_.tag_size));
    }

private:
    Cipher cipher_;
    packet_mac mac_;
    packet_shape shape_;
};

template <class Cipher>
class encrypt_and_mac final : public packet_cipher {
public:
    encrypt_and_mac(Cipher cipher, const mac_info& mac, const cipher_keys& keys)
        : cipher_(std::move(cipher)),
          mac_(mac, keys.mac_key),
          shape_{.block_size = aes_block_size,
                 .tag_size = mac.tag_size,
                 .length_bytes = aes_block_size,
                 .length_in_blocks = true,
                 .errors_look_alike = Cipher::errors_look_alike} {}

    const packet_shape& shape() const override { return shape_; }

    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        cipher_.open(front.first(aes_block_size));
        return load_be32(front.data());
    }

    bool open(std::uint32_t sequence_number, mutable_bytes_view packet) override {
        const auto plain = packet.first(packet.size() - shape_.tag_size);
        cipher_.open(plain.subspan(aes_block_size));
        mac_.begin(sequence_number);
        mac_.update(plain);
        return mac_.matches(packet.last(shape_.tag_size));
    }

    void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        mac_.begin(sequence_number);
        mac_.update(packet.first(front));
        mac_.update(bulk);
        mac_.update(sealed.subspan(front + bulk.size()));
        mac_.finish(packet.last(shape_.tag_size));
        cipher_.seal(sealed, front, bulk);
    }

private:
    Cipher cipher_;
    packet_mac mac_;
    packet_shape shape_;
};

template <class Cipher>
std::unique_ptr<packet_cipher> make_with_mac(Cipher cipher, const mac_info* mac,
                                             const cipher_keys& keys) {
    expects(mac != nullptr);
    if (mac->etm) return std::make_unique<encrypt_then_mac<Cipher>>(std::move(cipher), *mac, keys);
    return std::make_unique<encrypt_and_mac<Cipher>>(std::move(cipher), *mac, keys);
}

}  // namespace sluice
