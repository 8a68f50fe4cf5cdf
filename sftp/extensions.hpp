#pragma once

#include "sluice/sftp/codec.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

// The extended requests we serve: what stands behind the name in SSH_FXP_EXTENDED (OpenSSH PROTOCOL
// 4.3 to 4.12). To add one: a struct, its place in `extension`, its row in server_requests.cpp.
namespace sluice::sftp {

struct ext_posix_rename {
    static constexpr std::string_view name = "posix-rename@openssh.com";
    static constexpr std::string_view version = "1";

    std::string_view oldpath;
    std::string_view newpath;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.oldpath, m.newpath); }
};

struct ext_statvfs {
    static constexpr std::string_view name = "statvfs@openssh.com";
    static constexpr std::string_view version = "2";

    std::string_view path;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.path); }
};

struct ext_fstatvfs {
    static constexpr std::string_view name = "fstatvfs@openssh.com";
    static constexpr std::string_view version = "2";

    bytes_view handle;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.handle); }
};

struct ext_hardlink {
    static constexpr std::string_view name = "hardlink@openssh.com";
    static constexpr std::string_view version = "1";

    std::string_view oldpath;
    std::string_view newpath;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.oldpath, m.newpath); }
};

struct ext_fsync {
    static constexpr std::string_view name = "fsync@openssh.com";
    static constexpr std::string_view version = "1";

    bytes_view handle;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.handle); }
};

struct ext_lsetstat {
    static constexpr std::string_view name = "lsetstat@openssh.com";
    static constexpr std::string_view version = "1";

    std::string_view path;
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.path, m.attrs); }
};

struct ext_limits {
    static constexpr std::string_view name = "limits@openssh.com";
    static constexpr std::string_view version = "1";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

struct ext_expand_path {
    static constexpr std::string_view name = "expand-path@openssh.com";
    static constexpr std::string_view version = "1";

    std::string_view path;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.path); }
};

struct ext_copy_data {
    static constexpr std::string_view name = "copy-data";
    static constexpr std::string_view version = "1";

    bytes_view read_from_handle;
    std::uint64_t read_from_offset = 0;
    std::uint64_t read_data_length = 0;  // bytes; 0: up to the end of the file
    bytes_view write_to_handle;
    std::uint64_t write_to_offset = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.read_from_handle, m.read_from_offset, m.read_data_length, m.write_to_handle,
                     m.write_to_offset);
    }
};

struct ext_home_directory {
    static constexpr std::string_view name = "home-directory";
    static constexpr std::string_view version = "1";

    std::string_view username;  // empty: the current user

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.username); }
};

struct ext_users_groups_by_id {
    static constexpr std::string_view name = "users-groups-by-id@openssh.com";
    static constexpr std::string_view version = "1";

    bytes_view uids;  // uint32 each
    bytes_view gids;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.uids, m.gids); }
};

/// The one list: what VERSION announces, in this order, and what a request is looked up in.
using extension = std::variant<ext_posix_rename, ext_statvfs, ext_fstatvfs, ext_hardlink, ext_fsync,
                               ext_lsetstat, ext_limits, ext_expand_path, ext_copy_data,
                               ext_home_directory, ext_users_groups_by_id>;

/// Decodes the request called `name` into `out`, whose views point into `data`. Errors:
/// sftp_unsupported for a name not in the list; those of the fields.
error_code decode_extension(std::string_view name, bytes_view data, extension& out);

/// Appends the pairs of name and version that VERSION ends with.
void put_extension_list(bytes& out);

/// Some of the list, by their places in it.
using extension_set = std::bitset<std::variant_size_v<extension>>;

template <class E>
constexpr std::size_t extension_index() {
    return extension(std::in_place_type<E>).index();
}

/// Reads such pairs: those of our list, in our version of them; others are passed over. Errors:
/// truncated.
result<extension_set> read_extension_list(bytes_view pairs);

/// Reply of limits@openssh.com (PROTOCOL 4.8).
struct limits_reply {
    std::uint64_t max_packet_length = 0;  // bytes
    std::uint64_t max_read_length = 0;
    std::uint64_t max_write_length = 0;
    std::uint64_t max_open_handles = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.max_packet_length, m.max_read_length, m.max_write_length,
                     m.max_open_handles);
    }
};

inline constexpr std::uint64_t statvfs_read_only = 1;  // bits of f_flag
inline constexpr std::uint64_t statvfs_no_setuid = 2;

/// Reply of statvfs@ and fstatvfs@openssh.com (PROTOCOL 4.4), named as POSIX does.
struct statvfs_reply {
    std::uint64_t f_bsize = 0;
    std::uint64_t f_frsize = 0;
    std::uint64_t f_blocks = 0;
    std::uint64_t f_bfree = 0;
    std::uint64_t f_bavail = 0;
    std::uint64_t f_files = 0;
    std::uint64_t f_ffree = 0;
    std::uint64_t f_favail = 0;
    std::uint64_t f_fsid = 0;
    std::uint64_t f_flag = 0;
    std::uint64_t f_namemax = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.f_bsize, m.f_frsize, m.f_blocks, m.f_bfree, m.f_bavail, m.f_files, m.f_ffree,
                     m.f_favail, m.f_fsid, m.f_flag, m.f_namemax);
    }
};

/// Reply of users-groups-by-id@openssh.com (PROTOCOL 4.12): each is a sequence of strings.
struct users_groups_reply {
    bytes_view usernames;
    bytes_view groupnames;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.usernames, m.groupnames); }
};

}  // namespace sluice::sftp
