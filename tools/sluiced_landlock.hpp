#pragma once

#include "sluice/tools/sluiced_process.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sluice {

/// What a process may do in the file system, by the kernel's Landlock. Paths are folders, with all
/// that is below, or files; what is not there is left out.
struct landlock_rules {
    std::vector<std::string> read;     // files read, folders listed
    std::vector<std::string> execute;  // the same, and run
    std::vector<std::string> change;   // everything
    bool connect = true;               // TCP connections to others
};

/// Restricts the calling thread, and those that it starts, to that; also from listening on TCP,
/// from signals to other processes, and from abstract sockets of others unless `abstract_sockets`.
/// no_new_privs must be set. Errors: those of the system.
result<enforced> restrict_by_landlock(const landlock_rules& rules, bool abstract_sockets);

/// The folder whose entries tell which file a path means: rules hold for a file itself, and a
/// policy file is often replaced by another of its name. `pattern` may hold tokens (%u); the folder
/// ends before the first one.
std::string folder_for_rule(const std::string& pattern);

}  // namespace sluice
