#pragma once

#include "sluice/wire/bytes.hpp"

#include <bit>
#include <cstddef>

namespace sluice::crypto {

/// Of a big-endian number without leading zeros.
inline std::size_t bit_length(bytes_view magnitude) {
    if (magnitude.empty()) return 0;
    return 8 * (magnitude.size() - 1) + static_cast<std::size_t>(std::bit_width(magnitude.front()));
}

}  // namespace sluice::crypto
