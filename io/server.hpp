#pragma once

#include "sluice/endpoint/close_report.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/io/authenticator.hpp"
#include "sluice/io/byte_stream.hpp"
#include "sluice/io/command_launcher.hpp"
#include "sluice/io/connect_answer.hpp"
#include "sluice/io/descriptor_budget.hpp"
#include "sluice/io/log.hpp"
#include "sluice/io/served_connection.hpp"
#include "sluice/io/session_handler.hpp"
#include "sluice/io/source_limits.hpp"
#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/server.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

class dialler;

/// Makes the filesystem that one SFTP session sees; null refuses the session. `executor` is the
/// connection's strand, on which completions are to be made.
using filesystem_factory = std::function<std::unique_ptr<sftp::filesystem>(
    const session_info& session, boost::asio::any_io_executor executor)>;

/// New connections that have not logged in yet, as OpenSSH's MaxStartups: from `begin` on, one in
/// `rate_percent` of a hundred is refused, rising to all at `full`.
struct startup_limits {
    unsigned begin = 10;
    unsigned rate_percent = 30;
    unsigned full = 100;
};

/// One connection, for those who are told of its end.
struct connection_info {
    std::string peer;  // address and port
    std::string user;  // empty: nobody logged in
};

/// Between which addresses and ports a connection is; 0 and empty where that is not known.
struct connection_ends {
    std::string peer_address = {};  // numeric
    std::uint16_t peer_port = 0;
    std::string local_address = {};  // numeric
    std::uint16_t local_port = 0;

    /// SSH_CLIENT and SSH_CONNECTION, as of ssh(1), for commands.
    std::vector<std::pair<std::string, std::string>> variables() const;
};

/// What became of the connections that a server had when it began to drain or stop.
struct server_report {
    std::size_t connections = 0;
    std::size_t cut = 0;   // of these, those that the server ended before they were done
    std::size_t left = 0;  // of these, those that their client left, or lost, with something undone
    close_report::totals total;
    std::size_t tasks_not_returned = 0;
    std::uint64_t refused_by_source = 0;  // connections, ever: see source_options
};

/// What holds for one SFTP session.
struct sftp_settings {
    sftp::server_config protocol;
    /// Its operations are logged, those that succeed up to this level (see logged_filesystem).
    std::optional<log_severity> log_operations = {};
};

struct server_options {
    server_config protocol;
    std::shared_ptr<authenticator> logins;

    filesystem_factory filesystem;  // empty: no SFTP
    bool read_only = false;
    /// What holds for one's SFTP sessions, in place of `read_only`; nothing refuses them. With it,
    /// a forced command `internal-sftp` may have options (internal_sftp_arguments), which are its
    /// and the filesystem's to follow.
    std::function<std::optional<sftp_settings>(const session_info& session)> sftp_config;

    bool exec = false;  // run commands
    /// What starts them; empty: this process itself, as its own user.
    std::shared_ptr<command_launcher> launcher;
    std::string command_directory;  // where they start; empty: the process's own
    std::vector<std::string> accepted_environment{"LANG", "LC_*"};  // patterns, as AcceptEnv

    /// Coroutines that serve sessions, by what is asked for. A command goes to `on_exec` where
    /// there is one, whatever `exec` says; "sftp" is a subsystem like any other where it is named
    /// here.
    session_handler on_exec;
    session_handler on_shell;
    std::map<std::string, session_handler, std::less<>> subsystems;

    /// Whether a user may have the server connect to a host and port, as `ssh -L`, `-W` and `-J`
    /// ask for (RFC 4254 §7.2). An address comes in its usual form (RFC 5952) however the client
    /// wrote it, and a name as it stands. Empty: nobody may; nor may a key whose line forbids
    /// forwarding.
    std::function<connect_answer(const session_info& who, const std::string& host,
                                 std::uint16_t port)>
        permit_connect;
    /// What connects for them, for several servers together. Empty: each has one of its own.
    std::shared_ptr<dialler> connects;

    /// Follows each connection from its login on.
    connection_handler on_login;

    /// What sessions may have open; empty: what the system gives. Files are counted where the
    /// filesystem does so (posix_options::descriptors).
    std::shared_ptr<descriptor_budget> descriptors;

    std::size_t sessions_max = 10;  // open at once on a connection; OpenSSH's MaxSessions
    std::size_t connections_max = 100'000;
    startup_limits startups;
    source_options sources;

    /// Where the next connection lives: an executor that runs one thing at a time (a strand, or the
    /// context of a single thread). Empty: a strand of the server's own executor for each.
    std::function<boost::asio::any_io_executor()> connection_executor;

    /// For a handler whose channel is gone: to deal with what it has received, before it is
    /// cancelled; then again, before it is given up.
    std::chrono::nanoseconds handler_grace = std::chrono::seconds(5);

    /// Told of every connection's end, on the connection's executor.
    std::function<void(const connection_info&, const close_report&)> on_closed;

    log_sink log;
};

/// A socket that listens on an address, for `server::listen`: for who binds to a port before it
/// gives up the right to. Errors: those of the system.
result<int> open_listening_socket(const boost::asio::ip::tcp::endpoint& address);

/// An SSH server: accepts connections on any number of addresses and serves each.
///
/// All members are called on the server's executor, which runs one thing at a time.
class server {
public:
    server(boost::asio::any_io_executor executor, server_options options);

    /// Ends everything at once. Run `drain` before for a goodbye that loses nothing.
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Listens and accepts until `stop`. Port 0 picks a free one. Gives the address that was bound.
    /// Errors: those of the system.
    result<boost::asio::ip::tcp::endpoint> listen(const boost::asio::ip::tcp::endpoint& address);

    /// Serves one connection that is there already, as if it had been accepted: one end of a
    /// socketpair, a stream in memory. `peer_address` is what authenticators and the log get to
    /// see.
    void serve(std::unique_ptr<byte_stream> stream, std::string peer_address);
    void serve(std::unique_ptr<byte_stream> stream, connection_ends ends);

    /// Accepts connections on a socket that listens already: one that a service manager hands over.
    /// It is the server's from here on. Gives its address.
    result<boost::asio::ip::tcp::endpoint> listen(int listening_socket);

    /// Stops listening, drains all connections side by side, each in protocol order, and calls
    /// `done` when the last one is gone and every handler has returned. Called again, it can only
    /// bring the deadline nearer; the first `done` counts.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto drain(const drain_options& how, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(server_report)>(
            [this](auto handler, const drain_options& options) {
                begin_drain(options, std::move(handler));
            },
            token, how);
    }

    /// Stops listening and ends every connection at once, in protocol order as far as that goes
    /// without waiting (CLOSE, DISCONNECT, FIN). Also while draining.
    void stop();

    std::size_t connections() const;

private:
    using drained_handler = boost::asio::any_completion_handler<void(server_report)>;
    void begin_drain(const drain_options& how, drained_handler done);

    class implementation;
    std::shared_ptr<implementation> implementation_;
};

}  // namespace sluice
