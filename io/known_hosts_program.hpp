#pragma once

#include "sluice/io/connect_options.hpp"
#include "sluice/io/ssh_config.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_system.hpp"

#include <optional>
#include <string>

namespace sluice {

/// Private to io/: KnownHostsCommand (ssh_config(5)) as connect_options::on_known_hosts, which is
/// run on a thread of its own, for a minute and up to limits::known_hosts_length_max. Nothing where
/// there is none. `wrong` says what is wrong with it.
asked<std::optional<std::string>, known_hosts_question> known_hosts_program(
    const ssh_config& config, const ssh_config_system& system, ssh_config_fault& wrong);

}  // namespace sluice
