#pragma once

#include "sluice/crypto/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace sluice::test {

/// Gives out exactly these bytes, and counts what was taken.
class fixed_random final : public crypto::random_source {
public:
    explicit fixed_random(bytes data) : data_(std::move(data)) {}
    void fill(mutable_bytes_view out) override {
        ASSERT_LE(taken_ + out.size(), data_.size());
        std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(taken_), out.size(), out.begin());
        taken_ += out.size();
    }
    std::size_t taken() const { return taken_; }

private:
    bytes data_;
    std::size_t taken_ = 0;
};

}  // namespace sluice::test
