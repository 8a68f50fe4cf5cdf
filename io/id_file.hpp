#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice {

/// Names by their numbers.
using id_table = std::unordered_map<std::uint32_t, std::string>;

/// What a file in the form of passwd(5) or group(5) says: `name:password:number:…` on each line.
/// Whoever may write below a root writes it, so whatever is not plain is left out: names with
/// blanks, control or non-ASCII characters, numbers that are none. Of two names for a number the
/// first counts, as for getpwuid(3). At most limits::id_file_names_max.
id_table parse_id_file(std::string_view text);

}  // namespace sluice
