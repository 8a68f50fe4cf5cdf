#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <string>
#include <string_view>

namespace sluice::crypto {

/// RFC 4648 §4, padded, on one line.
std::string to_base64(bytes_view data);

/// The strict inverse: padded, one line, unused bits zero. The result is secret because key files
/// pass here too. Errors: bad_value.
result<secret_bytes> from_base64(std::string_view text);

}  // namespace sluice::crypto
