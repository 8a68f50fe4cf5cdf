#include "sluice/io/ssh_config_resolve.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_keywords.hpp"
#include "sluice/io/ssh_config_read.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/io/ssh_config_unserved.hpp"
#include "sluice/io/ssh_config_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

namespace sluice {
namespace {

using problem = std::optional<ssh_config_error>;

ssh_config_error fail(std::string text) { return {{}, 0, std::move(text)}; }

bool proxied(const ssh_config& c) {
    const bool by_command = c.proxy_command && in_lower_case(*c.proxy_command) != "none";
    return by_command || (c.proxy_jump && !c.proxy_jump->empty());
}

// Whatever has a default in the table and was not said.
void fill_in_defaults(ssh_config& c, const ssh_config_system& system) {
    for (const ssh_keyword& row : ssh_keywords()) {
        if (row.initial.empty()) continue;
        const std::vector<std::string> words{std::string(row.initial)};
        static_cast<void>(row.parse({words, row.initial, system}, c));
    }
}

// --- canonical names ----------------------------------------------------------------------------

// The name that CanonicalizePermittedCNAMEs puts in place of `host`, if it does.
std::string follow(const ssh_config& c, const std::string& host, std::string alias) {
    while (alias.ends_with('.'))
        alias.pop_back();
    alias = in_lower_case(alias);
    // It is from the network, and tokens may bring it to a shell.
    if (alias == host || !is_harmless_host(alias)) return host;
    for (const std::string& rule : *c.canonicalize_permitted_cnames) {
        const auto colon = rule.find(':');
        if (matches_pattern_list(host, rule.substr(0, colon)) &&
            matches_pattern_list(alias, rule.substr(colon + 1)))
            return alias;
    }
    return host;
}

// Makes `host` canonical; whether it was found.
bool canonicalize(const ssh_config& c, const ssh_config_system& system, std::string& host) {
    const auto look_up = [&](const std::string& name) {
        return system.canonical_name ? system.canonical_name(name) : std::nullopt;
    };
    if (host.ends_with('.')) {
        const auto alias = look_up(host);
        if (!alias) return false;
        host.pop_back();
        host = follow(c, host, *alias);
        return true;
    }
    for (const std::string& domain : *c.canonical_domains) {
        const auto alias = look_up(host + "." + domain + ".");
        if (!alias) continue;
        host = follow(c, host + "." + domain, *alias);
        return true;
    }
    return false;
}

// The name to connect to: HostName, lower case, canonical where that is wanted.
problem find_host(ssh_config& c, const ssh_config_system& system) {
    std::string host = c.host;
    if (c.host_name) {
        const auto expanded = ssh_config_tokens(c, c.host, system).percent(*c.host_name, "h");
        if (!expanded) return fail("HostName: " + expanded.error().text);
        host = *expanded;
        if (!is_harmless_host(host)) return fail("HostName: '" + host + "' is no name of a host");
    }
    const auto address = system.canonical_address ? system.canonical_address(host) : std::nullopt;
    if (address) {
        c.host_name = *address;
        return std::nullopt;
    }
    host = in_lower_case(host);
    ssh_config settings = c;
    fill_in_defaults(settings, system);
    const std::string& wanted = *settings.canonicalize_hostname;
    const bool direct = !proxied(c);
    const auto dots = static_cast<std::int64_t>(std::ranges::count(host, '.'));
    bool found = false;
    if (wanted == "always" || (wanted == "true" && direct)) {
        const bool qualified = !host.ends_with('.') && dots > *settings.canonicalize_max_dots;
        found = !qualified && canonicalize(settings, system, host);
        if (!found && !qualified && !*settings.canonicalize_fallback_local)
            return fail("could not resolve host \"" + host + "\"");
    }
    if (!found && !settings.canonicalize_permitted_cnames->empty() &&
        (direct || wanted == "always")) {
        const auto alias = system.canonical_name ? system.canonical_name(host) : std::nullopt;
        if (!alias && direct) return fail("could not resolve host \"" + host + "\"");
        if (alias) host = follow(settings, host, *alias);
    }
    c.host_name = host;
    return std::nullopt;
}

// --- what depends on other values ---------------------------------------------------------------

struct list_row {
    std::string_view keyword;
    std::optional<std::string> ssh_config::*list;
    algorithm_kind kind;
};
constexpr std::array lists{
    list_row{"Ciphers", &ssh_config::ciphers, algorithm_kind::cipher},
    list_row{"MACs", &ssh_config::macs, algorithm_kind::mac},
    list_row{"KexAlgorithms", &ssh_config::kex_algorithms, algorithm_kind::kex},
    list_row{"HostKeyAlgorithms", &ssh_config::host_key_algorithms, algorithm_kind::host_key},
    list_row{"PubkeyAcceptedAlgorithms", &ssh_config::pubkey_accepted_algorithms,
             algorithm_kind::public_key},
    list_row{"HostbasedAcceptedAlgorithms", &ssh_config::hostbased_accepted_algorithms,
             algorithm_kind::public_key},
    list_row{"CASignatureAlgorithms", &ssh_config::ca_signature_algorithms,
             algorithm_kind::ca_signature},
};

problem resolve_lists(ssh_config& c) {
    for (const list_row& row : lists) {
        std::string text;
        for (const std::string& name : resolve_algorithms(row.kind, (c.*row.list).value_or("")))
            text += (text.empty() ? "" : ",") + name;
        if (text.empty()) return fail(std::string(row.keyword) + ": no algorithm is left");
        c.*row.list = std::move(text);
    }
    return std::nullopt;
}

// A value "none" is none.
constexpr std::array none_is_nothing{
    &ssh_config::local_command,         &ssh_config::remote_command,
    &ssh_config::proxy_command,         &ssh_config::control_path,
    &ssh_config::pkcs11_provider,       &ssh_config::revoked_host_keys,
    &ssh_config::security_key_provider, &ssh_config::known_hosts_command};

problem check(const ssh_config& c) {
    if (*c.connection_attempts < 1) return fail("ConnectionAttempts: expected at least 1");
    if (c.proxy_command && *c.proxy_use_fdpass)
        return fail("ProxyUseFdpass: a ProxyCommand that hands over a descriptor is not supported");
    return std::nullopt;
}

// --- tokens -------------------------------------------------------------------------------------

// Where `ssh -G` shows them expanded.
problem expand(ssh_config& c, const ssh_config_system& system) {
    const ssh_config_tokens tokens(c, *c.host_name, system);
    std::string wrong;
    const auto put = [&](std::string_view keyword, std::string& value, const expanded_text& text) {
        if (text)
            value = *text;
        else if (wrong.empty())
            wrong = std::string(keyword) + ": " + text.error().text;
    };
    if (c.remote_command)
        put("RemoteCommand", *c.remote_command, tokens.percent(*c.remote_command));
    if (c.control_path) put("ControlPath", *c.control_path, tokens.path(*c.control_path));
    if (c.identity_agent) put("IdentityAgent", *c.identity_agent, tokens.path(*c.identity_agent));
    if (*c.forward_agent != "yes" && *c.forward_agent != "no")
        put("ForwardAgent", *c.forward_agent, tokens.path(*c.forward_agent));
    for (std::string& path : *c.user_known_hosts_file)
        put("UserKnownHostsFile", path, tokens.path(path));
    for (auto* forwards : {&c.local_forward, &c.remote_forward}) {
        for (ssh_forward& f : *forwards) {
            put("Forward", f.listen.path, tokens.percent_and_environment(f.listen.path));
            if (f.connect)
                put("Forward", f.connect->path, tokens.percent_and_environment(f.connect->path));
        }
    }
    if (!wrong.empty()) return fail(std::move(wrong));
    return std::nullopt;
}

problem settle_known_hosts(ssh_config& c) {
    const bool by_default = !c.user_known_hosts_file;
    if (by_default) c.user_known_hosts_file = {"~/.ssh/known_hosts", "~/.ssh/known_hosts2"};
    if (!c.global_known_hosts_file)
        c.global_known_hosts_file = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"};
    for (auto* list : {&*c.user_known_hosts_file, &*c.global_known_hosts_file}) {
        if (list->empty() || in_lower_case(list->front()) != "none") continue;
        if (list->size() > 1) return fail("known hosts: 'none' stands alone");
        list->clear();
    }
    const bool plain = by_default && *c.verify_host_key_dns == "false";
    if (!c.update_host_keys) c.update_host_keys = plain ? "true" : "false";
    return std::nullopt;
}

problem settle(ssh_config& c, const ssh_config_system& system) {
    fill_in_defaults(c, system);
    if (!c.user) c.user = system.local_user;
    if (!c.ip_qos) c.ip_qos = {"lowdelay", "throughput"};
    if (!c.rekey_seconds) c.rekey_seconds = 0;
    if (c.identity_file.empty())
        c.identity_file = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
    for (const auto member : none_is_nothing)
        if (c.*member && in_lower_case(*(c.*member)) == "none") (c.*member).reset();
    if (problem p = settle_known_hosts(c)) return p;
    if (problem p = resolve_lists(c)) return p;
    if (problem p = check(c)) return p;
    note_unserved_settings(c);
    return expand(c, system);
}

problem read_all(const ssh_config_query& query, const ssh_config_system& system,
                 ssh_config_pass& pass, ssh_config& c) {
    ssh_config_reader reader(system, pass, c);
    for (const ssh_config_file& file : query.files)
        if (problem p = reader.read_file(file)) return p;
    return std::nullopt;
}

}  // namespace

std::string ssh_config_error::message() const {
    std::string out = file;
    if (line != 0) out += ":" + std::to_string(line);
    return out.empty() ? text : out + ": " + text;
}

std::vector<ssh_config_file> ssh_config_query::usual_files(const ssh_config_system& system) {
    std::vector<ssh_config_file> files;
    if (!system.home.empty()) files.push_back({system.home + "/.ssh/config", true, false, true});
    files.push_back({"/etc/ssh/ssh_config", false, false, false});
    return files;
}

std::string ssh_config_quoted(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string ssh_config_setting(std::string_view keyword, std::string_view value) {
    return std::string(keyword) + "=" + ssh_config_quoted(value);
}

boost::system::result<ssh_config, ssh_config_error> resolve_ssh_config(
    const ssh_config_query& query, const ssh_config_system& system) {
    if (!is_harmless_host(query.host)) return fail("'" + query.host + "' is no name of a host");
    if (!query.user.empty() && !is_harmless_user(query.user))
        return fail("'" + query.user + "' is no name of a user");
    ssh_config c;
    c.host = query.host;
    if (!query.user.empty()) c.user = query.user;
    ssh_config_pass pass{query.host, query.command};
    ssh_config_reader settings(system, pass, c);
    for (const std::string& setting : query.settings)
        if (problem p = settings.read_setting(setting)) return std::move(*p);
    if (problem p = read_all(query, system, pass, c)) return std::move(*p);
    if (problem p = find_host(c, system)) return std::move(*p);
    if (pass.wants_final || (c.canonicalize_hostname && *c.canonicalize_hostname != "false")) {
        pass.final = true;
        pass.host = *c.host_name;
        if (problem p = read_all(query, system, pass, c)) return std::move(*p);
    }
    if (problem p = settle(c, system)) return std::move(*p);
    return c;
}

std::vector<std::pair<std::string, std::string>> ssh_config_lines(const ssh_config& config) {
    std::vector<std::pair<std::string, std::string>> lines{{"host", config.host}};
    for (const ssh_keyword& row : ssh_keywords()) {
        for (std::string& value : row.print(config))
            lines.emplace_back(in_lower_case(row.name), std::move(value));
    }
    return lines;
}

std::vector<std::pair<std::string, std::string>> ssh_config_environment(
    const ssh_config& config, const std::vector<std::string>& of_process) {
    std::vector<std::pair<std::string, std::string>> variables;
    const auto add = [&](std::string_view text) {
        const auto equals = text.find('=');
        if (equals == text.npos || equals == 0) return;
        variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    };
    for (const std::string& one : of_process) {
        const std::string_view name = std::string_view(one).substr(0, one.find('='));
        const auto named = [&](const std::string& p) { return matches_wildcards(name, p); };
        if (std::ranges::any_of(config.send_env, named)) add(one);
    }
    for (const std::string& one : config.set_env)
        add(one);
    return variables;
}

}  // namespace sluice
