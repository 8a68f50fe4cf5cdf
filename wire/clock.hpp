#pragma once

#include <chrono>

namespace sluice {

/// Monotonic time. Machines never read it: it is always an argument, so a simulation owns it.
using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

}  // namespace sluice
