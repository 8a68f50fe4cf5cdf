#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/name_batch.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace sluice::sftp {

/// An open file or directory, numbered by the filesystem; the client never sees the number.
enum class file_handle : std::uint64_t {};

/// How the life of a handle ended.
struct ending {
    enum class kind {
        read_only,  // was not open for writing
        committed,  // the client closed it
        abandoned,  // the session ended before the client closed it
    };
    kind how = kind::read_only;

    /// For a handle that was written to: the writes that succeeded follow each other without a gap
    /// from the offset of the first one up to this one, in bytes.
    std::uint64_t contiguous_end = 0;

    /// Some write failed, and the client was told so.
    bool write_failed = false;
};

/// Names for ids, in their order; empty where there is none.
struct id_names {
    std::vector<std::string> users;
    std::vector<std::string> groups;
};

/// What a filesystem is asked to do. `reply` is what the operation completes with.
///
/// Paths are as the client sent them, at most limits::sftp_path_length_max bytes and without NUL;
/// relative ones are relative to "/" (see path.hpp). Views live until the operation has completed.
namespace op {

struct open {
    using reply = file_handle;
    std::string_view path;
    std::uint32_t pflags = 0;  // fxf_ bits of requests.hpp; neither read nor write means read
    attributes attrs;          // permissions for a file that is created
};

struct close {
    using reply = void;
    file_handle file{};
    ending end;
};

/// Reads up to `length` bytes to the end of `into`, which has room for them: what is in it already
/// is the header of the reply. The same buffer goes into the completion; with nothing added, or
/// errc::sftp_eof, the client is told of the end of the file.
struct read {
    using reply = wire::buffer;
    file_handle file{};
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    wire::buffer into;
};

/// Writes all of `data.view()`, or fails.
struct write {
    using reply = void;
    file_handle file{};
    std::uint64_t offset = 0;
    wire::buffer data;
};

struct stat {
    using reply = attributes;
    std::string_view path;
    bool follow = true;  // a symbolic link at the end
};

struct fstat {
    using reply = attributes;
    file_handle file{};
};

struct setstat {
    using reply = void;
    std::string_view path;
    attributes attrs;
    bool follow = true;
};

struct fsetstat {
    using reply = void;
    file_handle file{};
    attributes attrs;
};

struct opendir {
    using reply = file_handle;
    std::string_view path;
};

/// The next entries; an empty batch, or errc::sftp_eof, when there are no more.
struct readdir {
    using reply = name_batch;
    file_handle directory{};
};

struct remove {
    using reply = void;
    std::string_view path;
};

struct mkdir {
    using reply = void;
    std::string_view path;
    attributes attrs;
};

struct rmdir {
    using reply = void;
    std::string_view path;
};

struct realpath {
    using reply = std::string;
    std::string_view path;
};

struct rename {
    using reply = void;
    std::string_view oldpath;
    std::string_view newpath;
    bool replace = false;  // as rename(2) does; else an existing `newpath` is an error
};

struct readlink {
    using reply = std::string;
    std::string_view path;
};

struct symlink {
    using reply = void;
    std::string_view targetpath;
    std::string_view linkpath;
};

struct hardlink {
    using reply = void;
    std::string_view oldpath;
    std::string_view newpath;
};

struct fsync {
    using reply = void;
    file_handle file{};  // no client can sync a directory, a program may
};

struct statvfs {
    using reply = statvfs_reply;
    std::string_view path;
};

struct fstatvfs {
    using reply = statvfs_reply;
    file_handle file{};
};

struct copy_data {
    using reply = void;
    file_handle from{};
    std::uint64_t from_offset = 0;
    std::uint64_t length = 0;  // bytes; 0: up to the end of the file
    file_handle to{};
    std::uint64_t to_offset = 0;
};

struct expand_path {
    using reply = std::string;
    std::string_view path;
};

struct home_directory {
    using reply = std::string;
    std::string_view username;
};

struct users_groups {
    using reply = id_names;
    std::vector<std::uint32_t> uids;
    std::vector<std::uint32_t> gids;
};

using any = std::variant<open, close, read, write, stat, fstat, setstat, fsetstat, opendir, readdir,
                         remove, mkdir, rmdir, realpath, rename, readlink, symlink, hardlink, fsync,
                         statvfs, fstatvfs, copy_data, expand_path, home_directory, users_groups>;

}  // namespace op
}  // namespace sluice::sftp
