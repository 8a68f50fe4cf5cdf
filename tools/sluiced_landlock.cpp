#include "sluice/tools/sluiced_landlock.hpp"

#include "sluice/io/file_descriptor.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace sluice {
namespace {

// What newer kernels have is declared here: headers may be older than the kernel is.
constexpr std::uint64_t access_truncate = 1ull << 14;      // version 3
constexpr std::uint64_t access_ioctl_device = 1ull << 15;  // version 5
constexpr std::uint64_t net_bind_tcp = 1ull << 0;          // version 4
constexpr std::uint64_t net_connect_tcp = 1ull << 1;
constexpr std::uint64_t scope_abstract_sockets = 1ull << 0;  // version 6
constexpr std::uint64_t scope_signals = 1ull << 1;

struct ruleset_attributes {  // struct landlock_ruleset_attr
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;
    std::uint64_t scoped = 0;
};

constexpr std::uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t reading = read_file | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t executing = reading | LANDLOCK_ACCESS_FS_EXECUTE;
// Not devices: nobody makes any over SFTP.
constexpr std::uint64_t changing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                   LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                   LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t of_version_1 = (1ull << 13) - 1;
// The rights that can be given for a file; the others are of folders.
constexpr std::uint64_t of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   read_file | access_truncate | access_ioctl_device;

class ruleset {
public:
    ruleset(int fd, std::uint64_t handled) : fd_(fd), handled_(handled) {}

    error_code allow(const std::vector<std::string>& paths, std::uint64_t access) const {
        for (const auto& path : paths) {
            const file_descriptor where(::open(path.c_str(), O_PATH | O_CLOEXEC));
            if (!where && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) continue;
            struct stat status {};
            if (!where || ::fstat(where.get(), &status) != 0) return last_system_error();
            landlock_path_beneath_attr rule{};
            rule.allowed_access = access & handled_;
            if (!S_ISDIR(status.st_mode)) rule.allowed_access &= of_files;
            rule.parent_fd = where.get();
            if (::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) !=
                0)
                return last_system_error();
        }
        return {};
    }

    error_code enforce() const {
        if (::syscall(SYS_landlock_restrict_self, fd_.get(), 0) != 0) return last_system_error();
        return {};
    }

private:
    file_descriptor fd_;
    std::uint64_t handled_;
};

}  // namespace

result<enforced> restrict_by_landlock(const landlock_rules& rules, bool abstract_sockets) {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0},
                                   LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0) {
        if (errno == ENOSYS || errno == EOPNOTSUPP) return enforced::not_in_this_kernel;
        return last_system_error();
    }
    ruleset_attributes attributes;
    attributes.handled_access_fs = of_version_1;
    std::size_t size = sizeof attributes.handled_access_fs;
    if (version >= 2) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3) attributes.handled_access_fs |= access_truncate;
    if (version >= 4) {
        size += sizeof attributes.handled_access_net;
        attributes.handled_access_net = net_bind_tcp | (rules.connect ? 0 : net_connect_tcp);
    }
    if (version >= 5) attributes.handled_access_fs |= access_ioctl_device;
    if (version >= 6) {
        size += sizeof attributes.scoped;
        attributes.scoped = scope_signals | (abstract_sockets ? 0 : scope_abstract_sockets);
    }
    const long fd = ::syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (fd < 0) return last_system_error();
    const ruleset set(static_cast<int>(fd), attributes.handled_access_fs);
    if (const auto e = set.allow(rules.read, reading)) return e;
    if (const auto e = set.allow(rules.execute, executing)) return e;
    const auto all = changing | LANDLOCK_ACCESS_FS_REFER | access_truncate;
    if (const auto e = set.allow(rules.change, all)) return e;
    if (const auto e = set.enforce()) return e;
    return enforced::yes;
}

std::string folder_for_rule(const std::string& pattern) {
    const auto end = pattern.rfind('/', pattern.find('%'));
    if (end == std::string::npos) return ".";
    return end == 0 ? "/" : pattern.substr(0, end);
}

}  // namespace sluice
