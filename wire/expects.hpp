#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace sluice {

/// Aborts, always on, when our own code is wrong. Never for anything a peer, user or system causes.
inline void expects(bool condition, std::source_location where = std::source_location::current()) {
    if (condition) [[likely]]
        return;
    std::fprintf(stderr, "%s:%u: %s: expectation broken\n", where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name());
    std::abort();
}

[[noreturn]] inline void unreachable(std::source_location where = std::source_location::current()) {
    std::fprintf(stderr, "%s:%u: %s: unreachable code reached\n", where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name());
    std::abort();
}

}  // namespace sluice
