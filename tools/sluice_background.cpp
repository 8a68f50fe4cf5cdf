#include "sluice/tools/sluice_background.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tools/sluice_connection.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace sluice {
namespace {

int fail() {
    complain("cannot go to the background: " + last_system_error().message());
    return exit_no_session;
}

// One byte comes when the other process is in the background; the end without one when it ended.
bool has_left(int fd) {
    std::uint8_t byte = 0;
    for (;;) {
        const ssize_t n = ::read(fd, &byte, 1);
        if (n >= 0 || errno != EINTR) return n == 1;
    }
}

int status_of(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return exit_no_session;
    return WIFEXITED(status) ? WEXITSTATUS(status) : exit_no_session;
}

}  // namespace

int in_background(const std::function<int(const std::function<void()>& leave)>& work) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail();
    file_descriptor reading(ends[0]);
    file_descriptor writing(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return fail();
    if (pid > 0) {
        writing = file_descriptor();
        return has_left(reading.get()) ? 0 : status_of(pid);
    }
    reading = file_descriptor();
    const int status = work([&writing] {
        if (!writing) return;
        ::setsid();
        const std::uint8_t byte = 0;
        static_cast<void>(::write(writing.get(), &byte, 1) == 1);
        writing = file_descriptor();
    });
    std::fflush(nullptr);
    ::_exit(status);
}

}  // namespace sluice
