// aes*-gcm@openssh.com: RFC 5647, chosen by name alone and without a MAC (PROTOCOL 1.6).

#include "sluice/crypto/symmetric.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

class aes_gcm final : public packet_cipher {
public:
    aes_gcm(crypto::aead_kind kind, const cipher_keys& keys, bool sealing)
        : aead_(kind, keys.key, sealing) {
        expects(keys.iv.size() == iv_.size());
        std::copy_n(keys.iv.data(), iv_.size(), iv_.begin());
    }

    const packet_shape& shape() const override { return shape_; }

    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        return load_be32(front.data());
    }

    bool open(std::uint32_t, mutable_bytes_view packet) override {
        const auto body = packet.subspan(4, packet.size() - 4 - crypto::aead::tag_size);
        aead_.begin(iv_, packet.first(4));
        aead_.update(body, body.data());
        next_iv();
        return aead_.verify(packet.last(crypto::aead::tag_size));
    }

    void seal(std::uint32_t, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        aead_.begin(iv_, packet.first(4));
        const auto head = packet.subspan(4, front - 4);
        aead_.update(head, head.data());
        aead_.update(bulk, packet.data() + front);
        const std::size_t sealed = front + bulk.size();
        const auto padding =
            packet.subspan(sealed, packet.size() - crypto::aead::tag_size - sealed);
        aead_.update(padding, padding.data());
        aead_.finish(packet.last(crypto::aead::tag_size));
        next_iv();
    }

private:
    // RFC 5647 §7.1: 4 fixed bytes, then a 64-bit invocation counter.
    void next_iv() {
        for (std::size_t i = iv_.size(); i-- > 4;)
            if (++iv_[i] != 0) return;
    }

    crypto::aead aead_;
    std::array<std::uint8_t, 12> iv_{};
    packet_shape shape_{.block_size = 16,
                        .tag_size = crypto::aead::tag_size,
                        .length_bytes = 4,
                        .length_in_blocks = false};
};

}  // namespace

std::unique_ptr<packet_cipher> make_aes_gcm(const cipher_info& info, const mac_info*,
                                            const cipher_keys& keys, bool sealing) {
    const auto kind =
        info.key_size == 16 ? crypto::aead_kind::aes128_gcm : crypto::aead_kind::aes256_gcm;
    return std::make_unique<aes_gcm>(kind, keys, sealing);
}

}  // namespace sluice
