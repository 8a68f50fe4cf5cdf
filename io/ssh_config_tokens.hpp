#pragma once

#include "sluice/io/ssh_config.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_system.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// A text with its tokens replaced, or what is wrong with it.
struct expansion_error {
    error_code error;  // bad_config, too_long
    std::string text;
};
using expanded_text = boost::system::result<std::string, expansion_error>;

/// Replaces %h and its like (ssh_config(5), TOKENS), and ${NAME} by variables of the environment.
class ssh_config_tokens {
public:
    /// Those of a connection. `config` need not be complete: what it does not say has its default.
    ssh_config_tokens(const ssh_config& config, std::string_view host,
                      const ssh_config_system& system);

    /// Which tokens a keyword knows, beside %%.
    static constexpr std::string_view usual = "CdhikLlnpru";
    static constexpr std::string_view of_local_command = "CdhikLlnpruT";
    static constexpr std::string_view of_proxies = "hknpr";

    expanded_text percent(std::string_view text, std::string_view known = usual) const;
    /// The same, and ${NAME}. What replaces one is not looked through again.
    expanded_text percent_and_environment(std::string_view text) const;
    /// ~ or ~user at the front first, then the rest of it.
    expanded_text path(std::string_view text) const;

private:
    expanded_text replace(std::string_view text, std::string_view known, bool environment) const;

    const ssh_config_system& system_;
    std::vector<std::pair<char, std::string>> values_;
};

/// ${NAME} alone.
expanded_text with_environment(std::string_view text, const ssh_config_system& system);

/// ~ and ~user at the front.
expanded_text with_home(std::string_view path, const ssh_config_system& system);

}  // namespace sluice
