#include "sluice/io/posix_root.hpp"

#include "sluice/sftp/path.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>
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

// Tries against somebody who exchanges files while we open them.
constexpr int attempts_max = 8;

using magic = std::uint32_t;  // f_type is a signed long, and some constants have the highest bit

// Not in linux/magic.h.
constexpr magic configfs_magic = 0x62656570;
constexpr magic mqueue_magic = 0x19800202;
constexpr magic fusectl_magic = 0x65735543;
constexpr magic rpc_pipefs_magic = 0x67596969;
constexpr magic pidfs_magic = 0x50494446;

constexpr std::array<magic, 32> kernel_file_systems{
    PROC_SUPER_MAGIC,     SYSFS_MAGIC,        CGROUP_SUPER_MAGIC,   CGROUP2_SUPER_MAGIC,
    RDTGROUP_SUPER_MAGIC, DEBUGFS_MAGIC,      TRACEFS_MAGIC,        SECURITYFS_MAGIC,
    SELINUX_MAGIC,        SMACK_MAGIC,        AAFS_MAGIC,           BPF_FS_MAGIC,
    configfs_magic,       DEVPTS_SUPER_MAGIC, mqueue_magic,         EFIVARFS_MAGIC,
    PSTOREFS_MAGIC,       BINFMTFS_MAGIC,     fusectl_magic,        rpc_pipefs_magic,
    BINDERFS_SUPER_MAGIC, XENFS_SUPER_MAGIC,  OPENPROM_SUPER_MAGIC, USBDEVICE_SUPER_MAGIC,
    NSFS_MAGIC,           pidfs_magic,        PIPEFS_MAGIC,         SOCKFS_MAGIC,
    ANON_INODE_FS_MAGIC,  BDEVFS_MAGIC,       DMA_BUF_MAGIC,        SECRETMEM_MAGIC,
};

result<file_descriptor> unless_of_the_kernel(file_descriptor fd) {
    if (speaks_for_the_kernel(fd.get())) return system_error(EACCES);
    return fd;
}

result<> regular(int fd, struct stat& status) {
    if (::fstat(fd, &status) != 0) return last_system_error();
    if (S_ISDIR(status.st_mode)) return system_error(EISDIR);
    if (!S_ISREG(status.st_mode)) return system_error(EPERM);
    return {};
}

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

bool speaks_for_the_kernel(int fd) {
    struct statfs s {};
    if (::fstatfs(fd, &s) != 0) return true;
    const auto type = static_cast<magic>(s.f_type);
    return std::find(kernel_file_systems.begin(), kernel_file_systems.end(), type) !=
           kernel_file_systems.end();
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

result<file_descriptor> posix_root::open(std::string_view path, int flags, reach r) const {
    expects((flags & (O_PATH | O_DIRECTORY)) != 0);
    auto fd = resolve(path, flags, r);
    if (!fd) return fd.error();
    return unless_of_the_kernel(std::move(*fd));
}

result<file_descriptor> posix_root::open_file(std::string_view path, int flags, mode_t mode,
                                              reach r) const {
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL)) {
            auto fd = open_existing(path, flags & ~(O_CREAT | O_EXCL), r);
            const bool missing = !fd && fd.error() == system_error(ENOENT);
            const bool exchanged = !fd && fd.error() == system_error(ESTALE);
            if (exchanged) continue;
            if (!missing || (flags & O_CREAT) == 0) return fd;
        }
        auto fd = create(path, flags & ~O_TRUNC, mode, r);
        const bool meanwhile_there = !fd && fd.error() == system_error(EEXIST);
        if (!meanwhile_there || (flags & O_EXCL) != 0) return fd;
    }
    return system_error(EBUSY);
}

// ESTALE: another file has taken its place between the look and the open.
result<file_descriptor> posix_root::open_existing(std::string_view path, int flags, reach r) const {
    const auto seen = open(path, O_PATH | (flags & O_NOFOLLOW), r);
    if (!seen) return seen.error();
    struct stat status {};
    if (const auto ok = regular(seen->get(), status); !ok) return ok.error();

    // O_NONBLOCK: what was exchanged for a FIFO must not be waited for. No O_TRUNC: it would cut
    // before we have looked.
    const auto again = [&](int how) -> result<file_descriptor> {
        auto fd = resolve(path, how | O_NONBLOCK | O_NOCTTY, r);
        if (!fd) return fd.error();
        struct stat now {};
        if (::fstat(fd->get(), &now) != 0) return last_system_error();
        if (now.st_dev != status.st_dev || now.st_ino != status.st_ino) return system_error(ESTALE);
        return unless_of_the_kernel(std::move(*fd));
    };
    auto fd = again(flags & ~O_TRUNC);
    if (!fd || (flags & O_TRUNC) == 0) return fd;
    if ((flags & O_ACCMODE) != O_RDONLY) {
        if (::ftruncate(fd->get(), 0) != 0) return last_system_error();
        return fd;
    }
    const auto writable = again((flags & ~(O_TRUNC | O_ACCMODE)) | O_WRONLY);
    if (!writable) return writable.error();
    if (::ftruncate(writable->get(), 0) != 0) return last_system_error();
    return fd;
}

// A new file, never one that is there. Where the path ends in a link that leads nowhere, the file
// comes to be where it leads, as with open(2).
result<file_descriptor> posix_root::create(std::string_view path, int flags, mode_t mode,
                                           reach r) const {
    if (!path.empty() && path.back() == '/') return system_error(EISDIR);
    const auto make = [&](std::string_view at) -> result<file_descriptor> {
        const auto place = entry_of(at, r);
        if (!place && place.error() == system_error(EBUSY)) {
            // It ends in "." or "..", which is never a new file's name.
            const auto there = open(at, O_PATH, r);
            return there ? system_error(EEXIST) : there.error();
        }
        if (!place) return place.error();
        file_descriptor fd(::openat(place->fd(), place->c_str(),
                                    flags | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, mode));
        if (!fd) return last_system_error();
        return fd;
    };
    auto fd = make(path);
    if (fd || fd.error() != system_error(EEXIST) || (flags & O_EXCL) != 0) return fd;
    const auto target = canonical(path, r);
    if (!target) return target.error();
    return make(*target);
}

result<file_descriptor> posix_root::resolve(std::string_view path, int flags, reach r,
                                            std::uint64_t resolve_flags) const {
    std::array<char, PATH_MAX + 1> text;
    if (path.size() >= text.size()) return system_error(ENAMETOOLONG);
    if (path.empty()) path = "/";
    std::memcpy(text.data(), path.data(), path.size());
    text[path.size()] = '\0';

    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve_flags;
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
    auto directory = open(parts.directory, O_PATH | O_DIRECTORY, r);
    if (!directory) return directory.error();
    return entry{std::move(*directory), std::string(parts.name)};
}

result<std::string> posix_root::canonical(std::string_view path, reach r) const {
    // Mostly there is no link on the way; then folding the text is exact, and one call says so.
    const auto plain = resolve(path, O_PATH | O_NOFOLLOW, r, RESOLVE_NO_SYMLINKS);
    struct stat status {};
    if (plain && speaks_for_the_kernel(plain->get())) return system_error(EACCES);
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
        const auto fd = open(next, O_PATH | O_NOFOLLOW, r);
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
