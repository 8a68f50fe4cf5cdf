#pragma once

#include "sluice/sftp/responses.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice::sftp {

/// The entries of one READDIR's answer, in the packet they came in.
///
/// Names that are no names of entries (empty, with a slash or a NUL in them, or longer than
/// limits::sftp_name_length_max) are left out: joined to a local path they would lead elsewhere.
class names_reply {
public:
    names_reply() = default;

    /// Takes a NAME packet, type byte first. Errors: those of decoding; bad_value where there are
    /// fewer entries than it says; too_long for more than limits::sftp_names_max.
    static result<names_reply> parse(wire::buffer packet);

    /// Gets the next entry, or tells that there is none. Its views live as long as this object.
    bool next(name_entry& entry);

    /// Entries in all, and how many were left out of them.
    std::uint32_t count() const { return count_; }
    std::uint32_t left_out() const { return left_out_; }

private:
    wire::buffer packet_;  // what `next` has not given yet
    std::uint32_t count_ = 0;
    std::uint32_t left_out_ = 0;
};

}  // namespace sluice::sftp
