#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/reader.hpp"

#include <cstdint>
#include <string_view>

// Requests of SFTP version 3, draft-ietf-secsh-filexfer-02 §4, §6, §8. Views point into the packet.
namespace sluice::sftp {

// Bits of `pflags` (§6.3).
inline constexpr std::uint32_t fxf_read = 0x00000001;
inline constexpr std::uint32_t fxf_write = 0x00000002;
inline constexpr std::uint32_t fxf_append = 0x00000004;
inline constexpr std::uint32_t fxf_creat = 0x00000008;
inline constexpr std::uint32_t fxf_trunc = 0x00000010;
inline constexpr std::uint32_t fxf_excl = 0x00000020;

// SSH_FXP_INIT (§4). The one request without an id; its extension pairs are of no use to a server.
struct fxp_init {
    static constexpr std::uint8_t number = 1;

    std::uint32_t version = 0;
    wire::rest extensions;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.version, m.extensions); }
};

// SSH_FXP_OPEN (§6.3).
struct fxp_open {
    static constexpr std::uint8_t number = 3;

    std::uint32_t id = 0;
    std::string_view filename;
    std::uint32_t pflags = 0;
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.filename, m.pflags, m.attrs);
    }
};

// SSH_FXP_READ (§6.4).
struct fxp_read {
    static constexpr std::uint8_t number = 5;

    std::uint32_t id = 0;
    bytes_view handle;
    std::uint64_t offset = 0;  // bytes
    std::uint32_t length = 0;  // bytes at most

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.handle, m.offset, m.length);
    }
};

// SSH_FXP_WRITE (§6.4).
struct fxp_write {
    static constexpr std::uint8_t number = 6;

    std::uint32_t id = 0;
    bytes_view handle;
    std::uint64_t offset = 0;  // bytes
    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.handle, m.offset, m.data);
    }
};

/// The requests that hold a handle and nothing else.
template <std::uint8_t Number>
struct handle_request {
    static constexpr std::uint8_t number = Number;

    std::uint32_t id = 0;
    bytes_view handle;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.handle); }
};

/// The requests that hold a path and nothing else.
template <std::uint8_t Number>
struct path_request {
    static constexpr std::uint8_t number = Number;

    std::uint32_t id = 0;
    std::string_view path;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.path); }
};

/// The requests that hold a path and attributes.
template <std::uint8_t Number>
struct path_attributes_request {
    static constexpr std::uint8_t number = Number;

    std::uint32_t id = 0;
    std::string_view path;
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.path, m.attrs); }
};

using fxp_close = handle_request<4>;             // SSH_FXP_CLOSE (§6.3)
using fxp_lstat = path_request<7>;               // SSH_FXP_LSTAT (§6.8)
using fxp_fstat = handle_request<8>;             // SSH_FXP_FSTAT (§6.8)
using fxp_setstat = path_attributes_request<9>;  // SSH_FXP_SETSTAT (§6.9)
using fxp_opendir = path_request<11>;            // SSH_FXP_OPENDIR (§6.7)
using fxp_readdir = handle_request<12>;          // SSH_FXP_READDIR (§6.7)
using fxp_remove = path_request<13>;             // SSH_FXP_REMOVE (§6.5)
using fxp_mkdir = path_attributes_request<14>;   // SSH_FXP_MKDIR (§6.6)
using fxp_rmdir = path_request<15>;              // SSH_FXP_RMDIR (§6.6)
using fxp_realpath = path_request<16>;           // SSH_FXP_REALPATH (§6.11)
using fxp_stat = path_request<17>;               // SSH_FXP_STAT (§6.8)
using fxp_readlink = path_request<19>;           // SSH_FXP_READLINK (§6.10)

// SSH_FXP_FSETSTAT (§6.9).
struct fxp_fsetstat {
    static constexpr std::uint8_t number = 10;

    std::uint32_t id = 0;
    bytes_view handle;
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.handle, m.attrs); }
};

// SSH_FXP_RENAME (§6.5): fails where `newpath` exists.
struct fxp_rename {
    static constexpr std::uint8_t number = 18;

    std::uint32_t id = 0;
    std::string_view oldpath;
    std::string_view newpath;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.oldpath, m.newpath);
    }
};

// SSH_FXP_SYMLINK (§6.10), in OpenSSH's order: the draft has linkpath first, OpenSSH has sent and
// read targetpath first from the start, and most follow it (OpenSSH PROTOCOL 4.1). Who does not is
// in client_habits.cpp.
struct fxp_symlink {
    static constexpr std::uint8_t number = 20;

    std::uint32_t id = 0;
    std::string_view targetpath;
    std::string_view linkpath;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.targetpath, m.linkpath);
    }
};

// SSH_FXP_EXTENDED (§8); what follows the name is in extensions.hpp.
struct fxp_extended {
    static constexpr std::uint8_t number = 200;

    std::uint32_t id = 0;
    std::string_view extended_request;
    wire::rest data;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.extended_request, m.data);
    }
};

}  // namespace sluice::sftp
