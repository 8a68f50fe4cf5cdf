#include "sluice/io/percent_tokens.hpp"

namespace sluice {

std::optional<std::string> replace_tokens(std::string_view text, const percent_values& values) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (++i == text.size()) return std::nullopt;
        if (text[i] == '%') {
            out += '%';
            continue;
        }
        const auto value = values(text[i]);
        if (!value) return std::nullopt;
        out += *value;
    }
    return out;
}

std::string unknown_token(std::string_view text, std::string_view letters) {
    std::string unknown;
    const auto known = [&](char letter) -> std::optional<std::string> {
        if (letters.find(letter) != std::string_view::npos) return std::string();
        unknown = {'%', letter};
        return std::nullopt;
    };
    if (!replace_tokens(text, known) && unknown.empty()) unknown = "%";
    return unknown;
}

}  // namespace sluice
