#pragma once

#include "sluice/io/ssh_config.hpp"
#include "sluice/io/ssh_config_system.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// Why a configuration is refused.
struct ssh_config_error {
    std::string file;      // "command line" for what was said there
    std::size_t line = 0;  // from 1; 0: about the file, or the outcome, as a whole
    std::string text;

    /// "~/.ssh/config:7: Port: expected a number from 1 to 65535, not 'many'"
    std::string message() const;
};

/// A file to read.
struct ssh_config_file {
    std::string path;
    bool of_user = true;  // relative names of Include are below ~/.ssh, and may begin with ~
    bool must_exist = false;
    bool guarded = false;  // nobody else may be able to write it
};

/// What is asked.
struct ssh_config_query {
    std::string host = {};  // as the user names it
    std::string user = {};  // as the user names it, before all else; empty: not named

    /// "Keyword=value", before all files: -o of ssh(1). See `ssh_config_setting`.
    std::vector<std::string> settings = {};

    /// In this order; the first value of a keyword counts.
    std::vector<ssh_config_file> files = {};

    /// To be run, or a subsystem's name, for Match; empty: a shell.
    std::string command = {};

    /// ~/.ssh/config and /etc/ssh/ssh_config.
    static std::vector<ssh_config_file> usual_files(const ssh_config_system& system);
};

/// One word of a value, whatever is in it.
std::string ssh_config_quoted(std::string_view value);

/// A setting whose value is one word, whatever is in it.
std::string ssh_config_setting(std::string_view keyword, std::string_view value);

/// Reads the files and works out what holds for the host, as ssh(1) does: everything that `ssh -G`
/// prints has its value, names are canonical, and the tokens in it are expanded where `ssh -G` does
/// so. Opens and runs nothing but by `system`.
///
/// Names of hosts and users with characters that a shell could take for more are refused wherever
/// they come from: the query, settings, a file. They reach ProxyCommand and Match exec. OpenSSH
/// checks those of its arguments only, since 9.6.
boost::system::result<ssh_config, ssh_config_error> resolve_ssh_config(
    const ssh_config_query& query, const ssh_config_system& system);

/// Keyword and value of each member, as `ssh -G` prints them.
std::vector<std::pair<std::string, std::string>> ssh_config_lines(const ssh_config& config);

/// The variables that a session is to get: those of this process that SendEnv
/// names, then SetEnv's.
std::vector<std::pair<std::string, std::string>> ssh_config_environment(
    const ssh_config& config, const std::vector<std::string>& of_process);

}  // namespace sluice
