#include "sluice/crypto/base64.hpp"

#include <array>

namespace sluice::crypto {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t no_digit = 0xff;

constexpr auto digits = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

}  // namespace

std::string to_base64(bytes_view data) {
    std::string out;
    out.reserve((data.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < data.size(); i += 3) {
        const std::size_t n = std::min<std::size_t>(3, data.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < n ? data[i + k] : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out += k <= n ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

result<secret_bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return errc::bad_value;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    const std::size_t count = text.size() - padding;
    secret_bytes out(text.size() / 4 * 3 - padding);
    std::uint32_t group = 0;
    unsigned bits = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t digit = digits[static_cast<std::uint8_t>(text[i])];
        if (digit == no_digit) return errc::bad_value;
        group = group << 6 | digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.data()[at++] = static_cast<std::uint8_t>(group >> bits);
            group &= (1u << bits) - 1;
        }
    }
    if (group != 0) return errc::bad_value;
    return out;
}

}  // namespace sluice::crypto
