#pragma once

#include "sluice/tools/sluiced_settings.hpp"

#include <string>

namespace sluice {

/// Reads files for Include, with wildcards as of glob(7), in alphabetical order. Names that are not
/// absolute are meant from `folder` on. A pattern that no file fits includes none, as in sshd.
include_reader include_from(std::string folder);

/// Where a file lies: all of its name before the last '/'; "." where there is none.
std::string folder_of(const std::string& file);

}  // namespace sluice
