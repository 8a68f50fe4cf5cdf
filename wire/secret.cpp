#include "sluice/wire/secret.hpp"

#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice {

void wipe(mutable_bytes_view memory) noexcept {
    if (!memory.empty()) ::explicit_bzero(memory.data(), memory.size());
}

bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept {
    if (a.size() != b.size()) return false;
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

secret_bytes::secret_bytes(std::size_t size)
    : data_(std::make_unique<std::uint8_t[]>(size)), size_(size), capacity_(size) {}

secret_bytes::secret_bytes(bytes_view copied_from) : secret_bytes(copied_from.size()) {
    std::copy(copied_from.begin(), copied_from.end(), data_.get());
}

secret_bytes::secret_bytes(secret_bytes&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

secret_bytes& secret_bytes::operator=(secret_bytes other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
}

secret_bytes::~secret_bytes() { wipe({data_.get(), capacity_}); }

void secret_bytes::shrink(std::size_t size) {
    expects(size <= size_);
    wipe({data_.get() + size, size_ - size});
    size_ = size;
}

}  // namespace sluice
