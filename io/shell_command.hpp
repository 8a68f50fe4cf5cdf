#pragma once

#include "sluice/wire/error.hpp"

#include <sys/types.h>

#include <string>

namespace sluice {

/// Where the standard streams of a command lead to; its standard error is this process's.
struct command_streams {
    int input = -1;  // a descriptor; -1: /dev/null
    int output = -1;
};

/// Starts `command` by the user's shell ($SHELL, or /bin/sh), which it replaces. It has this
/// process's environment and its terminal, and no other descriptor; signals are as by default.
/// Errors: those of the system.
result<pid_t> start_shell_command(const std::string& command, const command_streams& streams);

/// Runs it to its end and gives its exit status; of one that a signal ended, 128 and more, as a
/// shell does. Blocks.
result<int> run_shell_command(const std::string& command, const command_streams& streams = {});

}  // namespace sluice
