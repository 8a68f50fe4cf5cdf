#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sluice::wire {

/// Memory that is not initialised. Blocks of the size that bulk data comes in are kept by the
/// thread that frees them, a few at most, and used again: the system would clear each new one.
class block {
public:
    block() = default;
    explicit block(std::size_t size);
    block(block&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    block& operator=(block&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~block() {
        if (data_ != nullptr) release();
    }

    std::uint8_t* get() const { return data_; }
    std::size_t size() const { return size_; }  ///< at least what was asked for

private:
    void release();

    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

/// The size of blocks that are kept.
inline constexpr std::size_t bulk_block_size = 256 * 1024;

/// One owned block of bytes, not initialised when made: bulk data is written into it by the kernel
/// or the cipher, and handed on by moving it. `[begin, end)` is in use.
class buffer {
public:
    buffer() = default;
    /// Room for `capacity` bytes, or a little more.
    explicit buffer(std::size_t capacity) : data_(capacity) {}
    buffer(buffer&& other) noexcept
        : data_(std::move(other.data_)),
          begin_(std::exchange(other.begin_, 0)),
          end_(std::exchange(other.end_, 0)) {}
    buffer& operator=(buffer&& other) noexcept {
        data_ = std::move(other.data_);
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
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
    std::size_t capacity() const { return data_.size(); }

    /// What is free behind the end; `commit(n)` takes its first `n` bytes into use.
    mutable_bytes_view space() { return {data_.get() + end_, capacity() - end_}; }
    void commit(std::size_t n) {
        expects(n <= capacity() - end_);
        end_ += n;
    }

    /// Drops `n` bytes at the front.
    void consume(std::size_t n) {
        expects(n <= size());
        begin_ += n;
    }

    /// Drops all but `part`, which is a part of `view()`.
    void keep(bytes_view part) {
        if (part.empty()) return clear();
        expects(part.data() >= view().data() && part.size() <= size());
        consume(static_cast<std::size_t>(part.data() - view().data()));
        expects(part.size() <= size());
        end_ = begin_ + part.size();
    }

    void clear() { begin_ = end_ = 0; }

private:
    block data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace sluice::wire
