#pragma once

#include "sluice/io/ssh_config.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_system.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A keyword of ssh_config(5): how its arguments become members of `ssh_config`, and back.
struct ssh_keyword {
    /// What a parser is given.
    struct arguments {
        const std::vector<std::string>& words;  // at least one, none but the first empty
        std::string_view rest;                  // of the line, for commands
        const ssh_config_system& system;
    };

    std::string_view name;
    std::string_view initial;  // what holds where no file says anything; empty: nothing does
    std::size_t words_max;
    ssh_config_fault (*parse)(const arguments& a, ssh_config& c);

    /// The values to print, a line each; null for a keyword that another one prints.
    std::vector<std::string> (*print)(const ssh_config& c);
};

/// All that have a meaning for a connection: not Host, Match, Include.
std::span<const ssh_keyword> ssh_keywords();

/// By its name in lower case, or one of its former names; null if there is none.
const ssh_keyword* find_ssh_keyword(std::string_view name);

/// Keywords of former releases of OpenSSH, or of features it may be built without: passed over.
bool is_former_ssh_keyword(std::string_view name);

}  // namespace sluice
