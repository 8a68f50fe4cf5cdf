#pragma once

#include "sluice/wire/secret.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Questions to the user by a program, as SSH_ASKPASS and SSH_ASKPASS_REQUIRE of ssh(1) say.
namespace sluice {

/// Whether a program is to ask. `require` is SSH_ASKPASS_REQUIRE, empty where it is not set;
/// `has_display` is whether there is a display for it, `has_terminal` whether we have a terminal.
bool askpass_wanted(std::string_view require, bool has_display, bool has_terminal);

/// By the environment of this process: the program that is to ask; nothing where the terminal is
/// to.
std::optional<std::string> askpass_program();

/// What the program writes, up to the end of its first line, when it is given `prompt`. Blocks.
/// Nothing where it cannot be run or does not end with 0.
std::optional<secret_bytes> ask_by_program(const std::string& program, const std::string& prompt);

}  // namespace sluice
