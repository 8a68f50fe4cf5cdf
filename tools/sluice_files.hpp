#pragma once

#include "sluice/io/sftp_client.hpp"
#include "sluice/tools/sluice_connection.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// What `sluice get`, `put` and `ls` have in common.
namespace sluice {

struct file_arguments {
    std::string from;               // HOST:REMOTE, of put a local path
    std::string to;                 // may be empty
    bool recursive = false;         // -r
    bool preserve = false;          // --preserve
    bool preserve_special = false;  // --preserve-special
    bool quiet = false;             // -q
    bool verbose = false;           // -v
    bool details = false;           // ls -l
};

/// A path on a server, as scp(1) writes it.
struct remote_place {
    std::string host;  // [user@]host
    std::string path;  // may be empty
};

/// Reads [USER@]HOST:PATH, where HOST may be an address in brackets. Nothing where there is no host
/// in it.
std::optional<remote_place> place_of(std::string_view text);

/// The last part of a path; empty where that is no name ("/", "..").
std::string last_name(std::string_view path);
/// `folder` and a name in it.
std::string joined(std::string_view folder, std::string_view name);

inline constexpr int exit_failed = 1;  // some file was not transferred

/// Says what is wrong with a file; gives exit_failed.
int failed(const std::string& what, error_code e);

/// Says that a directory has names that are none of entries; gives exit_failed.
int left_out(const std::string& directory, std::size_t names);

/// Shows on a terminal how a file comes along: bytes and rate, a few times a second.
class progress_line {
public:
    explicit progress_line(const file_arguments& arguments);
    transfer_options options(std::string name);
    /// Leaves the last state on the screen.
    void end();

private:
    void show(const transfer_progress& p, bool last);

    bool shown_ = false;
    bool preserve_ = false;
    bool preserve_special_ = false;
    std::string name_;
    std::chrono::steady_clock::time_point began_;
    std::chrono::steady_clock::time_point drawn_;
    transfer_progress latest_;
};

/// Connects, opens a session, gives it to `work`, and closes both in order. Gives the exit status:
/// that of `work`, or exit_no_session.
int with_files(client_settings settings, bool verbose,
               std::function<boost::asio::awaitable<int>(sftp_client&)> work);

/// The commands. Each gives the exit status.
int get_files(client_settings settings, const file_arguments& arguments);
int put_files(client_settings settings, const file_arguments& arguments);
int list_files(client_settings settings, const file_arguments& arguments);

}  // namespace sluice
