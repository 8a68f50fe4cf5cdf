#include "sluice/io/ssh_config_match.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_tokens.hpp"

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
};

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
                                  bool& matches) {
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
        const auto list = take_ssh_config_word(conditions);
        if (!list || list->empty() || list->front() == '#') return "no value for '" + name + "'";
        const auto one = std::ranges::find(criteria, name, &criterion::name);
        bool holds = false;
        if (one != criteria.end()) {
            holds = one->holds(f, *list);
        } else if (name != "exec") {
            return "unknown condition '" + name + "'";
        } else if (matches) {  // a command is run only where the others hold
            if (auto wrong = run_command(f, *list, holds); !wrong.empty()) return wrong;
        } else {
            continue;
        }
        if (holds == negated) matches = false;
    }
}

}  // namespace sluice
