#include "sluice/wire/byte_queue.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::wire {

mutable_bytes_view byte_queue::prepare(std::size_t n) {
    if (block_.space().size() >= n) return block_.space();
    const std::size_t size = block_.size();
    // Moving down is paid for by the bytes consumed since the last move: at most as many are moved.
    if (block_.capacity() - size >= n && size <= block_.capacity() / 2) {
        const bytes_view old = block_.view();
        std::uint8_t* const base =
            block_.space().data() - (block_.capacity() - block_.space().size());
        if (size != 0) std::memmove(base, old.data(), size);
        block_.clear();
        block_.commit(size);
        return block_.space();
    }
    // Room for more than this call: else a queue that gets a byte at a time, and is asked for a
    // whole read each time, would be copied for every byte. And where more than a little is queued
    // much more will be: one step up, not many.
    constexpr std::size_t little = 16 * 1024;
    std::size_t capacity = size == 0 ? n : std::max(size + n + n / 2, 2 * size);
    if (size + n > little) capacity = std::max(capacity, bulk_block_size);
    buffer larger(capacity);
    if (size != 0) std::memcpy(larger.space().data(), block_.view().data(), size);
    larger.commit(size);
    block_ = std::move(larger);
    return block_.space();
}

void byte_queue::append(bytes_view data) {
    if (data.empty()) return;
    const mutable_bytes_view space = prepare(data.size());
    std::memcpy(space.data(), data.data(), data.size());
    commit(data.size());
}

void byte_queue::consume(std::size_t n) {
    block_.consume(n);
    if (block_.empty()) block_.clear();
}

void byte_queue::release_if_empty() {
    if (block_.empty()) block_ = buffer();
}

}  // namespace sluice::wire
