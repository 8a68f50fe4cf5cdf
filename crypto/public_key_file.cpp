#include "sluice/crypto/public_key_file.hpp"

#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice::crypto {
namespace {

constexpr std::string_view begin_mark = "---- BEGIN SSH2 PUBLIC KEY ----";
constexpr std::string_view end_mark = "---- END SSH2 PUBLIC KEY ----";
constexpr std::size_t line_length_max = 72;       // RFC 4716 §3
constexpr std::size_t tag_length_max = 64;        // §3.3
constexpr std::size_t value_length_max = 1024;    // §3.3
constexpr std::size_t comment_length_max = 1000;  // room for quotes and what others may add
constexpr std::size_t body_line_length = 70;      // as ssh-keygen breaks them

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// §3.1: lines end in CR, LF or CR LF.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (text.starts_with("\r\n"))
        text.remove_prefix(2);
    else if (!text.empty())
        text.remove_prefix(1);
    return line;
}

// One header with its continuation lines. Longer lines than §3 permits are taken: others write
// them.
bool take_header(std::string_view line, std::string_view& text, std::string& comment) {
    const auto colon = line.find(':');
    const std::string_view tag = line.substr(0, colon);
    if (tag.empty() || tag.size() > tag_length_max) return false;
    std::string value(line.substr(colon + 1));
    while (value.ends_with('\\')) {
        value.pop_back();
        if (text.empty()) return false;
        value += take_line(text);
        if (value.size() > value_length_max) return false;
    }
    if (value.size() > value_length_max) return false;
    if (!equal_ignoring_case(tag, "Comment")) return true;
    std::string_view plain = trimmed(value);
    if (plain.size() >= 2 && plain.front() == '"' && plain.back() == '"')
        plain = plain.substr(1, plain.size() - 2);
    comment = plain;
    return true;
}

result<public_key_file> read_rfc4716(std::string_view text) {
    std::string comment;
    std::string_view line = take_line(text);
    while (line.find(':') != std::string_view::npos) {
        if (!take_header(line, text, comment)) return errc::bad_key_file;
        line = take_line(text);
    }
    std::string body;
    while (line != end_mark) {
        if (text.empty()) return errc::bad_key_file;
        body += trimmed(line);
        line = take_line(text);
    }
    const auto blob = from_base64_lines(body);
    if (!blob) return errc::bad_key_file;
    auto key = public_key::from_blob(*blob);
    if (!key) return key.error();
    return public_key_file{std::move(*key), std::move(comment)};
}

}  // namespace

result<public_key_file> read_public_key(std::string_view text) {
    if (text.size() > limits::key_file_length_max) return errc::too_long;
    text = trimmed(text);
    if (text.starts_with(begin_mark)) {
        take_line(text);
        return read_rfc4716(text);
    }
    if (text.find_first_of("\r\n") != std::string_view::npos) return errc::bad_key_file;
    auto key = public_key::from_line(text);
    if (!key) return key.error();
    for (int word = 0; word < 2; ++word)
        text = trimmed(text.substr(std::min(text.find_first_of(" \t"), text.size())));
    return public_key_file{std::move(*key), std::string(text)};
}

result<std::string> write_rfc4716(const public_key& key, std::string_view comment) {
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    if (comment.size() > comment_length_max || std::ranges::any_of(comment, is_control))
        return errc::bad_value;
    std::string head(begin_mark);
    if (!comment.empty()) {
        // §3.3.2: quoted, as some implementations fail otherwise; §3.3: 72 bytes a line.
        std::string header = "Comment: \"" + std::string(comment) + '"';
        for (std::size_t at = line_length_max - 1; at < header.size(); at += line_length_max + 1)
            header.insert(at, "\\\n");
        head += '\n' + header;
    }
    return armoured(head, key.blob(), end_mark, body_line_length);
}

}  // namespace sluice::crypto
