#pragma once

#include "sluice/sftp/server.hpp"
#include "sluice/tools/sluiced_lines.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace CLI {
class App;
}

namespace sluice {

/// The options of sftp-server(8): of sluice-sftp-server, and of internal-sftp in the settings of
/// sluiced.
struct sftp_options {
    std::string start_directory;  // -d, with its tokens; empty: not given
    std::string facility;         // -f
    std::string level;            // -l
    std::vector<std::string> denied;
    std::vector<std::string> allowed;  // empty: all
    std::string mask;                  // -u, octal
    std::string file_mode;             // -m, octal
    bool errors = false;               // -e
    bool read_only = false;            // -R

    bool operator==(const sftp_options&) const = default;
};

/// Declares them; `options` outlives the parsing.
void declare(CLI::App& app, sftp_options& options);

/// What is wrong with values that were parsed; empty: nothing.
config_fault fault_in(const sftp_options& options);

/// Reads what stands behind `internal-sftp`, and looks for faults.
config_fault read_sftp_options(const std::vector<std::string>& words, sftp_options& options);

/// The words that read back to the same.
std::vector<std::string> words_of(const sftp_options& options);

/// Whom `%u` and `%d` stand for.
struct sftp_user {
    std::string name;
    std::string home = "/";
};

/// The account of this machine by that name, or one without a home directory.
sftp_user sftp_user_named(const std::string& name);

/// `%u`, `%d` and `%%` of -d; nothing where there is any other token.
std::optional<std::string> expand_start_directory(std::string_view pattern, const sftp_user& user);

/// The umask of -u. Nothing where it was not given.
std::optional<mode_t> umask_of(const sftp_options& options);

/// The mode of -m. Nothing where it was not given.
std::optional<mode_t> file_mode_of(const sftp_options& options);

/// What of the options the sessions are to keep.
sftp::server_config sftp_config_from(const sftp_options& options);

/// Whether operations are logged: from the level INFO on.
bool logs_operations(const sftp_options& options);

/// The number of a facility of syslog, by its name in sshd_config(5).
std::optional<int> syslog_facility(std::string_view name);

/// The lowest priority of syslog that is written; -1: none.
std::optional<int> syslog_priority(std::string_view level);

}  // namespace sluice
