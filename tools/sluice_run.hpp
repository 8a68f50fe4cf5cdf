#pragma once

#include "sluice/io/client.hpp"
#include "sluice/tools/sluice_options.hpp"

#include <boost/asio/awaitable.hpp>

#include <unistd.h>

#include <functional>
#include <string>

namespace sluice {

/// What a session is opened for.
enum class session_kind { command, shell, subsystem };

struct run_arguments {
    session_kind kind = session_kind::command;
    std::string command;    // or the name of a subsystem
    bool no_input = false;  // -n
    bool verbose = false;   // -v
    bool tells_end = true;  // says why there is no exit status
    int output = STDOUT_FILENO;
    int errors = STDERR_FILENO;  // where the command's go

    /// Called when the server has taken it on.
    std::function<void()> on_start = {};
};

/// One session on a connection, with this process's standard streams. Gives the exit status: the
/// command's, or 255 where there is none, as ssh(1).
boost::asio::awaitable<int> run_session(connection& c, const client_settings& settings,
                                        const run_arguments& arguments);

/// Standard input to a channel, and what comes to standard output, until both have ended or the
/// channel is closed. Gives the exit status: 0, 255 where something broke.
boost::asio::awaitable<int> run_streams(session channel);

}  // namespace sluice
