#pragma once

#include "sluice/io/file_descriptor.hpp"
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
    bool follow = false;            // --follow
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

/// The same of [USER@]HOST without a path too, which is where the server puts us.
std::optional<remote_place> start_or_place_of(std::string_view text);

/// The last part of a path; empty where that is no name ("/", "..").
std::string last_name(std::string_view path);
/// `folder` and a name in it.
std::string joined(std::string_view folder, std::string_view name);

inline constexpr int exit_failed = 1;  // some file was not transferred

/// Says what is wrong with a file; gives exit_failed. `operation` is as in transfer_fault.
int failed_here(std::string_view operation, const std::string& path, error_code e);
/// The same at the server, which said `text`: that is shown where it says more than `e`.
int failed_there(std::string_view operation, const std::string& path, error_code e,
                 std::string_view text);
/// The same of a transfer, on either side.
int failed(const transfer_result& came, const std::string& path, error_code e);

/// What a server's words add to an error: " (words)", or nothing.
std::string added_words(const error_code& e, std::string_view text);

/// Says that a link to a directory is not gone into; gives exit_failed.
int not_followed(const std::string& path);
/// Says that a directory is one that it is in itself; gives exit_failed.
int leads_back(const std::string& path);
/// Says that there are more directories in each other than are copied; gives exit_failed.
int too_deep(const std::string& path);
/// Says that times were clamped (transfer_result::times_clamped).
void say_times_clamped(const std::string& path);

/// Whether a local path is "-" or names what has no places in it to begin at: a FIFO, a terminal.
/// Such a thing is copied in order.
bool is_stream(const std::string& local);
/// Opens one: for reading a duplicate of standard input where it is "-", for writing of standard
/// output. Errors: those of the system.
result<file_descriptor> open_stream(const std::string& local, bool for_writing);

/// Of a mode, the bits that a copy gets: those of setuid, setgid and sticky only where
/// `--preserve-special` was given and the owner of the original is us.
std::uint32_t kept_mode(const file_arguments& arguments, std::uint32_t mode,
                        std::optional<std::uint32_t> owner);

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
