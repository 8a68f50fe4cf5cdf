#include "sluice/io/ssh_config_match.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/transport/identification.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

struct facts {
    const ssh_config& so_far;
    const ssh_config_pass& pass;
    const ssh_config_system& system;
    std::string host;  // that would be connected to
};

// What ssh(1) would open a session for.
std::string_view session_type(const facts& f) {
    const std::string said = f.so_far.session_type.value_or("default");
    if (said == "subsystem" || said == "none") return said == "none" ? "none" : "subsystem";
    return f.pass.command.empty() ? "shell" : "exec";
}

// Ours, as Match version has OpenSSH's: "OpenSSH_10.0".
std::string_view own_version() { return own_identification.substr(sizeof("SSH-2.0-") - 1); }

// An empty list stands for what was not said, and nothing else does.
bool matches_or_is_empty(std::string_view text, std::string_view list) {
    if (text.empty() || list.empty()) return text.empty() && list.empty();
    return matches_pattern_list(text, list);
}

bool is_local_network(const facts& f, std::string_view list) {
    const auto networks = address_patterns::parse_blocks(list);
    if (!networks || !f.system.local_addresses) return false;
    return std::ranges::any_of(f.system.local_addresses(),
                               [&](const std::string& one) { return networks->allows(one); });
}

bool hostname_matches(std::string_view host, std::string_view list) {
    return matches_pattern_list(in_lower_case(host), in_lower_case(list));
}

struct criterion {
    std::string_view name;
    bool (*holds)(const facts& f, std::string_view list);
};
constexpr std::array criteria{
    criterion{"host",
              [](const facts& f, std::string_view list) { return hostname_matches(f.host, list); }},
    criterion{"originalhost",
              [](const facts& f, std::string_view list) {
                  return hostname_matches(f.so_far.host, list);
              }},
    criterion{"user",
              [](const facts& f, std::string_view list) {
                  return matches_pattern_list(f.so_far.user.value_or(f.system.local_user), list);
              }},
    criterion{"localuser",
              [](const facts& f, std::string_view list) {
                  return matches_pattern_list(f.system.local_user, list);
              }},
    criterion{"tagged",
              [](const facts& f, std::string_view list) {
                  return matches_or_is_empty(f.so_far.tag.value_or(""), list);
              }},
    criterion{"command",
              [](const facts& f, std::string_view list) {
                  return matches_or_is_empty(f.pass.command, list);
              }},
    criterion{"sessiontype",
              [](const facts& f, std::string_view list) {
                  return matches_pattern_list(session_type(f), list);
              }},
    criterion{"version",
              [](const facts&, std::string_view list) {
                  return matches_pattern_list(own_version(), list);
              }},
    criterion{"localnetwork", is_local_network},
};

bool may_be_empty(std::string_view name) { return name == "tagged" || name == "command"; }

ssh_config_fault run_command(const facts& f, std::string_view command, bool& succeeds) {
    if (!f.system.run) return "'exec' is not permitted here";
    const auto expanded = ssh_config_tokens(f.so_far, f.host, f.system).percent(command);
    if (!expanded) return "exec: " + expanded.error().text;
    const auto done = f.system.run(*expanded);
    if (!done) return "exec: " + done.error().message();
    succeeds = *done == 0;
    return {};
}

}  // namespace

bool matches_pattern_list(std::string_view text, std::string_view list) {
    bool found = false;
    for (const std::string& one : split_at_commas(list)) {
        const bool negated = one.starts_with('!');
        if (!matches_wildcards(text, std::string_view(one).substr(negated))) continue;
        if (negated) return false;
        found = true;
    }
    return found;
}

ssh_config_fault match_host(const std::vector<std::string>& patterns, std::string_view host,
                            bool& matches) {
    matches = false;
    for (const std::string& one : patterns) {
        if (one.empty()) return "an empty pattern";
        const bool negated = one.starts_with('!');
        if (!matches_wildcards(host, std::string_view(one).substr(negated))) continue;
        matches = !negated;
        if (negated) return {};
    }
    return {};
}

ssh_config_fault match_conditions(std::string_view conditions, const ssh_config& so_far,
                                  ssh_config_pass& pass, const ssh_config_system& system,
                                  bool& matches, std::string& unknown) {
    facts f{so_far, pass, system, pass.host};
    if (!pass.final && so_far.host_name) {
        const auto expanded =
            ssh_config_tokens(so_far, so_far.host, system).percent(*so_far.host_name, "h");
        if (!expanded) return "HostName: " + expanded.error().text;
        f.host = *expanded;
    }

    matches = true;
    for (std::size_t count = 0;; ++count) {
        const auto said = take_ssh_config_word(conditions);
        if (!said || said->empty() || said->front() == '#') {
            if (count == 0) return "no condition";
            return conditions.empty() || (said && !said->empty()) ? "" : "a word is missing";
        }
        const bool negated = said->front() == '!';
        const std::string name = in_lower_case(said->substr(negated));
        if (name == "all") {
            const auto more = take_ssh_config_word(conditions);
            const bool last = !more || more->empty() || more->front() == '#';
            if (count > 1 || !last) return "'all' goes with no other condition";
            matches = matches && !negated;
            return {};
        }
        if (name == "canonical" || name == "final") {
            if (name == "final") pass.wants_final = true;
            if (pass.final == negated) matches = false;
            continue;
        }
        const auto one = std::ranges::find(criteria, name, &criterion::name);
        if (one == criteria.end() && name != "exec") {
            unknown = name;  // and so is whether it has a value
            matches = false;
            return {};
        }
        const bool quoted = conditions.starts_with('"');
        const auto list = take_ssh_config_word(conditions);
        const bool is_nothing = !list || (list->empty() && !(quoted && may_be_empty(name)));
        if (is_nothing || list->starts_with('#')) return "no value for '" + name + "'";
        if (name == "localnetwork" && !address_patterns::parse_blocks(*list))
            return "localnetwork: expected addresses as 10.0.0.0/8, not '" + *list + "'";
        bool holds = false;
        if (one != criteria.end()) {
            holds = one->holds(f, *list);
        } else if (matches) {  // a command is run only where the others hold
            if (auto wrong = run_command(f, *list, holds); !wrong.empty()) return wrong;
        } else {
            continue;
        }
        if (holds == negated) matches = false;
    }
}

}  // namespace sluice
