#include "sluice/tools/sluiced_config.hpp"

#include "sluice/auth/address_patterns.hpp"

#include <algorithm>

namespace sluice {

bool may_open(const sluiced_config& config, std::string_view host, std::uint16_t port) {
    if (!config.local_forwarding || config.disable_forwarding) return false;
    if (!config.permit_open) return true;
    return std::ranges::any_of(*config.permit_open, [&](const open_pattern& p) {
        return matches_wildcards(host, p.host) && (!p.port || *p.port == port);
    });
}

bool user_allowed(const sluiced_config& config, std::string_view user, std::string_view host) {
    const auto from = [&](const std::string& list) {
        const auto hosts = address_patterns::parse(list);
        return hosts && hosts->allows(host);
    };
    const auto fits = [&](const user_pattern& p) {
        return matches_wildcards(user, p.user) && (p.host.empty() || from(p.host));
    };
    if (user == "root" && config.permit_root_login == root_login::no) return false;
    if (std::ranges::any_of(config.deny_users, fits)) return false;
    return config.allow_users.empty() || std::ranges::any_of(config.allow_users, fits);
}

}  // namespace sluice
