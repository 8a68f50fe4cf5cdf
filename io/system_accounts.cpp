#include "sluice/io/system_accounts.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <set>

namespace sluice {
namespace {

constexpr std::size_t memory_max = 1024 * 1024;  // bytes of one entry
constexpr std::size_t homes_max = 10'000;        // listed ones
constexpr int groups_max = 65'536;               // as Linux

// What a call such as getpwnam_r finds, with memory that grows until the entry fits.
template <class Entry, class Call>
error_code look_up(Entry& entry, std::vector<char>& memory, bool& is_there, Call call) {
    memory.resize(4096);
    for (;;) {
        Entry* found = nullptr;
        const int error = call(&entry, memory.data(), memory.size(), &found);
        if (error == EINTR) continue;
        is_there = error == 0 && found != nullptr;
        // Some modules say so instead of finding nothing.
        if (error == 0 || error == ENOENT || error == ESRCH) return {};
        if (error != ERANGE) return {error, boost::system::system_category()};
        if (memory.size() >= memory_max) return errc::too_long;
        memory.resize(memory.size() * 4);
    }
}

template <class Call>
result<std::optional<system_account>> account_by(Call call) {
    std::vector<char> memory;
    passwd entry{};
    bool is_there = false;
    if (const auto e = look_up(entry, memory, is_there, call)) return e;
    if (!is_there) return std::optional<system_account>();
    const auto text = [](const char* field) { return std::string(field != nullptr ? field : ""); };
    return std::optional(system_account{entry.pw_name, entry.pw_uid, entry.pw_gid,
                                        text(entry.pw_dir), text(entry.pw_shell)});
}

bool has_nul(const std::string& name) { return name.find('\0') != std::string::npos; }

}  // namespace

result<std::optional<system_account>> account_named(const std::string& name) {
    if (has_nul(name)) return std::optional<system_account>();
    return account_by([&](auto... to) { return ::getpwnam_r(name.c_str(), to...); });
}

result<std::optional<system_account>> account_numbered(uid_t uid) {
    return account_by([&](auto... to) { return ::getpwuid_r(uid, to...); });
}

result<std::optional<gid_t>> group_named(const std::string& name) {
    if (has_nul(name)) return std::optional<gid_t>();
    std::vector<char> memory;
    group entry{};
    bool is_there = false;
    const auto call = [&](auto... to) { return ::getgrnam_r(name.c_str(), to...); };
    if (const auto e = look_up(entry, memory, is_there, call)) return e;
    return is_there ? std::optional(entry.gr_gid) : std::optional<gid_t>();
}

result<std::vector<std::string>> groups_of(const system_account& account) {
    std::vector<gid_t> numbers(64);
    for (;;) {
        int count = static_cast<int>(numbers.size());
        if (::getgrouplist(account.name.c_str(), account.gid, numbers.data(), &count) >= 0) {
            numbers.resize(static_cast<std::size_t>(count));
            break;
        }
        if (numbers.size() >= groups_max) return errc::too_long;
        numbers.resize(numbers.size() * 4);
    }
    std::vector<std::string> names;
    std::vector<char> memory;
    for (const gid_t number : numbers) {
        group entry{};
        bool is_there = false;
        const auto call = [&](auto... to) { return ::getgrgid_r(number, to...); };
        if (const auto e = look_up(entry, memory, is_there, call)) return e;
        if (is_there) names.emplace_back(entry.gr_name);
    }
    return names;
}

std::vector<std::string> all_homes() {
    std::set<std::string> homes;
    ::setpwent();
    for (const passwd* one = ::getpwent(); one != nullptr && homes.size() < homes_max;
         one = ::getpwent()) {
        const std::string home = one->pw_dir != nullptr ? one->pw_dir : "";
        struct stat status {};
        if (home.size() > 1 && home.front() == '/' && ::stat(home.c_str(), &status) == 0 &&
            S_ISDIR(status.st_mode) && status.st_uid == one->pw_uid)
            homes.insert(home);
    }
    ::endpwent();
    return {homes.begin(), homes.end()};
}

}  // namespace sluice
