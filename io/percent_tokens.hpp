#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// What %x stands for, by its letter; nothing where there is no such token, or nothing that it
/// stands for.
using percent_values = std::function<std::optional<std::string>(char letter)>;

/// `text` with each %x replaced by its value, and %% by a percent sign (sshd_config(5), TOKENS).
/// What replaces one is not looked through again. Nothing where a token has no value, or a percent
/// sign stands at the end.
std::optional<std::string> replace_tokens(std::string_view text, const percent_values& values);

/// The first token of `text` whose letter is not among `letters`, "%x", or "%" at the end; empty:
/// each one is known.
std::string unknown_token(std::string_view text, std::string_view letters);

}  // namespace sluice
