#pragma once

#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::sftp {

/// SSH_FX_ codes: 0 to 8 of version 3 (draft-ietf-secsh-filexfer-02 §7), and the one of version 6
/// that copy-data asks for.
enum class status_code : std::uint32_t {
    ok = 0,
    eof = 1,
    no_such_file = 2,
    permission_denied = 3,
    failure = 4,
    bad_message = 5,
    no_connection = 6,    // never sent
    connection_lost = 7,  // never sent
    op_unsupported = 8,
    invalid_parameter = 23,
};

/// The code for a failed operation: an errc of ours, or an errno, mapped one by one as OpenSSH does
/// so that its clients say what they always said.
status_code status_of(error_code error) noexcept;

/// The error for a code that a server sent; no error for `ok`. Codes that version 3 does not have
/// are failures.
error_code error_of(std::uint32_t code) noexcept;

/// The error message of a STATUS reply, where nothing but its code is known.
std::string_view text_of(status_code code) noexcept;

/// The same for a failed operation: the system's words for an errno, in English ("No space left on
/// device"). Never a path.
std::string_view text_of(error_code error) noexcept;

}  // namespace sluice::sftp
