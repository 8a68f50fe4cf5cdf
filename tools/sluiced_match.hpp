#pragma once

#include <cstdint>
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
};

/// One condition of `Match` (sshd_config(5)).
struct match_condition {
    enum class kind { user, address, local_address, local_port };

    kind what = kind::user;
    std::string value;  // a list with ! for exceptions, of patterns or blocks; a port

    bool holds(const login_facts& login) const;
    bool operator==(const match_condition&) const = default;
};

/// The conditions on a line behind `Match`. Gives what is wrong; nothing if all is well.
std::string read_match(const std::vector<std::string>& words, std::vector<match_condition>& out);

/// `-C user=ada,addr=10.0.0.1,laddr=10.0.0.2,lport=22`, as of sshd(8). `host`, `rdomain` and
/// `invalid-user` are taken and have no effect, for no condition asks for them. Gives what is
/// wrong; nothing if all is well.
std::string read_login_facts(std::string_view text, login_facts& out);

}  // namespace sluice
