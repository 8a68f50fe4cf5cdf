#include "sluice/io/posix_calls.hpp"

#include "sluice/sftp/requests.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace sluice::posix {
namespace {

error_code system_error(int number) { return {number, boost::system::system_category()}; }

result<> outcome(int returned) {
    if (returned != 0) return last_system_error();
    return {};
}

// Seconds of version 3 end in 2106; what is outside is shown as the nearest.
std::uint32_t seconds(time_t t) {
    constexpr time_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<time_t>(t, 0, most));
}

bool fits_off_t(std::uint64_t offset) {
    return offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
}

// chmod of an O_PATH descriptor: fchmodat2 (Linux 6.6), before that by way of /proc.
int change_mode(int fd, mode_t mode) {
    constexpr long fchmodat2 = 452;  // the same number on every architecture
    if (::syscall(fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0) return 0;
    if (errno != ENOSYS) return -1;
    std::array<char, 40> path;
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    return ::chmod(path.data(), mode);
}

// The same, and whether it was done: chmod(2) leaves out setgid for a group that is not ours, and
// says nothing.
result<> set_mode(int fd, bool path_only, mode_t mode) {
    if ((path_only ? change_mode(fd, mode) : ::fchmod(fd, mode)) != 0) return last_system_error();
    if ((mode & sftp::set_id_bits) == 0) return {};
    struct stat status {};
    if (::fstat(fd, &status) != 0) return last_system_error();
    if ((mode & sftp::set_id_bits & ~status.st_mode) != 0) return system_error(EPERM);
    return {};
}

struct changed {
    int fd;
    bool path_only = false;  // an O_PATH descriptor
    bool link = false;       // of a symbolic link
};

// The owner before the mode: to change him takes setuid and setgid away.
result<> apply(changed target, const sftp::attributes& attrs) {
    error_code first;
    const auto check = [&first](int returned) {
        if (returned != 0 && !first) first = last_system_error();
    };
    if (attrs.owner)
        check(::fchownat(target.fd, "", attrs.owner->uid, attrs.owner->gid, AT_EMPTY_PATH));
    if (attrs.permissions) {
        const auto mode = static_cast<mode_t>(*attrs.permissions & 07777);
        const auto set = target.link  // by way of /proc this would change what the link leads to
                             ? result<>(system_error(EOPNOTSUPP))
                             : set_mode(target.fd, target.path_only, mode);
        if (!set && !first) first = set.error();
    }
    if (attrs.times) {
        const std::array<timespec, 2> times{timespec{attrs.times->atime, 0},
                                            timespec{attrs.times->mtime, 0}};
        check(target.path_only ? ::utimensat(target.fd, "", times.data(), AT_EMPTY_PATH)
                               : ::futimens(target.fd, times.data()));
    }
    if (first) return first;
    return {};
}

}  // namespace

sftp::attributes attributes_of(const struct stat& status) {
    sftp::attributes attrs;
    attrs.size = static_cast<std::uint64_t>(status.st_size);
    attrs.owner = sftp::owner_ids{status.st_uid, status.st_gid};
    attrs.permissions = status.st_mode;
    attrs.times = sftp::file_times{seconds(status.st_atime), seconds(status.st_mtime)};
    return attrs;
}

result<file_descriptor> open_file(const posix_root& root, std::string_view path,
                                  std::uint32_t pflags, mode_t mode, reach r) {
    const bool reads = (pflags & sftp::fxf_read) != 0;
    const bool writes = (pflags & sftp::fxf_write) != 0;
    int flags = writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
    if ((pflags & sftp::fxf_append) != 0) flags |= O_APPEND;
    if ((pflags & sftp::fxf_creat) != 0) flags |= O_CREAT;
    if ((pflags & sftp::fxf_trunc) != 0) flags |= O_TRUNC;
    if ((pflags & sftp::fxf_excl) != 0) flags |= O_EXCL;
    auto fd = root.open_file(path, flags, mode, r);
    if (!fd) return fd.error();
    // A device may have nothing to give for ever: whoever reads it is not made to wait.
    if (is_device(fd->get())) return fd;
    const int now = ::fcntl(fd->get(), F_GETFL);
    if (now < 0 || ::fcntl(fd->get(), F_SETFL, now & ~O_NONBLOCK) != 0) return last_system_error();
    return fd;
}

result<sftp::attributes> stat(const posix_root& root, const sftp::op::stat& what, reach r) {
    const auto fd = root.open(what.path, O_PATH | (what.follow ? 0 : O_NOFOLLOW), r);
    if (!fd) return fd.error();
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return last_system_error();
    return attributes_of(status);
}

result<> setstat(const posix_root& root, const sftp::op::setstat& what, set_id may, reach r) {
    const auto fd = root.open(what.path, O_PATH | (what.follow ? 0 : O_NOFOLLOW), r);
    if (!fd) return fd.error();
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return last_system_error();
    if (may == set_id::refused && sftp::sets_id(what.attrs)) {
        const mode_t new_bits = *what.attrs.permissions & sftp::set_id_bits & ~status.st_mode;
        if (!S_ISDIR(status.st_mode) || new_bits != 0) return errc::set_id_not_permitted;
    }
    // The size first, by a descriptor of its own: only an open file can be cut.
    error_code size_error;
    if (what.attrs.size) {
        if (!what.follow) {
            size_error = errc::sftp_bad_message;  // a link has no size to set, as OpenSSH says
        } else {
            const auto file = open_file(root, what.path, sftp::fxf_write, 0, r);
            if (!file)
                size_error = file.error();
            else if (!fits_off_t(*what.attrs.size))
                size_error = system_error(EINVAL);
            else if (::ftruncate(file->get(), static_cast<off_t>(*what.attrs.size)) != 0)
                size_error = last_system_error();
        }
        const bool too_far = size_error == system_error(EXDEV) || size_error == system_error(ELOOP);
        if (too_far && r != reach::all) return size_error;  // before anything is changed
    }
    const auto applied = apply({fd->get(), true, S_ISLNK(status.st_mode)}, what.attrs);
    if (size_error) return size_error;
    return applied;
}

result<> fsetstat(int fd, const sftp::attributes& attrs, set_id may) {
    if (may == set_id::refused && sftp::sets_id(attrs)) return errc::set_id_not_permitted;
    error_code size_error;
    if (attrs.size) {
        if (!fits_off_t(*attrs.size))
            size_error = system_error(EINVAL);
        else if (::ftruncate(fd, static_cast<off_t>(*attrs.size)) != 0)
            size_error = last_system_error();
    }
    const auto applied = apply({fd}, attrs);
    if (size_error) return size_error;
    return applied;
}

result<> remove(const posix_root& root, std::string_view path, reach r) {
    const auto entry = root.entry_of(path, r);
    if (!entry) return entry.error();
    return outcome(::unlinkat(entry->fd(), entry->c_str(), 0));
}

result<> rmdir(const posix_root& root, std::string_view path, reach r) {
    const auto entry = root.entry_of(path, r);
    if (!entry) return entry.error();
    return outcome(::unlinkat(entry->fd(), entry->c_str(), AT_REMOVEDIR));
}

result<> mkdir(const posix_root& root, std::string_view path, mode_t mode, reach r) {
    const auto entry = root.entry_of(path, r);
    if (!entry) return entry.error();
    if (::mkdirat(entry->fd(), entry->c_str(), mode & ~sftp::set_id_bits) != 0)
        return last_system_error();
    if ((mode & sftp::set_id_bits) == 0) return {};
    const auto set = [&]() -> result<> {
        const file_descriptor made(
            ::openat(entry->fd(), entry->c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        struct stat status {};
        if (!made || ::fstat(made.get(), &status) != 0) return last_system_error();
        return set_mode(made.get(), true, (status.st_mode & 07777) | (mode & sftp::set_id_bits));
    }();
    if (!set) ::unlinkat(entry->fd(), entry->c_str(), AT_REMOVEDIR);
    return set;
}

result<> rename(const posix_root& root, const sftp::op::rename& what, reach r) {
    const auto from = root.entry_of(what.oldpath, r);
    if (!from) return from.error();
    const auto to = root.entry_of(what.newpath, r);
    if (!to) return to.error();
    if (what.replace) return outcome(::renameat(from->fd(), from->c_str(), to->fd(), to->c_str()));

    if (::renameat2(from->fd(), from->c_str(), to->fd(), to->c_str(), RENAME_NOREPLACE) == 0)
        return {};
    if (errno != EINVAL && errno != ENOSYS) return last_system_error();
    // A file system without RENAME_NOREPLACE: link and unlink cannot replace either, but is not for
    // directories; an existing directory is replaced by rename(2) only where it is empty.
    struct stat status {};
    if (::fstatat(from->fd(), from->c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return last_system_error();
    if (!S_ISDIR(status.st_mode)) {
        if (::linkat(from->fd(), from->c_str(), to->fd(), to->c_str(), 0) == 0)
            return outcome(::unlinkat(from->fd(), from->c_str(), 0));
        if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return last_system_error();
    }
    if (::fstatat(to->fd(), to->c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
        return system_error(EEXIST);
    return outcome(::renameat(from->fd(), from->c_str(), to->fd(), to->c_str()));
}

result<> symlink(const posix_root& root, const sftp::op::symlink& what, reach r) {
    const auto entry = root.entry_of(what.linkpath, r);
    if (!entry) return entry.error();
    const std::string target(what.targetpath);
    return outcome(::symlinkat(target.c_str(), entry->fd(), entry->c_str()));
}

result<> hardlink(const posix_root& root, const sftp::op::hardlink& what, reach r) {
    const auto from = root.entry_of(what.oldpath, r);
    if (!from) return from.error();
    const auto to = root.entry_of(what.newpath, r);
    if (!to) return to.error();
    return outcome(::linkat(from->fd(), from->c_str(), to->fd(), to->c_str(), 0));
}

result<std::string> readlink(const posix_root& root, std::string_view path, reach r) {
    const auto fd = root.open(path, O_PATH | O_NOFOLLOW, r);
    if (!fd) return fd.error();
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return last_system_error();
    if (!S_ISLNK(status.st_mode)) return system_error(EINVAL);
    std::array<char, PATH_MAX> text;
    const ssize_t n = ::readlinkat(fd->get(), "", text.data(), text.size());
    if (n < 0) return last_system_error();
    return std::string(text.data(), static_cast<std::size_t>(n));
}

result<sftp::statvfs_reply> statvfs(int fd) {
    struct statvfs s {};
    if (::fstatvfs(fd, &s) != 0) return last_system_error();
    sftp::statvfs_reply reply;
    reply.f_bsize = s.f_bsize;
    reply.f_frsize = s.f_frsize;
    reply.f_blocks = s.f_blocks;
    reply.f_bfree = s.f_bfree;
    reply.f_bavail = s.f_bavail;
    reply.f_files = s.f_files;
    reply.f_ffree = s.f_ffree;
    reply.f_favail = s.f_favail;
    reply.f_fsid = s.f_fsid;
    reply.f_flag = ((s.f_flag & ST_RDONLY) != 0 ? sftp::statvfs_read_only : 0) |
                   ((s.f_flag & ST_NOSUID) != 0 ? sftp::statvfs_no_setuid : 0);
    reply.f_namemax = s.f_namemax;
    return reply;
}

bool is_device(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

result<> read_fully(int fd, std::uint64_t offset, std::size_t length, wire::buffer& into) {
    if (!fits_off_t(offset)) return system_error(EINVAL);
    while (length != 0) {
        const ssize_t n = ::pread(fd, into.space().data(), length, static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return last_system_error();
        }
        if (n == 0) break;
        into.commit(static_cast<std::size_t>(n));
        length -= static_cast<std::size_t>(n);
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

result<cached_read> read_cached(int fd, std::uint64_t offset, std::size_t length,
                                wire::buffer& into) {
    if (!fits_off_t(offset)) return system_error(EINVAL);
    const iovec piece{into.space().data(), length};
    const ssize_t n = ::preadv2(fd, &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (n < 0) {
        if (errno == EAGAIN || errno == EOPNOTSUPP || errno == EINTR) return cached_read::partial;
        return last_system_error();
    }
    into.commit(static_cast<std::size_t>(n));
    if (n == 0 || static_cast<std::size_t>(n) == length) return cached_read::complete;
    struct stat status {};
    if (::fstat(fd, &status) != 0) return last_system_error();
    const std::uint64_t end = offset + static_cast<std::uint64_t>(n);
    return end >= static_cast<std::uint64_t>(status.st_size) ? cached_read::complete
                                                             : cached_read::partial;
}

result<> write_fully(int fd, std::uint64_t offset, bytes_view data) {
    if (!fits_off_t(offset)) return system_error(EINVAL);
    while (!data.empty()) {
        const ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return last_system_error();
        }
        data = data.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

result<std::uint64_t> copy_some(int from, std::uint64_t from_offset, int to,
                                std::uint64_t to_offset, std::uint64_t length) {
    constexpr std::uint64_t step = 8 * 1024 * 1024;
    if (!fits_off_t(from_offset) || !fits_off_t(to_offset)) return system_error(EINVAL);
    auto in = static_cast<loff_t>(from_offset);
    auto out = static_cast<loff_t>(to_offset);
    const ssize_t n = ::copy_file_range(from, &in, to, &out, std::min(length, step), 0);
    if (n >= 0) return static_cast<std::uint64_t>(n);
    // Between file systems that cannot, in overlapping ranges of one file, or to the end of an
    // appended one: through memory.
    if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS &&
        errno != EBADF && errno != EINTR)
        return last_system_error();
    wire::buffer block(static_cast<std::size_t>(std::min<std::uint64_t>(length, 256 * 1024)));
    if (const auto got = read_fully(from, from_offset, block.capacity(), block); !got)
        return got.error();
    if (const auto put = write_fully(to, to_offset, block.view()); !put) return put.error();
    return block.size();
}

namespace {

template <class Entry, class Id, class Call>
std::string name_of(Id id, char* Entry::*name, Call call) {
    std::vector<char> memory(4096);
    for (;;) {
        Entry entry{};
        Entry* found = nullptr;
        const int error = call(id, &entry, memory.data(), memory.size(), &found);
        if (error == ERANGE && memory.size() < 1024 * 1024) {  // a group may have many members
            memory.resize(memory.size() * 4);
            continue;
        }
        return error == 0 && found != nullptr ? std::string(found->*name) : std::string();
    }
}

}  // namespace

std::string user_name(uid_t uid) { return name_of<passwd>(uid, &passwd::pw_name, ::getpwuid_r); }

std::string group_name(gid_t gid) { return name_of<group>(gid, &group::gr_name, ::getgrgid_r); }

}  // namespace sluice::posix
