#pragma once

#include "sluice/io/command_launcher.hpp"
#include "sluice/wire/error.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// What a program may take.
struct program_limits {
    std::size_t bytes_max = 0;  // of its output
    std::chrono::milliseconds time_max{};
};

/// Private to io/: what a program has printed that ended with status 0. It has no input, and its
/// errors go nowhere. `words` are the program, by an absolute path, and its arguments, each as it
/// is: no shell takes any of it for more. It has `environment` besides the usual few variables.
/// Blocks, so not on an I/O thread.
/// Errors: those of the system; bad_value for a word with a NUL; too_long and timed_out beyond its
/// limits, whereupon it is killed; broken_pipe where it failed.
result<std::string> program_output(
    command_launcher& launcher, std::span<const std::string> words, const program_limits& limits,
    std::vector<std::pair<std::string, std::string>> environment = {});

}  // namespace sluice
