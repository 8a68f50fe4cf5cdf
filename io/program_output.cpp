#include "sluice/io/program_output.hpp"

#include "sluice/io/clock.hpp"
#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sluice {
namespace {

error_code of_system(boost::system::errc::errc_t what) {
    return boost::system::errc::make_error_code(what);
}

// In single quotes nothing is special but the end of them.
std::string quoted_for_shell(const std::string& word) {
    std::string out = "'";
    for (const char c : word)
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string command_of(std::span<const std::string> words) {
    std::string command = "exec";
    for (const std::string& word : words)
        command += " " + quoted_for_shell(word);
    return command;
}

// Nothing when it may be ready; timed_out where that is not so before `until`.
error_code wait_for(int fd, time_point until) {
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - now()).count() + 1;
        pollfd one{fd, POLLIN, 0};
        const int n = ::poll(&one, 1, static_cast<int>(std::clamp<long long>(left, 0, 60'000)));
        if (n > 0) return {};
        if (n < 0 && errno != EINTR) return last_system_error();
        if (n == 0 && now() >= until) return of_system(boost::system::errc::timed_out);
    }
}

result<std::string> read_to_end(int fd, std::size_t bytes_max, time_point until) {
    std::string text;
    std::array<char, 16 * 1024> piece;
    for (;;) {
        if (const error_code e = wait_for(fd, until)) return e;
        const ssize_t n = ::read(fd, piece.data(), piece.size());
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return last_system_error();
        if (n == 0) return text;
        if (text.size() + static_cast<std::size_t>(n) > bytes_max) return errc::too_long;
        text.append(piece.data(), static_cast<std::size_t>(n));
    }
}

// Nothing when it has ended with 0. That the descriptor is readable is a hint.
error_code wait_for_end(started_command& command, time_point until) {
    for (;;) {
        if (const auto status = command.status())
            return *status == 0 ? error_code() : of_system(boost::system::errc::broken_pipe);
        if (const error_code e = wait_for(command.watch(), until)) return e;
    }
}

}  // namespace

result<std::string> program_output(command_launcher& launcher, std::span<const std::string> words,
                                   const program_limits& limits,
                                   std::vector<std::pair<std::string, std::string>> environment) {
    const auto has_nul = [](const std::string& w) { return w.find('\0') != std::string::npos; };
    if (std::ranges::any_of(words, has_nul)) return errc::bad_value;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return last_system_error();
    const file_descriptor output(ends[0]);
    command_pipes pipes{file_descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
                        file_descriptor(ends[1]),
                        file_descriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC))};
    if (!pipes.input || !pipes.error) return last_system_error();
    auto started = launcher.start(
        {.command = command_of(words), .environment = std::move(environment)}, std::move(pipes));
    if (!started) return started.error();

    const time_point until = now() + limits.time_max;
    auto text = read_to_end(output.get(), limits.bytes_max, until);
    if (text)
        if (const error_code e = wait_for_end(**started, until)) text = e;
    if (!text) (*started)->signal(SIGKILL);
    return text;
}

}  // namespace sluice
