#pragma once

#include "sluice/wire/bytes.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice::test {

/// "00 ff" or "00ff" to bytes. Throws on anything else: test data is ours.
inline bytes from_hex(std::string_view text) {
    bytes out;
    int high = -1;
    for (const char c : text) {
        int digit = 0;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else if (c == ' ' || c == '\n' || c == ':')
            continue;
        else
            throw std::invalid_argument("not hex");
        if (high < 0) {
            high = digit;
        } else {
            out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
            high = -1;
        }
    }
    if (high >= 0) throw std::invalid_argument("odd number of hex digits");
    return out;
}

inline std::string to_hex(bytes_view data) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const auto b : data) {
        out += digits[b >> 4];
        out += digits[b & 15];
    }
    return out;
}

}  // namespace sluice::test
