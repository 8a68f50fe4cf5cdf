#pragma once

#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <cstddef>
#include <string>

namespace sluice {

/// The text of a file. Errors: those of the system; too_long above `size_max` bytes.
result<std::string> read_text_file(const std::string& path, std::size_t size_max);

/// The same of a file that is open, from where it stands.
result<std::string> read_text(int fd, std::size_t size_max);

/// The same of a regular file whose text is a secret: it is in one place in memory, and wiped
/// there.
result<secret_bytes> read_secret(int fd, std::size_t size_max);

/// Whether the error says that there is no such file. No other one may be taken for an empty file.
bool is_absent(const error_code& error);

}  // namespace sluice
