#include "sluice/crypto/key_file_cipher.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/secret.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

// What ssh-keygen -Z takes. "none" is the unencrypted file.
constexpr std::array ciphers{
    // name, key, iv, block, tag: bytes
    key_file_cipher{"none", 0, 0, 8, 0, nullptr},
    key_file_cipher{"aes256-ctr", 32, 16, 16, 0, EVP_aes_256_ctr},
    key_file_cipher{"aes192-ctr", 24, 16, 16, 0, EVP_aes_192_ctr},
    key_file_cipher{"aes128-ctr", 16, 16, 16, 0, EVP_aes_128_ctr},
    key_file_cipher{"aes256-cbc", 32, 16, 16, 0, EVP_aes_256_cbc},
    key_file_cipher{"aes192-cbc", 24, 16, 16, 0, EVP_aes_192_cbc},
    key_file_cipher{"aes128-cbc", 16, 16, 16, 0, EVP_aes_128_cbc},
    key_file_cipher{"3des-cbc", 24, 8, 8, 0, EVP_des_ede3_cbc},
    key_file_cipher{"aes256-gcm@openssh.com", 32, 12, 16, 16, EVP_aes_256_gcm},
    key_file_cipher{"aes128-gcm@openssh.com", 16, 12, 16, 16, EVP_aes_128_gcm},
    // The second half of the key, for packet lengths, is derived and not used.
    key_file_cipher{"chacha20-poly1305@openssh.com", 64, 0, 8, 16, EVP_chacha20},
};

bool start(const evp_cipher_ctx& context, const key_file_cipher& c, const std::uint8_t* key,
           const std::uint8_t* iv, bool encrypt) {
    return context &&
           EVP_CipherInit_ex(context.get(), c.cipher(), nullptr, key, iv, encrypt ? 1 : 0) == 1 &&
           EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1;
}

bool transform(const evp_cipher_ctx& context, mutable_bytes_view data) {
    int size = 0;
    return EVP_CipherUpdate(context.get(), data.data(), &size, data.data(),
                            static_cast<int>(data.size())) == 1 &&
           static_cast<std::size_t>(size) == data.size();
}

bool finish(const evp_cipher_ctx& context) {
    std::array<std::uint8_t, EVP_MAX_BLOCK_LENGTH> rest{};
    int size = 0;
    return EVP_CipherFinal_ex(context.get(), rest.data(), &size) == 1 && size == 0;
}

// PROTOCOL.chacha20poly1305 with sequence number 0 and no packet length: the first block of the
// key stream is the Poly1305 key, the data starts at the second.
bool chacha20(bytes_view key, std::uint8_t counter, const key_file_cipher& c,
              mutable_bytes_view data) {
    const evp_cipher_ctx context(EVP_CIPHER_CTX_new());
    std::array<std::uint8_t, 16> iv{};
    iv[0] = counter;  // little-endian block counter, then the nonce
    return start(context, c, key.data(), iv.data(), true) && transform(context, data);
}

bool poly1305(bytes_view secret, const key_file_cipher& c, bytes_view data,
              mutable_bytes_view tag) {
    secret_bytes key(32);
    const evp_mac mac(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
    const evp_mac_ctx context(EVP_MAC_CTX_new(mac.get()));
    std::size_t size = 0;
    return chacha20(secret, 0, c, key.span()) && context &&
           EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) == 1 &&
           EVP_MAC_update(context.get(), data.data(), data.size()) == 1 &&
           EVP_MAC_final(context.get(), tag.data(), &size, tag.size()) == 1 && size == tag.size();
}

bool is_chacha(const key_file_cipher& c) { return c.cipher == EVP_chacha20; }

}  // namespace

result<> key_file_cipher::seal(bytes_view secret, mutable_bytes_view data,
                               mutable_bytes_view tag) const {
    expects(secret.size() == key_size + iv_size && tag.size() == tag_size);
    if (cipher == nullptr) return {};
    if (is_chacha(*this)) {
        if (!chacha20(secret, 1, *this, data) || !poly1305(secret, *this, data, tag))
            return openssl_failure();
        return {};
    }
    const evp_cipher_ctx context(EVP_CIPHER_CTX_new());
    if (!start(context, *this, secret.data(), secret.data() + key_size, true) ||
        !transform(context, data) || !finish(context))
        return openssl_failure();
    if (tag_size != 0 && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG,
                                             static_cast<int>(tag_size), tag.data()) != 1)
        return openssl_failure();
    return {};
}

result<> key_file_cipher::open(bytes_view secret, mutable_bytes_view data, bytes_view tag) const {
    expects(secret.size() == key_size + iv_size && tag.size() == tag_size);
    if (cipher == nullptr) return {};
    if (is_chacha(*this)) {
        std::array<std::uint8_t, 16> want{};
        if (!poly1305(secret, *this, data, want)) return openssl_failure();
        if (!equal_in_constant_time(want, tag)) return errc::wrong_passphrase;
        return chacha20(secret, 1, *this, data) ? result<>() : openssl_failure();
    }
    const evp_cipher_ctx context(EVP_CIPHER_CTX_new());
    if (!start(context, *this, secret.data(), secret.data() + key_size, false))
        return openssl_failure();
    std::array<std::uint8_t, 16> expected{};
    std::ranges::copy(tag, expected.begin());
    if (tag_size != 0 && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG,
                                             static_cast<int>(tag_size), expected.data()) != 1)
        return openssl_failure();
    if (!transform(context, data) || !finish(context))
        return openssl_failure(errc::wrong_passphrase);
    return {};
}

const key_file_cipher* find_key_file_cipher(std::string_view name) {
    const auto found = std::ranges::find(ciphers, name, &key_file_cipher::name);
    return found == ciphers.end() ? nullptr : &*found;
}

}  // namespace sluice::crypto
