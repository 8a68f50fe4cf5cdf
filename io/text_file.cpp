#include "sluice/io/text_file.hpp"

#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {

result<std::string> read_text_file(const std::string& path, std::size_t size_max) {
    // Not blocking: a FIFO in that place must not hang us.
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return last_system_error();
    return read_text(file.get(), size_max);
}

result<std::string> read_text(int fd, std::size_t size_max) {
    std::string text;
    for (;;) {
        const std::size_t at = text.size();
        text.resize(at + 16 * 1024);
        const ssize_t n = ::read(fd, text.data() + at, text.size() - at);
        if (n < 0) return last_system_error();
        text.resize(at + static_cast<std::size_t>(n));
        if (n == 0) return text;
        if (text.size() > size_max) return errc::too_long;
    }
}

result<secret_bytes> read_secret(int fd, std::size_t size_max) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return last_system_error();
    if (!S_ISREG(status.st_mode)) return make_error_code(boost::system::errc::invalid_argument);
    if (status.st_size > static_cast<off_t>(size_max)) return errc::too_long;
    secret_bytes text(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_system_error();
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    text.shrink(size);
    return text;
}

bool is_absent(const error_code& error) {
    return error == boost::system::errc::no_such_file_or_directory ||
           error == boost::system::errc::not_a_directory;
}

}  // namespace sluice
