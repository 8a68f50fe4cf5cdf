#pragma once

#include "sluice/io/readiness.hpp"

#include <atomic>
#include <cstdint>

namespace sluice::test {

/// As long as it lives, waits for descriptors complete at once though nothing is ready, at random:
/// three of four, the same for the same seed on one thread. One at a time.
class early_wake_ups {
public:
    explicit early_wake_ups(std::uint64_t seed) {
        state() = seed;
        counted() = 0;
        set_early_wake_up(decide);
    }
    early_wake_ups(const early_wake_ups&) = delete;
    early_wake_ups& operator=(const early_wake_ups&) = delete;
    ~early_wake_ups() { set_early_wake_up(nullptr); }

    /// How many there were.
    std::uint64_t count() const { return counted(); }

private:
    // A step of splitmix64 (Steele, Lea, Flood 2014), from whichever thread.
    static bool decide() {
        std::uint64_t z = state().fetch_add(0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        const bool early = (z >> 62) != 0;
        if (early) ++counted();
        return early;
    }
    static std::atomic<std::uint64_t>& state() {
        static std::atomic<std::uint64_t> value;
        return value;
    }
    static std::atomic<std::uint64_t>& counted() {
        static std::atomic<std::uint64_t> value;
        return value;
    }
};

}  // namespace sluice::test
