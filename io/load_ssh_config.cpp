#include "sluice/io/load_ssh_config.hpp"

#include "sluice/io/known_hosts_program.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/io/ssh_config_values.hpp"
#include "sluice/wire/limits.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace sluice {
namespace {

using std::chrono::seconds;
using names = std::vector<std::string>;

ssh_config_error fail(std::string text) { return {{}, 0, std::move(text)}; }

unsigned unsigned_of(std::int64_t n) {
    constexpr std::int64_t most = std::numeric_limits<unsigned>::max();
    return static_cast<unsigned>(std::clamp<std::int64_t>(n, 0, most));
}

// --- what one keyword, or a few that belong together, come to ------------------------------------

address_family family_of(const std::string& word) {
    if (word == "inet") return address_family::v4;
    return word == "inet6" ? address_family::v6 : address_family::any;
}

host_key_policy policy_of(const std::string& word) {
    if (word == "true") return host_key_policy::strict;
    if (word == "false") return host_key_policy::accept_any;
    return word == "ask" ? host_key_policy::ask : host_key_policy::accept_new;
}

names known_hosts_of(const ssh_config& c) {
    names paths = *c.user_known_hosts_file;
    // New keys go to the first, and the system's files are not for them: to no file then.
    if (paths.empty()) paths.emplace_back();
    paths.insert(paths.end(), c.global_known_hosts_file->begin(), c.global_known_hosts_file->end());
    return paths;
}

// A path, or the name of a variable that has it.
std::string socket_of(const std::string& said, const ssh_config_system& system) {
    if (!said.starts_with('$')) return said;
    const auto value = system.environment ? system.environment(said.substr(1)) : std::nullopt;
    return value.value_or("");
}

std::optional<std::string> agent_of(const ssh_config& c, const ssh_config_system& system) {
    if (!c.identity_agent || *c.identity_agent == "SSH_AUTH_SOCK") return std::nullopt;
    const std::string& said = *c.identity_agent;
    if (in_lower_case(said) == "none") return "";
    return socket_of(said, system);
}

// Those of PreferredAuthentications that we have and no keyword forbids.
names methods_of(const ssh_config& c) {
    const names ours{"hostbased", "publickey", "keyboard-interactive", "password"};
    const bool prompts = *c.number_of_password_prompts > 0;
    const auto permitted = [&](const std::string& method) {
        if (method == "publickey") return *c.pubkey_authentication != "false";
        if (method == "password") return *c.password_authentication && prompts;
        if (method == "keyboard-interactive") return *c.kbd_interactive_authentication && prompts;
        return method == "hostbased" && *c.hostbased_authentication;
    };
    names methods;
    const names wanted =
        c.preferred_authentications ? split_at_commas(*c.preferred_authentications) : ours;
    for (const std::string& method : wanted)
        if (permitted(method) && std::ranges::find(ours, method) != ours.end())
            methods.push_back(method);
    return methods;
}

host_key_updates updates_of(std::string_view said) {
    if (said == "true") return host_key_updates::on;
    return said == "ask" ? host_key_updates::ask : host_key_updates::off;
}

struct list_row {
    std::string_view keyword;
    std::optional<std::string> ssh_config::*from;
    algorithm_kind kind;
    names& (*to)(connect_options& o);
};
constexpr list_row lists[] = {
    {"Ciphers", &ssh_config::ciphers, algorithm_kind::cipher,
     [](connect_options& o) -> names& { return o.protocol.transport.ciphers; }},
    {"MACs", &ssh_config::macs, algorithm_kind::mac,
     [](connect_options& o) -> names& { return o.protocol.transport.macs; }},
    {"KexAlgorithms", &ssh_config::kex_algorithms, algorithm_kind::kex,
     [](connect_options& o) -> names& { return o.protocol.transport.kex_algorithms; }},
    {"HostKeyAlgorithms", &ssh_config::host_key_algorithms, algorithm_kind::host_key,
     [](connect_options& o) -> names& { return o.protocol.transport.host_key_algorithms; }},
    {"PubkeyAcceptedAlgorithms", &ssh_config::pubkey_accepted_algorithms,
     algorithm_kind::public_key,
     [](connect_options& o) -> names& { return o.protocol.auth.public_key_algorithms; }},
    {"HostbasedAcceptedAlgorithms", &ssh_config::hostbased_accepted_algorithms,
     algorithm_kind::host_key,
     [](connect_options& o) -> names& { return o.protocol.auth.host_based.algorithms; }},
    {"CASignatureAlgorithms", &ssh_config::ca_signature_algorithms, algorithm_kind::ca_signature,
     [](connect_options& o) -> names& { return o.ca_signature_algorithms; }},
};

// --- files --------------------------------------------------------------------------------------

bool is_default(const names& identity_files) {
    return identity_files == names{"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
}

boost::system::result<names, ssh_config_error> expanded(std::string_view keyword,
                                                        const names& paths,
                                                        const ssh_config_tokens& tokens) {
    names out;
    for (const std::string& path : paths) {
        if (in_lower_case(path) == "none") continue;
        const auto one = tokens.path(path);
        if (!one) return fail(std::string(keyword) + ": " + one.error().text);
        out.push_back(*one);
    }
    return out;
}

// --- ProxyJump ----------------------------------------------------------------------------------

// How ssh would be started for the server `index` of a list: by way of those before it.
ssh_config_query query_for(const std::vector<ssh_jump>& jumps, std::size_t index,
                           const ssh_config_query& query) {
    ssh_config_query q;
    q.host = jumps[index].host;
    q.files = query.files;
    q.user = jumps[index].user;
    if (jumps[index].port) q.settings.push_back("Port=" + std::to_string(*jumps[index].port));
    std::string before;
    for (std::size_t i = 0; i < index; ++i)
        before += (i == 0 ? "" : ",") + to_text(jumps[i], i + 1 == index);
    if (!before.empty()) q.settings.push_back("ProxyJump=" + before);
    return q;
}

std::optional<ssh_config_error> add_jump_hosts(const ssh_config_query& query,
                                               const ssh_config_system& system,
                                               const ssh_config& target, std::size_t depth,
                                               std::vector<connect_options>& out) {
    if (!target.proxy_jump) return std::nullopt;
    if (depth >= limits::jump_hosts_max) return fail("ProxyJump: the hosts go in a circle");
    std::vector<ssh_jump> jumps = *target.proxy_jump;
    const ssh_config_tokens tokens(target, *target.host_name, system);
    for (ssh_jump& jump : jumps) {
        const auto host = tokens.percent(jump.host, ssh_config_tokens::of_proxies);
        const auto user = tokens.percent(jump.user, ssh_config_tokens::of_proxies);
        if (!host || !user)
            return fail("ProxyJump: " + (host ? user.error().text : host.error().text));
        jump.host = *host;
        jump.user = *user;
    }
    for (std::size_t i = 0; i < jumps.size(); ++i) {
        const auto config = resolve_ssh_config(query_for(jumps, i, query), system);
        if (!config) return config.error();
        // Only the first is reached by a way of its own.
        if (i == 0)
            if (auto wrong = add_jump_hosts(query, system, *config, depth + 1, out)) return wrong;
        auto options = connect_options_from(*config, system);
        if (!options) return options.error();
        if (i != 0) options->proxy_command.clear();
        if (out.size() >= limits::jump_hosts_max) return fail("ProxyJump: too many hosts");
        out.push_back(std::move(*options));
    }
    return std::nullopt;
}

std::vector<std::string> variables_of_process() {
    std::vector<std::string> all;
    for (char** one = environ; one != nullptr && *one != nullptr; ++one)
        all.emplace_back(*one);
    return all;
}

}  // namespace

boost::system::result<connect_options, ssh_config_error> connect_options_from(
    const ssh_config& c, const ssh_config_system& system) {
    connect_options o;
    auto& transport = o.protocol.transport;
    auto& auth = o.protocol.auth;
    const ssh_config_tokens tokens(c, *c.host_name, system);

    o.host = *c.host_name;
    o.port = *c.port;
    o.user = *c.user;
    o.family = family_of(*c.address_family);
    o.bind_address = c.bind_address.value_or("");
    o.bind_interface = c.bind_interface.value_or("");
    o.connection_attempts = unsigned_of(*c.connection_attempts);
    o.connect_timeout = seconds(std::max<std::int64_t>(*c.connect_timeout, 0));
    o.tcp_keep_alive = *c.tcp_keep_alive;
    o.type_of_service = ssh_type_of_service_number(c.ip_qos->back());  // without terminals: bulk

    o.host_key_alias = c.host_key_alias.value_or("");
    o.host_keys_unknown = policy_of(*c.strict_host_key_checking);
    o.known_hosts_files = known_hosts_of(c);
    o.hash_known_hosts = *c.hash_known_hosts;
    ssh_config_fault wrong;
    o.on_known_hosts = known_hosts_program(c, system, wrong);
    if (!wrong.empty()) return fail("KnownHostsCommand: " + wrong);
    o.trust_loopback = *c.no_host_authentication_for_localhost;
    o.rsa_bits_min = unsigned_of(*c.required_rsa_size);

    o.update_host_keys = updates_of(*c.update_host_keys);

    o.identities_only = *c.identities_only;
    o.agent_socket = agent_of(c, system);
    auth.methods = methods_of(c);
    auth.prompts_max = unsigned_of(*c.number_of_password_prompts);
    auth.hostbound = *c.pubkey_authentication != "unbound";

    if (*c.compression) transport.compressions = {"zlib@openssh.com", "none"};
    if (*c.rekey_bytes != 0) transport.rekey.bytes = *c.rekey_bytes;
    if (*c.rekey_seconds != 0) transport.rekey.interval = seconds(*c.rekey_seconds);
    o.protocol.keepalive_interval = seconds(*c.server_alive_interval);
    o.protocol.keepalive_count_max = unsigned_of(*c.server_alive_count_max);
    for (const list_row& row : lists) {
        row.to(o) = usable_algorithms(row.kind, *(c.*row.from));
        if (row.to(o).empty()) return fail(std::string(row.keyword) + ": none of these is here");
    }

    if (!is_default(c.identity_file)) {
        auto files = expanded("IdentityFile", c.identity_file, tokens);
        if (!files) return files.error();
        o.identity_files = std::move(*files);
    }
    if (c.proxy_command) {
        const auto command = tokens.percent(*c.proxy_command, ssh_config_tokens::of_proxies);
        if (!command) return fail("ProxyCommand: " + command.error().text);
        o.proxy_command = *command;
    }
    auto certificates = expanded("CertificateFile", c.certificate_file, tokens);
    if (!certificates) return certificates.error();
    o.certificate_files = std::move(*certificates);
    if (c.revoked_host_keys && in_lower_case(*c.revoked_host_keys) != "none") {
        const auto path = tokens.path(*c.revoked_host_keys);
        if (!path) return fail("RevokedHostKeys: " + path.error().text);
        o.revoked_host_keys = *path;
    }
    if (const std::string& forward = *c.forward_agent; forward == "yes") {
        o.forward_agent.emplace();
    } else if (forward != "no") {
        const auto path = tokens.path(forward);
        if (!path) return fail("ForwardAgent: " + path.error().text);
        o.forward_agent = socket_of(*path, system);
    }

    if (c.refuse_connection) return fail("refused by RefuseConnection: " + *c.refuse_connection);
    if (auth.methods.empty()) return fail("no authentication method is left");
    return o;
}

boost::system::result<ssh_client_settings, ssh_config_error> load_ssh_config(
    const ssh_config_query& query, const ssh_config_system& system) {
    auto config = resolve_ssh_config(query, system);
    if (!config) return config.error();
    auto options = connect_options_from(*config, system);
    if (!options) return options.error();
    if (auto wrong = add_jump_hosts(query, system, *config, 0, options->jump_hosts))
        return std::move(*wrong);
    std::string local_command;
    if (*config->permit_local_command && config->local_command) {
        const ssh_config_tokens tokens(*config, *config->host_name, system);
        const auto command =
            tokens.percent(*config->local_command, ssh_config_tokens::of_local_command);
        if (!command) return fail("LocalCommand: " + command.error().text);
        local_command = *command;
    }
    auto variables = ssh_config_environment(*config, variables_of_process());
    return ssh_client_settings{std::move(*options), std::move(*config), std::move(variables),
                               std::move(local_command)};
}

boost::system::result<connect_options, ssh_config_error> load_ssh_config(const std::string& host) {
    const auto system = ssh_config_system::here(false);
    ssh_config_query query;
    const auto at = host.rfind('@');
    query.host = at == std::string::npos ? host : host.substr(at + 1);
    if (at != std::string::npos) query.user = host.substr(0, at);
    query.files = ssh_config_query::usual_files(system);
    auto settings = load_ssh_config(query, system);
    if (!settings) return settings.error();
    return std::move(settings->connect);
}

}  // namespace sluice
