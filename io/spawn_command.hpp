#pragma once

#include "sluice/io/command_launcher.hpp"
#include "sluice/wire/error.hpp"

#include <sys/types.h>

namespace sluice {

/// Starts a command by /bin/sh as this process's own user: in a session of its own, signals as by
/// default, no descriptor but its three pipes, and an environment that holds what a login shell
/// would set and `options.environment`, nothing of this process's own. It is a child to wait for.
/// Errors: those of the system.
result<pid_t> spawn_command(const process_options& options, const command_pipes& pipes);

/// A descriptor that polls as readable when a child has ended, be it long ago; closed at exec.
result<file_descriptor> open_process_descriptor(pid_t pid);

/// The status of a child that has ended, as of waitpid(2); nothing while it runs. A child that
/// somebody else has waited for (SIGCHLD is ignored, say) counts as ended by SIGKILL: nobody knows.
std::optional<int> wait_status(pid_t pid);

}  // namespace sluice
