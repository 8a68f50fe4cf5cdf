#pragma once

#include "sluice/io/command_helper.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// What a program makes of its own process, whoever started it. All before there are threads: most
/// of it holds for the calling thread, and for those that it starts later.
namespace sluice {

/// Whether a means of the kernel restricts the process from here on.
enum class enforced { yes, not_in_this_kernel };

/// Before all else, in every program: opens /dev/null on whichever of descriptors 0 to 2 is closed
/// (so that no socket gets its number), has SIGCHLD as by default and no signal blocked, whoever
/// started it. Errors: those of the system.
error_code prepare_process();

/// What a server needs besides: ignores SIGPIPE, and lets files that are made be written by their
/// owner alone. Errors: those of the system.
error_code prepare_server_process();

/// Closes what else was inherited: every descriptor above 2 but those.
void close_inherited(std::span<const int> kept);

/// Whether what the process starts may have core files again, if it raises its limit.
enum class child_core_files { never, where_raised };

/// No core file, and neither ptrace(2) nor /proc/PID/mem for others of the same user. Again after
/// a change of the user, which undoes it. Errors: those of the system.
error_code forbid_inspection(child_core_files of_children = child_core_files::never);

/// Capabilities by their numbers in linux/capability.h, one bit each.
using capability_set = std::uint64_t;

/// Drops all capabilities but `kept`, from the bounding set too where that is possible, and has
/// nothing that is executed gain any (no_new_privs). Errors: those of the system.
error_code drop_capabilities(capability_set kept);

/// Those with which root serves files of others: to read, write, own and change them.
capability_set file_capabilities();

/// What libpam needs as root to tell the audit system of logins.
capability_set audit_capability();

/// Who `User` and `Group` name.
struct found_account {
    std::optional<process_account> account;  // nothing: nobody is named, or who runs us already
    std::string error;                       // for an operator; empty: none
};
found_account find_account(const std::string& user, const std::string& group);

/// Whether we are root, and still are as that account, whatever its name; nothing: as we are.
bool stays_root(const std::optional<process_account>& account);

}  // namespace sluice
