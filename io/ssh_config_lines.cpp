#include "sluice/io/ssh_config_lines.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t\r\n";

void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
}

// One word from `at` on, which is behind it then. False where its quote does not end.
bool take_quotable_word(std::string_view text, std::size_t& at, std::string& word) {
    char quote = '\0';
    for (; at < text.size(); ++at) {
        const char c = text[at];
        const char next = at + 1 < text.size() ? text[at + 1] : '\0';
        const bool escapes = c == '\\' && (next == '"' || next == '\'' || next == '\\' ||
                                           (quote == '\0' && next == ' '));
        if (escapes) {
            word += next;
            ++at;
        } else if (quote == '\0' && (c == ' ' || c == '\t')) {
            break;
        } else if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != '\0' && c == quote) {
            quote = '\0';
        } else {
            word += c;
        }
    }
    return quote == '\0';
}

}  // namespace

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::optional<std::string> take_ssh_config_word(std::string_view& text) {
    if (text.empty()) return std::nullopt;
    const auto stop = std::min(text.find_first_of(" \t\r\n\"="), text.size());
    std::string word(text.substr(0, stop));
    text.remove_prefix(stop);
    if (text.empty()) return word;
    if (text.front() == '"') {
        text.remove_prefix(1);
        const auto close = text.find('"');
        if (close == text.npos) {
            text = {};
            return std::nullopt;
        }
        word += text.substr(0, close);
        text.remove_prefix(close + 1);
        skip_blanks(text);
        return word;
    }
    const bool equals = text.front() == '=';
    text.remove_prefix(1);
    skip_blanks(text);
    if (!equals && text.starts_with('=')) {
        text.remove_prefix(1);
        skip_blanks(text);
    }
    return word;
}

ssh_config_fault split_ssh_config_line(std::string_view line, ssh_config_line& out) {
    if (line.size() > limits::ssh_config_line_length_max) return "the line is too long";
    if (line.find('\0') != line.npos) return "a NUL byte";
    const auto last = line.find_last_not_of(" \t\r\n\f");
    line = line.substr(0, last == line.npos ? 0 : last + 1);
    skip_blanks(line);
    if (line.empty() || line.front() == '#') return {};

    const auto keyword = take_ssh_config_word(line);
    if (!keyword) return "a quote that does not end";
    if (keyword->empty()) return "no keyword";
    out.keyword = in_lower_case(*keyword);
    out.rest = line;
    if (out.rest.empty()) return "no argument behind " + *keyword;
    for (std::size_t at = 0;;) {
        at = std::min(out.rest.find_first_not_of(" \t", at), out.rest.size());
        if (at == out.rest.size() || out.rest[at] == '#') return {};
        if (!take_quotable_word(out.rest, at, out.words.emplace_back()))
            return "a quote that does not end";
        if (out.words.size() > limits::ssh_config_values_max) return "too many arguments";
    }
}

}  // namespace sluice
