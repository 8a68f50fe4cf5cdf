#pragma once

#include "sluice/tools/sluiced_process.hpp"
#include "sluice/tools/sluiced_settings.hpp"

#include <optional>
#include <string>

namespace sluice {

/// What restricts the process; nothing: it is turned off.
struct restrictions {
    std::optional<enforced> landlock;
    std::optional<enforced> seccomp;
    std::string error;  // empty: all is well
};

/// Becomes that account for good, where there is one, and gives up all that is not needed from here
/// on: this thread, and those that it starts.
restrictions restrict_process(const sluiced_settings& settings,
                              const std::optional<process_account>& account);

/// "on", "off", "not in this kernel".
std::string to_text(std::optional<enforced> on);

}  // namespace sluice
