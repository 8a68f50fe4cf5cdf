// aes*-ctr (RFC 4344 §4) with a MAC: over the plaintext and with the length encrypted (RFC 4253
// §6.4), or encrypt-then-MAC with the length in clear (PROTOCOL 1.5).

#include "sluice/crypto/hmac.hpp"
#include "sluice/crypto/symmetric.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/wire/expects.hpp"

#include <array>

namespace sluice {
namespace {

constexpr std::size_t block_size = 16;

// What both orders share: the key stream runs on from packet to packet, the MAC starts with the
// sequence number.
class aes_ctr : public packet_cipher {
public:
    aes_ctr(crypto::stream_cipher_kind kind, const mac_info& mac, const cipher_keys& keys)
        : stream_(kind, keys.key, keys.iv), mac_(mac.hash, keys.mac_key) {
        shape_ = {.block_size = block_size,
                  .tag_size = mac.size(),
                  .length_bytes = mac.etm ? std::size_t{4} : block_size,
                  .length_in_blocks = !mac.etm};
    }

    const packet_shape& shape() const final { return shape_; }

protected:
    void begin_mac(std::uint32_t sequence_number) {
        std::array<std::uint8_t, 4> number;
        store_be32(number.data(), sequence_number);
        mac_.begin();
        mac_.update(number);
    }

    bool tag_matches(bytes_view tag) {
        std::array<std::uint8_t, crypto::hash_size_max> want;
        mac_.finish(want);
        return equal_in_constant_time(bytes_view(want).first(tag.size()), tag);
    }

    crypto::stream_cipher stream_;
    crypto::hmac mac_;
    packet_shape shape_;
};

class aes_ctr_encrypt_then_mac final : public aes_ctr {
public:
    using aes_ctr::aes_ctr;

    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        return load_be32(front.data());
    }

    bool open(std::uint32_t sequence_number, mutable_bytes_view packet) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        begin_mac(sequence_number);
        mac_.update(sealed);
        if (!tag_matches(packet.last(shape_.tag_size))) return false;
        stream_.apply_in_place(sealed.subspan(4));
        return true;
    }

    void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        stream_.apply_in_place(packet.subspan(4, front - 4));
        stream_.apply(bulk, packet.data() + front);
        stream_.apply_in_place(sealed.subspan(front + bulk.size()));
        begin_mac(sequence_number);
        mac_.update(sealed);
        mac_.finish(packet.last(shape_.tag_size));
    }
};

class aes_ctr_encrypt_and_mac final : public aes_ctr {
public:
    using aes_ctr::aes_ctr;

    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        stream_.apply_in_place(front.first(block_size));
        return load_be32(front.data());
    }

    bool open(std::uint32_t sequence_number, mutable_bytes_view packet) override {
        const auto plain = packet.first(packet.size() - shape_.tag_size);
        stream_.apply_in_place(plain.subspan(block_size));
        begin_mac(sequence_number);
        mac_.update(plain);
        return tag_matches(packet.last(shape_.tag_size));
    }

    void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        const auto sealed = packet.first(packet.size() - shape_.tag_size);
        const auto padding = sealed.subspan(front + bulk.size());
        begin_mac(sequence_number);
        mac_.update(packet.first(front));
        mac_.update(bulk);
        mac_.update(padding);
        mac_.finish(packet.last(shape_.tag_size));
        stream_.apply_in_place(packet.first(front));
        stream_.apply(bulk, packet.data() + front);
        stream_.apply_in_place(padding);
    }
};

crypto::stream_cipher_kind kind_for(std::size_t key_size) {
    switch (key_size) {
    case 16: return crypto::stream_cipher_kind::aes128_ctr;
    case 24: return crypto::stream_cipher_kind::aes192_ctr;
    case 32: return crypto::stream_cipher_kind::aes256_ctr;
    }
    unreachable();
}

}  // namespace

std::unique_ptr<packet_cipher> make_aes_ctr(const cipher_info& info, const mac_info* mac,
                                            const cipher_keys& keys, bool) {
    expects(mac != nullptr);
    const auto kind = kind_for(info.key_size);
    if (mac->etm) return std::make_unique<aes_ctr_encrypt_then_mac>(kind, *mac, keys);
    return std::make_unique<aes_ctr_encrypt_and_mac>(kind, *mac, keys);
}

}  // namespace sluice
