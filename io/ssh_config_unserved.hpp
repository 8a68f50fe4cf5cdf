#pragma once

#include "sluice/io/ssh_config.hpp"

#include <span>
#include <string_view>

namespace sluice {

/// A keyword of ssh_config(5) that is read and printed, and has no effect here.
struct unserved_setting {
    std::string_view keyword;
    bool (*asked_for)(const ssh_config& c);  // of a resolved one: more than the default
    bool weakens;                            // the connection is less safe than was asked for
    std::string_view instead;                // what happens, for people
};

/// All of them. Those of terminals, X11, tunnels and forwards are said by who opens the session.
std::span<const unserved_setting> unserved_settings();

/// Adds to `notes` and `warnings` what of them is asked for.
void note_unserved_settings(ssh_config& c);

}  // namespace sluice
