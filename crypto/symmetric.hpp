#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX
struct evp_mac_ctx_st;     // OpenSSL's EVP_MAC_CTX

namespace sluice::crypto {

struct cipher_context_deleter {
    void operator()(evp_cipher_ctx_st* context) const;
};
using cipher_context = std::unique_ptr<evp_cipher_ctx_st, cipher_context_deleter>;

enum class stream_cipher_kind { aes128_ctr, aes192_ctr, aes256_ctr, chacha20 };

/// A key stream that is added to data. Set up once a key; `restart` changes the IV in place.
class stream_cipher {
public:
    /// `iv`: 16 bytes. CTR: the counter, big-endian. ChaCha20: block counter, little-endian (8
    /// bytes), and nonce (8 bytes): the original cipher's layout, which SSH uses.
    stream_cipher(stream_cipher_kind kind, bytes_view key, bytes_view iv);

    void restart(bytes_view iv);
    /// `in` and `out` are the same memory or do not overlap.
    void apply(bytes_view in, std::uint8_t* out);
    void apply_in_place(mutable_bytes_view data) { apply(data, data.data()); }

private:
    cipher_context context_;
};

/// AES in CBC mode, in one direction; the chain runs on from call to call.
class cbc_cipher {
public:
    static constexpr std::size_t block_size = 16;

    /// `key`: 16, 24 or 32 bytes; `iv`: a block.
    cbc_cipher(bytes_view key, bytes_view iv, bool sealing);

    /// Whole blocks.
    void apply_in_place(mutable_bytes_view data);

private:
    cipher_context context_;
};

enum class aead_kind { aes128_gcm, aes256_gcm };

/// AES-GCM with a 12-byte IV and 16-byte tag, in one direction, in pieces.
class aead {
public:
    static constexpr std::size_t tag_size = 16;

    aead(aead_kind kind, bytes_view key, bool sealing);

    /// Begins a message.
    void begin(bytes_view iv, bytes_view associated_data);
    /// The next piece. `in` and `out` are the same memory or do not overlap.
    void update(bytes_view in, std::uint8_t* out);
    /// Sealing: writes the tag.
    void finish(mutable_bytes_view tag);
    /// Opening: whether the tag is right. What was opened is worthless if not.
    bool verify(bytes_view tag);

private:
    cipher_context context_;
};

/// Poly1305 (RFC 8439 §2.5): a MAC whose key is used once.
class poly1305 {
public:
    static constexpr std::size_t tag_size = 16;

    poly1305();
    void begin(bytes_view key);  ///< 32 bytes
    void update(bytes_view data);
    void finish(mutable_bytes_view tag);

private:
    struct deleter {
        void operator()(evp_mac_ctx_st* context) const;
    };
    std::unique_ptr<evp_mac_ctx_st, deleter> context_;
};

}  // namespace sluice::crypto
