#include "sluice/io/shell_command.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/spawn_settings.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace sluice {
namespace {

std::string users_shell() {
    const char* shell = std::getenv("SHELL");
    return shell != nullptr && *shell != '\0' ? shell : "/bin/sh";
}

}  // namespace

result<pid_t> start_shell_command(const std::string& command, const command_streams& streams) {
    const file_descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!nowhere) return last_system_error();
    const auto above = [&](int fd) { return above_standard_streams(fd < 0 ? nowhere.get() : fd); };
    const file_descriptor input = above(streams.input);
    const file_descriptor output = above(streams.output);
    if (!input || !output) return last_system_error();

    spawn_settings with;
    with.redirect(input.get(), STDIN_FILENO);
    with.redirect(output.get(), STDOUT_FILENO);
    with.close_others();
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

result<int> run_shell_command(const std::string& command, const command_streams& streams) {
    const auto pid = start_shell_command(command, streams);
    if (!pid) return pid.error();
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0)
        if (errno != EINTR) return last_system_error();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace sluice
