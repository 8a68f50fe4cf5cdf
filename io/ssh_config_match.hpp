#pragma once

#include "sluice/io/ssh_config.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_system.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// One reading of all files. There is a second one where a file says `Match final`, or names are
/// made canonical.
struct ssh_config_pass {
    std::string host;          // that `Host` goes by: as typed, then its canonical name
    std::string command = {};  // that is to be run
    bool final = false;        // the second one
    bool wants_final = false;  // `Match final` was met
};

/// A comma-separated list of patterns, with ! for exceptions (ssh_config(5), PATTERNS).
bool matches_pattern_list(std::string_view text, std::string_view list);

/// Whether the patterns of `Host` mean this host.
ssh_config_fault match_host(const std::vector<std::string>& patterns, std::string_view host,
                            bool& matches);

/// Whether all conditions of `Match` hold. `so_far` is what the lines before have said. One that is
/// not known, a later release's say, does not hold, negated or not; `unknown` is its name.
ssh_config_fault match_conditions(std::string_view conditions, const ssh_config& so_far,
                                  ssh_config_pass& pass, const ssh_config_system& system,
                                  bool& matches, std::string& unknown);

}  // namespace sluice
