#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What is wrong, in words; empty when nothing is.
using ssh_config_fault = std::string;

/// A line of ssh_config(5), taken apart.
struct ssh_config_line {
    std::string keyword;             // in lower case; empty: there is nothing on the line
    std::vector<std::string> words;  // without their quotes, up to a comment
    std::string rest;                // what follows the keyword, as it was written
};

/// Blanks, or blanks and one '=', end the keyword. Words may be in quotes of either kind and hold
/// escaped quotes; '#' where a word would begin ends them.
ssh_config_fault split_ssh_config_line(std::string_view line, ssh_config_line& out);

/// The next word from the front of `text`, with what ends it: blanks and at most one '='. Only
/// double quotes quote. Nothing behind the last one, or where a quote does not end. Keywords and
/// the conditions of Match are read so.
std::optional<std::string> take_ssh_config_word(std::string_view& text);

/// The text in lower case, as far as it is ASCII.
std::string in_lower_case(std::string_view text);

}  // namespace sluice
