#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice {

using bytes = std::vector<std::uint8_t>;
using bytes_view = std::span<const std::uint8_t>;
using mutable_bytes_view = std::span<std::uint8_t>;

/// The bytes of a text, and back. The view lives as long as what it points into.
inline bytes_view as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(bytes_view data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

inline bytes to_bytes(bytes_view data) { return {data.begin(), data.end()}; }

}  // namespace sluice
