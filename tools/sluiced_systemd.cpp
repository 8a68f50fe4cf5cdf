#include "sluice/tools/sluiced_systemd.hpp"

#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace sluice {
namespace {

constexpr int first_socket = 3;   // SD_LISTEN_FDS_START
constexpr int sockets_max = 256;  // more than anybody listens on

int number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    if (text == nullptr) return -1;
    int value = -1;
    const char* const end = text + std::strlen(text);
    const auto [stopped, failed] = std::from_chars(text, end, value);
    return failed == std::errc() && stopped == end ? value : -1;
}

}  // namespace

std::vector<int> take_listen_sockets() {
    const bool ours = number_in("LISTEN_PID") == ::getpid();
    const int count = ours ? number_in("LISTEN_FDS") : 0;
    for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(variable);
    std::vector<int> sockets;
    for (int fd = first_socket; fd < first_socket + std::min(count, sockets_max); ++fd)
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) sockets.push_back(fd);
    return sockets;
}

error_code notify_service_manager(std::string_view state) {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return make_error_code(boost::system::errc::invalid_argument);
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // a name in the abstract namespace
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);

    const file_descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return last_system_error();
    const auto sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&address), size);
    return sent < 0 ? last_system_error() : error_code();
}

}  // namespace sluice
