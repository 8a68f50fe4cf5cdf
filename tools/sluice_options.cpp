#include "sluice/tools/sluice_options.hpp"

#include "sluice/io/known_hosts_files.hpp"
#include "sluice/tools/sluiced_config.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <set>

namespace sluice {
namespace {

// A problem in words, or empty.
using fault = std::string;

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

template <class Number>
fault number(std::string_view text, Number least, Number most, Number& out) {
    const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (e == std::errc() && end == text.data() + text.size() && out >= least && out <= most)
        return {};
    return "expected a number from " + std::to_string(least) + " to " + std::to_string(most);
}

fault yes_no(std::string_view text, bool& out) {
    if (text != "yes" && text != "no") return "expected yes or no";
    out = text == "yes";
    return {};
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> list;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
        if (text.empty()) return list;
        const auto end = std::min(text.find_first_of(" \t"), text.size());
        list.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

fault strict_host_keys(std::string_view value, connect_options& o) {
    if (value == "yes")
        o.host_keys_unknown = host_key_policy::strict;
    else if (value == "accept-new")
        o.host_keys_unknown = host_key_policy::accept_new;
    else if (value == "ask")
        o.host_keys_unknown = host_key_policy::ask;
    else
        return "expected yes, accept-new or ask";
    return {};
}

fault agent(std::string_view value, connect_options& o) {
    if (value == "none")
        o.agent_socket = "";
    else if (value == "SSH_AUTH_SOCK")
        o.agent_socket.reset();
    else
        o.agent_socket = value;
    return {};
}

fault known_hosts_paths(std::string_view value, connect_options& o) {
    o.known_hosts_files = value == "none" ? std::vector<std::string>() : words(value);
    return {};
}

// Lists of algorithms are what they are in a server's settings: +, - and ^ change the default.
template <std::vector<std::string> sluiced_config::*From,
          std::vector<std::string> transport_config::*To>
fault algorithms(std::string_view keyword, std::string_view value, connect_options& o) {
    const std::string line = std::string(keyword) + ' ' + std::string(value) + '\n';
    const auto parsed = parse_sluiced_config(line, "-o", sluiced_algorithms(role::client));
    if (!parsed) return parsed.error().text;
    o.protocol.transport.*To = (*parsed).*From;
    return {};
}

struct row {
    std::string_view keyword;
    fault (*parse)(std::string_view value, client_settings& s);
};

constexpr auto seconds_max = 86'400u * 365;

constexpr std::array rows{
    row{"BatchMode",
        [](std::string_view v, client_settings& s) { return yes_no(v, s.batch_mode); }},
    row{"Ciphers",
        [](std::string_view v, client_settings& s) {
            return algorithms<&sluiced_config::ciphers, &transport_config::ciphers>("Ciphers", v,
                                                                                    s.connect);
        }},
    row{"ConnectTimeout",
        [](std::string_view v, client_settings& s) {
            unsigned n = 0;
            auto f = number(v, 0u, seconds_max, n);
            if (f.empty()) s.connect.connect_timeout = std::chrono::seconds(n);
            return f;
        }},
    row{"HashKnownHosts", [](std::string_view v,
                             client_settings& s) { return yes_no(v, s.connect.hash_known_hosts); }},
    row{"HostKeyAlgorithms",
        [](std::string_view v, client_settings& s) {
            return algorithms<&sluiced_config::host_key_algorithms,
                              &transport_config::host_key_algorithms>("HostKeyAlgorithms", v,
                                                                      s.connect);
        }},
    row{"IdentitiesOnly", [](std::string_view v,
                             client_settings& s) { return yes_no(v, s.connect.identities_only); }},
    row{"IdentityAgent",
        [](std::string_view v, client_settings& s) { return agent(v, s.connect); }},
    row{"IdentityFile",
        [](std::string_view v, client_settings& s) {
            if (!s.connect.identity_files) s.connect.identity_files.emplace();
            if (v != "none") s.connect.identity_files->emplace_back(v);
            return fault();
        }},
    row{"KexAlgorithms",
        [](std::string_view v, client_settings& s) {
            return algorithms<&sluiced_config::kex_algorithms, &transport_config::kex_algorithms>(
                "KexAlgorithms", v, s.connect);
        }},
    row{"MACs",
        [](std::string_view v, client_settings& s) {
            return algorithms<&sluiced_config::macs, &transport_config::macs>("MACs", v, s.connect);
        }},
    row{"NumberOfPasswordPrompts",
        [](std::string_view v, client_settings& s) {
            return number(v, 1u, 100u, s.connect.protocol.auth.prompts_max);
        }},
    row{"Port",
        [](std::string_view v, client_settings& s) {
            return number(v, std::uint16_t{1}, std::uint16_t{65535}, s.connect.port);
        }},
    row{"ServerAliveCountMax",
        [](std::string_view v, client_settings& s) {
            return number(v, 1u, 1000u, s.connect.protocol.keepalive_count_max);
        }},
    row{"ServerAliveInterval",
        [](std::string_view v, client_settings& s) {
            unsigned n = 0;
            auto f = number(v, 0u, seconds_max, n);
            if (f.empty()) s.connect.protocol.keepalive_interval = std::chrono::seconds(n);
            return f;
        }},
    row{"StrictHostKeyChecking",
        [](std::string_view v, client_settings& s) { return strict_host_keys(v, s.connect); }},
    row{"User",
        [](std::string_view v, client_settings& s) {
            s.connect.user = v;
            return fault();
        }},
    row{"UserKnownHostsFile",
        [](std::string_view v, client_settings& s) { return known_hosts_paths(v, s.connect); }},
};

fault read_setting(std::string_view setting, std::set<std::string_view>& seen, client_settings& s) {
    const auto end = std::min(setting.find_first_of("= \t"), setting.size());
    const std::string keyword = lower(setting.substr(0, end));
    std::string_view value = setting.substr(end);
    value.remove_prefix(std::min(value.find_first_not_of("= \t"), value.size()));
    const auto found =
        std::ranges::find_if(rows, [&](const row& r) { return lower(r.keyword) == keyword; });
    if (found == rows.end()) return "-o " + std::string(setting) + ": unknown keyword";
    if (value.empty()) return "-o " + std::string(setting) + ": no value";
    if (!seen.insert(found->keyword).second && found->keyword != "IdentityFile") return {};
    const fault f = found->parse(value, s);
    return f.empty() ? f : "-o " + std::string(setting) + ": " + f;
}

// Bytes of the character at the front if it does a terminal no harm: neither a control character,
// of ASCII or of C1, nor a piece of UTF-8 that is none.
std::size_t shown_as_is(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return first == '\n' || first == '\t' || (first >= 0x20 && first != 0x7f);
    const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
    for (std::size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return first == 0xc2 && byte(1) < 0xa0 ? 0 : n;
}

}  // namespace

boost::system::result<client_settings, std::string> understand(const client_arguments& a) {
    client_settings s;
    s.connect.host_keys_unknown = host_key_policy::ask;
    // Arguments of their own come before settings: the first value counts.
    std::vector<std::string> settings;
    if (!a.user.empty()) settings.push_back("User=" + a.user);
    const auto at = a.host.rfind('@');
    if (at != std::string::npos) settings.push_back("User=" + a.host.substr(0, at));
    if (a.port) settings.push_back("Port=" + std::to_string(*a.port));
    for (const auto& file : a.identities)
        settings.push_back("IdentityFile=" + file);
    settings.insert(settings.end(), a.settings.begin(), a.settings.end());

    std::set<std::string_view> seen;
    for (const auto& setting : settings)
        if (auto f = read_setting(setting, seen, s); !f.empty()) return f;
    s.connect.host = at == std::string::npos ? a.host : a.host.substr(at + 1);
    if (s.connect.host.empty()) return std::string("no host");
    return s;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t n = shown_as_is(text);
        if (n != 0) {
            out += text.substr(0, n);
            text.remove_prefix(n);
            continue;
        }
        char escaped[5];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(text.front()));
        if (text.front() != '\r') out += escaped;
        text.remove_prefix(1);
    }
    return out;
}

}  // namespace sluice
