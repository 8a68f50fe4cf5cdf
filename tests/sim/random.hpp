#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sluice::sim {

/// Spreads the bits of `x` (the finaliser of splitmix64).
constexpr std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// Every draw of a simulation: the same for the same seed on every machine, which the standard's
/// distributions are not.
class random final : public crypto::random_source {
public:
    explicit random(std::uint64_t seed) : state_(mixed(seed)) {}

    std::uint64_t next() { return mixed(state_ += 0x9e3779b97f4a7c15); }

    /// 0 to `n`.
    std::uint64_t up_to(std::uint64_t n) { return n + 1 == 0 ? next() : next() % (n + 1); }
    std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + up_to(high - low); }
    bool percent(unsigned n) { return next() % 100 < n; }

    /// 0 to `n`, every order of magnitude as likely as the others.
    std::uint64_t any_size(std::uint64_t n) {
        const int bits = static_cast<int>(up_to(static_cast<std::uint64_t>(std::bit_width(n))));
        const std::uint64_t most = bits == 64 ? ~0ULL : (1ULL << bits) - 1;
        return up_to(most < n ? most : n);
    }
    duration any_time(duration most) {
        return duration(static_cast<std::int64_t>(
            any_size(static_cast<std::uint64_t>(most.count() / 1000)) * 1000));
    }

    template <class T>
    T pick(std::initializer_list<T> of) {
        return *(of.begin() + static_cast<std::ptrdiff_t>(up_to(of.size() - 1)));
    }

    void fill(mutable_bytes_view out) override {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (i % 8 == 0) word = next();
            out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
        }
    }

private:
    std::uint64_t state_;
};

}  // namespace sluice::sim
