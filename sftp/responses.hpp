#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/reader.hpp"

#include <cstdint>
#include <string_view>

// Responses of SFTP version 3, draft-ietf-secsh-filexfer-02 §4, §7, §8.
namespace sluice::sftp {

// SSH_FXP_VERSION (§4). `extensions` is a sequence of pairs of strings, name and version.
struct fxp_version {
    static constexpr std::uint8_t number = 2;

    std::uint32_t version = 0;
    wire::rest extensions;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.version, m.extensions); }
};

// SSH_FXP_STATUS (§7).
struct fxp_status {
    static constexpr std::uint8_t number = 101;

    std::uint32_t id = 0;
    std::uint32_t code = 0;
    std::string_view error_message;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.id, m.code, m.error_message, m.language_tag);
    }
};

// SSH_FXP_HANDLE (§7).
struct fxp_handle {
    static constexpr std::uint8_t number = 102;

    std::uint32_t id = 0;
    bytes_view handle;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.handle); }
};

// SSH_FXP_DATA (§7).
struct fxp_data {
    static constexpr std::uint8_t number = 103;

    std::uint32_t id = 0;
    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.data); }
};

// SSH_FXP_NAME (§7). `names` is `count` times filename, longname, ATTRS: see name_batch.hpp.
struct fxp_name {
    static constexpr std::uint8_t number = 104;

    std::uint32_t id = 0;
    std::uint32_t count = 0;
    wire::rest names;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.count, m.names); }
};

// One element of SSH_FXP_NAME.
struct name_entry {
    std::string_view filename;
    std::string_view longname;  // for display only
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.filename, m.longname, m.attrs);
    }
};

// SSH_FXP_ATTRS (§7).
struct fxp_attrs {
    static constexpr std::uint8_t number = 105;

    std::uint32_t id = 0;
    attributes attrs;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.attrs); }
};

// SSH_FXP_EXTENDED_REPLY (§8).
struct fxp_extended_reply {
    static constexpr std::uint8_t number = 201;

    std::uint32_t id = 0;
    wire::rest data;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.id, m.data); }
};

}  // namespace sluice::sftp
