#pragma once

#include "sluice/wire/error.hpp"

#include <unistd.h>
#include <cerrno>
#include <utility>

namespace sluice {

/// The error that a system call has just left in errno.
inline error_code last_system_error() { return {errno, boost::system::system_category()}; }

/// Owns a file descriptor.
class file_descriptor {
public:
    file_descriptor() = default;
    explicit file_descriptor(int fd) : fd_(fd) {}
    file_descriptor(file_descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~file_descriptor() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

    /// Closes it and tells what close(2) said. The descriptor is gone either way.
    error_code close() {
        if (fd_ < 0) return {};
        return ::close(release()) == 0 ? error_code() : last_system_error();
    }
    void reset() { static_cast<void>(close()); }

private:
    int fd_ = -1;
};

}  // namespace sluice
