#include "sluice/tools/sluiced_syslog.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <thread>
#include <utility>

namespace sluice {
namespace {

int priority_of(log_severity level) {
    switch (level) {
    case log_severity::error: return LOG_ERR;
    case log_severity::info:
    case log_severity::verbose: return LOG_INFO;
    case log_severity::debug: return LOG_DEBUG;
    }
    return LOG_INFO;
}

}  // namespace

std::string syslog_header(int facility, log_severity level,
                          std::chrono::system_clock::time_point when, int process) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm local{};
    std::array<char, 32> time{};
    if (::localtime_r(&seconds, &local) != nullptr)
        std::strftime(time.data(), time.size(), "%b %e %H:%M:%S", &local);
    return "<" + std::to_string(facility | priority_of(level)) + ">" + time.data() + " sluiced[" +
           std::to_string(process) + "]: ";
}

error_code syslog_socket::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return errc::too_long;
    std::ranges::copy(path_, address.sun_path);
    socket_ = file_descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_ &&
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return {};
    const auto why = last_system_error();
    socket_ = {};
    return why;
}

void syslog_socket::send(std::string_view line) {
    bool tried_again = false;
    for (;;) {
        if (socket_ && ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) >= 0) return;
        if (socket_ && errno == EINTR) continue;
        if (socket_ && (errno == EAGAIN || errno == ENOBUFS)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            continue;
        }
        if (std::exchange(tried_again, true) || connect()) return;
    }
}

}  // namespace sluice
