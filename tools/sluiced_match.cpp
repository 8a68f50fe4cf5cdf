#include "sluice/tools/sluiced_match.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_match.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace sluice {
namespace {

using kind = match_condition::kind;

std::optional<std::uint16_t> port_from(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

struct criterion {
    std::string_view name;
    std::optional<kind> what;
    std::string_view why_not;  // what is of sshd_config(5) and not served
};
constexpr std::array criteria{
    criterion{"user", kind::user, {}},
    criterion{"address", kind::address, {}},
    criterion{"localaddress", kind::local_address, {}},
    criterion{"localport", kind::local_port, {}},
    criterion{"group", kind::group, {}},
    criterion{"host", kind::host, {}},
    criterion{"invalid-user", kind::invalid_user, {}},
    criterion{"rdomain", kind::routing_domain, {}},
};

std::string fault_in(const match_condition& condition) {
    switch (condition.what) {
    case kind::user:
    case kind::group:
    case kind::host:
    case kind::routing_domain: return fault_in_patterns(condition.value);
    case kind::invalid_user: return {};
    case kind::address:
    case kind::local_address:
        if (address_patterns::parse(condition.value)) return {};
        return "expected addresses, wildcards or address/bits, not '" + condition.value + "'";
    case kind::local_port:
        if (port_from(condition.value)) return {};
        return "expected a port, not '" + condition.value + "'";
    }
    return {};
}

bool is_listed(const std::string& address, const std::string& patterns) {
    const auto addresses = address_patterns::parse(patterns);
    return addresses && addresses->allows(address);
}

// Whether a pattern fits one of the groups, and none that is an exception does.
bool is_member(const std::vector<std::string>& groups, std::string_view list) {
    bool found = false;
    while (!list.empty()) {
        std::string_view pattern = list.substr(0, list.find(','));
        list.remove_prefix(std::min(pattern.size() + 1, list.size()));
        const bool negated = pattern.starts_with('!');
        if (negated) pattern.remove_prefix(1);
        const bool fits = std::ranges::any_of(
            groups, [&](const std::string& one) { return matches_wildcards(one, pattern); });
        if (fits && negated) return false;
        found = found || fits;
    }
    return found;
}

}  // namespace

bool asks_for_groups(const match_condition& condition) {
    return condition.what == kind::group || condition.what == kind::invalid_user;
}

std::string fault_in_patterns(std::string_view list) {
    for (;;) {
        const auto comma = list.find(',');
        const std::string_view pattern = list.substr(0, comma);
        if (pattern.empty()) return "an empty pattern";
        if (pattern == "!") return "'!' without a pattern";
        if (comma == std::string_view::npos) return {};
        list.remove_prefix(comma + 1);
    }
}

bool match_condition::holds(const login_facts& login) const {
    switch (what) {
    case kind::user: return matches_pattern_list(login.user, value);
    case kind::group: return login.groups && is_member(*login.groups, value);
    case kind::host:
        return matches_pattern_list(in_lower_case(login.host.empty() ? login.address : login.host),
                                    in_lower_case(value));
    case kind::routing_domain: return matches_pattern_list(login.routing_domain, value);
    case kind::invalid_user: return !login.groups;
    case kind::address: return is_listed(login.address, value);
    case kind::local_address: return is_listed(login.local_address, value);
    case kind::local_port: return port_from(value) == login.local_port;
    }
    return false;
}

std::string read_match(const std::vector<std::string>& words, std::vector<match_condition>& out) {
    if (words.empty()) return "a condition is missing";
    if (in_lower_case(words[0]) == "all")
        return words.size() == 1 ? "" : "'all' goes with no other condition";
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string name = in_lower_case(words[i]);
        if (name == "all") return "'all' goes with no other condition";
        const auto found = std::ranges::find(criteria, name, &criterion::name);
        if (found == criteria.end()) return "unknown condition '" + words[i] + "'";
        if (!found->what) return words[i] + ": " + std::string(found->why_not);
        if (found->what == kind::invalid_user) {
            out.push_back({kind::invalid_user, {}});
            continue;
        }
        if (++i == words.size() || words[i].empty()) return "no value for '" + words[i - 1] + "'";
        const match_condition condition{*found->what, words[i]};
        if (auto wrong = fault_in(condition); !wrong.empty()) return wrong;
        out.push_back(condition);
    }
    return {};
}

std::string read_login_facts(std::string_view text, login_facts& out) {
    for (;;) {
        const auto comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        const auto equals = one.find('=');
        if (equals == std::string_view::npos && one != "invalid-user")
            return "expected name=value, not '" + std::string(one) + "'";
        const std::string_view name = one.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
        if (name == "user") {
            out.user = value;
        } else if (name == "addr" || name == "laddr") {
            if (!ip_address::parse(value))
                return "expected an address, not '" + std::string(value) + "'";
            (name == "addr" ? out.address : out.local_address) = value;
        } else if (name == "lport") {
            const auto port = port_from(value);
            if (!port) return "expected a port, not '" + std::string(value) + "'";
            out.local_port = *port;
        } else if (name == "host") {
            out.host = value;
        } else if (name == "rdomain") {
            out.routing_domain = value;
        } else if (name != "invalid-user") {
            return "unknown name '" + std::string(name) + "'";
        }
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
        if (text.empty()) return {};
    }
}

}  // namespace sluice
