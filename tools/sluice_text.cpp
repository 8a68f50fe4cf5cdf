#include "sluice/tools/sluice_text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace sluice {
namespace {

constexpr std::size_t usual_columns = 80;  // of a terminal that does not tell
constexpr std::size_t room_min = 8;        // columns beside a mark, however narrow a terminal is

// A character of UTF-8 (RFC 3629 §4).
struct character {
    std::size_t length = 0;  // bytes; 0: it is none
    std::uint32_t code = 0;
};

character first_of(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {1, first};
    const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < n) return {};
    std::uint32_t code = first & (0x7fu >> n);
    for (std::size_t i = 1; i < n; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least[n] || surrogate || code > 0x10ffff) return {};
    return {n, code};
}

bool does_no_harm(std::uint32_t code) {
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;  // C0, DEL, C1
    // LINE and PARAGRAPH SEPARATOR, and what turns the direction (UAX #9).
    return code != 0x61c && code != 0x200e && code != 0x200f &&
           !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

// At least as wide as it is shown.
std::size_t columns_of(std::string_view text) {
    const character c = first_of(text);
    return c.length > 1 ? 2 : 1;
}

std::size_t width(std::string_view text) {
    std::size_t columns = 0;
    for (; !text.empty(); text.remove_prefix(std::max<std::size_t>(first_of(text).length, 1)))
        columns += columns_of(text);
    return columns;
}

// Between words, where that leaves no great gap.
void append_folded(std::string& out, std::string_view line, std::string_view mark,
                   std::size_t columns) {
    const std::size_t taken = width(mark);
    const std::size_t room = columns > taken + room_min ? columns - taken : room_min;
    out += mark;
    if (columns == 0) out += line;
    while (columns != 0 && !line.empty()) {
        std::size_t n = 0;
        std::size_t behind_blank = 0;
        for (std::size_t at = 0; n < line.size();) {
            const std::string_view left = line.substr(n);
            at += columns_of(left);
            if (at > room) break;
            n += std::max<std::size_t>(first_of(left).length, 1);
            if (left.front() == ' ') behind_blank = n;
        }
        if (n < line.size() && behind_blank > n / 3) n = behind_blank;
        out += line.substr(0, n);
        line.remove_prefix(n);
        if (!line.empty()) out.append("\n").append(mark);
    }
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const character c = first_of(text);
        const std::size_t n = std::max<std::size_t>(c.length, 1);
        if (c.length != 0 && does_no_harm(c.code)) {
            out += text.substr(0, n);
        } else {
            for (const char byte : text.substr(0, n)) {
                char escaped[5];
                std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(byte));
                out += escaped;
            }
        }
        text.remove_prefix(n);
    }
    return out;
}

std::string server_mark(const connect_options& options) {
    const std::string user = options.user.empty() ? "" : options.user + "@";
    return "(" + printable(user + options.host) + ") ";
}

std::string marked(std::string_view text, std::string_view mark, std::size_t columns) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!out.empty()) out += '\n';
        append_folded(out, printable(line), mark, columns);
    }
    return out;
}

std::string marked_line(std::string_view text, std::string_view mark, std::size_t columns) {
    std::string out;
    append_folded(out, printable(text), mark, columns);
    return out;
}

std::string shortened(const std::string& text, std::size_t columns) {
    constexpr std::string_view left_out = "...";
    std::size_t wide = width(text);
    if (wide <= columns) return text;
    std::string_view end = text;
    while (!end.empty() && wide + left_out.size() > columns) {
        wide -= columns_of(end);
        end.remove_prefix(std::max<std::size_t>(first_of(end).length, 1));
    }
    return std::string(left_out).append(end);
}

std::size_t terminal_columns(int fd) {
    if (::isatty(fd) != 1) return 0;
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_columns;
    return size.ws_col;
}

}  // namespace sluice
