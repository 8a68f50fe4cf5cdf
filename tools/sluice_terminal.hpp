#pragma once

#include "sluice/io/connect_options.hpp"
#include "sluice/tools/sluice_options.hpp"

#include <optional>
#include <string>

namespace sluice {

/// Asks the user on the controlling terminal, whatever the standard streams are, or by a program as
/// SSH_ASKPASS and SSH_ASKPASS_REQUIRE of ssh(1) say. Blocks, as ssh(1) does. Nothing where there
/// is no terminal or no answer.
std::optional<secret_bytes> ask_secret(const std::string& prompt);
std::optional<std::string> ask_line(const std::string& prompt);

/// Has passwords, passphrases, prompts and unknown host keys asked for there.
void ask_on_terminal(connect_options& options);

/// That for a server and those on the way to it, unless BatchMode forbids it.
void ask_where_permitted(client_settings& settings);

}  // namespace sluice
