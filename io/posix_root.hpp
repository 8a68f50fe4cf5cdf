#pragma once

#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace sluice {

/// How long a file system may take.
enum class storage {
    memory,  // nothing waits
    disk,    // what the kernel has cached is at hand
    remote,  // anything may wait, for a network or another program
};

storage storage_of(int fd);

/// Whether an open file (O_PATH will do) is on procfs, sysfs, cgroupfs or another file system that
/// holds no files of anybody but handles to the kernel, to processes or to devices. True where the
/// kernel does not tell.
bool speaks_for_the_kernel(int fd);

/// Whether `name` in an open directory is a mount point.
bool is_mount_point(int directory, const char* name);

/// A directory served as "/". Every path is resolved by the kernel as if in a chroot
/// (openat2(2), RESOLVE_IN_ROOT): `..` stops at the root, absolute links inside start at the root,
/// and no change of the tree at the same time leads outside.
///
/// What lies on a file system by which the kernel shows and changes itself and its processes (see
/// speaks_for_the_kernel) is refused with EACCES, the mount point included: /proc/self/mem is the
/// server's own memory.
///
/// Const calls may be made on any thread.
class posix_root {
public:
    /// How far a call may go.
    enum class reach {
        all,
        same_mount,  // EXDEV where the path leaves the root's mount, ELOOP where it has a link
        cached,      // that, and EAGAIN where the kernel would have to wait for a disk
    };

    /// With `one_mount`, what is mounted below the root is refused with EACCES, as a file system of
    /// the kernel. Errors: those of open(2) on `path`.
    static result<posix_root> open(const std::string& path, bool one_mount = false);

    /// Where a path without a leading slash begins from now on: an absolute path below the root.
    /// Before, and for "/", that is the root. Errors: those of `canonical`; ENOTDIR.
    result<> start_at(std::string_view directory);

    /// open(2) of a path (O_PATH) or of a directory (O_DIRECTORY) below the root; O_CLOEXEC is
    /// added.
    result<file_descriptor> open(std::string_view path, int flags, reach r = reach::all) const;

    /// open(2) of a regular file, O_CREAT, O_EXCL and O_TRUNC included. What is there is looked at
    /// before it is opened, since to open can already be to act: EISDIR for a directory, EPERM for
    /// a FIFO, a device or a socket; but for character devices where they are permitted, which are
    /// opened O_NONBLOCK.
    result<file_descriptor> open_file(std::string_view path, int flags, mode_t mode,
                                      reach r = reach::all) const;

    /// The directory that holds the last component of `path`, and that component, which is never
    /// empty, "." or "..": EBUSY for a path that ends so. To be used by the …at calls that do not
    /// follow a link at the end.
    struct entry {
        file_descriptor directory;
        std::string name;

        const char* c_str() const { return name.c_str(); }
        int fd() const { return directory.get(); }
    };
    result<entry> entry_of(std::string_view path, reach r = reach::all) const;

    /// The path with every symbolic link resolved, below the root: "/" or "/a/b". The last
    /// component need not exist. Errors: ENOENT, ENOTDIR, ENAMETOOLONG; ELOOP beyond 40 links, or
    /// limits::sftp_components_max components with those of the links. `components` is told how
    /// many the kernel was asked for one by one: what the path has cost.
    result<std::string> canonical(std::string_view path, reach r = reach::all,
                                  std::size_t* components = nullptr) const;

    bool one_mount() const { return one_mount_; }

    /// Whether `open_file` opens character devices.
    void permit_devices() { devices_ = true; }

    /// Whether it is the machine's own "/".
    bool is_whole_system() const;

    /// Of the root itself, not of what is mounted below it.
    storage kept_in() const { return storage_; }

private:
    class walk;

    posix_root() = default;
    std::string_view from_start(std::string_view path, std::string& space) const;
    result<file_descriptor> resolve(std::string_view path, int flags, reach r,
                                    std::uint64_t resolve_flags = 0) const;
    result<file_descriptor> resolve_from(int directory, std::string_view path, int flags, reach r,
                                         std::uint64_t resolve_flags = 0) const;
    result<file_descriptor> open_existing(std::string_view path, int flags, reach r) const;
    result<file_descriptor> create(std::string_view path, int flags, mode_t mode, reach r) const;

    file_descriptor fd_;
    std::string start_;  // "" or "/a/b"
    bool one_mount_ = false;
    bool devices_ = false;
    storage storage_ = storage::remote;
};

}  // namespace sluice
