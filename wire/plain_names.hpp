#pragma once

#include <string_view>

/// Names that mean the same to whoever judges them and to whoever uses them.
namespace sluice {

/// Whether text can be the name or address of a host: 1 to 255 printable characters of US-ASCII,
/// none of them blank. (Names of domains with others have a form in these, RFC 5890.)
bool is_host(std::string_view text);

/// Whether text can be the name of a variable: [A-Za-z_][A-Za-z0-9_]*
bool is_variable_name(std::string_view text);

}  // namespace sluice
