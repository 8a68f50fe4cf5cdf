#include "sluice/io/ssh_config_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace sluice {
namespace {

// Up to the next colon outside brackets, whose brackets are taken off. Nothing if they do not
// match.
std::optional<std::string> take_part(std::string_view& text) {
    std::string part;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == text.npos) return std::nullopt;
        part = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (!text.empty() && text.front() != ':') return std::nullopt;
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        part = text.substr(0, colon);
        text.remove_prefix(colon);
    }
    return part;
}

std::optional<std::uint16_t> port_from(std::string_view text, std::int64_t least) {
    const auto n = ssh_config_number(text, least, 65535);
    if (!n) return std::nullopt;
    return static_cast<std::uint16_t>(*n);
}

struct named_number {
    std::string_view name;
    int value;
};
// The first name of a value is the one that is printed. RFC 2474, 3246, 8622; RFC 1349 for the
// last.
constexpr std::array types_of_service{
    named_number{"af11", 0x28},        named_number{"af12", 0x30},
    named_number{"af13", 0x38},        named_number{"af21", 0x48},
    named_number{"af22", 0x50},        named_number{"af23", 0x58},
    named_number{"af31", 0x68},        named_number{"af32", 0x70},
    named_number{"af33", 0x78},        named_number{"af41", 0x88},
    named_number{"af42", 0x90},        named_number{"af43", 0x98},
    named_number{"cs0", 0x00},         named_number{"cs1", 0x20},
    named_number{"cs2", 0x40},         named_number{"cs3", 0x60},
    named_number{"cs4", 0x80},         named_number{"cs5", 0xa0},
    named_number{"cs6", 0xc0},         named_number{"cs7", 0xe0},
    named_number{"ef", 0xb8},          named_number{"le", 0x04},
    named_number{"lowdelay", 0x10},    named_number{"throughput", 0x08},
    named_number{"reliability", 0x04}, named_number{"none", -1},
};

// -1: none
std::optional<int> type_of_service_from(std::string_view text) {
    const std::string word = in_lower_case(text);
    const auto named = std::ranges::find(types_of_service, word, &named_number::name);
    if (named != types_of_service.end()) return named->value;
    const bool hexadecimal = word.starts_with("0x");
    const bool octal = !hexadecimal && word.size() > 1 && word.starts_with('0');
    const std::string_view digits = std::string_view(word).substr(hexadecimal ? 2 : 0);
    int value = 0;
    const auto [end, e] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                          hexadecimal ? 16
                                          : octal     ? 8
                                                      : 10);
    const bool whole = e == std::errc() && end == digits.data() + digits.size();
    if (!whole || value < 0 || value > 255) return std::nullopt;
    return value;
}

bool harmless(std::string_view name, std::string_view forbidden) {
    if (name.empty() || name.front() == '-') return false;
    return std::ranges::none_of(name, [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || byte == 0x7f || forbidden.find(c) != forbidden.npos;
    });
}

}  // namespace

std::optional<std::int64_t> ssh_config_number(std::string_view text, std::int64_t least,
                                              std::int64_t most) {
    std::int64_t n = 0;
    const char* end = text.data() + text.size();
    const auto [stop, e] = std::from_chars(text.data(), end, n);
    if (text.empty() || e != std::errc() || stop != end || n < least || n > most)
        return std::nullopt;
    return n;
}

std::optional<std::int64_t> ssh_config_seconds(std::string_view text) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    constexpr std::string_view units = "smhdw";
    constexpr std::int64_t seconds[] = {1, 60, 3600, 86'400, 604'800};
    if (text.empty()) return std::nullopt;
    std::int64_t total = 0;
    while (!text.empty()) {
        const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
        const auto n = ssh_config_number(text.substr(0, digits), 0, most);
        if (!n) return std::nullopt;
        text.remove_prefix(digits);
        std::size_t unit = 0;
        if (!text.empty()) {
            const char c = text.front();
            unit = units.find(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
            if (unit == units.npos) return std::nullopt;
            text.remove_prefix(1);
        }
        total += *n * seconds[unit];
        if (total > most) return std::nullopt;
    }
    return total;
}

std::optional<std::uint64_t> ssh_config_bytes(std::string_view text) {
    constexpr std::string_view units = "bkmgtpe";
    int shift = 0;
    if (!text.empty()) {
        const char c = text.back();
        const auto unit = units.find(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
        if (unit != units.npos) {
            shift = static_cast<int>(unit) * 10;
            text.remove_suffix(1);
        }
    }
    // "1.5G": what follows the point is of the unit.
    const auto point = std::min(text.find('.'), text.size());
    const auto most = std::numeric_limits<std::int64_t>::max() >> shift;
    const auto whole = ssh_config_number(text.substr(0, point), 0, most - 1);
    if (!whole) return std::nullopt;
    std::uint64_t bytes = static_cast<std::uint64_t>(*whole) << shift;
    if (point == text.size()) return bytes;
    constexpr std::size_t digits_max = 3;
    const std::string_view digits = text.substr(point + 1);
    const auto part = ssh_config_number(digits.substr(0, digits_max), 0, 999);
    if (!part || digits.size() > digits_max) return std::nullopt;
    std::uint64_t scale = 1;
    for (std::size_t i = 0; i < digits.size(); ++i)
        scale *= 10;
    const std::uint64_t unit = std::uint64_t{1} << shift;
    bytes += unit / scale * static_cast<std::uint64_t>(*part) +
             unit % scale * static_cast<std::uint64_t>(*part) / scale;
    return bytes;
}

bool is_harmless_host(std::string_view host) { return harmless(host, " '`\"$\\;&<>|(){}"); }

// A domain's user has a backslash in it.
bool is_harmless_user(std::string_view user) {
    return harmless(user, "'`\"$;&<>|(){}") && user.find(" -") == user.npos &&
           !user.ends_with('\\');
}

std::optional<ssh_forward_end> ssh_listener(std::string_view text) {
    ssh_forward_end end;
    if (text.starts_with('/')) {
        end.path = text;
        return end;
    }
    auto first = take_part(text);
    if (!first) return std::nullopt;
    if (text.empty()) {
        const auto port = port_from(*first, 0);
        if (!port) return std::nullopt;
        end.port = *port;
        return end;
    }
    const auto port = port_from(text.substr(1), 0);
    if (!port) return std::nullopt;
    end.host = std::move(*first);
    end.port = *port;
    return end;
}

std::optional<ssh_forward_end> ssh_destination(std::string_view text) {
    ssh_forward_end end;
    if (text.starts_with('/')) {
        end.path = text;
        return end;
    }
    auto host = take_part(text);
    if (!host || host->empty() || text.empty()) return std::nullopt;
    const auto port = port_from(text.substr(1), 1);
    if (!port) return std::nullopt;
    end.host = std::move(*host);
    end.port = *port;
    return end;
}

std::optional<ssh_jump> ssh_jump_from(std::string_view text) {
    constexpr std::string_view scheme = "ssh://";
    const bool uri = text.starts_with(scheme);
    if (uri) text.remove_prefix(scheme.size());
    if (uri && text.ends_with('/')) text.remove_suffix(1);
    if (uri && text.find('/') != text.npos) return std::nullopt;
    ssh_jump jump;
    const auto at = text.rfind('@');
    if (at != text.npos) {
        jump.user = text.substr(0, at);
        if (uri) jump.user = jump.user.substr(0, jump.user.find(';'));
        if (jump.user.empty()) return std::nullopt;
        text.remove_prefix(at + 1);
    }
    auto host = take_part(text);
    if (!host || host->empty()) return std::nullopt;
    jump.host = std::move(*host);
    if (text.size() > 1 || (!text.empty() && !uri)) {
        jump.port = port_from(text.substr(1), 1);
        if (!jump.port) return std::nullopt;
    }
    return jump;
}

std::optional<std::string> ssh_type_of_service(std::string_view text) {
    const auto value = type_of_service_from(text);
    if (!value) return std::nullopt;
    const auto known = std::ranges::find(types_of_service, *value, &named_number::value);
    if (known != types_of_service.end()) return std::string(known->name);
    constexpr std::string_view digits = "0123456789abcdef";
    const auto n = static_cast<std::size_t>(*value);
    return std::string("0x") + digits[n >> 4] + digits[n & 15];
}

std::optional<int> ssh_type_of_service_number(std::string_view text) {
    const auto value = type_of_service_from(text);
    return value && *value >= 0 ? value : std::nullopt;
}

std::optional<std::string> ssh_escape_character(std::string_view text) {
    if (text == "none") return std::string("none");
    if (text == "\\") return std::string("\\\\");
    if (text.size() == 1) return std::string(text);
    if (text.size() == 2 && text[0] == '^' && text[1] >= 64) {
        const char c = static_cast<char>(text[1] & 31);
        return "\\^" + std::string(1, static_cast<char>(c + 64));
    }
    return std::nullopt;
}

std::string to_text(const ssh_forward_end& end) {
    if (!end.path.empty()) return end.path;
    if (!end.host) return std::to_string(end.port);
    return "[" + *end.host + "]:" + std::to_string(end.port);
}

std::string to_text(const ssh_jump& jump, bool last) {
    const bool number = jump.host.find(':') != std::string::npos ||
                        (last && jump.host.find_first_not_of("1234567890.") == std::string::npos);
    std::string text = jump.user.empty() ? "" : jump.user + "@";
    text += number ? "[" + jump.host + "]" : jump.host;
    if (jump.port) text += ":" + std::to_string(*jump.port);
    return text;
}

}  // namespace sluice
