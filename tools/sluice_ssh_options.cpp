#include "sluice/tools/sluice_ssh_options.hpp"

#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/io/ssh_config_values.hpp"
#include "sluice/tools/sluice_forward.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

using fault = std::string;  // empty: none

// What an option does. `value` is empty for a flag.
struct option {
    char letter;
    bool has_value;
    fault (*take)(ssh_arguments& a, const std::string& value);
};

// Some options win over what was said before, -o included; others count only the first time.
fault before_others(ssh_arguments& a, std::string_view keyword, std::string_view value) {
    a.client.settings.insert(a.client.settings.begin(), ssh_config_setting(keyword, value));
    return {};
}

fault after_others(ssh_arguments& a, std::string_view keyword, std::string_view value) {
    a.client.settings.push_back(ssh_config_setting(keyword, value));
    return {};
}

fault without_effect(ssh_arguments& a, std::string_view text) {
    a.notes.emplace_back(text);
    return {};
}

// A part of -L as a word of LocalForward: "host:port" with brackets where they are needed.
std::string quoted_part(std::string_view part) {
    return part.find(':') == part.npos ? std::string(part) : "[" + std::string(part) + "]";
}

bool is_path(std::string_view part) { return part.starts_with('/'); }

// "[bind:]port", or a path, at the front of `parts`, which are taken.
std::string take_listener(std::span<const std::string>& parts, std::size_t others) {
    std::string text = is_path(parts[0]) ? parts[0] : quoted_part(parts[0]);
    std::size_t taken = 1;
    if (!is_path(parts[0]) && parts.size() == others + 2) {
        text += ":" + parts[1];
        taken = 2;
    }
    parts = parts.subspan(taken);
    return text;
}

enum class target { needed, optional, none };

// -L and its like as the keyword of ssh_config(5), which judges the rest.
fault add_forward(ssh_arguments& a, std::string_view keyword, const std::string& text,
                  target wanted) {
    const std::string wrong =
        "bad forwarding specification '" + text + "': expected [address:]port:host:hostport";
    const auto split = forward_parts(text);
    if (!split || split->empty()) return wrong;
    std::span<const std::string> parts(*split);
    const bool to_path = parts.size() > 1 && is_path(parts.back());
    if (wanted == target::none && to_path) return wrong;
    const bool short_one = parts.size() == 1 || (parts.size() == 2 && !to_path);
    const bool lacks_target = wanted == target::none || (wanted == target::optional && short_one);
    const std::size_t others = lacks_target ? 0 : to_path ? 1 : 2;
    std::string listener = take_listener(parts, others);
    if (parts.size() != others) return wrong;
    std::string setting = ssh_config_setting(keyword, listener);
    if (others == 1)
        setting += " " + ssh_config_quoted(parts[0]);
    else if (others == 2)
        setting += " " + ssh_config_quoted(quoted_part(parts[0]) + ":" + parts[1]);
    a.client.settings.push_back(std::move(setting));
    return {};
}

fault take_stdio(ssh_arguments& a, const std::string& value) {
    if (a.stdio) return "-W: only once";
    const auto parts = forward_parts(value);
    if (!parts || parts->size() != 2) return "bad stdio forwarding specification '" + value + "'";
    const auto port = ssh_config_number((*parts)[1], 1, 65535);
    if (!port) return "bad stdio forwarding specification '" + value + "'";
    a.stdio = stdio_forward{(*parts)[0], static_cast<std::uint16_t>(*port)};
    before_others(a, "SessionType", "none");
    after_others(a, "ExitOnForwardFailure", "yes");
    return after_others(a, "ClearAllForwardings", "yes");
}

// The first -t asks for a terminal, a second one whatever standard input is.
fault take_terminal(ssh_arguments& a, const std::string&) {
    const auto asked = ssh_config_setting("RequestTTY", "yes");
    const bool again = std::ranges::find(a.client.settings, asked) != a.client.settings.end();
    return before_others(a, "RequestTTY", again ? "force" : "yes");
}

using args = ssh_arguments;
using text = std::string;

constexpr std::array options{
    option{'1', false, [](args&, const text&) -> fault { return "SSH protocol 1 is not served"; }},
    option{'2', false, [](args&, const text&) -> fault { return {}; }},
    option{'4', false,
           [](args& a, const text&) { return before_others(a, "AddressFamily", "inet"); }},
    option{'6', false,
           [](args& a, const text&) { return before_others(a, "AddressFamily", "inet6"); }},
    option{'A', false,
           [](args& a, const text&) { return before_others(a, "ForwardAgent", "yes"); }},
    option{'a', false, [](args& a, const text&) { return before_others(a, "ForwardAgent", "no"); }},
    option{'B', true, [](args& a, const text& v) { return before_others(a, "BindInterface", v); }},
    option{'b', true, [](args& a, const text& v) { return before_others(a, "BindAddress", v); }},
    option{'C', false, [](args& a, const text&) { return before_others(a, "Compression", "yes"); }},
    option{'c', true, [](args& a, const text& v) { return before_others(a, "Ciphers", v); }},
    option{
        'D', true,
        [](args& a, const text& v) { return add_forward(a, "DynamicForward", v, target::none); }},
    option{'E', true,
           [](args& a, const text& v) -> fault {
               a.log_file = v;
               return {};
           }},
    option{'e', true, [](args& a, const text& v) { return before_others(a, "EscapeChar", v); }},
    option{'F', true,
           [](args& a, const text& v) -> fault {
               a.client.config_file = v;
               return {};
           }},
    option{'f', false,
           [](args& a, const text&) {
               before_others(a, "StdinNull", "yes");
               return before_others(a, "ForkAfterAuthentication", "yes");
           }},
    option{'G', false,
           [](args& a, const text&) -> fault {
               a.print_settings = true;
               return {};
           }},
    option{'g', false,
           [](args& a, const text&) { return before_others(a, "GatewayPorts", "yes"); }},
    option{'I', true, [](args& a, const text& v) { return before_others(a, "PKCS11Provider", v); }},
    option{'i', true, [](args& a, const text& v) { return after_others(a, "IdentityFile", v); }},
    option{'J', true,
           [](args& a, const text& v) -> fault {
               a.client.settings.push_back("ProxyJump=" + v);
               return {};
           }},
    option{'K', false,
           [](args& a, const text&) { return before_others(a, "GSSAPIAuthentication", "yes"); }},
    option{
        'k', false,
        [](args& a, const text&) { return before_others(a, "GSSAPIDelegateCredentials", "no"); }},
    option{
        'L', true,
        [](args& a, const text& v) { return add_forward(a, "LocalForward", v, target::needed); }},
    option{'l', true, [](args& a, const text& v) { return after_others(a, "User", v); }},
    option{'M', false,
           [](args& a, const text&) { return before_others(a, "ControlMaster", "yes"); }},
    option{'m', true, [](args& a, const text& v) { return before_others(a, "MACs", v); }},
    option{'N', false,
           [](args& a, const text&) { return before_others(a, "SessionType", "none"); }},
    option{'n', false, [](args& a, const text&) { return before_others(a, "StdinNull", "yes"); }},
    option{'O', true,
           [](args&, const text&) -> fault {
               return "-O: there is no master process, since connections are not shared";
           }},
    option{'o', true,
           [](args& a, const text& v) -> fault {
               a.client.settings.push_back(v);
               return {};
           }},
    option{'P', true, [](args& a, const text& v) { return before_others(a, "Tag", v); }},
    option{'p', true, [](args& a, const text& v) { return after_others(a, "Port", v); }},
    option{'Q', true,
           [](args& a, const text& v) -> fault {
               a.query = v;
               return {};
           }},
    option{'q', false, [](args& a, const text&) { return before_others(a, "LogLevel", "QUIET"); }},
    option{'R', true,
           [](args& a, const text& v) {
               return add_forward(a, "RemoteForward", v, target::optional);
           }},
    option{'S', true, [](args& a, const text& v) { return before_others(a, "ControlPath", v); }},
    option{'s', false,
           [](args& a, const text&) { return before_others(a, "SessionType", "subsystem"); }},
    option{'T', false, [](args& a, const text&) { return before_others(a, "RequestTTY", "no"); }},
    option{'t', false, take_terminal},
    option{'V', false,
           [](args& a, const text&) -> fault {
               a.version = true;
               return {};
           }},
    option{'v', false, [](args& a, const text&) { return before_others(a, "LogLevel", "DEBUG"); }},
    option{'W', true, take_stdio},
    option{'w', true,
           [](args& a, const text& v) {
               before_others(a, "Tunnel", "point-to-point");
               return before_others(a, "TunnelDevice", v);
           }},
    option{'X', false, [](args& a, const text&) { return before_others(a, "ForwardX11", "yes"); }},
    option{'x', false, [](args& a, const text&) { return before_others(a, "ForwardX11", "no"); }},
    option{'Y', false,
           [](args& a, const text&) {
               before_others(a, "ForwardX11Trusted", "yes");
               return before_others(a, "ForwardX11", "yes");
           }},
    option{'y', false,
           [](args& a, const text&) {
               return without_effect(a, "-y has no effect: what there is to tell is told here");
           }},
};

// The options at the front, as getopt(3) reads them; they are taken from `words`. `ended`: by "--".
fault take_options(std::span<const std::string>& words, ssh_arguments& a, bool& ended) {
    while (!words.empty() && words.front().size() > 1 && words.front().front() == '-') {
        const std::string_view cluster = words.front();
        words = words.subspan(1);
        if (cluster == "--") {
            ended = true;
            return {};
        }
        for (std::size_t i = 1; i < cluster.size(); ++i) {
            const auto row = std::ranges::find(options, cluster[i], &option::letter);
            if (row == options.end()) return "unknown option -- " + std::string(1, cluster[i]);
            std::string value;
            if (row->has_value) {
                value = cluster.substr(i + 1);
                i = cluster.size();
                if (value.empty()) {
                    if (words.empty())
                        return "option requires an argument -- " + std::string(1, row->letter);
                    value = words.front();
                    words = words.subspan(1);
                }
            }
            if (fault f = row->take(a, value); !f.empty()) return f;
        }
    }
    return {};
}

// "[user@]host" or "ssh://[user@]host[:port]". What the options said counts before.
fault take_host(ssh_arguments& a, const std::string& destination) {
    std::string user;
    a.client.host = destination;
    if (destination.starts_with("ssh://")) {
        const auto place = ssh_jump_from(destination);
        if (!place) return "'" + destination + "' is no destination";
        a.client.host = place->host;
        user = place->user;
        if (place->port) after_others(a, "Port", std::to_string(*place->port));
    } else if (const auto at = destination.rfind('@'); at != destination.npos) {
        user = destination.substr(0, at);
        a.client.host = destination.substr(at + 1);
        if (user.empty()) return "'" + destination + "' is no destination";
    }
    if (a.client.host.empty()) return "'" + destination + "' is no destination";
    if (!user.empty()) after_others(a, "User", user);
    return {};
}

// --- -Q -----------------------------------------------------------------------------------------

bool is_certificate(const std::string& name) { return name.find("-cert-v") != name.npos; }
// Both are signatures by keys of type ssh-rsa.
bool is_signature_only(const std::string& name) { return name.starts_with("rsa-sha2-"); }
bool is_authenticated(const std::string& name) {
    return name.find("gcm") != name.npos || name.find("poly1305") != name.npos;
}

struct list {
    std::string_view name;  // of -Q, in lower case
    algorithm_kind kind;
    bool (*holds)(const std::string& name);
};
constexpr auto all_of = [](const std::string&) { return true; };
constexpr std::array lists{
    list{"cipher", algorithm_kind::cipher, all_of},
    list{"ciphers", algorithm_kind::cipher, all_of},
    list{"cipher-auth", algorithm_kind::cipher, is_authenticated},
    list{"mac", algorithm_kind::mac, all_of},
    list{"macs", algorithm_kind::mac, all_of},
    list{"kex", algorithm_kind::kex, all_of},
    list{"kexalgorithms", algorithm_kind::kex, all_of},
    list{"key", algorithm_kind::public_key,
         [](const std::string& n) { return !is_signature_only(n); }},
    list{"key-cert", algorithm_kind::public_key,
         [](const std::string& n) { return is_certificate(n) && !is_signature_only(n); }},
    list{"key-plain", algorithm_kind::public_key,
         [](const std::string& n) { return !is_certificate(n) && !is_signature_only(n); }},
    list{"key-sig", algorithm_kind::public_key, all_of},
    list{"sig", algorithm_kind::ca_signature,
         [](const std::string& n) { return !is_certificate(n); }},
    list{"casignaturealgorithms", algorithm_kind::ca_signature,
         [](const std::string& n) { return !is_certificate(n); }},
    list{"hostkeyalgorithms", algorithm_kind::host_key, all_of},
    list{"pubkeyacceptedalgorithms", algorithm_kind::public_key, all_of},
    list{"pubkeyacceptedkeytypes", algorithm_kind::public_key, all_of},
    list{"hostbasedacceptedalgorithms", algorithm_kind::public_key, all_of},
    list{"hostbasedkeytypes", algorithm_kind::public_key, all_of},
};

}  // namespace

boost::system::result<ssh_arguments, std::string> ssh_arguments_of(
    std::span<const std::string> words) {
    ssh_arguments a;
    bool ended = false;
    if (fault f = take_options(words, a, ended); !f.empty()) return f;
    if (a.version || a.query) return a;
    if (words.empty()) return "no host";
    if (fault f = take_host(a, words.front()); !f.empty()) return f;
    words = words.subspan(1);
    if (!ended)
        if (fault f = take_options(words, a, ended); !f.empty()) return f;
    for (const std::string& word : words)
        a.client.command += (&word == words.data() ? "" : " ") + word;
    return a;
}

std::string_view ssh_usage() {
    return "usage: sluice ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface] [-b bind_address]\n"
           "                  [-c cipher_spec] [-D [bind_address:]port] [-E log_file]\n"
           "                  [-e escape_char] [-F configfile] [-I pkcs11] [-i identity_file]\n"
           "                  [-J destination] [-L address] [-l login_name] [-m mac_spec]\n"
           "                  [-O ctl_cmd] [-o option] [-P tag] [-p port] [-Q query_option]\n"
           "                  [-R address] [-S ctl_path] [-W host:port]\n"
           "                  [-w local_tun[:remote_tun]] destination [command [argument ...]]\n";
}

std::optional<std::vector<std::string>> ssh_query(std::string_view what) {
    const std::string wanted = in_lower_case(what);
    if (wanted == "protocol-version") return std::vector<std::string>{"2"};
    if (wanted == "compression") return std::vector<std::string>{"none", "zlib@openssh.com"};
    std::vector<std::string> names;
    if (wanted == "help") {
        for (const list& row : lists)
            names.emplace_back(row.name);
        return names;
    }
    const auto row = std::ranges::find(lists, wanted, &list::name);
    if (row == lists.end()) return std::nullopt;
    for (std::string& name : usable_algorithms(row->kind, "*"))
        if (row->holds(name)) names.push_back(std::move(name));
    return names;
}

}  // namespace sluice
