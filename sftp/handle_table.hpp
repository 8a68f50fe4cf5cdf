#pragma once

#include "sluice/sftp/operations.hpp"
#include "sluice/wire/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::sftp {

/// How far a file has been written without a gap, from the offset of its first write on, when
/// writes complete in any order. Remembers at most limits::sftp_write_gaps_max runs beyond a gap
/// and forgets further ones: it never says too much.
class write_progress {
public:
    /// A write was received; the first one says where the run begins.
    void begin(std::uint64_t offset);
    void completed(std::uint64_t offset, std::uint64_t length);

    /// The end of the unbroken run, in bytes from the start of the file; 0 before the first write.
    std::uint64_t contiguous_end() const { return end_; }

private:
    bool begun_ = false;
    std::uint64_t end_ = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> beyond_;  // sorted, [first, second)
};

/// One handle that the client holds, or will hold when its OPEN completes.
struct open_handle {
    enum class state : std::uint8_t { free, opening, open, closing };

    state now = state::free;
    bool directory = false;
    bool readable = false;
    bool writable = false;
    bool append = false;
    bool write_failed = false;
    file_handle file{};
    std::uint32_t generation = 0;
    std::uint64_t path_key = 0;
    write_progress progress;
};

/// The handles of one session. On the wire a handle is its index and a generation, so that one that
/// was closed never names its successor.
class handle_table {
public:
    using wire_handle = std::array<std::uint8_t, 8>;

    /// A new handle in state `opening`, or nothing when limits::sftp_handles_max are in use.
    std::optional<std::uint32_t> reserve();
    void release(std::uint32_t index);

    open_handle& operator[](std::uint32_t index) { return handles_[index]; }

    wire_handle to_wire(std::uint32_t index) const;

    /// The open handle that the client means, or nothing.
    std::optional<std::uint32_t> find(bytes_view handle) const;

    /// Every handle in state `open`.
    std::vector<std::uint32_t> all_open() const;

    std::size_t in_use() const { return handles_.size() - free_.size(); }

private:
    std::vector<open_handle> handles_;
    std::vector<std::uint32_t> free_;
};

}  // namespace sluice::sftp
