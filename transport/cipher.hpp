#pragma once

#include "sluice/transport/mac.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace sluice {

/// How a cipher frames its packets.
struct packet_shape {
    std::size_t block_size = 8;    // bytes; padding fills up to a multiple of it
    std::size_t tag_size = 0;      // bytes behind the packet
    std::size_t length_bytes = 4;  // bytes needed at the front to learn packet_length
    bool length_in_blocks = true;  // the 4 length bytes count towards the multiple (RFC 4253 §6)

    /// A wrong length and a wrong tag must not be told apart: what a peer sees of where reading
    /// stopped would give plaintext away (CBC with an encrypted length; CVE-2008-5161).
    bool errors_look_alike = false;
};

/// Protects the packets of one direction, with one set of keys. Cipher contexts are set up once.
///
/// A whole packet lies in memory as: packet_length (4 bytes), padding_length, payload, padding,
/// tag.
class packet_cipher {
public:
    virtual ~packet_cipher() = default;

    virtual const packet_shape& shape() const = 0;

    /// Opening: packet_length, from the first `shape().length_bytes` of a packet. Called once for a
    /// packet; may decrypt those bytes where they lie.
    virtual std::uint32_t open_length(std::uint32_t sequence_number, mutable_bytes_view front) = 0;

    /// Opening: checks the tag and decrypts in place the whole packet whose length was asked
    /// before. False when the tag is wrong; what lies there is then worthless.
    virtual bool open(std::uint32_t sequence_number, mutable_bytes_view packet) = 0;

    /// Sealing: `packet` has its `front` bytes (packet_length, padding_length and the start of the
    /// payload) and its padding in place; between them goes `bulk`, encrypted from where it lies.
    /// The tag is written behind.
    virtual void seal(std::uint32_t sequence_number, mutable_bytes_view packet, std::size_t front,
                      bytes_view bulk) = 0;
};

/// Keys for one direction (RFC 4253 §7.2), each cut to the size that the algorithms ask for.
struct cipher_keys {
    secret_bytes iv;
    secret_bytes key;
    secret_bytes mac_key;
};

/// One row of the table of ciphers.
struct cipher_info {
    std::string_view name;
    std::size_t key_size;    // bytes
    std::size_t iv_size;     // bytes
    std::size_t block_size;  // bytes; RFC 4253 §6 makes 8 the least
    bool needs_mac;          // false: brings its own tag, and the MAC lists are not looked at
    bool offered;            // in the default offer
    bool weak;               // whoever asks for it is warned
    std::unique_ptr<packet_cipher> (*make)(const cipher_info& info, const mac_info* mac,
                                           const cipher_keys& keys, bool sealing);
};

/// In order of preference.
std::span<const cipher_info> ciphers();

/// Null when unknown.
const cipher_info* find_cipher(std::string_view name);

/// No protection: what a connection starts with.
std::unique_ptr<packet_cipher> make_null_cipher();

// The factories of the table; each in its own file.
std::unique_ptr<packet_cipher> make_aes_ctr(const cipher_info&, const mac_info*, const cipher_keys&,
                                            bool sealing);
std::unique_ptr<packet_cipher> make_aes_cbc(const cipher_info&, const mac_info*, const cipher_keys&,
                                            bool sealing);
std::unique_ptr<packet_cipher> make_aes_gcm(const cipher_info&, const mac_info*, const cipher_keys&,
                                            bool sealing);
std::unique_ptr<packet_cipher> make_chacha20_poly1305(const cipher_info&, const mac_info*,
                                                      const cipher_keys&, bool sealing);

/// Big-endian, as packet_length and the sequence number are written.
inline std::uint32_t load_be32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}
inline void store_be32(std::uint8_t* p, std::uint32_t value) {
    for (int i = 0; i < 4; ++i)
        p[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace sluice
