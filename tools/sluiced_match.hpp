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
    std::string host{};            // of -C; empty: the address, for names are not looked up
    std::string routing_domain{};  // of -C; connections have none
};

/// One condition of `Match` (sshd_config(5)).
struct match_condition {
    enum class kind { user, host, address, local_address, local_port, routing_domain };

    kind what = kind::user;
    std::string value;  // a list with ! for exceptions, of patterns or blocks; a port

    bool holds(const login_facts& login) const;
    bool operator==(const match_condition&) const = default;
};

/// The conditions on a line behind `Match`. Gives what is wrong; nothing if all is well.
std::string read_match(const std::vector<std::string>& words, std::vector<match_condition>& out);

/// `-C user=ada,host=h,addr=10.0.0.1,laddr=10.0.0.2,lport=22,rdomain=x`, as of sshd(8); a comma may
/// end it. `invalid-user` is taken and has no effect, for no condition asks for it. Gives what is
/// wrong; nothing if all is well.
std::string read_login_facts(std::string_view text, login_facts& out);

}  // namespace sluice
