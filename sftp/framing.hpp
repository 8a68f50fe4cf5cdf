#pragma once

#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace sluice::sftp {

/// Cuts a byte stream into SFTP packets: uint32 length, then that many bytes (draft-02 §3). Each
/// packet gets a buffer of its own, which the request lives in until it is answered.
class packet_assembler {
public:
    /// Takes bytes from the front of `in` up to the end of a packet; tells how many.
    ///
    /// Errors: too_long for a length above limits::sftp_packet_length_max, bad_value for one of 0.
    result<std::size_t> take(bytes_view in);

    /// Whether a whole packet waits to be taken; `take` must not be called before it is.
    bool complete() const { return body_expected_ != 0 && packet_.size() == body_expected_; }

    /// The packet, type byte first, without its length.
    wire::buffer take_packet();

    /// Whether the stream stands between two packets.
    bool at_boundary() const { return header_size_ == 0; }

    /// Gives back a packet that is done with, so that small requests allocate nothing.
    void recycle(wire::buffer packet);

private:
    void prepare(std::size_t length);

    static constexpr std::size_t small_packet = 256;  // bytes; most requests are shorter
    static constexpr std::size_t spares_max = 16;

    std::array<std::uint8_t, 4> header_{};
    std::size_t header_size_ = 0;
    std::size_t body_expected_ = 0;  // 0 while the header is awaited
    wire::buffer packet_;
    std::vector<wire::buffer> spares_;
};

}  // namespace sluice::sftp
