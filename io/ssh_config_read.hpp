#pragma once

#include "sluice/io/ssh_config_match.hpp"
#include "sluice/io/ssh_config_resolve.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// Private to io/: files of ssh_config(5), line by line.
namespace sluice {

/// Adds what files say to a configuration, for the host of a pass.
class ssh_config_reader {
public:
    /// All of them outlive it.
    ssh_config_reader(const ssh_config_system& system, ssh_config_pass& pass, ssh_config& config)
        : system_(system), pass_(pass), config_(config) {}

    using problem = std::optional<ssh_config_error>;

    /// "Keyword=value" of the command line.
    problem read_setting(std::string_view setting);
    problem read_file(const ssh_config_file& file);

private:
    // Where we are in a file.
    struct place {
        const ssh_config_file& file;
        unsigned depth = 0;     // of Include
        bool hopeless = false;  // included where nothing counts: no Host or Match changes that
        bool active = true;     // lines count
    };

    problem read_file(const ssh_config_file& file, place& at);
    std::string read_line(std::string_view line, place& at, problem& inside);
    std::string read_keyword(const ssh_config_line& line, bool active);
    void note(const std::string& what);
    std::string include(const ssh_config_line& line, place& at, problem& inside);

    const ssh_config_system& system_;
    ssh_config_pass& pass_;
    ssh_config& config_;
    std::size_t files_ = 0;
    std::string where_;  // "FILE:LINE" of the line that is read
};

}  // namespace sluice
