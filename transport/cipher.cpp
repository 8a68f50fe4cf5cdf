#include "sluice/transport/cipher.hpp"

#include "sluice/transport/table.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::array table{
    // name, key, iv, block: bytes; needs a MAC; offered by default; weak; factory
    cipher_info{"chacha20-poly1305@openssh.com", 64, 0, 8, false, true, false,
                make_chacha20_poly1305},
    cipher_info{"aes128-gcm@openssh.com", 16, 12, 16, false, true, false, make_aes_gcm},
    cipher_info{"aes256-gcm@openssh.com", 32, 12, 16, false, true, false, make_aes_gcm},
    cipher_info{"aes128-ctr", 16, 16, 16, true, true, false, make_aes_ctr},
    cipher_info{"aes192-ctr", 24, 16, 16, true, true, false, make_aes_ctr},
    cipher_info{"aes256-ctr", 32, 16, 16, true, true, false, make_aes_ctr},
    cipher_info{"aes128-cbc", 16, 16, 16, true, false, true, make_aes_cbc},
    cipher_info{"aes192-cbc", 24, 16, 16, true, false, true, make_aes_cbc},
    cipher_info{"aes256-cbc", 32, 16, 16, true, false, true, make_aes_cbc},
};

class null_cipher final : public packet_cipher {
public:
    const packet_shape& shape() const override { return shape_; }
    std::uint32_t open_length(std::uint32_t, mutable_bytes_view front) override {
        return load_be32(front.data());
    }
    bool open(std::uint32_t, mutable_bytes_view) override { return true; }
    void seal(std::uint32_t, mutable_bytes_view packet, std::size_t front,
              bytes_view bulk) override {
        std::copy(bulk.begin(), bulk.end(), packet.begin() + static_cast<std::ptrdiff_t>(front));
    }

private:
    packet_shape shape_;
};

}  // namespace

std::span<const cipher_info> ciphers() { return table; }
const cipher_info* find_cipher(std::string_view name) { return find_row(ciphers(), name); }
std::unique_ptr<packet_cipher> make_null_cipher() { return std::make_unique<null_cipher>(); }

}  // namespace sluice
