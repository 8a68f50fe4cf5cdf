#include "sluice/tests/sim/model.hpp"

#include "sluice/tests/sim/random.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::sim {
namespace {

// Words of a stream, from the one that holds `offset` on.
class stream_words {
public:
    stream_words(std::uint64_t name, std::uint64_t offset)
        : key_(mixed(name + 0x9e3779b97f4a7c15)), word_(offset / 8), skip_(offset % 8) {}

    /// The next bytes, at most 8.
    bytes_view next() {
        const std::uint64_t word = mixed(key_ + word_++);
        std::memcpy(bytes_.data(), &word, 8);
        const std::size_t skip = std::exchange(skip_, 0);
        return bytes_view(bytes_).subspan(skip);
    }

private:
    std::uint64_t key_;
    std::uint64_t word_;
    std::size_t skip_;
    std::array<std::uint8_t, 8> bytes_{};
};

}  // namespace

void fill_stream(std::uint64_t name, std::uint64_t offset, mutable_bytes_view out) {
    stream_words words(name, offset);
    while (!out.empty()) {
        const bytes_view word = words.next();
        const std::size_t n = std::min(word.size(), out.size());
        std::memcpy(out.data(), word.data(), n);
        out = out.subspan(n);
    }
}

bool is_stream(std::uint64_t name, std::uint64_t offset, bytes_view data) {
    stream_words words(name, offset);
    while (!data.empty()) {
        const bytes_view word = words.next();
        const std::size_t n = std::min(word.size(), data.size());
        if (std::memcmp(data.data(), word.data(), n) != 0) return false;
        data = data.subspan(n);
    }
    return true;
}

}  // namespace sluice::sim
