#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstddef>
#include <memory>

namespace sluice {

/// Overwrites memory in a way that the compiler does not remove.
void wipe(mutable_bytes_view memory) noexcept;

/// True when both are equal; the time depends on the sizes only.
bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept;

/// Bytes that are wiped when they go: keys, shared secrets, passwords. Never formatted or logged.
class secret_bytes {
public:
    secret_bytes() = default;
    explicit secret_bytes(std::size_t size);
    explicit secret_bytes(bytes_view copied_from);
    secret_bytes(const secret_bytes& other) : secret_bytes(other.view()) {}
    secret_bytes(secret_bytes&& other) noexcept;
    secret_bytes& operator=(secret_bytes other) noexcept;
    ~secret_bytes();

    std::uint8_t* data() { return data_.get(); }
    const std::uint8_t* data() const { return data_.get(); }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    bytes_view view() const { return {data_.get(), size_}; }
    mutable_bytes_view span() { return {data_.get(), size_}; }
    operator bytes_view() const { return view(); }

    /// Keeps the first `size` bytes and wipes the others.
    void shrink(std::size_t size);

private:
    std::unique_ptr<std::uint8_t[]> data_;
    std::size_t size_ = 0;      // in use
    std::size_t capacity_ = 0;  // to be wiped
};

}  // namespace sluice
