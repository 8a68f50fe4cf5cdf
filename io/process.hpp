#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/io/command_launcher.hpp"
#include "sluice/wire/error.hpp"

#include <memory>

namespace sluice {

/// Serves a session by a command: its standard input, output and error are the channel's data, and
/// its end is the channel's exit-status or exit-signal, behind all of its output.
///
/// When the channel is lost it gets SIGHUP and, if it is still there after a grace time, SIGKILL.
class process_handler : public channel_handler {
public:
    /// Errors: those of the system, and of the launcher.
    static result<std::unique_ptr<channel_handler>> start(channel_port& port,
                                                          command_launcher& launcher,
                                                          const process_options& options);
};

}  // namespace sluice
