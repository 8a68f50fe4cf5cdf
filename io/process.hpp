#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

struct process_options {
    std::string command;    // given to /bin/sh -c
    std::string directory;  // where it starts; empty: where the server runs
    std::vector<std::pair<std::string, std::string>> environment;  // besides the usual few
};

/// Serves a session by a command: its standard input, output and error are the channel's data, and
/// its end is the channel's exit-status or exit-signal, behind all of its output.
///
/// It runs as the process's own user, in a session and process group of its own. When the channel
/// is lost it gets SIGHUP and, if it is still there after a grace time, SIGKILL.
class process_handler : public channel_handler {
public:
    /// Errors: those of the system.
    static result<std::unique_ptr<channel_handler>> start(channel_port& port,
                                                          const process_options& options);
};

}  // namespace sluice
