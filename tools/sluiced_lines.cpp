#include "sluice/tools/sluiced_lines.hpp"

namespace sluice {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

void skip_blanks(std::string_view& text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
}

// One word from the front; what quotes it has end within.
config_fault take_word(std::string_view& text, bool is_keyword, std::string& word) {
    char quote = '\0';
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        const char c = text[i];
        if (quote == '\0' && (is_blank(c) || (is_keyword && c == '='))) break;
        if (c == '\0') return "a NUL byte";
        const bool escape = c == '\\' && i + 1 < text.size() &&
                            (text[i + 1] == '"' || text[i + 1] == '\'' || text[i + 1] == '\\' ||
                             (quote == '\0' && text[i + 1] == ' '));
        if (escape)
            word += text[++i];
        else if (quote != '\0' ? c == quote : c == '"' || c == '\'')
            quote = quote == '\0' ? c : '\0';
        else
            word += c;
    }
    text.remove_prefix(i);
    return quote == '\0' ? "" : "a quote that does not end";
}

}  // namespace

config_fault take_keyword(std::string_view& line, std::string& keyword) {
    skip_blanks(line);
    if (line.empty() || line.front() == '#') return {};
    if (auto wrong = take_word(line, true, keyword); !wrong.empty()) return wrong;
    skip_blanks(line);
    if (line.starts_with('=')) line.remove_prefix(1);
    skip_blanks(line);
    return keyword.empty() ? "a keyword is missing" : "";
}

config_fault split_words(std::string_view text, std::vector<std::string>& words) {
    for (;;) {
        skip_blanks(text);
        if (text.empty() || text.front() == '#') return {};
        std::string word;
        if (auto wrong = take_word(text, false, word); !wrong.empty()) return wrong;
        words.push_back(std::move(word));
        if (words.size() > config_values_max) return "too many values";
    }
}

std::string_view without_blanks_around(std::string_view text) {
    skip_blanks(text);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

std::string quoted(std::string_view word) {
    // '=' and '#' only mean something in front.
    const bool plain = !word.empty() && word.front() != '=' && word.front() != '#' &&
                       word.find_first_of(" \t\r\f\"'\\") == std::string_view::npos;
    if (plain) return std::string(word);
    std::string out = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace sluice
