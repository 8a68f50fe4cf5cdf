#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/expects.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace sluice::wire {

/// One owned block of bytes, not initialised when made: bulk data is written into it by the kernel
/// or the cipher, and handed on by moving it. `[begin, end)` is in use.
class buffer {
public:
    buffer() = default;
    explicit buffer(std::size_t capacity)
        : data_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity)), capacity_(capacity) {}
    buffer(buffer&& other) noexcept
        : data_(std::move(other.data_)),
          begin_(std::exchange(other.begin_, 0)),
          end_(std::exchange(other.end_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    buffer& operator=(buffer&& other) noexcept {
        data_ = std::move(other.data_);
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }

    static buffer copy_of(bytes_view data) {
        buffer b(data.size());
        std::copy(data.begin(), data.end(), b.space().data());
        b.commit(data.size());
        return b;
    }

    bytes_view view() const { return {data_.get() + begin_, end_ - begin_}; }
    mutable_bytes_view span() { return {data_.get() + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }
    std::size_t capacity() const { return capacity_; }

    /// What is free behind the end; `commit(n)` takes its first `n` bytes into use.
    mutable_bytes_view space() { return {data_.get() + end_, capacity_ - end_}; }
    void commit(std::size_t n) {
        expects(n <= capacity_ - end_);
        end_ += n;
    }

    /// Drops `n` bytes at the front.
    void consume(std::size_t n) {
        expects(n <= size());
        begin_ += n;
    }

    void clear() { begin_ = end_ = 0; }

private:
    std::unique_ptr<std::uint8_t[]> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace sluice::wire
