#pragma once

#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <string>

namespace sluice {

/// Private to io/: how posix_spawn(3) starts a command: no signal is ignored or blocked.
class spawn_settings {
public:
    /// `flags` are further ones of posix_spawnattr_setflags(3).
    explicit spawn_settings(short flags = 0) {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGDEF |
                                                                   POSIX_SPAWN_SETSIGMASK | flags));
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }

    void redirect(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions, from, to); }

    /// Sockets that Asio made, and whatever else the program has open, are not the command's.
    void close_others() { ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1); }

    void directory(const std::string& path) {
        ::posix_spawn_file_actions_addchdir_np(&actions, path.c_str());
    }

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

/// A copy above the standard streams, so that no redirection overwrites what another one needs.
inline file_descriptor above_standard_streams(int fd) {
    return file_descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace sluice
