// The keywords of ssh_config(5). A row is the name, the default, and how its value is read and
// printed; `parse` does nothing where there is a value already, but must still judge the new one.

#include "sluice/io/ssh_config_keywords.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/ssh_config_algorithms.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/io/ssh_config_values.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace sluice {
namespace {

using arguments = ssh_keyword::arguments;
using fault = ssh_config_fault;
using lines = std::vector<std::string>;
using config = ssh_config;

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t int_max = std::numeric_limits<std::int32_t>::max();

fault unexpected(std::string_view what, std::string_view found) {
    return "expected " + std::string(what) + ", not '" + std::string(found) + "'";
}

template <class T>
void set(std::optional<T>& member, T value) {
    if (!member) member = std::move(value);
}

fault add(std::vector<std::string>& list, const std::string& value) {
    if (list.size() >= limits::ssh_config_values_max) return "too many values";
    list.push_back(value);
    return {};
}

bool is_none(std::string_view word) { return in_lower_case(word) == "none"; }

// --- kinds of values ----------------------------------------------------------------------------

std::optional<bool> flag_from(std::string_view word) {
    const std::string said = in_lower_case(word);
    if (said == "yes" || said == "true") return true;
    if (said == "no" || said == "false") return false;
    return std::nullopt;
}

template <auto Member>
constexpr ssh_keyword flag(std::string_view name, std::string_view initial) {
    return {
        name, initial, 1,
        [](const arguments& a, config& c) -> fault {
            const auto value = flag_from(a.words[0]);
            if (!value) return unexpected("yes or no", a.words[0]);
            set(c.*Member, *value);
            return {};
        },
        [](const config& c) { return c.*Member ? lines{*(c.*Member) ? "yes" : "no"} : lines{}; }};
}

template <auto Member>
lines one_line(const config& c) {
    return c.*Member ? lines{*(c.*Member)} : lines{};
}

template <auto Member>
lines one_number(const config& c) {
    return c.*Member ? lines{std::to_string(*(c.*Member))} : lines{};
}

template <auto Member>
lines joined(const config& c) {
    if (!(c.*Member)) return {};
    std::string text;
    for (const std::string& value : *(c.*Member))
        text += (text.empty() ? "" : " ") + value;
    return {text.empty() ? "none" : text};
}

template <auto Member>
constexpr ssh_keyword text(std::string_view name, std::string_view initial = {}) {
    return {name, initial, 1,
            [](const arguments& a, config& c) -> fault {
                set(c.*Member, a.words[0]);
                return {};
            },
            one_line<Member>};
}

// A word that is one of a table's.
template <const auto& Words, auto Member>
constexpr ssh_keyword choice(std::string_view name, std::string_view initial) {
    return {name, initial, 1,
            [](const arguments& a, config& c) -> fault {
                const std::string said = in_lower_case(a.words[0]);
                for (const ssh_config_word& word : Words) {
                    if (said != in_lower_case(word.said)) continue;
                    set(c.*Member, std::string(word.meant));
                    return {};
                }
                std::string known;
                for (const ssh_config_word& word : Words)
                    known += (known.empty() ? "" : ", ") + std::string(word.said);
                return unexpected("one of " + known, a.words[0]);
            },
            one_line<Member>};
}

template <auto Member, std::int64_t Least, std::int64_t Most>
constexpr ssh_keyword number(std::string_view name, std::string_view initial) {
    return {
        name, initial, 1,
        [](const arguments& a, config& c) -> fault {
            const auto n = ssh_config_number(a.words[0], Least, Most);
            if (!n)
                return unexpected(
                    "a number from " + std::to_string(Least) + " to " + std::to_string(Most),
                    a.words[0]);
            set(c.*Member,
                static_cast<typename std::remove_reference_t<decltype(c.*Member)>::value_type>(*n));
            return {};
        },
        one_number<Member>};
}

// Seconds; `None` is what "none" means.
template <auto Member, std::int64_t None>
constexpr ssh_keyword seconds(std::string_view name, std::string_view initial) {
    return {name, initial, 1,
            [](const arguments& a, config& c) -> fault {
                const auto n = a.words[0] == "none" ? std::optional<std::int64_t>(None)
                                                    : ssh_config_seconds(a.words[0]);
                if (!n) return unexpected("a time such as 90, 2m or 1h30m", a.words[0]);
                set(c.*Member, *n);
                return {};
            },
            [](const config& c) {
                if (!(c.*Member)) return lines{};
                return lines{*(c.*Member) < 0 ? "none" : std::to_string(*(c.*Member))};
            }};
}

// All up to the end of the line, quotes and all.
template <auto Member>
constexpr ssh_keyword command(std::string_view name) {
    return {name,
            {},
            any_number,
            [](const arguments& a, config& c) -> fault {
                set(c.*Member, std::string(a.rest));
                return {};
            },
            one_line<Member>};
}

// A list that the first line decides.
template <auto Member>
constexpr ssh_keyword first_list(std::string_view name, std::string_view initial) {
    return {name, initial, any_number,
            [](const arguments& a, config& c) -> fault {
                set(c.*Member, a.words);
                return {};
            },
            joined<Member>};
}

template <algorithm_kind Kind, auto Member>
constexpr ssh_keyword algorithms(std::string_view name) {
    return {name,
            {},
            1,
            [](const arguments& a, config& c) -> fault {
                if (fault f = check_algorithms(Kind, a.words[0]); !f.empty()) return f;
                set(c.*Member, a.words[0]);
                return {};
            },
            one_line<Member>};
}

// --- words --------------------------------------------------------------------------------------

using word = ssh_config_word;

constexpr std::array address_families{word{"inet", "inet"}, word{"inet6", "inet6"},
                                      word{"any", "any"}};
constexpr std::array yes_no_always{word{"yes", "true"}, word{"true", "true"}, word{"no", "false"},
                                   word{"false", "false"}, word{"always", "always"}};
constexpr std::array yes_no_ask{word{"yes", "true"}, word{"true", "true"}, word{"no", "false"},
                                word{"false", "false"}, word{"ask", "ask"}};
constexpr std::array host_key_checks{word{"yes", "true"},
                                     word{"true", "true"},
                                     word{"no", "false"},
                                     word{"false", "false"},
                                     word{"off", "false"},
                                     word{"ask", "ask"},
                                     word{"accept-new", "accept-new"}};
constexpr std::array pubkey_answers{word{"yes", "true"},        word{"true", "true"},
                                    word{"no", "false"},        word{"false", "false"},
                                    word{"unbound", "unbound"}, word{"host-bound", "host-bound"}};
constexpr std::array tty_requests{word{"yes", "true"},    word{"true", "true"},
                                  word{"no", "false"},    word{"false", "false"},
                                  word{"force", "force"}, word{"auto", "auto"}};
constexpr std::array session_types{word{"none", "none"}, word{"subsystem", "subsystem"},
                                   word{"default", "default"}};
constexpr std::array tunnels{
    word{"ethernet", "ethernet"},  word{"point-to-point", "point-to-point"},
    word{"yes", "point-to-point"}, word{"true", "point-to-point"},
    word{"no", "false"},           word{"false", "false"}};
constexpr std::array control_masters{
    word{"yes", "true"},  word{"true", "true"}, word{"no", "false"},       word{"false", "false"},
    word{"auto", "auto"}, word{"ask", "ask"},   word{"autoask", "autoask"}};
constexpr std::array weakness_warnings{word{"yes", "true"}, word{"true", "true"},
                                       word{"no", "false"}, word{"false", "false"},
                                       word{"no-pq-kex", "no-pq-kex"}};
constexpr std::array hashes{word{"md5", "MD5"}, word{"sha1", "SHA1"}, word{"sha256", "SHA256"},
                            word{"sha384", "SHA384"}, word{"sha512", "SHA512"}};
constexpr std::array log_levels{
    word{"QUIET", "SILENT"}, word{"FATAL", "FATAL"},     word{"ERROR", "ERROR"},
    word{"INFO", "INFO"},    word{"VERBOSE", "VERBOSE"}, word{"DEBUG", "DEBUG"},
    word{"DEBUG1", "DEBUG"}, word{"DEBUG2", "DEBUG2"},   word{"DEBUG3", "DEBUG3"}};
constexpr std::array facilities{
    word{"DAEMON", "DAEMON"},     word{"USER", "USER"},     word{"AUTH", "AUTH"},
    word{"AUTHPRIV", "AUTHPRIV"}, word{"LOCAL0", "LOCAL0"}, word{"LOCAL1", "LOCAL1"},
    word{"LOCAL2", "LOCAL2"},     word{"LOCAL3", "LOCAL3"}, word{"LOCAL4", "LOCAL4"},
    word{"LOCAL5", "LOCAL5"},     word{"LOCAL6", "LOCAL6"}, word{"LOCAL7", "LOCAL7"}};

// --- values of their own kind -------------------------------------------------------------------

fault parse_user(const arguments& a, config& c) {
    if (!is_harmless_user(a.words[0])) return unexpected("a name of a user", a.words[0]);
    set(c.user, a.words[0]);
    return {};
}

fault parse_host_name(const arguments& a, config& c) {
    if (!is_harmless_host(a.words[0])) return unexpected("a name of a host", a.words[0]);
    set(c.host_name, a.words[0]);
    return {};
}

fault parse_host_key_alias(const arguments& a, config& c) {
    if (!is_harmless_host(a.words[0])) return unexpected("a name of a host", a.words[0]);
    set(c.host_key_alias, in_lower_case(a.words[0]));
    return {};
}

// "none", alone or as the value, is a word of many keywords; lists must not mix it with others.
fault lone_none(const std::vector<std::string>& words) {
    if (words.size() > 1 && std::ranges::any_of(words, is_none)) return "'none' stands alone";
    return {};
}

fault parse_canonical_domains(const arguments& a, config& c) {
    if (fault f = lone_none(a.words); !f.empty()) return f;
    if (is_none(a.words[0])) {
        set(c.canonical_domains, lines{});
        return {};
    }
    lines domains;
    for (const std::string& one : a.words) {
        const auto ordinary = [](char ch) {
            return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                   (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.';
        };
        const char first = one.front();
        const bool begins_well = ordinary(first) && first != '-' && first != '.';
        if (!begins_well || !std::ranges::all_of(one, ordinary) || one.find("..") != one.npos)
            return unexpected("a domain", one);
        domains.push_back(in_lower_case(one));
        if (domains.back().ends_with('.')) domains.back().pop_back();
    }
    set(c.canonical_domains, std::move(domains));
    return {};
}

fault parse_permitted_cnames(const arguments& a, config& c) {
    if (fault f = lone_none(a.words); !f.empty()) return f;
    lines rules;
    for (const std::string& one : a.words) {
        if (is_none(one)) break;
        const auto colon = one.find(':');
        if (colon == one.npos || colon + 1 == one.size()) return unexpected("source:target", one);
        rules.push_back(in_lower_case(one));
    }
    set(c.canonicalize_permitted_cnames, std::move(rules));
    return {};
}

fault parse_proxy_command(const arguments& a, config& c) {
    const bool jumps = c.proxy_jump && !c.proxy_jump->empty();
    if (!jumps) set(c.proxy_command, std::string(a.rest));
    return {};
}

fault parse_proxy_jump(const arguments& a, config& c) {
    std::string_view said = a.rest.substr(0, a.rest.find('#'));
    said = said.substr(0, said.find_last_not_of(" \t") + 1);
    std::vector<ssh_jump> jumps;
    if (!is_none(said)) {
        for (const std::string& one : split_at_commas(said)) {
            auto jump = ssh_jump_from(one);
            const bool good = jump && is_harmless_host(jump->host) &&
                              (jump->user.empty() || is_harmless_user(jump->user));
            if (!good) return unexpected("[user@]host[:port], with commas between several", said);
            if (jumps.size() >= limits::jump_hosts_max) return "too many hosts";
            jumps.push_back(std::move(*jump));
        }
    }
    if (!c.proxy_command && !c.proxy_jump) {
        c.proxy_jump = std::move(jumps);
        if (!c.proxy_jump->empty()) c.proxy_command = "none";
    }
    return {};
}

lines print_proxy_jump(const config& c) {
    if (!c.proxy_jump || c.proxy_jump->empty()) return {};
    std::string text;
    for (std::size_t i = 0; i < c.proxy_jump->size(); ++i)
        text +=
            (text.empty() ? "" : ",") + to_text((*c.proxy_jump)[i], i + 1 == c.proxy_jump->size());
    return {text};
}

fault parse_identity_file(const arguments& a, config& c) {
    if (std::ranges::find(c.identity_file, a.words[0]) != c.identity_file.end()) return {};
    return add(c.identity_file, a.words[0]);
}

fault parse_certificate_file(const arguments& a, config& c) {
    if (std::ranges::find(c.certificate_file, a.words[0]) != c.certificate_file.end()) return {};
    return add(c.certificate_file, a.words[0]);
}

template <auto Member>
lines all_lines(const config& c) {
    return c.*Member;
}

// The path of an agent's socket: a variable in it must be there, and be the name of one.
fault check_agent_path(const arguments& a) {
    const std::string& path = a.words[0];
    if (const auto expanded = with_environment(path, a.system); !expanded)
        return expanded.error().text;
    if (!path.starts_with('$') || path.starts_with("${")) return {};
    const auto of_a_name = [](char ch) {
        return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
               ch == '_';
    };
    const bool named = path.size() > 1 && std::ranges::all_of(path.substr(1), of_a_name);
    return named ? fault() : unexpected("the name of a variable", path);
}

fault parse_identity_agent(const arguments& a, config& c) {
    if (fault f = check_agent_path(a); !f.empty()) return f;
    set(c.identity_agent, a.words[0]);
    return {};
}

fault parse_forward_agent(const arguments& a, config& c) {
    if (const auto flag = flag_from(a.words[0])) {
        set(c.forward_agent, std::string(*flag ? "yes" : "no"));
        return {};
    }
    if (fault f = check_agent_path(a); !f.empty()) return f;
    set(c.forward_agent, a.words[0]);
    return {};
}

// yes, no, ask, confirm, confirm TIME or TIME
fault parse_add_keys_to_agent(const arguments& a, config& c) {
    constexpr std::string_view form = "yes, no, ask, confirm, or a time";
    constexpr std::array answers{word{"yes", "true"}, word{"true", "true"},
                                 word{"no", "false"}, word{"false", "false"},
                                 word{"ask", "ask"},  word{"confirm", "confirm"}};
    const std::string said = in_lower_case(a.words[0]);
    const auto found = std::ranges::find(answers, said, &word::said);
    std::string meant = found == answers.end() ? "true" : std::string(found->meant);
    std::int64_t lifetime = 0;
    const bool timed = found == answers.end() ? a.words.size() == 1 : meant == "confirm";
    if (a.words.size() == 2 && !timed) return unexpected(form, a.words[1]);
    if (found == answers.end() || a.words.size() == 2) {
        const auto n = ssh_config_seconds(a.words.back());
        if (!n || !timed) return unexpected(form, a.words.back());
        lifetime = *n;
    }
    if (c.add_keys_to_agent) return {};
    c.add_keys_to_agent = std::move(meant);
    c.add_keys_to_agent_seconds = lifetime;
    return {};
}

lines print_add_keys_to_agent(const config& c) {
    if (!c.add_keys_to_agent) return {};
    if (c.add_keys_to_agent_seconds == 0) return {*c.add_keys_to_agent};
    const std::string first = *c.add_keys_to_agent == "confirm" ? "confirm " : "";
    return {first + std::to_string(c.add_keys_to_agent_seconds)};
}

// bytes with a unit, or default; then a time, or none
fault parse_rekey_limit(const arguments& a, config& c) {
    std::uint64_t bytes = 0;
    if (a.words[0] != "default") {
        const auto n = ssh_config_bytes(a.words[0]);
        if (!n) return unexpected("bytes (K, M, G) or default, then a time or none", a.words[0]);
        if (*n != 0 && *n < 16) return "a limit below 16 bytes is below one block";
        bytes = *n;
    }
    std::optional<std::int64_t> seconds;
    if (a.words.size() == 2 && a.words[1] != "none") {
        seconds = ssh_config_seconds(a.words[1]);
        if (!seconds) return unexpected("a time or none", a.words[1]);
    }
    set(c.rekey_bytes, bytes);
    if (seconds) set(c.rekey_seconds, *seconds);
    return {};
}

lines print_rekey_limit(const config& c) {
    if (!c.rekey_bytes) return {};
    return {std::to_string(*c.rekey_bytes) + " " + std::to_string(c.rekey_seconds.value_or(0))};
}

fault parse_ip_qos(const arguments& a, config& c) {
    lines classes;
    for (const std::string& one : a.words) {
        auto shown = ssh_type_of_service(one);
        if (!shown) return unexpected("a class of service", one);
        classes.push_back(std::move(*shown));
    }
    if (classes.size() == 1) classes.push_back(classes.front());
    set(c.ip_qos, std::move(classes));
    return {};
}

// Names are added; "-pattern" takes away those that were named before.
fault parse_send_env(const arguments& a, config& c) {
    for (const std::string& name : a.words)
        if (name.find('=') != name.npos) return unexpected("the name of a variable", name);
    for (const std::string& name : a.words) {
        if (name.starts_with('-')) {
            std::erase_if(c.send_env, [&](const std::string& one) {
                return matches_wildcards(one, std::string_view(name).substr(1));
            });
        } else if (fault f = add(c.send_env, name); !f.empty()) {
            return f;
        }
    }
    return {};
}

// The first line counts, and of that the first value of a name.
fault parse_set_env(const arguments& a, config& c) {
    for (const std::string& one : a.words)
        if (one.find('=') == one.npos) return unexpected("NAME=value", one);
    if (!c.set_env.empty()) return {};
    for (const std::string& one : a.words) {
        const std::string_view name = std::string_view(one).substr(0, one.find('=') + 1);
        const auto same = [&](const std::string& other) { return other.starts_with(name); };
        if (std::ranges::any_of(c.set_env, same)) continue;
        if (fault f = add(c.set_env, one); !f.empty()) return f;
    }
    return {};
}

fault parse_escape_char(const arguments& a, config& c) {
    auto shown = ssh_escape_character(a.words[0]);
    if (!shown) return unexpected("a character, ^ and a letter, or none", a.words[0]);
    set(c.escape_char, std::move(*shown));
    return {};
}

template <auto Member>
fault add_forward(const arguments& a, bool needs_target, config& c) {
    ssh_forward f;
    const auto listen = ssh_listener(a.words[0]);
    if (!listen) return unexpected("[address:]port or a path", a.words[0]);
    f.listen = *listen;
    if (a.words.size() > 1) {
        f.connect = ssh_destination(a.words[1]);
        if (!f.connect) return unexpected("host:port or a path", a.words[1]);
    } else if (needs_target) {
        return "where it leads to is missing";
    }
    auto& all = c.*Member;
    if (std::ranges::find(all, f) != all.end()) return {};
    if (all.size() >= limits::ssh_config_values_max) return "too many forwardings";
    all.push_back(std::move(f));
    return {};
}

template <auto Member>
lines print_forwards(const config& c) {
    lines out;
    for (const ssh_forward& f : c.*Member) {
        std::string line = to_text(f.listen);
        if (f.connect) line += " " + to_text(*f.connect);
        out.push_back(std::move(line));
    }
    return out;
}

fault parse_local_forward(const arguments& a, config& c) {
    return add_forward<&config::local_forward>(a, true, c);
}

fault parse_remote_forward(const arguments& a, config& c) {
    return add_forward<&config::remote_forward>(a, false, c);
}

// Where there is no target the server is to be told where to by SOCKS.
lines print_remote_forwards(const config& c) {
    lines out = print_forwards<&config::remote_forward>(c);
    for (std::size_t i = 0; i < out.size(); ++i)
        if (!c.remote_forward[i].connect) out[i] += " [socks]:0";
    return out;
}

fault parse_dynamic_forward(const arguments& a, config& c) {
    return add_forward<&config::dynamic_forward>(a, false, c);
}

fault parse_permit_remote_open(const arguments& a, config& c) {
    for (const std::string& one : a.words) {
        if (a.words.size() == 1 && (one == "any" || one == "none")) break;
        const auto colon = one.rfind(':');
        const bool wild = colon != one.npos && colon != 0 && one.substr(colon + 1) == "*";
        if (!wild && !ssh_destination(one)) return unexpected("host:port, any or none", one);
    }
    set(c.permit_remote_open, a.words);
    return {};
}

fault parse_bind_mask(const arguments& a, config& c) {
    int mask = 0;
    const std::string& text = a.words[0];
    const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), mask, 8);
    if (e != std::errc() || end != text.data() + text.size() || mask < 0 || mask > 0777)
        return unexpected("an octal mask", text);
    char digits[4];
    const auto [last, ignored] = std::to_chars(std::begin(digits), std::end(digits), mask, 8);
    set(c.stream_local_bind_mask, "0" + std::string(digits, last));
    return {};
}

fault parse_tunnel_device(const arguments& a, config& c) {
    std::string_view left = a.words[0];
    const auto part = [](std::string_view text) -> std::optional<std::string> {
        if (in_lower_case(text) == "any") return std::string("any");
        const auto n = ssh_config_number(text, 0, int_max - 2);
        if (!n) return std::nullopt;
        return std::to_string(*n);
    };
    const auto colon = left.find(':');
    const auto here = part(left.substr(0, colon));
    const auto there = colon == left.npos ? std::string("any") : part(left.substr(colon + 1));
    if (!here || !there) return unexpected("local[:remote], each a number or any", left);
    set(c.tunnel_device, *here + ":" + *there);
    return {};
}

// yes, no or interval:MILLISECONDS
fault parse_keystroke_timing(const arguments& a, config& c) {
    constexpr std::string_view prefix = "interval:";
    const std::string said = in_lower_case(a.words[0]);
    std::string meant = said;
    if (const auto flag = flag_from(said)) {
        meant = *flag ? "yes" : "no";
    } else {
        const auto n =
            said.starts_with(prefix)
                ? ssh_config_number(std::string_view(said).substr(prefix.size()), 1, 1000)
                : std::nullopt;
        if (!n) return unexpected("yes, no or interval:MILLISECONDS", a.words[0]);
        meant = std::string(prefix) + std::to_string(*n);
    }
    set(c.obscure_keystroke_timing, std::move(meant));
    return {};
}

fault parse_channel_timeout(const arguments& a, config& c) {
    if (fault f = lone_none(a.words); !f.empty()) return f;
    lines timeouts;
    for (const std::string& one : a.words) {
        if (is_none(one)) break;
        const auto equals = one.find('=');
        const bool named = equals != one.npos && equals != 0;
        if (!named || !ssh_config_seconds(std::string_view(one).substr(equals + 1)))
            return unexpected("type=time", one);
        timeouts.push_back(one);
    }
    set(c.channel_timeout, std::move(timeouts));
    return {};
}

// no, yes or a time; no time means for ever
fault parse_control_persist(const arguments& a, config& c) {
    std::string meant;
    if (const auto flag = flag_from(a.words[0])) {
        meant = *flag ? "yes" : "no";
    } else {
        const auto n = ssh_config_seconds(a.words[0]);
        if (!n) return unexpected("yes, no or a time", a.words[0]);
        meant = *n == 0 ? "yes" : std::to_string(*n);
    }
    set(c.control_persist, std::move(meant));
    return {};
}

// --- the table ----------------------------------------------------------------------------------

using kind = algorithm_kind;

// In the order in which `ssh -G` prints them.
constexpr std::array rows{
    ssh_keyword{"User", {}, 1, parse_user, one_line<&config::user>},
    ssh_keyword{"HostName", {}, 1, parse_host_name, one_line<&config::host_name>},
    number<&config::port, 1, 65535>("Port", "22"),
    choice<address_families, &config::address_family>("AddressFamily", "any"),
    flag<&config::batch_mode>("BatchMode", "no"),
    flag<&config::canonicalize_fallback_local>("CanonicalizeFallbackLocal", "yes"),
    choice<yes_no_always, &config::canonicalize_hostname>("CanonicalizeHostname", "no"),
    flag<&config::check_host_ip>("CheckHostIP", "no"),
    ssh_keyword{"Compression", "no", 1,
                [](const arguments& a, config& c) -> fault {
                    // The other spellings of yes and no are none here (ssh -G).
                    const std::string said = in_lower_case(a.words[0]);
                    if (said != "yes" && said != "no") return unexpected("yes or no", a.words[0]);
                    set(c.compression, said == "yes");
                    return {};
                },
                flag<&config::compression>({}, {}).print},
    choice<control_masters, &config::control_master>("ControlMaster", "no"),
    flag<&config::enable_ssh_keysign>("EnableSSHKeysign", "no"),
    flag<&config::clear_all_forwardings>("ClearAllForwardings", "no"),
    flag<&config::exit_on_forward_failure>("ExitOnForwardFailure", "no"),
    choice<hashes, &config::fingerprint_hash>("FingerprintHash", "sha256"),
    flag<&config::forward_x11>("ForwardX11", "no"),
    flag<&config::forward_x11_trusted>("ForwardX11Trusted", "no"),
    flag<&config::gateway_ports>("GatewayPorts", "no"),
    flag<&config::gssapi_authentication>("GSSAPIAuthentication", "no"),
    flag<&config::gssapi_key_exchange>("GSSAPIKeyExchange", "no"),
    flag<&config::gssapi_delegate_credentials>("GSSAPIDelegateCredentials", "no"),
    flag<&config::gssapi_trust_dns>("GSSAPITrustDns", "no"),
    flag<&config::gssapi_renewal_forces_rekey>("GSSAPIRenewalForcesRekey", "no"),
    text<&config::gssapi_client_identity>("GSSAPIClientIdentity"),
    text<&config::gssapi_server_identity>("GSSAPIServerIdentity"),
    text<&config::gssapi_kex_algorithms>(
        "GSSAPIKexAlgorithms",
        "gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-,"
        "gss-group14-sha1-,gss-gex-sha1-"),
    flag<&config::hash_known_hosts>("HashKnownHosts", "no"),
    flag<&config::hostbased_authentication>("HostbasedAuthentication", "no"),
    flag<&config::identities_only>("IdentitiesOnly", "no"),
    flag<&config::kbd_interactive_authentication>("KbdInteractiveAuthentication", "yes"),
    flag<&config::no_host_authentication_for_localhost>("NoHostAuthenticationForLocalhost", "no"),
    flag<&config::password_authentication>("PasswordAuthentication", "yes"),
    flag<&config::permit_local_command>("PermitLocalCommand", "no"),
    flag<&config::proxy_use_fdpass>("ProxyUseFdpass", "no"),
    choice<pubkey_answers, &config::pubkey_authentication>("PubkeyAuthentication", "yes"),
    choice<tty_requests, &config::request_tty>("RequestTTY", "auto"),
    choice<session_types, &config::session_type>("SessionType", "default"),
    flag<&config::stdin_null>("StdinNull", "no"),
    flag<&config::fork_after_authentication>("ForkAfterAuthentication", "no"),
    flag<&config::stream_local_bind_unlink>("StreamLocalBindUnlink", "no"),
    choice<host_key_checks, &config::strict_host_key_checking>("StrictHostKeyChecking", "ask"),
    flag<&config::tcp_keep_alive>("TCPKeepAlive", "yes"),
    choice<tunnels, &config::tunnel>("Tunnel", "no"),
    choice<yes_no_ask, &config::verify_host_key_dns>("VerifyHostKeyDNS", "no"),
    flag<&config::visual_host_key>("VisualHostKey", "no"),
    choice<yes_no_ask, &config::update_host_keys>("UpdateHostKeys", {}),
    flag<&config::enable_escape_commandline>("EnableEscapeCommandline", "no"),
    number<&config::canonicalize_max_dots, 0, int_max>("CanonicalizeMaxDots", "1"),
    number<&config::connection_attempts, 0, int_max>("ConnectionAttempts", "1"),
    seconds<&config::forward_x11_timeout, -1>("ForwardX11Timeout", "1200"),
    number<&config::number_of_password_prompts, 0, int_max>("NumberOfPasswordPrompts", "3"),
    number<&config::server_alive_count_max, 0, int_max>("ServerAliveCountMax", "3"),
    // Off in OpenSSH; see client_config::keepalive_interval.
    seconds<&config::server_alive_interval, 0>("ServerAliveInterval", "30"),
    number<&config::required_rsa_size, 0, int_max>("RequiredRSASize", "2048"),
    // Later releases than 9.2 have these; what is not said is not printed.
    ssh_keyword{"ObscureKeystrokeTiming",
                {},
                1,
                parse_keystroke_timing,
                one_line<&config::obscure_keystroke_timing>},
    choice<weakness_warnings, &config::warn_weak_crypto>("WarnWeakCrypto", {}),
    text<&config::tag>("Tag"),
    text<&config::refuse_connection>("RefuseConnection"),
    command<&config::version_addendum>("VersionAddendum"),
    ssh_keyword{
        "ChannelTimeout", {}, any_number, parse_channel_timeout, joined<&config::channel_timeout>},
    text<&config::bind_address>("BindAddress"),
    text<&config::bind_interface>("BindInterface"),
    algorithms<kind::cipher, &config::ciphers>("Ciphers"),
    text<&config::control_path>("ControlPath"),
    algorithms<kind::host_key, &config::host_key_algorithms>("HostKeyAlgorithms"),
    ssh_keyword{"HostKeyAlias", {}, 1, parse_host_key_alias, one_line<&config::host_key_alias>},
    algorithms<kind::public_key, &config::hostbased_accepted_algorithms>(
        "HostbasedAcceptedAlgorithms"),
    ssh_keyword{"IdentityAgent", {}, 1, parse_identity_agent, one_line<&config::identity_agent>},
    text<&config::ignore_unknown>("IgnoreUnknown"),
    text<&config::kbd_interactive_devices>("KbdInteractiveDevices"),
    algorithms<kind::kex, &config::kex_algorithms>("KexAlgorithms"),
    algorithms<kind::ca_signature, &config::ca_signature_algorithms>("CASignatureAlgorithms"),
    command<&config::local_command>("LocalCommand"),
    command<&config::remote_command>("RemoteCommand"),
    choice<log_levels, &config::log_level>("LogLevel", "INFO"),
    algorithms<kind::mac, &config::macs>("MACs"),
    text<&config::pkcs11_provider>("PKCS11Provider"),
    text<&config::security_key_provider>("SecurityKeyProvider", "internal"),
    text<&config::preferred_authentications>("PreferredAuthentications"),
    algorithms<kind::public_key, &config::pubkey_accepted_algorithms>("PubkeyAcceptedAlgorithms"),
    text<&config::revoked_host_keys>("RevokedHostKeys"),
    text<&config::xauth_location>("XAuthLocation", "/usr/bin/xauth"),
    command<&config::known_hosts_command>("KnownHostsCommand"),
    ssh_keyword{
        "DynamicForward", {}, 1, parse_dynamic_forward, print_forwards<&config::dynamic_forward>},
    ssh_keyword{"LocalForward", {}, 2, parse_local_forward, print_forwards<&config::local_forward>},
    ssh_keyword{"RemoteForward", {}, 2, parse_remote_forward, print_remote_forwards},
    ssh_keyword{"IdentityFile", {}, 1, parse_identity_file, all_lines<&config::identity_file>},
    ssh_keyword{"CanonicalDomains", "none", any_number, parse_canonical_domains,
                joined<&config::canonical_domains>},
    ssh_keyword{
        "CertificateFile", {}, 1, parse_certificate_file, all_lines<&config::certificate_file>},
    first_list<&config::global_known_hosts_file>("GlobalKnownHostsFile", {}),
    first_list<&config::user_known_hosts_file>("UserKnownHostsFile", {}),
    ssh_keyword{"SendEnv", {}, any_number, parse_send_env, all_lines<&config::send_env>},
    ssh_keyword{"SetEnv", {}, any_number, parse_set_env, all_lines<&config::set_env>},
    first_list<&config::log_verbose>("LogVerbose", "none"),
    ssh_keyword{"PermitRemoteOpen", "any", any_number, parse_permit_remote_open,
                joined<&config::permit_remote_open>},
    ssh_keyword{"AddKeysToAgent", "no", 2, parse_add_keys_to_agent, print_add_keys_to_agent},
    ssh_keyword{"ForwardAgent", "no", 1, parse_forward_agent, one_line<&config::forward_agent>},
    // No limit in OpenSSH; see connect_options::connect_timeout.
    seconds<&config::connect_timeout, -1>("ConnectTimeout", "30"),
    ssh_keyword{"TunnelDevice", "any", 1, parse_tunnel_device, one_line<&config::tunnel_device>},
    ssh_keyword{"CanonicalizePermittedCNAMEs", "none", any_number, parse_permitted_cnames,
                joined<&config::canonicalize_permitted_cnames>},
    ssh_keyword{"ControlPersist", "no", 1, parse_control_persist,
                one_line<&config::control_persist>},
    ssh_keyword{"EscapeChar", "~", 1, parse_escape_char, one_line<&config::escape_char>},
    ssh_keyword{"IPQoS", {}, 2, parse_ip_qos, joined<&config::ip_qos>},
    ssh_keyword{"RekeyLimit", "default", 2, parse_rekey_limit, print_rekey_limit},
    ssh_keyword{"StreamLocalBindMask", "0177", 1, parse_bind_mask,
                one_line<&config::stream_local_bind_mask>},
    choice<facilities, &config::syslog_facility>("SyslogFacility", "USER"),
    ssh_keyword{
        "ProxyCommand", {}, any_number, parse_proxy_command, one_line<&config::proxy_command>},
    ssh_keyword{"ProxyJump", {}, any_number, parse_proxy_jump, print_proxy_jump},
};

// In lower case.
constexpr std::array former_names{
    word{"challengeresponseauthentication", "KbdInteractiveAuthentication"},
    word{"skeyauthentication", "KbdInteractiveAuthentication"},
    word{"tisauthentication", "KbdInteractiveAuthentication"},
    word{"dsaauthentication", "PubkeyAuthentication"},
    word{"hostbasedkeytypes", "HostbasedAcceptedAlgorithms"},
    word{"pubkeyacceptedkeytypes", "PubkeyAcceptedAlgorithms"},
    word{"identityfile2", "IdentityFile"},
    word{"smartcarddevice", "PKCS11Provider"},
    word{"keepalive", "TCPKeepAlive"},
    word{"protocolkeepalives", "ServerAliveInterval"},  // Debian's
    word{"setuptimeout", "ServerAliveInterval"},        // Debian's
};

constexpr std::array<std::string_view, 15> without_meaning{"protocol",
                                                           "cipher",
                                                           "fallbacktorsh",
                                                           "globalknownhostsfile2",
                                                           "userknownhostsfile2",
                                                           "rhostsauthentication",
                                                           "rhostsrsaauthentication",
                                                           "compressionlevel",
                                                           "useprivilegedport",
                                                           "useroaming",
                                                           "usersh",
                                                           "rsaauthentication",
                                                           "afstokenpassing",
                                                           "kerberosauthentication",
                                                           "kerberostgtpassing"};

}  // namespace

std::span<const ssh_keyword> ssh_keywords() { return rows; }

const ssh_keyword* find_ssh_keyword(std::string_view name) {
    const auto former = std::ranges::find(former_names, name, &word::said);
    const std::string wanted = in_lower_case(former == former_names.end() ? name : former->meant);
    const auto found = std::ranges::find_if(
        rows, [&](const ssh_keyword& row) { return in_lower_case(row.name) == wanted; });
    return found == rows.end() ? nullptr : &*found;
}

bool is_former_ssh_keyword(std::string_view name) {
    return name == "useblacklistedkeys" ||  // Debian's
           std::ranges::find(without_meaning, name) != without_meaning.end();
}

}  // namespace sluice
