#pragma once

#include "sluice/tools/sluiced_process.hpp"
#include "sluice/wire/error.hpp"

namespace sluice {

/// Lets the calling thread, and those that it starts, make only the system calls that a server
/// needs (seccomp). What no server needs and an attacker would like (ptrace, mount, bpf, keyctl,
/// kernel modules, kexec, userfaultfd, process_vm_*) ends the process; the rest fails with EPERM.
/// No process can be forked and no program executed, unless `libpam` has modules that may do so.
/// Sets no_new_privs. Errors: those of the system.
result<enforced> restrict_system_calls(bool libpam);

/// Besides, for the calling thread alone, which works on files: no connection of a network is made
/// or accepted, nothing is executed. (Sockets of this machine stay: names of users may come from a
/// service.) After `restrict_system_calls`, where that held. Errors: those of the system.
error_code restrict_file_thread();

/// Besides, for the calling thread alone: nothing is forked or executed, whatever libpam may do on
/// its own threads. After `restrict_system_calls`, where that held. Errors: those of the system.
error_code restrict_network_thread();

}  // namespace sluice
