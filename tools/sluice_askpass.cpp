#include "sluice/tools/sluice_askpass.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace sluice {
namespace {

constexpr const char* usual_program = "/usr/bin/ssh-askpass";

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

bool is(std::string_view text, const char* word) {
    return ::strcasecmp(std::string(text).c_str(), word) == 0;
}

}  // namespace

bool askpass_wanted(std::string_view require, bool has_display, bool has_terminal) {
    if (is(require, "force")) return true;
    if (is(require, "never") || !has_display) return false;
    return is(require, "prefer") || !has_terminal;
}

std::optional<std::string> askpass_program() {
    const bool has_display = !variable("DISPLAY").empty() || !variable("WAYLAND_DISPLAY").empty();
    const file_descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!askpass_wanted(variable("SSH_ASKPASS_REQUIRE"), has_display, static_cast<bool>(terminal)))
        return std::nullopt;
    std::string program = variable("SSH_ASKPASS");
    return program.empty() ? std::string(usual_program) : std::move(program);
}

std::optional<secret_bytes> ask_by_program(const std::string& program, const std::string& prompt) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    const file_descriptor from(ends[0]);
    file_descriptor to(ends[1]);
    std::string words[] = {program, prompt};
    char* const arguments[] = {words[0].data(), words[1].data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
    pid_t pid = 0;
    const int failed =
        ::posix_spawnp(&pid, words[0].c_str(), &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return std::nullopt;
    to.reset();

    // More than it may write is read and dropped, so that it ends.
    secret_bytes text(limits::password_length_max);
    std::size_t n = 0;
    for (secret_bytes rest(1);;) {
        const bool room = n < text.size();
        const ssize_t got = ::read(from.get(), room ? text.data() + n : rest.data(),
                                   room ? text.size() - n : rest.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (room) n += static_cast<std::size_t>(got);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
    const auto line = as_text(bytes_view(text.data(), n));
    text.shrink(std::min(line.find_first_of("\r\n"), n));
    return text;
}

}  // namespace sluice
