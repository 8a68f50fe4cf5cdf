#pragma once

#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// Paths as text. Nothing here looks at a file system, so symbolic links are just names.
namespace sluice::sftp {

/// Whether a path can name anything: too_long above limits::sftp_path_length_max, sftp_no_such_file
/// for a NUL in it.
result<> check_path(std::string_view path);

/// The absolute path with `.`, `..` and repeated slashes folded away: "/" or "/a/b". A path without
/// a leading slash is relative to "/", the empty one is "/", and `..` never leads above "/".
std::string canonical_path(std::string_view path);

/// The same into a string that the caller reuses.
void canonical_path(std::string_view path, std::string& out);

/// A path taken apart for the calls that name an entry in a directory.
struct split_path {
    std::string_view directory;  // "" is the root
    std::string_view name;       // last component; empty, "." or ".." where there is no name
    bool trailing_slash = false;

    bool has_name() const { return !name.empty() && name != "." && name != ".."; }
};

split_path split(std::string_view path);

}  // namespace sluice::sftp
