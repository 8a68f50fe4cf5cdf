#pragma once

#include "sluice/io/command_launcher.hpp"
#include "sluice/io/file_descriptor.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>

namespace sluice {

/// Who a process becomes for good.
struct process_account {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;

    bool operator==(const process_account&) const = default;
};

/// Becomes that user with its groups, in this process and for good. Before there are threads.
/// Errors: those of the system; operation_not_permitted where the way back is still open.
error_code become(const process_account& account);

/// A small process that starts commands, so that the one that talks to the network, and holds the
/// keys, need not fork, nor share memory with a command for an instant.
///
/// It is forked at the program's start, before a key is read and before there are threads. It ends
/// when its other end does, and hangs up on what still runs. Signals that end a program by its
/// terminal or its service manager (SIGINT, SIGTERM, SIGHUP, SIGQUIT) are not for it.
class command_helper {
public:
    /// Errors: those of the system.
    static result<command_helper> fork();

    /// Has it become `account`, or stay who it is, and gives the launcher that goes by it. Once.
    /// Errors: those of the system; protocol_error where the helper could not.
    result<std::shared_ptr<command_launcher>> launcher(
        const std::optional<process_account>& account) &&;

    pid_t pid() const { return pid_; }

    /// This end of the pair, for who closes what else is open.
    int socket() const { return socket_.get(); }

private:
    command_helper(file_descriptor socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

    file_descriptor socket_;
    pid_t pid_;
};

/// The helper's side: serves what comes over `socket` until that ends, in the calling process.
/// Its exit status.
int run_command_helper(file_descriptor socket);

}  // namespace sluice
