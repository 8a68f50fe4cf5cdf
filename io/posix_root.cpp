#include "sluice/io/posix_root.hpp"

#include "sluice/sftp/path.hpp"

#include <array>
#include <climits>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace sluice {
namespace {

error_code system_error(int number) { return {number, boost::system::system_category()}; }

// glibc has no wrapper.
int open_beneath(int root, const char* path, const open_how& how) {
    return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

constexpr decltype(statfs::f_type) xfs_magic = 0x58465342;  // not in linux/magic.h

constexpr int links_max = 40;  // as the kernel

}  // namespace

storage storage_of(int fd) {
    struct statfs s {};
    if (::fstatfs(fd, &s) != 0) return storage::remote;
    switch (s.f_type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC: return storage::memory;
    case EXT4_SUPER_MAGIC:
    case xfs_magic:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case OVERLAYFS_SUPER_MAGIC: return storage::disk;
    default: return storage::remote;
    }
}

result<posix_root> posix_root::open(const std::string& path) {
    posix_root root;
    root.fd_ = file_descriptor(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.fd_) return last_system_error();
    root.storage_ = storage_of(root.fd_.get());
    // Better no server than one whose root leaks: kernels before 5.6 have no openat2.
    const auto probe = root.open("/", O_PATH | O_DIRECTORY);
    if (!probe) return probe.error();
    return root;
}

result<file_descriptor> posix_root::open(std::string_view path, int flags, mode_t mode,
                                         reach r) const {
    return open(path, flags, mode, r, 0);
}

result<file_descriptor> posix_root::open(std::string_view path, int flags, mode_t mode, reach r,
                                         std::uint64_t resolve) const {
    std::array<char, PATH_MAX + 1> text;
    if (path.size() >= text.size()) return system_error(ENAMETOOLONG);
    if (path.empty()) path = "/";
    std::memcpy(text.data(), path.data(), path.size());
    text[path.size()] = '\0';

    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | ((flags & O_PATH) ? 0 : O_NOCTTY));
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
    if (r != reach::all) how.resolve |= RESOLVE_NO_XDEV;
    if (r == reach::cached) how.resolve |= RESOLVE_CACHED;
    // A rename while `..` is resolved makes the kernel ask for another try (EAGAIN).
    for (int attempt = 0; attempt < 64; ++attempt) {
        file_descriptor fd(open_beneath(fd_.get(), text.data(), how));
        if (fd) return fd;
        if (errno == EINTR) continue;
        if (errno != EAGAIN || r == reach::cached) break;
    }
    return last_system_error();
}

result<posix_root::entry> posix_root::entry_of(std::string_view path, reach r) const {
    const sftp::split_path parts = sftp::split(path);
    if (!parts.has_name()) return system_error(EBUSY);
    auto directory = open(parts.directory, O_PATH | O_DIRECTORY, 0, r);
    if (!directory) return directory.error();
    return entry{std::move(*directory), std::string(parts.name)};
}

result<std::string> posix_root::canonical(std::string_view path, reach r) const {
    // Mostly there is no link on the way; then folding the text is exact, and one call says so.
    const auto plain = open(path, O_PATH | O_NOFOLLOW, 0, r, RESOLVE_NO_SYMLINKS);
    struct stat status {};
    if (plain && ::fstat(plain->get(), &status) == 0 && !S_ISLNK(status.st_mode))
        return sftp::canonical_path(path);
    return walk(path, r);
}

// Component by component, as realpath(3) does.
result<std::string> posix_root::walk(std::string_view path, reach r) const {
    std::string done = "/";
    std::string left(path);
    int links = 0;
    while (!left.empty()) {
        const auto slash = left.find('/');
        const std::string component = left.substr(0, slash);
        left.erase(0, slash == std::string::npos ? left.size() : slash + 1);
        if (component.empty() || component == ".") continue;
        if (component == "..") {
            done = sftp::canonical_path(done + "/..");
            continue;
        }
        const std::string next = done == "/" ? "/" + component : done + "/" + component;
        const auto fd = open(next, O_PATH | O_NOFOLLOW, 0, r);
        if (!fd) {
            const bool last = left.find_first_not_of('/') == std::string::npos;
            if (fd.error() == system_error(ENOENT) && last) return next;
            return fd.error();
        }
        struct stat status {};
        if (::fstat(fd->get(), &status) != 0) return last_system_error();
        if (!S_ISLNK(status.st_mode)) {
            done = next;
            continue;
        }
        if (++links > links_max) return system_error(ELOOP);
        std::array<char, PATH_MAX> target;
        const ssize_t n = ::readlinkat(fd->get(), "", target.data(), target.size());
        if (n < 0) return last_system_error();
        left.insert(0, "/");
        left.insert(0, target.data(), static_cast<std::size_t>(n));
        if (target[0] == '/') done = "/";
        if (left.size() > 2 * PATH_MAX) return system_error(ENAMETOOLONG);
    }
    return done;
}

}  // namespace sluice
