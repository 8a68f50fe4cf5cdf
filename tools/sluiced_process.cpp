#include "sluice/tools/sluiced_process.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/system_accounts.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr mode_t not_for_others_to_write = 022;

constexpr capability_set bit_of(unsigned capability) { return capability_set{1} << capability; }

}  // namespace

error_code prepare_process() {
    for (;;) {
        const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) return last_system_error();
        if (fd > STDERR_FILENO) {
            ::close(fd);
            break;
        }
        if (::fcntl(fd, F_SETFD, 0) != 0) return last_system_error();
    }
    sigset_t none;
    ::sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return last_system_error();
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    if (::sigaction(SIGCHLD, &action, nullptr) != 0) return last_system_error();
    return {};
}

error_code prepare_server_process() {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    if (::sigaction(SIGPIPE, &action, nullptr) != 0) return last_system_error();
    ::umask(::umask(not_for_others_to_write) | not_for_others_to_write);
    return {};
}

void close_inherited(std::span<const int> kept) {
    std::vector<int> sorted(kept.begin(), kept.end());
    std::ranges::sort(sorted);
    auto first = static_cast<unsigned>(STDERR_FILENO) + 1;
    for (const int fd : sorted) {
        const auto number = static_cast<unsigned>(fd);
        if (number > first) ::close_range(first, number - 1, 0);
        first = std::max(first, number + 1);
    }
    ::close_range(first, ~0u, 0);
}

error_code forbid_inspection(child_core_files of_children) {
    rlimit core{};
    if (::getrlimit(RLIMIT_CORE, &core) != 0) return last_system_error();
    core.rlim_cur = 0;
    if (of_children == child_core_files::never) core.rlim_max = 0;
    if (::setrlimit(RLIMIT_CORE, &core) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return last_system_error();
    return {};
}

error_code drop_capabilities(capability_set kept) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return last_system_error();
    for (unsigned c = 0; ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c)
        if ((kept & bit_of(c)) == 0 && ::prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EPERM)
            return last_system_error();
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return last_system_error();

    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return last_system_error();
    for (std::size_t half = 0; half < data.size(); ++half) {
        const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
        data[half].permitted &= mask;
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    if (::syscall(SYS_capset, &header, data.data()) != 0) return last_system_error();
    return {};
}

capability_set file_capabilities() {
    return bit_of(CAP_CHOWN) | bit_of(CAP_DAC_OVERRIDE) | bit_of(CAP_DAC_READ_SEARCH) |
           bit_of(CAP_FOWNER) | bit_of(CAP_FSETID);
}

capability_set audit_capability() { return bit_of(CAP_AUDIT_WRITE); }

found_account find_account(const std::string& user, const std::string& group) {
    const auto wrong = [](std::string text) { return found_account{{}, std::move(text)}; };
    if (user.empty()) return group.empty() ? found_account() : wrong("Group: give User beside it");
    const auto named = account_named(user);
    if (!named) return wrong("User " + user + ": " + named.error().message());
    if (!*named) return wrong("User: there is no user " + user);
    process_account account{user, (*named)->uid, (*named)->gid};
    if (!group.empty()) {
        const auto number = group_named(group);
        if (!number) return wrong("Group " + group + ": " + number.error().message());
        if (!*number) return wrong("Group: there is no group " + group);
        account.gid = **number;
    }
    if (account.uid == ::geteuid() && account.gid == ::getegid()) return {};
    if (::geteuid() != 0) return wrong("User: only root can become " + user);
    return {std::move(account), {}};
}

bool stays_root(const std::optional<process_account>& account) {
    return ::geteuid() == 0 && (!account || account->uid == 0);
}

}  // namespace sluice
