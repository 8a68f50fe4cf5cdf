#include "sluice/crypto/moduli.hpp"

#include "sluice/crypto/bit_length.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/mpint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace sluice::crypto {
namespace {

// Time, type, tests, tries, size, generator, modulus.
constexpr std::size_t field_count = 7;
constexpr unsigned safe_prime = 2;
constexpr unsigned known_composite = 1;
constexpr unsigned tested_by_sieve = 2;  // which alone proves little

std::optional<std::array<std::string_view, field_count>> fields_of(std::string_view line) {
    constexpr std::string_view blanks = " \t\r";
    std::array<std::string_view, field_count> fields;
    for (auto& field : fields) {
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        field = line.substr(0, line.find_first_of(blanks));
        if (field.empty()) return std::nullopt;
        line.remove_prefix(field.size());
    }
    if (line.find_first_not_of(blanks) != std::string_view::npos) return std::nullopt;
    return fields;
}

std::optional<unsigned> number(std::string_view text, int base = 10) {
    unsigned value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Big-endian, no leading zeros.
std::optional<bytes> magnitude(std::string_view hex) {
    if (hex.size() > limits::dh_group_bits_max / 4) return std::nullopt;
    const std::string digits = std::string(hex.size() % 2, '0') + std::string(hex);
    bytes out;
    for (std::size_t at = 0; at < digits.size(); at += 2) {
        const auto value = number(std::string_view(digits).substr(at, 2), 16);
        if (!value) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(*value));
    }
    return to_bytes(wire::mpint::of(out).magnitude);
}

// A group, or nothing of a line that is of no use.
result<std::optional<dh_group>> group_of(std::string_view line) {
    const auto fields = fields_of(line);
    if (!fields) return errc::bad_value;
    const auto type = number((*fields)[1]);
    const auto tests = number((*fields)[2]);
    const auto size = number((*fields)[4]);
    const auto generator = number((*fields)[5], 16);
    if (!type || !tests || !size || !generator) return errc::bad_value;
    if (*type != safe_prime || (*tests & known_composite) != 0 || *tests <= tested_by_sieve)
        return std::nullopt;
    // They count from zero.
    if (*size < limits::dh_group_bits_min - 1 || *size > limits::dh_group_bits_max - 1)
        return std::nullopt;
    auto prime = magnitude((*fields)[6]);
    if (!prime || bit_length(*prime) != *size + 1 || prime->back() % 2 == 0) return errc::bad_value;
    if (*generator < 2 || *generator > 0xff) return errc::bad_value;
    return dh_group{std::move(*prime), {static_cast<std::uint8_t>(*generator)}};
}

}  // namespace

result<std::vector<dh_group>> parse_moduli(std::string_view text) {
    std::vector<dh_group> groups;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto first = line.find_first_not_of(" \t\r");
        if (first == std::string_view::npos || line[first] == '#') continue;
        auto group = group_of(line);
        if (!group) return group.error();
        if (!*group) continue;
        if (groups.size() == limits::moduli_max) return errc::too_long;
        groups.push_back(std::move(**group));
    }
    return groups;
}

}  // namespace sluice::crypto
