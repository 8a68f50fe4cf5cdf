#include "sluice/crypto/symmetric.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

#include <limits>

namespace sluice::crypto {
namespace {

const EVP_CIPHER* evp_of(stream_cipher_kind kind) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
    static const EVP_CIPHER* const aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-CTR", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
    static const EVP_CIPHER* const chacha20 = EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
    switch (kind) {
    case stream_cipher_kind::aes128_ctr: return aes128;
    case stream_cipher_kind::aes192_ctr: return aes192;
    case stream_cipher_kind::aes256_ctr: return aes256;
    case stream_cipher_kind::chacha20: return chacha20;
    }
    unreachable();
}

const EVP_CIPHER* cbc_of(std::size_t key_size) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr);
    static const EVP_CIPHER* const aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-CBC", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
    switch (key_size) {
    case 16: return aes128;
    case 24: return aes192;
    case 32: return aes256;
    }
    unreachable();
}

const EVP_CIPHER* evp_of(aead_kind kind) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    switch (kind) {
    case aead_kind::aes128_gcm: return aes128;
    case aead_kind::aes256_gcm: return aes256;
    }
    unreachable();
}

void update_cipher(evp_cipher_ctx_st* context, bytes_view in, std::uint8_t* out) {
    expects(in.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
    int size = 0;
    expects(EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1);
}

}  // namespace

void cipher_context_deleter::operator()(evp_cipher_ctx_st* context) const {
    EVP_CIPHER_CTX_free(context);
}

stream_cipher::stream_cipher(stream_cipher_kind kind, bytes_view key, bytes_view iv)
    : context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* const algorithm = evp_of(kind);
    expects(key.size() == static_cast<std::size_t>(EVP_CIPHER_get_key_length(algorithm)));
    expects(iv.size() == static_cast<std::size_t>(EVP_CIPHER_get_iv_length(algorithm)));
    expects(EVP_CipherInit_ex2(context_.get(), algorithm, key.data(), iv.data(), 1, nullptr) == 1);
}

void stream_cipher::restart(bytes_view iv) {
    expects(EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, iv.data(), -1, nullptr) == 1);
}

void stream_cipher::apply(bytes_view in, std::uint8_t* out) {
    if (!in.empty()) update_cipher(context_.get(), in, out);
}

cbc_cipher::cbc_cipher(bytes_view key, bytes_view iv, bool sealing)
    : context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* const algorithm = cbc_of(key.size());
    expects(iv.size() == block_size);
    expects(EVP_CipherInit_ex2(context_.get(), algorithm, key.data(), iv.data(), sealing ? 1 : 0,
                               nullptr) == 1);
    expects(EVP_CIPHER_CTX_set_padding(context_.get(), 0) == 1);
}

void cbc_cipher::apply_in_place(mutable_bytes_view data) {
    expects(data.size() % block_size == 0);
    if (!data.empty()) update_cipher(context_.get(), data, data.data());
}

aead::aead(aead_kind kind, bytes_view key, bool sealing) : context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* const algorithm = evp_of(kind);
    expects(key.size() == static_cast<std::size_t>(EVP_CIPHER_get_key_length(algorithm)));
    expects(EVP_CipherInit_ex2(context_.get(), algorithm, key.data(), nullptr, sealing ? 1 : 0,
                               nullptr) == 1);
}

void aead::begin(bytes_view iv, bytes_view associated_data) {
    expects(iv.size() == 12);
    expects(EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, iv.data(), -1, nullptr) == 1);
    if (!associated_data.empty()) update_cipher(context_.get(), associated_data, nullptr);
}

void aead::update(bytes_view in, std::uint8_t* out) {
    if (!in.empty()) update_cipher(context_.get(), in, out);
}

void aead::finish(mutable_bytes_view tag) {
    std::uint8_t none[16];
    int size = 0;
    expects(EVP_CipherFinal_ex(context_.get(), none, &size) == 1);
    expects(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, tag.data()) == 1);
}

bool aead::verify(bytes_view tag) {
    expects(tag.size() == tag_size);
    expects(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, tag_size,
                                const_cast<std::uint8_t*>(tag.data())) == 1);
    std::uint8_t none[16];
    int size = 0;
    if (EVP_CipherFinal_ex(context_.get(), none, &size) == 1) return true;
    ERR_clear_error();
    return false;
}

void poly1305::deleter::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

poly1305::poly1305() {
    static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
    context_.reset(EVP_MAC_CTX_new(algorithm));
    expects(context_ != nullptr);
}

void poly1305::begin(bytes_view key) {
    expects(key.size() == 32);
    expects(EVP_MAC_init(context_.get(), key.data(), key.size(), nullptr) == 1);
}

void poly1305::update(bytes_view data) {
    expects(EVP_MAC_update(context_.get(), data.data(), data.size()) == 1);
}

void poly1305::finish(mutable_bytes_view tag) {
    std::size_t size = 0;
    expects(EVP_MAC_final(context_.get(), tag.data(), &size, tag.size()) == 1);
}

}  // namespace sluice::crypto
