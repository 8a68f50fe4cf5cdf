#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::test {

/// The bytes of a code point (RFC 3629 §3), also of one that may not be sent.
inline std::string utf8_of(std::uint32_t code) {
    const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
    const auto tail = [&](int shift) { return byte(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return {byte(code)};
    if (code < 0x800) return {byte(0xc0 | code >> 6), tail(0)};
    if (code < 0x10000) return {byte(0xe0 | code >> 12), tail(6), tail(0)};
    return {byte(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

/// A code point and how many bytes of a text it is; no bytes where none begins there.
struct utf8_character {
    std::uint32_t code = 0;
    std::size_t length = 0;
};

/// The character at the front: bytes that are those of a code point which may be sent.
inline utf8_character utf8_front(std::string_view text) {
    for (std::size_t n = 1; n <= 4 && n <= text.size(); ++n) {
        std::uint32_t code = static_cast<unsigned char>(text[0]);
        if (n > 1) code &= 0xffu >> (n + 1);
        for (std::size_t i = 1; i < n; ++i)
            code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
        const bool may_be = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        if (may_be && utf8_of(code) == text.substr(0, n)) return {code, n};
    }
    return {};
}

/// Texts around every bound of the syntax (RFC 3629 §4): every first byte, and behind it what is
/// just inside and outside of what may follow. With each what is cut off behind it.
inline std::vector<std::string> utf8_bounds() {
    std::vector<std::string> all;
    for (int first = 0; first < 256; ++first) {
        all.push_back({static_cast<char>(first)});
        for (const int second : {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}) {
            all.push_back({static_cast<char>(first), static_cast<char>(second)});
            if (first < 0xc0) continue;
            for (const int third : {0x7f, 0x80, 0xbf, 0xc0}) {
                all.push_back(all.back().substr(0, 2) + static_cast<char>(third));
                for (const int fourth : {0x7f, 0x80, 0xbf, 0xc0})
                    all.push_back(all.back().substr(0, 3) + static_cast<char>(fourth));
            }
        }
    }
    return all;
}

}  // namespace sluice::test
