#pragma once

#include "sluice/tools/sluice_options.hpp"
#include "sluice/tools/sluice_run.hpp"

#include <span>
#include <string>

namespace sluice {

/// `sluice ssh`, and `sluice` called by the name ssh: one connection as ssh(1) would make it, for
/// programs that call ssh. `words` are those behind the name. Gives the exit status.
int run_ssh(std::span<const std::string> words);

/// `sluice run`: a command on a server, RemoteCommand where none is given, and what else the
/// settings say of sessions and forwards.
int run_command(client_settings settings, run_arguments arguments);

}  // namespace sluice
