#include "sluice/io/ssh_config_system.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/shell_command.hpp"
#include "sluice/io/system_accounts.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <glob.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace sluice {
namespace {

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

result<std::string> read_file(const std::string& path, bool guarded) {
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) return last_system_error();
    const bool ours = info.st_uid == 0 || info.st_uid == ::getuid();
    if (guarded && (!ours || (info.st_mode & 022) != 0)) return errc::bad_config;
    std::string text;
    std::array<char, 16 * 1024> piece;
    for (;;) {
        const ssize_t n = ::read(file.get(), piece.data(), piece.size());
        if (n < 0) return last_system_error();
        if (n == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(n));
        if (text.size() > limits::ssh_config_file_length_max) return errc::too_long;
    }
}

result<std::vector<std::string>> find_files(const std::string& pattern) {
    glob_t found{};
    const int outcome = ::glob(pattern.c_str(), 0, nullptr, &found);
    const std::unique_ptr<glob_t, void (*)(glob_t*)> freed(&found, ::globfree);
    if (outcome == GLOB_NOMATCH) return std::vector<std::string>();
    if (outcome != 0) return make_error_code(boost::system::errc::io_error);
    if (found.gl_pathc > limits::ssh_config_files_max) return errc::too_long;
    return std::vector<std::string>(found.gl_pathv, found.gl_pathv + found.gl_pathc);
}

// What getaddrinfo(3) says of a name.
std::unique_ptr<addrinfo, void (*)(addrinfo*)> look_up(const std::string& name, int flags) {
    addrinfo wanted{};
    wanted.ai_flags = flags;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(name.c_str(), nullptr, &wanted, &found) != 0) found = nullptr;
    return {found, [](addrinfo* list) {
                if (list != nullptr) ::freeaddrinfo(list);
            }};
}

std::optional<std::string> numeric(const sockaddr* address, socklen_t length) {
    std::array<char, 256> shown{};
    if (::getnameinfo(address, length, shown.data(), shown.size(), nullptr, 0, NI_NUMERICHOST) != 0)
        return std::nullopt;
    return std::string(shown.data());
}

std::optional<std::string> address_of(const std::string& text) {
    const auto found = look_up(text, AI_NUMERICHOST);
    if (!found) return std::nullopt;
    return numeric(found->ai_addr, found->ai_addrlen);
}

std::optional<std::string> name_of(const std::string& name) {
    const auto found = look_up(name, AI_CANONNAME);
    if (!found) return std::nullopt;
    return std::string(found->ai_canonname != nullptr ? found->ai_canonname : name.c_str());
}

std::vector<std::string> interface_addresses() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> freed(list, ::freeifaddrs);
    std::vector<std::string> addresses;
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        const bool v4 = one->ifa_addr->sa_family == AF_INET;
        if (!v4 && one->ifa_addr->sa_family != AF_INET6) continue;
        if (auto text = numeric(one->ifa_addr, v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)))
            addresses.push_back(std::move(*text));
    }
    return addresses;
}

}  // namespace

ssh_config_system ssh_config_system::here(bool run_commands) {
    ssh_config_system s;
    if (const auto own = account_numbered(::getuid()); own && *own) {
        s.local_user = (*own)->name;
        s.home = (*own)->home;
    }
    s.user_id = std::to_string(::getuid());
    s.local_host = host_name();
    s.environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
    };
    s.home_of = [](std::string_view user) -> std::optional<std::string> {
        const auto found = account_named(std::string(user));
        if (!found || !*found) return std::nullopt;
        return (*found)->home;
    };
    s.read = read_file;
    s.glob = find_files;
    if (run_commands) s.run = [](const std::string& c) { return run_shell_command(c); };
    s.canonical_address = address_of;
    s.canonical_name = name_of;
    s.local_addresses = interface_addresses;
    return s;
}

}  // namespace sluice
