#pragma once

#include <span>
#include <string>

namespace sluice {

/// `sluice ssh`, and `sluice` called by the name ssh: one connection as ssh(1) would make it, for
/// programs that call ssh. `words` are those behind the name. Gives the exit status.
int run_ssh(std::span<const std::string> words);

}  // namespace sluice
