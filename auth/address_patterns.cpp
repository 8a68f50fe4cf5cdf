#include "sluice/auth/address_patterns.hpp"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

constexpr unsigned v4_prefix_bits = 96;  // of ::ffff:0:0/96
constexpr std::size_t address_length_max = 64;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

// A whole number without sign or leading zeros, at most `max`.
std::optional<unsigned> number(std::string_view text, unsigned max, int base = 10) {
    unsigned value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (ec != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
    if (base == 10 && text.size() > 1 && text.front() == '0') return std::nullopt;
    return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
    std::array<std::uint8_t, 4> raw{};
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto dot = text.find('.');
        if ((dot == std::string_view::npos) != (i + 1 == raw.size())) return std::nullopt;
        const auto part = number(text.substr(0, dot), 255);
        if (!part) return std::nullopt;
        raw[i] = static_cast<std::uint8_t>(*part);
        text.remove_prefix(std::min(text.size(), dot + 1));
    }
    return raw;
}

// RFC 4291 §2.2: groups of hex digits, at most one "::", and perhaps an IPv4 address at the end.
std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
    std::array<std::uint8_t, 16> raw{};
    std::size_t size = 0;
    std::optional<std::size_t> gap;
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const auto colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            const auto v4 = parse_v4(group);
            if (!v4 || size + 4 > raw.size()) return std::nullopt;
            std::ranges::copy(*v4, raw.begin() + static_cast<std::ptrdiff_t>(size));
            size += 4;
            break;
        }
        const auto value = number(group, 0xffff, 16);
        if (!value || group.size() > 4 || size + 2 > raw.size()) return std::nullopt;
        raw[size++] = static_cast<std::uint8_t>(*value >> 8);
        raw[size++] = static_cast<std::uint8_t>(*value);
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.starts_with(':')) {
            if (gap) return std::nullopt;
            gap = size;
            text.remove_prefix(1);
        } else if (text.empty()) {
            return std::nullopt;  // a single colon at the end
        }
    }
    if (!gap) return size == raw.size() ? std::optional(raw) : std::nullopt;
    if (size == raw.size()) return std::nullopt;  // a gap of nothing
    std::array<std::uint8_t, 16> whole{};
    const auto at_gap = raw.begin() + static_cast<std::ptrdiff_t>(*gap);
    std::copy(raw.begin(), at_gap, whole.begin());
    std::copy_backward(at_gap, raw.begin() + static_cast<std::ptrdiff_t>(size), whole.end());
    return whole;
}

bool same_prefix(const ip_address& a, const ip_address& b, unsigned bits) {
    for (std::size_t i = 0; i < a.raw.size() && bits > 0; ++i) {
        const unsigned n = std::min(bits, 8u);
        const unsigned mask = 0xff00u >> n & 0xff;
        if (((a.raw[i] ^ b.raw[i]) & mask) != 0) return false;
        bits -= n;
    }
    return true;
}

bool bits_behind(const ip_address& a, unsigned bits) {
    for (unsigned i = bits; i < 128; ++i)
        if ((a.raw[i / 8] >> (7 - i % 8) & 1) != 0) return true;
    return false;
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) {
    text = text.substr(0, text.find('%'));
    if (text.size() > address_length_max) return std::nullopt;
    ip_address address;
    if (const auto v4 = parse_v4(text)) {
        address.raw[10] = address.raw[11] = 0xff;
        std::ranges::copy(*v4, address.raw.begin() + v4_prefix_bits / 8);
        address.is_v4 = true;
        return address;
    }
    const auto v6 = parse_v6(text);
    if (!v6) return std::nullopt;
    address.raw = *v6;
    ip_address mapped;
    mapped.raw[10] = mapped.raw[11] = 0xff;
    address.is_v4 = same_prefix(address, mapped, v4_prefix_bits);
    return address;
}

bool matches_wildcards(std::string_view text, std::string_view pattern) {
    std::size_t t = 0;
    std::size_t p = 0;
    // Where to go on when the latest * takes one character more.
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

result<address_patterns> address_patterns::parse(std::string_view list) {
    address_patterns parsed;
    for (;;) {
        const auto comma = list.find(',');
        auto one = parse_one(list.substr(0, comma));
        if (!one) return one.error();
        parsed.patterns_.push_back(std::move(*one));
        if (comma == std::string_view::npos) return parsed;
        list.remove_prefix(comma + 1);
    }
}

result<address_patterns> address_patterns::parse_blocks(std::string_view list) {
    auto parsed = parse(list);
    if (!parsed) return parsed;
    const auto is_block = [](const pattern& p) { return p.block && !p.negated; };
    if (!std::ranges::all_of(parsed->patterns_, is_block)) return errc::bad_config;
    return parsed;
}

result<address_patterns::pattern> address_patterns::parse_one(std::string_view text) {
    pattern p;
    if (text.starts_with('!')) {
        p.negated = true;
        text.remove_prefix(1);
    }
    if (text.empty()) return errc::bad_config;
    const auto slash = text.find('/');
    p.block = ip_address::parse(text.substr(0, slash));
    if (slash == std::string_view::npos) {
        p.prefix_bits = 128;
        if (!p.block) p.wildcards = lower(text);
        return p;
    }
    // An IPv4 block written as IPv6 counts its bits as IPv6 does.
    const bool as_v4 = p.block && text.find(':') == std::string_view::npos;
    const auto bits = number(text.substr(slash + 1), as_v4 ? 32 : 128);
    if (!p.block || !bits) return errc::bad_config;
    p.prefix_bits = *bits + (as_v4 ? v4_prefix_bits : 0);
    if (bits_behind(*p.block, p.prefix_bits)) return errc::bad_config;
    return p;
}

bool address_patterns::matches(const pattern& p, std::string_view text,
                               const std::optional<ip_address>& address) {
    if (!p.block) return matches_wildcards(text, p.wildcards);
    // A short IPv6 prefix such as ::/0 must not take in IPv4.
    return address && address->is_v4 == p.block->is_v4 &&
           same_prefix(*address, *p.block, p.prefix_bits);
}

bool address_patterns::allows(std::string_view address) const {
    if (address.size() > address_length_max) return false;
    const auto parsed = ip_address::parse(address);
    std::string text = lower(address);
    // What a dual-stack socket says of an IPv4 peer, as the user wrote it.
    if (parsed && parsed->is_v4 && text.find(':') != std::string::npos)
        text.erase(0, text.rfind(':') + 1);
    bool allowed = false;
    for (const pattern& p : patterns_) {
        if (!matches(p, text, parsed)) continue;
        if (p.negated) return false;
        allowed = true;
    }
    return allowed;
}

}  // namespace sluice
