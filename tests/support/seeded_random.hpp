#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <random>

namespace sluice::test {

/// The same bytes for the same seed, for tests that must be repeatable.
class seeded_random final : public crypto::random_source {
public:
    explicit seeded_random(std::uint64_t seed = 1) : engine_(seed) {}
    void fill(mutable_bytes_view out) override {
        for (auto& b : out)
            b = static_cast<std::uint8_t>(engine_());
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace sluice::test
