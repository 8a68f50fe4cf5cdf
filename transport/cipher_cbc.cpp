// aes*-cbc (RFC 4253 §6.3) with a MAC: weak, for peers that have nothing else. Each packet's IV is
// the last block of the one before, and whoever changes a block on the way chooses what the
// receiver takes for a length: see packet_shape::errors_look_alike.

#include "sluice/crypto/symmetric.hpp"
#include "sluice/transport/cipher_with_mac.hpp"

#include <algorithm>

namespace sluice {
namespace {

class aes_cbc {
public:
    static constexpr bool errors_look_alike = true;

    aes_cbc(const cipher_keys& keys, bool sealing) : cipher_(keys.key, keys.iv, sealing) {}

    void open(mutable_bytes_view data) { cipher_.apply_in_place(data); }

    // Blocks span what lies apart, so bulk data is copied: this cipher need not be fast.
    void seal(mutable_bytes_view data, std::size_t front, bytes_view bulk) {
        std::ranges::copy(bulk, data.begin() + static_cast<std::ptrdiff_t>(front));
        cipher_.apply_in_place(data);
    }

private:
    crypto::cbc_cipher cipher_;
};

}  // namespace

std::unique_ptr<packet_cipher> make_aes_cbc(const cipher_info&, const mac_info* mac,
                                            const cipher_keys& keys, bool sealing) {
    return make_with_mac(aes_cbc(keys, sealing), mac, keys);
}

}  // namespace sluice
