#pragma once

#include "sluice/sftp/client.hpp"
#include "sluice/sftp/fifo.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

// One file over a client's requests, many of them in flight. Neither class touches a file: the
// caller writes what a download gives, and reads what an upload wants.
//
// How much is in flight follows the answers: it starts at 16 requests and grows by each answer that
// comes while that was too little, up to `bytes_max`. A slow link gets there in a few round trips.
namespace sluice::sftp {

/// What one request carries at most: whole pages, and with its header one packet of a channel.
inline constexpr std::uint32_t transfer_chunk_max = 252 * 1024;

/// Bytes of a file and where they stand in it.
struct file_piece {
    std::uint64_t offset = 0;
    wire::buffer data;
};

/// Reads a file from `offset` to its end, wherever that turns out to be.
///
/// `ask` makes requests; call it at first, after outcomes and after pieces were taken, until
/// `finished()`. Give it every outcome by `take`. Pieces come in the order of the file, without
/// gaps. Memory: `bytes_max` at most, also when a server answers in the worst order or byte by
/// byte; while pieces are not taken, nothing further is asked for.
class download {
public:
    struct options {
        std::uint64_t offset = 0;
        std::uint64_t length_max = std::numeric_limits<std::uint64_t>::max();  // bytes
        /// Bytes in the file, to ask for no more than one read beyond. Where it is wrong, the
        /// transfer is right all the same.
        std::optional<std::uint64_t> size_hint = {};
        std::size_t bytes_max = limits::sftp_transfer_bytes_max;  // in flight or not taken
    };

    /// The client outlives this, or its last use.
    download(client& c, remote_handle handle, const options& o);
    download(const download&) = delete;
    download& operator=(const download&) = delete;

    void ask();

    /// Takes an outcome, if it is one of its requests; tells whether.
    bool take(outcome& o);

    std::optional<file_piece> next_piece();

    /// Every piece was given: the end of the file, `length_max` or an error is reached.
    bool finished() const;

    /// What stopped it: the first error in the order of the file. Everything before its offset
    /// was given.
    error_code error() const { return error_; }
    std::uint64_t error_offset() const { return stop_; }

    /// Where the next piece begins.
    std::uint64_t position() const { return given_; }

    /// Ends it with errc::cancelled; answers that are due come to nobody.
    void cancel();

private:
    struct part {
        std::uint64_t offset = 0;
        std::uint32_t length = 0;  // bytes asked for
        std::uint32_t got = 0;     // of them
        bool pending = false;
        request_id id{};
        wire::buffer data;
    };

    bool request(part& p);
    void append(part& p, wire::buffer data);
    void stop_at(std::uint64_t offset, error_code error);
    std::uint32_t chunk() const;

    client& client_;
    remote_handle handle_;
    std::uint64_t end_;  // not to be read
    std::optional<std::uint64_t> size_hint_;
    std::size_t bytes_max_;

    fifo<part> parts_;         // in the order of the file, without gaps
    std::uint64_t next_;       // where the next part begins
    std::uint64_t given_;      // where the first one does
    std::size_t held_ = 0;     // bytes of all parts
    std::size_t window_ = 0;   // what held_ may be
    std::uint32_t chunk_max_;  // smaller than what the server takes where it answers short
    bool incomplete_ = false;  // a part came short and could not be asked for again yet
    bool limited_ = false;     // the window was what stopped the last `ask`
    bool stopped_ = false;
    std::uint64_t stop_ = 0;
    error_code error_;
};

/// Writes a file from `offset` on.
///
/// While `wanted()` is not 0, give it that many bytes or less by `write`; after the last, `finish`.
class upload {
public:
    struct options {
        std::uint64_t offset = 0;
        std::size_t bytes_max = limits::sftp_transfer_bytes_max;  // sent and not acknowledged
    };

    /// The client outlives this, or its last use.
    upload(client& c, remote_handle handle, const options& o);
    upload(const upload&) = delete;
    upload& operator=(const upload&) = delete;

    /// Bytes that the next piece should have; 0: none now, ask again after an outcome or output.
    std::size_t wanted() const;

    /// Takes the next bytes of the file, a client::write_buffer with at least one and at most as
    /// many as were wanted; or leaves them, and tells so, when nothing is wanted any more.
    bool write(wire::buffer& data);

    /// There are no more.
    void finish() { ended_ = true; }

    /// Takes an outcome, if it is one of its requests; tells whether.
    bool take(outcome& o);

    /// Everything is answered that will be.
    bool finished() const { return ended_ && parts_.empty(); }

    /// What stopped it: of the writes that failed, the first in the order of the file.
    error_code error() const { return error_; }
    std::uint64_t error_offset() const { return error_offset_; }

    /// Bytes from `offset` on that the server has said are written, without a gap.
    std::uint64_t acknowledged_bytes() const { return acknowledged_; }

    /// Ends it with errc::cancelled; answers that are due come to nobody. What was sent may still
    /// be written.
    void cancel();

private:
    struct part {
        std::uint64_t offset = 0;
        std::uint32_t length = 0;
        enum class state : std::uint8_t { pending, written, failed } now = state::pending;
        request_id id{};
    };

    std::size_t chunk() const;
    void fail(std::uint64_t offset, error_code error);

    client& client_;
    remote_handle handle_;
    std::size_t bytes_max_;
    fifo<part> parts_;  // in the order of the file
    std::uint64_t next_;
    std::size_t in_flight_ = 0;  // bytes of all parts
    std::size_t window_ = 0;     // what in_flight_ may be
    std::uint64_t acknowledged_ = 0;
    bool gap_ = false;  // a write failed: what is behind it does not count
    bool ended_ = false;
    error_code error_;
    std::uint64_t error_offset_ = 0;
};

}  // namespace sluice::sftp
