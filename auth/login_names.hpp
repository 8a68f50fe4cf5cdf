#pragma once

#include <string_view>

namespace sluice {

/// Whether a text can name a user wherever it goes: to files, to logs, to C interfaces and as an
/// argument of commands. Not an empty one, nor one that begins with "-", nor one with a control
/// character (C0, DEL, and C1 in UTF-8).
bool is_login_name(std::string_view name);

/// The same of a client's host, where blanks are not to be either.
bool is_login_host(std::string_view host);

}  // namespace sluice
