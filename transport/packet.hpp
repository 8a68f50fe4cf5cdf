#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace sluice {

/// Takes packets off the front of received bytes and opens them where they lie (RFC 4253 §6).
class packet_opener {
public:
    packet_opener() : cipher_(make_null_cipher()) {}

    /// The payload of the next packet, or nothing when more bytes are needed. The view lasts until
    /// bytes are added to `input`.
    ///
    /// Errors: packet_too_long, bad_packet_length, bad_mac; after one the opener is finished. With
    /// a cipher whose errors must look alike each of them is bad_mac, and comes when as many bytes
    /// have been received as the longest packet has.
    result<std::optional<mutable_bytes_view>> next(wire::byte_queue& input);

    /// Uses other keys from the next packet on.
    void rekey(std::unique_ptr<packet_cipher> cipher, bool reset_sequence_number);

    void set_length_max(std::size_t packet_length_max) { length_max_ = packet_length_max; }

    /// Of the packet that `next` gave last.
    std::uint32_t sequence_number() const { return sequence_number_ - 1; }

    /// Packets opened, and their bytes, since the keys changed.
    std::uint64_t packets() const { return packets_; }
    std::uint64_t opened_bytes() const { return bytes_; }
    bool wrapped() const { return wrapped_; }

    /// How many bytes a whole packet at the front of the input has, as far as is known.
    std::size_t wanted() const;

private:
    result<> learn_length(wire::byte_queue& input);
    result<std::optional<mutable_bytes_view>> fail(error_code error, std::size_t opened_bytes,
                                                   wire::byte_queue& input);
    result<std::optional<mutable_bytes_view>> read_on(wire::byte_queue& input);

    std::unique_ptr<packet_cipher> cipher_;
    std::size_t length_max_ = limits::packet_length_max_before_auth;
    std::uint32_t sequence_number_ = 0;
    std::uint32_t packet_length_ = 0;  // of the packet being received; 0 while not known
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
    bool wrapped_ = false;
    std::optional<std::size_t> read_on_from_;  // a packet failed; so many of its bytes were opened
    error_code error_;
};

/// Pads, seals and appends packets to what waits for the socket.
class packet_sealer {
public:
    packet_sealer() : cipher_(make_null_cipher()) {}

    /// One packet of payload `head` followed by `bulk`. Bulk is read once, by the cipher.
    void seal(bytes_view head, bytes_view bulk, crypto::random_source& random,
              wire::byte_queue& output);

    void rekey(std::unique_ptr<packet_cipher> cipher, bool reset_sequence_number);

    /// Pads to a multiple of `n` bytes, at most 128, where the cipher's block is smaller.
    void set_padding_multiple(std::size_t n) { padding_multiple_ = n; }

    /// Of the packet to be sealed next.
    std::uint32_t sequence_number() const { return sequence_number_; }

    std::uint64_t packets() const { return packets_; }
    std::uint64_t sealed_bytes() const { return bytes_; }

private:
    std::unique_ptr<packet_cipher> cipher_;
    std::size_t padding_multiple_ = 1;
    std::uint32_t sequence_number_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace sluice
