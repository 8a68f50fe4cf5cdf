// aes*-ctr (RFC 4344 §4) with a MAC.

#include "sluice/crypto/symmetric.hpp"
#include "sluice/transport/cipher_with_mac.hpp"

namespace sluice {
namespace {

class aes_ctr {
public:
    static constexpr bool errors_look_alike = false;

    aes_ctr(crypto::stream_cipher_kind kind, const cipher_keys& keys)
        : stream_(kind, keys.key, keys.iv) {}

    void open(mutable_bytes_view data) { stream_.apply_in_place(data); }

    void seal(mutable_bytes_view data, std::size_t front, bytes_view bulk) {
        stream_.apply_in_place(data.first(front));
        stream_.apply(bulk, data.data() + front);
        stream_.apply_in_place(data.subspan(front + bulk.size()));
    }

private:
    crypto::stream_cipher stream_;
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
    return make_with_mac(aes_ctr(kind_for(info.key_size), keys), mac, keys);
}

}  // namespace sluice
