#pragma once

#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// A command of a session.
struct process_options {
    std::string command = {};    // given to /bin/sh -c
    std::string directory = {};  // where it starts; empty: where the launcher runs
    std::vector<std::pair<std::string, std::string>> environment = {};  // besides the usual few
};

/// The command's ends of its standard streams.
struct command_pipes {
    file_descriptor input;
    file_descriptor output;
    file_descriptor error;
};

/// A command that was started, in a session and process group of its own. Whoever drops it before
/// it has ended hangs up on it: its process group gets SIGHUP.
class started_command {
public:
    virtual ~started_command() = default;

    /// A descriptor that polls as readable when `status` may have an answer. It belongs to this
    /// object.
    virtual int watch() const = 0;

    /// Its wait status, as of waitpid(2), once it has ended; nothing while it runs. Being readable
    /// is a hint only: after nothing, wait again.
    virtual std::optional<int> status() = 0;

    /// Sends a signal to its process group, unless it has ended.
    virtual void signal(int number) = 0;
};

/// Starts commands: in this process, or in another one that was made for it. Any thread may call.
class command_launcher {
public:
    virtual ~command_launcher() = default;

    /// Errors: those of the system; too_long for more than a launcher can pass on.
    virtual result<std::unique_ptr<started_command>> start(const process_options& options,
                                                           command_pipes pipes) = 0;
};

/// Starts commands as children of this process, as its own user.
std::shared_ptr<command_launcher> make_own_launcher();

}  // namespace sluice
