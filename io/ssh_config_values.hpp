#pragma once

#include "sluice/io/ssh_config_keywords.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// For io/ and the programs: one parser a kind of value of ssh_config(5).
namespace sluice {

/// A word that may be said, and the one that stands for it; in any case of letters.
struct ssh_config_word {
    std::string_view said;
    std::string_view meant;
};

/// A whole number from `least` to `most`.
std::optional<std::int64_t> ssh_config_number(std::string_view text, std::int64_t least,
                                              std::int64_t most);

/// "90", "2m", "1h30m" in seconds (sshd_config(5), TIME FORMATS).
std::optional<std::int64_t> ssh_config_seconds(std::string_view text);

/// "1G" in bytes.
std::optional<std::uint64_t> ssh_config_bytes(std::string_view text);

/// Whether a name may stand where ProxyCommand and Match exec bring it to a shell: no control, no
/// character that a shell takes for more than itself, no option.
bool is_harmless_host(std::string_view host);
bool is_harmless_user(std::string_view user);

/// "[bind:]port" or a path.
std::optional<ssh_forward_end> ssh_listener(std::string_view text);
/// "host:port" or a path.
std::optional<ssh_forward_end> ssh_destination(std::string_view text);

/// "[user@]host[:port]" or "ssh://[user@]host[:port]".
std::optional<ssh_jump> ssh_jump_from(std::string_view text);

/// A type of service by its name or number, as it is printed.
std::optional<std::string> ssh_type_of_service(std::string_view text);
/// What it is for a socket; nothing for "none", or what is no such type.
std::optional<int> ssh_type_of_service_number(std::string_view text);

/// "!", "^A" …: how ssh -G writes an escape character.
std::optional<std::string> ssh_escape_character(std::string_view text);

/// As `ssh -G` prints them.
std::string to_text(const ssh_forward_end& end);
std::string to_text(const ssh_jump& jump, bool last);

}  // namespace sluice
