#include "sluice/tools/sluiced_config.hpp"

#include "sluice/auth/address_patterns.hpp"

#include <algorithm>
#include <tuple>

namespace sluice {
namespace {

bool is_same_address(std::string_view a, std::string_view b) {
    const auto one = ip_address::parse(a);
    const auto other = ip_address::parse(b);
    return one && other && one->raw == other->raw;
}

}  // namespace

bool penalty_setting::operator==(const penalty_setting& other) const {
    const auto all = [](const penalty_setting& p) {
        return std::tuple(p.crash, p.auth_fail, p.invalid_user, p.no_auth, p.grace_exceeded,
                          p.refuse_connection, p.cpu, p.max, p.min, p.max_sources4, p.max_sources6,
                          p.overflow, p.overflow_of_v6());
    };
    return on == other.on && (!on || all(*this) == all(other));
}

connect_answer may_open(const sluiced_config& config, std::string_view host, std::uint16_t port) {
    if (!config.local_forwarding || config.disable_forwarding) return connect_answer::refuse;
    if (!config.permit_open) return connect_answer::permit;
    const bool listed = std::ranges::any_of(*config.permit_open, [&](const open_pattern& p) {
        return (!p.port || *p.port == port) &&
               (matches_wildcards(host, p.host) || is_same_address(host, p.host));
    });
    return listed ? connect_answer::permit : connect_answer::refuse;
}

bool asks_a_program(const sluiced_config& config) {
    return !config.authorized_keys_command.empty() || !config.authorized_principals_command.empty();
}

bool user_allowed(const sluiced_config& config, const login_facts& login) {
    const auto from = [&](const std::string& list) {
        const auto hosts = address_patterns::parse(list);
        return hosts && hosts->allows(login.address);
    };
    const auto fits = [&](const user_pattern& p) {
        return matches_wildcards(login.user, p.user) && (p.host.empty() || from(p.host));
    };
    if (login.user == "root" && config.permit_root_login == root_login::no) return false;
    if (std::ranges::any_of(config.deny_users, fits)) return false;
    if (!config.allow_users.empty() && std::ranges::none_of(config.allow_users, fits)) return false;

    if (config.allow_groups.empty() && config.deny_groups.empty()) return true;
    const auto has = [&](const std::string& pattern) {
        return std::ranges::any_of(*login.groups, [&](const std::string& group) {
            return matches_wildcards(group, pattern);
        });
    };
    if (!login.groups) return config.allow_groups.empty();
    if (login.groups->empty()) return false;  // as of sshd
    if (std::ranges::any_of(config.deny_groups, has)) return false;
    return config.allow_groups.empty() || std::ranges::any_of(config.allow_groups, has);
}

}  // namespace sluice
