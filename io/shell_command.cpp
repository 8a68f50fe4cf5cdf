#include "sluice/io/shell_command.hpp"

#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace sluice {
namespace {

class spawn_actions {
public:
    spawn_actions() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    spawn_actions(const spawn_actions&) = delete;
    spawn_actions& operator=(const spawn_actions&) = delete;
    ~spawn_actions() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

std::string users_shell() {
    const char* shell = std::getenv("SHELL");
    return shell != nullptr && *shell != '\0' ? shell : "/bin/sh";
}

}  // namespace

result<pid_t> start_shell_command(const std::string& command, const command_streams& streams) {
    const file_descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!nowhere) return last_system_error();
    // Above the standard streams, so that no redirection overwrites what another one needs.
    const auto above = [&](int fd) {
        return file_descriptor(::fcntl(fd < 0 ? nowhere.get() : fd, F_DUPFD_CLOEXEC, 3));
    };
    const file_descriptor input = above(streams.input);
    const file_descriptor output = above(streams.output);
    if (!input || !output) return last_system_error();

    spawn_actions with;
    ::posix_spawn_file_actions_adddup2(&with.actions, input.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&with.actions, output.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&with.actions, STDERR_FILENO + 1);
    std::string shell = users_shell();
    std::string option = "-c";
    std::string line = command;
    char* const arguments[] = {shell.data(), option.data(), line.data(), nullptr};
    pid_t pid = -1;
    const int failed =
        ::posix_spawn(&pid, shell.c_str(), &with.actions, &with.attributes, arguments, environ);
    if (failed != 0) return error_code(failed, boost::system::system_category());
    return pid;
}

result<int> run_shell_command(const std::string& command) {
    const auto pid = start_shell_command(command, {});
    if (!pid) return pid.error();
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0)
        if (errno != EINTR) return last_system_error();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace sluice
