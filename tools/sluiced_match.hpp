#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Whom `Match` is asked about.
struct login_facts {
    std::string user;
    std::string address;           // numeric
    std::uint16_t local_port = 0;  // 0: none
    std::string local_address{};   // numeric; empty: none
    std::string host{};            // empty: the address, as of sshd with UseDNS no
    // Names of the groups of the user's account; nothing: he has none on this machine.
    std::optional<std::vector<std::string>> groups{};
    std::string routing_domain{};  // of -C; connections have none
};

/// One condition of `Match` (sshd_config(5)).
struct match_condition {
    enum class kind {
        user,
        group,
        host,
        address,
        local_address,
        local_port,
        routing_domain,
        invalid_user
    };

    kind what = kind::user;
    std::string value;  // a list with ! for exceptions, of patterns or blocks; a port; or none

    bool holds(const login_facts& login) const;
    bool operator==(const match_condition&) const = default;
};

/// The conditions on a line behind `Match`. Gives what is wrong; nothing if all is well.
std::string read_match(const std::vector<std::string>& words, std::vector<match_condition>& out);

/// Whether it asks for the groups of a login, or whether there are any.
bool asks_for_groups(const match_condition& condition);

/// `-C user=ada,host=h,addr=10.0.0.1,laddr=10.0.0.2,lport=22,rdomain=x`, as of sshd(8); a comma may
/// end it. `invalid-user` is taken and has no effect: whether there is such an account is looked up
/// (`groups` is for the caller to fill). Gives what is wrong; nothing if all is well.
std::string read_login_facts(std::string_view text, login_facts& out);

/// What is wrong with a list of patterns with commas between them and ! for exceptions: one that is
/// empty, or none beside its exceptions' marks. Empty: nothing.
std::string fault_in_patterns(std::string_view list);

}  // namespace sluice
