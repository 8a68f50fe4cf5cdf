#pragma once

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/posix_root.hpp"
#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/operations.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

struct stat;

// What a posix_filesystem does, as calls that block: each may run on any thread.
namespace sluice::posix {

using reach = posix_root::reach;

sftp::attributes attributes_of(const struct stat& status);

/// A regular file, opened as the fxf_ bits say. Anything else (FIFO, device, socket, directory) is
/// refused without waiting for it: EISDIR, or EPERM. A character device, where the root permits
/// it, stays O_NONBLOCK.
result<file_descriptor> open_file(const posix_root& root, std::string_view path,
                                  std::uint32_t pflags, mode_t mode, reach r);

result<sftp::attributes> stat(const posix_root& root, const sftp::op::stat& what, reach r);

/// Whether a client may set the setuid and setgid bits of a mode. Where it may not,
/// set_id_not_permitted, and nothing is changed; but a directory that has them may keep them: there
/// they run nothing.
enum class set_id { refused, allowed };

/// Sets what `attrs` has, of an existing object: the size, the owner, the mode, the times. Tells
/// the first error after trying all.
result<> setstat(const posix_root& root, const sftp::op::setstat& what, set_id may, reach r);
result<> fsetstat(int fd, const sftp::attributes& attrs, set_id may);

result<> remove(const posix_root& root, std::string_view path, reach r);
result<> rmdir(const posix_root& root, std::string_view path, reach r);
/// Under the umask; set_id bits of `mode` are set.
result<> mkdir(const posix_root& root, std::string_view path, mode_t mode, reach r);
result<> rename(const posix_root& root, const sftp::op::rename& what, reach r);
result<> symlink(const posix_root& root, const sftp::op::symlink& what, reach r);
result<> hardlink(const posix_root& root, const sftp::op::hardlink& what, reach r);
result<std::string> readlink(const posix_root& root, std::string_view path, reach r);
result<sftp::statvfs_reply> statvfs(int fd);

/// Whether it is a character device.
bool is_device(int fd);

/// Reads until `length` bytes are there or the file ends.
result<> read_fully(int fd, std::uint64_t offset, std::size_t length, wire::buffer& into);
result<> write_fully(int fd, std::uint64_t offset, bytes_view data);

/// What the page cache has of the same.
enum class cached_read {
    complete,  // everything asked for, or up to the end of the file
    partial,   // the rest needs the disk
};
result<cached_read> read_cached(int fd, std::uint64_t offset, std::size_t length,
                                wire::buffer& into);

/// Copies at most `length` bytes, a bounded step; 0 at the end of the file.
result<std::uint64_t> copy_some(int from, std::uint64_t from_offset, int to,
                                std::uint64_t to_offset, std::uint64_t length);

/// The name for an id, or nothing. May ask a directory service, so never on an event loop.
std::string user_name(uid_t uid);
std::string group_name(gid_t gid);

}  // namespace sluice::posix
