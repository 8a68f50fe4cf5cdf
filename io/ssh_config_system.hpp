#pragma once

#include "sluice/wire/error.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What reading ssh_config(5) needs to know of the system. Facts and functions, so that what is
/// read can be tested, and fuzzed, without one. A function that is empty knows nothing.
struct ssh_config_system {
    std::string local_user = {};
    std::string home = {};     // of that user
    std::string user_id = {};  // its number
    std::string local_host = {};

    std::function<std::optional<std::string>(std::string_view name)> environment = {};
    std::function<std::optional<std::string>(std::string_view user)> home_of = {};

    /// The text of a file. `guarded`: only if nobody but its owner, who is this user or root, may
    /// write it; else bad_config. Other errors are those of the system.
    std::function<result<std::string>(const std::string& path, bool guarded)> read = {};

    /// The files that a pattern of glob(7) means, in order; none is no error.
    std::function<result<std::vector<std::string>>(const std::string& pattern)> glob = {};

    /// Runs a command of `Match exec` by the user's shell, and gives its exit status. Where it is
    /// empty, a file with such a condition is refused.
    std::function<result<int>(const std::string& command)> run = {};

    /// An address as it is usually written, or nothing where the text is no address.
    std::function<std::optional<std::string>(const std::string& text)> canonical_address = {};

    /// Those of this system's network interfaces, as text.
    std::function<std::vector<std::string>()> local_addresses = {};

    /// Looks a name up: what it is called in the end (CNAME), or nothing where it is not there.
    std::function<std::optional<std::string>(const std::string& name)> canonical_name = {};

    /// This system's. Commands of `Match exec` are run if `run_commands` says so. Name lookups
    /// block.
    static ssh_config_system here(bool run_commands);
};

}  // namespace sluice
