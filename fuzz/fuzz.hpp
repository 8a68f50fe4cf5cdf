#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::fuzz {

/// Takes a fuzzer's input apart: small decisions from its front, the rest as data.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t b = left_.front();
        left_ = left_.subspan(1);
        return b;
    }
    std::size_t position() {  // of two bytes
        const std::size_t high = byte();
        return high << 8 | byte();
    }
    std::uint32_t number() {
        std::uint32_t n = 0;
        for (int i = 0; i < 4; ++i)
            n = n << 8 | byte();
        return n;
    }
    bytes_view take(std::size_t n) {
        const bytes_view taken = left_.first(std::min(n, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    bytes_view rest() { return take(left_.size()); }

private:
    bytes_view left_;
};

/// Property: what decodes encodes to something that decodes and encodes to the same bytes again.
/// (Not always to the same bytes as the input: any nonzero byte is TRUE, RFC 4251 §5.)
template <wire::message M>
void round_trip(bytes_view payload) {
    const auto m = wire::decode<M>(payload);
    if (!m) return;
    const bytes once = wire::encoded(*m);
    const auto n = wire::decode<M>(once);
    expects(n.has_value());
    expects(wire::encoded(*n) == once);
}

}  // namespace sluice::fuzz
