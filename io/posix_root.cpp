#include "sluice/io/posix_root.hpp"

#include "sluice/sftp/path.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

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

result<> fit_to_open(int fd, bool devices, struct stat& status) {
    if (::fstat(fd, &status) != 0) return last_system_error();
    if (S_ISDIR(status.st_mode)) return system_error(EISDIR);
    if (devices && S_ISCHR(status.st_mode)) return {};
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

bool is_mount_point(int directory, const char* name) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV;
    const file_descriptor there(open_beneath(directory, name, how));
    return !there && errno == EXDEV;
}

result<posix_root> posix_root::open(const std::string& path, bool one_mount) {
    posix_root root;
    root.one_mount_ = one_mount;
    root.fd_ = file_descriptor(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.fd_) return last_system_error();
    root.storage_ = storage_of(root.fd_.get());
    // Better no server than one whose root leaks: kernels before 5.6 have no openat2.
    const auto probe = root.open("/", O_PATH | O_DIRECTORY);
    if (!probe) return probe.error();
    return root;
}

result<> posix_root::start_at(std::string_view directory) {
    const std::string absolute = "/" + std::string(directory);
    const auto there = open(std::string_view(absolute), O_PATH | O_DIRECTORY);
    if (!there) return there.error();
    auto path = canonical(absolute);
    if (!path) return path.error();
    start_ = *path == "/" ? std::string() : std::move(*path);
    return {};
}

// `space` keeps what is made of it.
std::string_view posix_root::from_start(std::string_view path, std::string& space) const {
    if (start_.empty() || path.starts_with('/')) return path;
    if (path.empty()) path = ".";
    space.reserve(start_.size() + 1 + path.size());
    space.assign(start_).append("/").append(path);
    return space;
}

bool posix_root::is_whole_system() const {
    struct stat here {};
    struct stat top {};
    return ::fstat(fd_.get(), &here) == 0 && ::stat("/", &top) == 0 && here.st_dev == top.st_dev &&
           here.st_ino == top.st_ino;
}

result<file_descriptor> posix_root::open(std::string_view path, int flags, reach r) const {
    expects((flags & (O_PATH | O_DIRECTORY)) != 0);
    std::string space;
    auto fd = resolve(from_start(path, space), flags, r);
    if (!fd) return fd.error();
    return unless_of_the_kernel(std::move(*fd));
}

result<file_descriptor> posix_root::open_file(std::string_view path, int flags, mode_t mode,
                                              reach r) const {
    std::string space;
    path = from_start(path, space);
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
    if (const auto ok = fit_to_open(seen->get(), devices_, status); !ok) return ok.error();
    if (S_ISCHR(status.st_mode)) flags &= ~O_TRUNC;  // which means nothing there

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
    return resolve_from(fd_.get(), path, flags, r, resolve_flags);
}

result<file_descriptor> posix_root::resolve_from(int directory, std::string_view path, int flags,
                                                 reach r, std::uint64_t resolve_flags) const {
    std::array<char, PATH_MAX + 1> text;
    if (path.size() >= text.size()) return system_error(ENAMETOOLONG);
    if (path.empty()) path = "/";
    std::memcpy(text.data(), path.data(), path.size());
    text[path.size()] = '\0';

    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve_flags;
    if (r != reach::all) how.resolve |= RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    if (one_mount_) how.resolve |= RESOLVE_NO_XDEV;
    if (r == reach::cached) how.resolve |= RESOLVE_CACHED;
    // A rename while `..` is resolved makes the kernel ask for another try (EAGAIN).
    for (int attempt = 0; attempt < 64; ++attempt) {
        file_descriptor fd(open_beneath(directory, text.data(), how));
        if (fd) return fd;
        if (errno == EINTR) continue;
        if (errno != EAGAIN || r == reach::cached) break;
    }
    if (errno == EXDEV && r == reach::all) return system_error(EACCES);
    return last_system_error();
}

result<posix_root::entry> posix_root::entry_of(std::string_view path, reach r) const {
    std::string space;
    const sftp::split_path parts = sftp::split(from_start(path, space));
    if (!parts.has_name()) return system_error(EBUSY);
    auto directory = open(parts.directory, O_PATH | O_DIRECTORY, r);
    if (!directory) return directory.error();
    return entry{std::move(*directory), std::string(parts.name)};
}

// Component by component, as realpath(3) does, with one descriptor that is carried forward. It
// stands on a directory that was found below the root, and from there only goes down; `..` is taken
// off the text, and where that leads is looked up from the root when it is needed.
class posix_root::walk {
public:
    walk(const posix_root& root, std::string_view path) : root_(root), left_(path) {}

    result<std::string> run();

    /// That the kernel was asked for.
    std::size_t components() const { return components_; }

private:
    std::string_view next();
    bool last() const { return left_.find_first_not_of('/', at_) == std::string::npos; }
    void up();
    void down(std::string_view component, file_descriptor fd);
    result<> stand();
    result<file_descriptor> look(std::string_view component);
    result<> follow(const file_descriptor& link);

    const posix_root& root_;
    std::string left_;    // of the path, with the texts of links
    std::size_t at_ = 0;  // where the rest of it begins
    std::string done_;    // "" or "/a/b", without a link
    std::size_t depth_ = 0;
    file_descriptor here_;  // done_; nothing: the root, or not looked up
    bool lost_ = false;     // here_ is not looked up
    std::size_t components_ = 0;
    int links_ = 0;
};

result<std::string> posix_root::canonical(std::string_view path, reach r,
                                          std::size_t* components) const {
    std::string space;
    path = from_start(path, space);
    // Mostly there is no link on the way; then folding the text is exact, and one call says so.
    const auto plain = resolve(path, O_PATH | O_NOFOLLOW, r, RESOLVE_NO_SYMLINKS);
    struct stat status {};
    if (plain && speaks_for_the_kernel(plain->get())) return system_error(EACCES);
    if (plain && ::fstat(plain->get(), &status) == 0 && !S_ISLNK(status.st_mode))
        return sftp::canonical_path(path);
    if (r != reach::all) return system_error(ELOOP);  // what follows takes its time
    walk way(*this, path);
    auto end = way.run();
    if (components != nullptr) *components = way.components();
    return end;
}

result<std::string> posix_root::walk::run() {
    while (!last()) {
        const std::string component(next());
        if (component == ".") continue;
        if (component == "..") {
            up();
            continue;
        }
        auto fd = look(component);
        if (!fd && fd.error() == system_error(ENOENT) && last()) return done_ + "/" + component;
        if (!fd) return fd.error();
        struct stat status {};
        if (::fstat(fd->get(), &status) != 0) return last_system_error();
        if (!S_ISLNK(status.st_mode))
            down(component, std::move(*fd));
        else if (const auto followed = follow(*fd); !followed)
            return followed.error();
    }
    return done_.empty() ? "/" : done_;
}

std::string_view posix_root::walk::next() {
    const auto begin = left_.find_first_not_of('/', at_);
    at_ = std::min(left_.find('/', begin), left_.size());
    return std::string_view(left_).substr(begin, at_ - begin);
}

void posix_root::walk::up() {
    if (depth_ == 0) return;
    done_.erase(done_.rfind('/'));
    --depth_;
    here_ = {};
    lost_ = depth_ != 0;
}

void posix_root::walk::down(std::string_view component, file_descriptor fd) {
    done_.append("/").append(component);
    ++depth_;
    here_ = std::move(fd);
}

// Counted by depth, for that is what the kernel has to do.
result<> posix_root::walk::stand() {
    if (!lost_) return {};
    components_ += depth_;
    if (components_ > limits::sftp_components_max) return system_error(ELOOP);
    auto fd = root_.resolve(done_, O_PATH | O_NOFOLLOW, reach::all, RESOLVE_NO_SYMLINKS);
    if (!fd) return fd.error();
    here_ = std::move(*fd);
    lost_ = false;
    return {};
}

result<file_descriptor> posix_root::walk::look(std::string_view component) {
    if (done_.size() + 1 + component.size() > PATH_MAX) return system_error(ENAMETOOLONG);
    if (const auto ok = stand(); !ok) return ok.error();
    if (++components_ > limits::sftp_components_max) return system_error(ELOOP);
    const int from = here_ ? here_.get() : root_.fd_.get();
    auto fd = root_.resolve_from(from, component, O_PATH | O_NOFOLLOW, reach::all);
    if (!fd) return fd.error();
    return unless_of_the_kernel(std::move(*fd));
}

result<> posix_root::walk::follow(const file_descriptor& link) {
    if (++links_ > links_max) return system_error(ELOOP);
    std::array<char, PATH_MAX> target;
    const ssize_t n = ::readlinkat(link.get(), "", target.data(), target.size());
    if (n < 0) return last_system_error();
    std::string text(target.data(), static_cast<std::size_t>(n));
    if (text.starts_with('/')) {
        done_.clear();
        depth_ = 0;
        here_ = {};
        lost_ = false;
    }
    text.append("/").append(left_, at_);
    if (text.size() > 2 * PATH_MAX) return system_error(ENAMETOOLONG);
    left_ = std::move(text);
    at_ = 0;
    return {};
}

}  // namespace sluice
