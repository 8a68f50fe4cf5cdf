#pragma once

#include "sluice/tools/sluice_options.hpp"

#include <string>

namespace sluice {

struct run_arguments {
    std::string command;
    bool no_input = false;  // -n
    bool verbose = false;   // -v
};

/// `sluice run`: a command on a server, RemoteCommand where none is given, with this process's
/// standard streams. Gives the exit status: the command's, or 255 where there is none, as ssh(1).
int run_command(client_settings settings, run_arguments arguments);

}  // namespace sluice
