#pragma once

#include "sluice/wire/clock.hpp"

#include <chrono>
#include <cstdint>

namespace sluice {

/// The time that machines are told.
inline time_point now() { return std::chrono::steady_clock::now(); }

/// Seconds since 1970, for what expires: certificates, lines of policy files.
inline std::int64_t system_seconds() {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

}  // namespace sluice
