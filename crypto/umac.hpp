#pragma once

#include "sluice/wire/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX

namespace sluice::crypto {

/// UMAC (RFC 4418) over AES-128, with one key, for any number of messages, one after the other.
///
/// A message may have 16 MiB: what lies beyond needs arithmetic modulo 2^128 - 159, and no packet
/// comes near.
class umac {
public:
    static constexpr std::size_t key_size = 16;                            // bytes
    static constexpr std::size_t message_size_max = std::size_t{1} << 24;  // bytes

    /// `tag_size`: 4, 8, 12 or 16 bytes.
    umac(std::size_t tag_size, bytes_view key);
    umac(const umac&) = delete;
    umac& operator=(const umac&) = delete;
    ~umac();

    /// Begins a message with a nonce of 8 bytes, which no other message under the key has.
    void begin(bytes_view nonce);
    void update(bytes_view data);
    /// Writes `size()` bytes to the front of `out`.
    void finish(mutable_bytes_view out);
    std::size_t size() const { return tag_size_; }

private:
    static constexpr std::size_t streams_max = 4;  // a hash of 4 bytes each
    static constexpr std::size_t block_size = 32;  // bytes that NH takes at once
    static constexpr std::size_t chunk_size = 1024;
    static constexpr std::size_t key_words = chunk_size / 4 + (streams_max - 1) * 4;

    // What the key is made into: secret.
    struct hash_keys {
        std::array<std::uint32_t, key_words> nh;
        std::array<std::uint64_t, streams_max> poly;
        std::array<std::array<std::uint64_t, 4>, streams_max> inner_product;
        std::array<std::uint32_t, streams_max> last;
    };

    // How far a message has come: NH's sums over the chunk under way, the polynomial over those
    // before it.
    struct progress {
        std::array<std::uint64_t, streams_max> sums{};
        std::array<std::uint64_t, streams_max> poly{};
        std::size_t chunk_bytes = 0;
        std::size_t chunks = 0;
        std::size_t partial_bytes = 0;
    };

    struct deleter {
        void operator()(evp_cipher_ctx_st* context) const;
    };
    using block_cipher = std::unique_ptr<evp_cipher_ctx_st, deleter>;

    static block_cipher make_cipher(bytes_view key);
    static void derive(evp_cipher_ctx_st* cipher, std::uint8_t index, mutable_bytes_view out);

    void absorb(const std::uint8_t* data, std::size_t size);
    void finish_chunk();
    std::uint32_t hash_of(std::size_t stream) const;

    std::size_t tag_size_;
    std::size_t streams_;
    block_cipher pad_cipher_;
    hash_keys keys_{};
    progress at_;
    std::array<std::uint8_t, block_size> partial_{};
    std::array<std::uint8_t, 8> nonce_{};
};

}  // namespace sluice::crypto
