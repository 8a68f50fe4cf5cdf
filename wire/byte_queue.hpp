#pragma once

#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstddef>

namespace sluice::wire {

/// A contiguous FIFO of bytes between a socket and a machine. Its owner bounds what is in it.
///
/// Memory is not initialised, grows by doubling, and is moved only when the free space behind the
/// end is too short, so bytes are touched a constant number of times.
class byte_queue {
public:
    bytes_view view() const { return block_.view(); }
    mutable_bytes_view span() { return block_.span(); }
    std::size_t size() const { return block_.size(); }
    bool empty() const { return block_.empty(); }

    /// At least `n` writable bytes behind the end; `commit` takes them into use. Invalidates views.
    mutable_bytes_view prepare(std::size_t n);
    void commit(std::size_t n) { block_.commit(n); }
    void append(bytes_view data);

    /// Drops `n` bytes at the front. Views of what is left stay valid.
    void consume(std::size_t n);

    /// Gives the memory back when nothing is queued: an idle connection holds none.
    void release_if_empty();
    std::size_t capacity() const { return block_.capacity(); }

private:
    buffer block_;
};

}  // namespace sluice::wire
