#pragma once

#include "sluice/tools/sluice_options.hpp"

namespace sluice {

/// `sluice config`: what holds for a host, as `ssh -G` prints it. Gives the exit status.
int print_config(const client_arguments& arguments, const ssh_config_system& system);

}  // namespace sluice
