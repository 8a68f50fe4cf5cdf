#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <cstdint>
#include <optional>

namespace sluice::sftp {

// Bits of the ATTRS flags (draft-ietf-secsh-filexfer-02 §5).
inline constexpr std::uint32_t attr_size = 0x00000001;
inline constexpr std::uint32_t attr_uidgid = 0x00000002;
inline constexpr std::uint32_t attr_permissions = 0x00000004;
inline constexpr std::uint32_t attr_acmodtime = 0x00000008;
inline constexpr std::uint32_t attr_extended = 0x80000000;

// The type bits of `permissions`, as POSIX has them.
inline constexpr std::uint32_t type_mask = 0170000;
inline constexpr std::uint32_t type_directory = 0040000;
inline constexpr std::uint32_t type_regular = 0100000;
inline constexpr std::uint32_t type_symlink = 0120000;

// Bits of `permissions` with which a program runs as somebody else.
inline constexpr std::uint32_t set_id_bits = 06000;

struct owner_ids {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    bool operator==(const owner_ids&) const = default;
};

/// Seconds since 1970-01-01 UTC; version 3 has 32 bits of them.
struct file_times {
    std::uint32_t atime = 0;
    std::uint32_t mtime = 0;
    bool operator==(const file_times&) const = default;
};

/// ATTRS of version 3 (draft-02 §5): what is not set is not on the wire.
///
/// Extended pairs are read, counted and forgotten: none is known.
struct attributes {
    std::optional<std::uint64_t> size = {};  // bytes
    std::optional<owner_ids> owner = {};
    std::optional<std::uint32_t> permissions = {};  // mode bits; from a server with the type bits
    std::optional<file_times> times = {};

    /// Flags that version 3 does not have, as they came; never sent. What they announce is behind
    /// the rest, and passed over. "It is a protocol error" (§5), but sftp(1) takes such replies; a
    /// request is refused by the server, which would not do what it asks for.
    std::uint32_t unknown_flags = 0;

    bool empty() const { return !size && !owner && !permissions && !times; }
    bool operator==(const attributes&) const = default;
};

/// Whether the permissions are there and say so.
inline bool is_directory(const attributes& a) {
    return a.permissions && (*a.permissions & type_mask) == type_directory;
}

/// Whether the permissions are there, with a set_id bit.
inline bool sets_id(const attributes& a) { return a.permissions && (*a.permissions & set_id_bits); }

/// Reads ATTRS. Errors: truncated; too_long for more than limits::sftp_extended_attributes_max
/// pairs.
void get(wire::reader& r, attributes& value);
void put(wire::writer& w, const attributes& value);

/// The most bytes that `put` writes.
inline constexpr std::size_t attributes_length_max = 4 + 8 + 8 + 4 + 8;

}  // namespace sluice::sftp
