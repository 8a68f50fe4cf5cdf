#pragma once

#include "sluice/wire/clock.hpp"

namespace sluice {

/// The time that machines are told.
inline time_point now() { return std::chrono::steady_clock::now(); }

}  // namespace sluice
