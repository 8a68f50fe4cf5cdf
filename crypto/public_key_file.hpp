#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/wire/error.hpp"

#include <string>
#include <string_view>

namespace sluice::crypto {

struct public_key_file {
    public_key key;
    std::string comment;
};

/// Reads the text of a public key file: OpenSSH's one line ("type base64 [comment]") or RFC 4716.
/// Headers of RFC 4716 other than Comment are ignored, as §3.3 demands.
/// Errors: bad_key_file, too_long and those of public_key::from_blob.
result<public_key_file> read_public_key(std::string_view text);

/// The text of an RFC 4716 file. Errors: bad_value for a comment with control characters or above
/// 1000 bytes.
result<std::string> write_rfc4716(const public_key& key, std::string_view comment);

}  // namespace sluice::crypto
