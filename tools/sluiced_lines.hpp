#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What is wrong with a line of settings; empty when nothing is.
using config_fault = std::string;

inline constexpr std::size_t config_values_max = 1024;  // of one keyword, all lines together

/// Takes the keyword from the front of a line, with the blanks or '=' that end it, and leaves what
/// is behind. Empty: there is nothing on the line but perhaps a comment.
config_fault take_keyword(std::string_view& line, std::string& keyword);

/// Words, in quotes where they hold blanks or '#'; a comment ends them.
config_fault split_words(std::string_view text, std::vector<std::string>& words);

/// What follows a keyword, as it was written.
std::string_view without_blanks_around(std::string_view text);

/// A word as `split_words` reads it: in quotes where they are needed.
std::string quoted(std::string_view word);

}  // namespace sluice
