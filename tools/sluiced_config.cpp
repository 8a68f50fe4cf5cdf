#include "sluice/tools/sluiced_config.hpp"

#include "sluice/auth/address_patterns.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace sluice {
namespace {

using arguments = std::vector<std::string>;

// What is wrong with a line; empty when nothing is.
using fault = std::string;

constexpr std::size_t values_max = 1024;  // of one keyword, all lines together

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

fault expected(std::string_view what, std::string_view found) {
    return "expected " + std::string(what) + ", not '" + std::string(found) + "'";
}

template <class Number>
std::optional<Number> number_from(std::string_view text) {
    Number n{};
    const auto end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, n);
    if (error != std::errc() || stop != end) return std::nullopt;
    return n;
}

// --- one parser a kind of value ---------------------------------------------------------------

template <std::uint64_t Min, std::uint64_t Max, class Member>
fault number(const arguments& a, Member& out) {
    const auto n = number_from<std::uint64_t>(a[0]);
    if (!n || *n < Min || *n > Max)
        return expected("a number from " + std::to_string(Min) + " to " + std::to_string(Max),
                        a[0]);
    out = static_cast<Member>(*n);
    return {};
}

fault yes_or_no(const arguments& a, bool& out) {
    out = equal_ignoring_case(a[0], "yes");
    return out || equal_ignoring_case(a[0], "no") ? fault() : expected("yes or no", a[0]);
}

fault file_name(const arguments& a, std::string& out) {
    if (a[0].empty()) return "expected a file name";
    out = a[0];
    return {};
}

fault file_or_none(const arguments& a, std::string& out) {
    if (const fault f = file_name(a, out); !f.empty()) return f;
    if (equal_ignoring_case(out, "none")) out.clear();
    return {};
}

fault add_file(const arguments& a, std::vector<std::string>& out) {
    std::string name;
    if (fault f = file_name(a, name); !f.empty()) return f;
    out.push_back(std::move(name));
    return {};
}

fault files_or_none(const arguments& a, std::vector<std::string>& out) {
    out.clear();
    if (a.size() == 1 && equal_ignoring_case(a[0], "none")) return {};
    for (const auto& name : a) {
        if (name.empty()) return "expected a file name";
        if (equal_ignoring_case(name, "none")) return "'none' stands alone";
        out.push_back(name);
    }
    return {};
}

// "90", "2m", "1h30m" (sshd_config, TIME FORMATS)
std::optional<std::chrono::seconds> time_from(std::string_view text) {
    constexpr std::int64_t max = std::numeric_limits<std::int32_t>::max();
    if (text.empty()) return std::nullopt;
    std::int64_t total = 0;
    while (!text.empty()) {
        const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
        const auto n = number_from<std::uint32_t>(text.substr(0, digits));
        if (!n) return std::nullopt;
        text.remove_prefix(digits);
        std::int64_t unit = 1;
        if (!text.empty()) {
            switch (text.front()) {
            case 's':
            case 'S': break;
            case 'm':
            case 'M': unit = 60; break;
            case 'h':
            case 'H': unit = 3600; break;
            case 'd':
            case 'D': unit = 86'400; break;
            case 'w':
            case 'W': unit = 604'800; break;
            default: return std::nullopt;
            }
            text.remove_prefix(1);
        }
        total += std::int64_t{*n} * unit;
        if (total > max) return std::nullopt;
    }
    return std::chrono::seconds(total);
}

fault time(const arguments& a, std::chrono::seconds& out) {
    const auto t = time_from(a[0]);
    if (!t) return expected("a time such as 120, 2m or 1h30m", a[0]);
    out = *t;
    return {};
}

fault add_port(const arguments& a, std::vector<std::uint16_t>& out) {
    std::uint16_t port = 0;
    if (fault f = number<1, 65535>(a, port); !f.empty()) return f;
    out.push_back(port);
    return {};
}

// host, host:port, [v6], [v6]:port, v6
fault add_listen_address(const arguments& a, std::vector<listen_address>& out) {
    constexpr std::string_view form = "an address, or address:port, or [v6]:port";
    std::string_view text = a[0];
    std::string_view port;
    listen_address parsed;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return expected(form, a[0]);
        parsed.host = text.substr(1, close - 1);
        port = text.substr(close + 1);
        if (!port.empty() && !port.starts_with(':')) return expected(form, a[0]);
    } else if (std::ranges::count(text, ':') == 1) {
        parsed.host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    } else {
        parsed.host = text;
    }
    if (parsed.host.empty()) return expected(form, a[0]);
    if (!port.empty()) {
        const auto n = number_from<std::uint16_t>(port.substr(1));
        if (!n) return expected(form, a[0]);
        parsed.port = *n;  // 0: the system chooses one
    }
    out.push_back(std::move(parsed));
    return {};
}

// start:rate:full, or one number for a hard limit
fault startups(const arguments& a, startup_limit& out) {
    constexpr std::string_view form = "start:rate:full, rate from 1 to 100";
    std::array<unsigned, 3> part{};
    std::size_t count = 0;
    for (std::string_view left = a[0];;) {
        const auto colon = left.find(':');
        const auto n = number_from<unsigned>(left.substr(0, colon));
        if (!n || count == part.size()) return expected(form, a[0]);
        part[count++] = *n;
        if (colon == std::string_view::npos) break;
        left.remove_prefix(colon + 1);
    }
    if (count == 1) part = {part[0], 100, part[0]};
    if (count == 2) return expected(form, a[0]);
    if (part[0] == 0 || part[1] == 0 || part[1] > 100) return expected(form, a[0]);
    if (part[2] < part[0]) return "full is smaller than start in '" + a[0] + "'";
    out = {part[0], part[1], part[2]};
    return {};
}

// bytes with K, M or G, or default; then a time, or none
fault rekeying(const arguments& a, rekey_limit& out) {
    constexpr std::string_view form = "bytes (K, M, G) or default, then a time or none";
    if (!equal_ignoring_case(a[0], "default")) {
        std::string_view text = a[0];
        std::uint64_t unit = 1;
        if (!text.empty()) {
            switch (text.back()) {
            case 'k':
            case 'K': unit = std::uint64_t{1} << 10; break;
            case 'm':
            case 'M': unit = std::uint64_t{1} << 20; break;
            case 'g':
            case 'G': unit = std::uint64_t{1} << 30; break;
            default: break;
            }
            if (unit != 1) text.remove_suffix(1);
        }
        const auto n = number_from<std::uint32_t>(text);
        if (!n || *n == 0) return expected(form, a[0]);
        if (*n * unit < 16) return "a limit below 16 bytes is below one block";
        out.data = *n * unit;
    }
    if (a.size() == 2 && !equal_ignoring_case(a[1], "none")) {
        const auto t = time_from(a[1]);
        if (!t) return expected(form, a[1]);
        if (t->count() != 0) out.time = *t;
    }
    return {};
}

fault authentication_lists(const arguments& a, std::vector<std::vector<std::string>>& out) {
    if (a.size() == 1 && equal_ignoring_case(a[0], "any")) return {};
    for (const std::string& list : a) {
        std::vector<std::string> methods;
        for (std::string_view left = list;;) {
            const auto comma = left.find(',');
            const std::string_view method = left.substr(0, comma);
            if (method != "publickey" && method != "password")
                return expected("any, or lists of publickey and password", list);
            methods.emplace_back(method);
            if (comma == std::string_view::npos) break;
            left.remove_prefix(comma + 1);
        }
        out.push_back(std::move(methods));
    }
    return {};
}

fault add_users(const arguments& a, std::vector<user_pattern>& out) {
    for (const std::string& text : a) {
        const auto at = text.rfind('@');
        user_pattern p{text.substr(0, at), at == std::string::npos ? "" : text.substr(at + 1)};
        if (p.user.empty() || (at != std::string::npos && p.host.empty()))
            return expected("a pattern such as ada, dev-* or ada@10.0.0.*", text);
        if (p.host.find('/') != std::string::npos)
            return "address/bits is not supported in '" + text + "', use wildcards";
        out.push_back(std::move(p));
    }
    return {};
}

fault compression_mode(const arguments& a, compression_setting& out) {
    // As sshd: "yes" has meant "delayed" since compression before authentication went away.
    const bool on = equal_ignoring_case(a[0], "yes") || equal_ignoring_case(a[0], "delayed");
    if (!on && !equal_ignoring_case(a[0], "no")) return expected("yes, delayed or no", a[0]);
    out = on ? compression_setting::delayed : compression_setting::no;
    return {};
}

fault level_name(const arguments& a, log_level& out) {
    static constexpr std::pair<std::string_view, log_level> names[] = {
        {"QUIET", log_level::quiet},     {"FATAL", log_level::fatal},
        {"ERROR", log_level::error},     {"INFO", log_level::info},
        {"VERBOSE", log_level::verbose}, {"DEBUG", log_level::debug1},
        {"DEBUG1", log_level::debug1},   {"DEBUG2", log_level::debug2},
        {"DEBUG3", log_level::debug3},
    };
    for (const auto& [name, value] : names)
        if (equal_ignoring_case(a[0], name)) return out = value, fault();
    return expected("QUIET, FATAL, ERROR, INFO, VERBOSE or DEBUG to DEBUG3", a[0]);
}

fault format_name(const arguments& a, log_format& out) {
    const bool json = equal_ignoring_case(a[0], "json");
    if (!json && !equal_ignoring_case(a[0], "text")) return expected("text or json", a[0]);
    out = json ? log_format::json : log_format::text;
    return {};
}

fault drain_policy_name(const arguments& a, sftp::drain_policy& out) {
    if (a[0] == "finish_handles")
        out = sftp::drain_policy::finish_handles;
    else if (a[0] == "finish_session")
        out = sftp::drain_policy::finish_session;
    else if (a[0] == "now")
        out = sftp::drain_policy::now;
    else
        return expected("finish_handles, finish_session or now", a[0]);
    return {};
}

fault forwarding(const arguments& a, bool& local) {
    local = equal_ignoring_case(a[0], "local");
    if (local || equal_ignoring_case(a[0], "no")) return {};
    return expected("local or no (remote forwarding is not served)", a[0]);
}

// host:port, [v6]:port, with wildcards in the host and * for any port; or any, or none
fault open_patterns(const arguments& a, std::optional<std::vector<open_pattern>>& out) {
    if (a.size() == 1 && equal_ignoring_case(a[0], "any")) return {};
    out.emplace();
    if (a.size() == 1 && equal_ignoring_case(a[0], "none")) return {};
    for (const std::string& text : a) {
        constexpr std::string_view form = "any, none, or host:port";
        const auto colon = text.rfind(':');
        if (colon == std::string::npos || colon == 0) return expected(form, text);
        open_pattern p{text.substr(0, colon), {}};
        const std::string_view port = std::string_view(text).substr(colon + 1);
        if (p.host.starts_with('[') && p.host.ends_with(']'))
            p.host = p.host.substr(1, p.host.size() - 2);
        else if (p.host.find(':') != std::string::npos)
            return expected(form, text);
        if (port != "*") {
            const auto n = number_from<std::uint16_t>(port);
            if (!n || *n == 0) return expected(form, text);
            p.port = *n;
        }
        if (p.host.empty()) return expected(form, text);
        out->push_back(std::move(p));
    }
    return {};
}

fault sftp_subsystem(const arguments& a, bool& read_only) {
    if (a[0] != "sftp") return "no subsystem '" + a[0] + "', only sftp";
    if (a.size() < 2 || a[1] != "internal-sftp") return "sftp is served by internal-sftp only";
    for (std::size_t i = 2; i < a.size(); ++i) {
        if (a[i] != "-R") return "internal-sftp has no option '" + a[i] + "', only -R";
        read_only = true;
    }
    return {};
}

// A list, or a change of the defaults: '+' appends, '-' removes (wildcards), '^' puts in front.
fault algorithm_list(const arguments& a, const algorithm_choice& choice,
                     std::vector<std::string>& out) {
    const auto& supported = choice.supported.empty() ? choice.defaults : choice.supported;
    std::string_view text = a[0];
    const char change = text.empty() ? '\0' : text.front();
    const bool is_change = change == '+' || change == '-' || change == '^';
    if (is_change) text.remove_prefix(1);

    std::vector<std::string> names;
    for (std::string_view left = text;;) {
        const auto comma = left.find(',');
        const std::string name(left.substr(0, comma));
        if (name.empty()) return expected("names with commas between them", a[0]);
        if (change != '-' && std::ranges::find(supported, name) == supported.end())
            return "unknown algorithm '" + name + "'";
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
        if (names.size() > limits::name_list_names_max) return "too many names";
        if (comma == std::string_view::npos) break;
        left.remove_prefix(comma + 1);
    }

    out = is_change ? choice.defaults : names;
    const auto listed = [&](const std::string& name) {
        return std::ranges::any_of(names, [&](const std::string& n) {
            return change == '-' ? matches_wildcards(name, n) : n == name;
        });
    };
    if (is_change) std::erase_if(out, listed);
    if (change == '+') out.insert(out.end(), names.begin(), names.end());
    if (change == '^') out.insert(out.begin(), names.begin(), names.end());
    return out.empty() ? fault("no algorithm is left") : fault();
}

// --- the table of keywords ---------------------------------------------------------------------

struct row {
    std::string_view keyword;
    std::size_t arguments_max;  // at least one
    bool adds_up;               // else the first line counts
    fault (*parse)(const arguments&, const algorithm_choices&, sluiced_config&);
};

template <auto Parser, auto Member>
constexpr row first_of(std::string_view keyword, std::size_t arguments_max = 1) {
    return {keyword, arguments_max, false,
            [](const arguments& a, const algorithm_choices&, sluiced_config& c) {
                return Parser(a, c.*Member);
            }};
}

template <auto Parser, auto Member>
constexpr row all_of(std::string_view keyword, std::size_t arguments_max = 1) {
    row r = first_of<Parser, Member>(keyword, arguments_max);
    r.adds_up = true;
    return r;
}

template <auto Choice, auto Member>
constexpr row algorithms_of(std::string_view keyword) {
    return {keyword, 1, false,
            [](const arguments& a, const algorithm_choices& all, sluiced_config& c) {
                return algorithm_list(a, all.*Choice, c.*Member);
            }};
}

using config = sluiced_config;
using choices = algorithm_choices;
constexpr std::size_t any_number = values_max;

constexpr std::array rows{
    first_of<forwarding, &config::local_forwarding>("AllowTcpForwarding"),
    all_of<add_users, &config::allow_users>("AllowUsers", any_number),
    first_of<yes_or_no, &config::atomic_uploads>("AtomicUploads"),
    first_of<authentication_lists, &config::authentication_methods>("AuthenticationMethods",
                                                                    any_number),
    first_of<files_or_none, &config::authorized_keys_files>("AuthorizedKeysFile", any_number),
    first_of<file_or_none, &config::banner>("Banner"),
    first_of<file_or_none, &config::root>("ChrootDirectory"),
    algorithms_of<&choices::cipher, &config::ciphers>("Ciphers"),
    first_of<number<0, 1000, unsigned>, &config::client_alive_count_max>("ClientAliveCountMax"),
    first_of<time, &config::client_alive_interval>("ClientAliveInterval"),
    first_of<compression_mode, &config::compression>("Compression"),
    all_of<add_users, &config::deny_users>("DenyUsers", any_number),
    first_of<time, &config::drain_deadline>("DrainDeadline"),
    first_of<drain_policy_name, &config::drain_policy>("DrainPolicy"),
    all_of<add_file, &config::host_keys>("HostKey"),
    algorithms_of<&choices::host_key, &config::host_key_algorithms>("HostKeyAlgorithms"),
    algorithms_of<&choices::kex, &config::kex_algorithms>("KexAlgorithms"),
    all_of<add_listen_address, &config::listen_addresses>("ListenAddress"),
    first_of<format_name, &config::format>("LogFormat"),
    first_of<level_name, &config::level>("LogLevel"),
    first_of<time, &config::login_grace_time>("LoginGraceTime"),
    algorithms_of<&choices::mac, &config::macs>("MACs"),
    first_of<number<1, 1000, unsigned>, &config::max_auth_tries>("MaxAuthTries"),
    first_of<number<0, limits::channels_max, std::size_t>, &config::max_sessions>("MaxSessions"),
    first_of<startups, &config::max_startups>("MaxStartups"),
    first_of<yes_or_no, &config::password_authentication>("PasswordAuthentication"),
    first_of<open_patterns, &config::permit_open>("PermitOpen", any_number),
    all_of<add_port, &config::ports>("Port"),
    algorithms_of<&choices::pubkey, &config::pubkey_accepted_algorithms>(
        "PubkeyAcceptedAlgorithms"),
    first_of<yes_or_no, &config::pubkey_authentication>("PubkeyAuthentication"),
    first_of<rekeying, &config::rekey>("RekeyLimit", 2),
    all_of<sftp_subsystem, &config::sftp_read_only>("Subsystem", any_number),
    first_of<file_name, &config::users_file>("UsersFile"),
};

// --- lines -------------------------------------------------------------------------------------

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

// Words, in quotes where they hold blanks or '#'; a comment ends the line. The keyword may be
// followed by '=' as well as by blanks.
fault split(std::string_view line, arguments& words) {
    std::size_t i = 0;
    for (;;) {
        while (i < line.size() && is_blank(line[i]))
            ++i;
        if (words.size() == 1 && i < line.size() && line[i] == '=') {
            ++i;
            while (i < line.size() && is_blank(line[i]))
                ++i;
        }
        if (i == line.size() || line[i] == '#') return {};
        std::string word;
        char quote = '\0';
        for (; i < line.size(); ++i) {
            const char c = line[i];
            if (quote == '\0' && (is_blank(c) || (words.empty() && c == '='))) break;
            if (c == '\0') return "a NUL byte";
            const bool escape = c == '\\' && i + 1 < line.size() &&
                                (line[i + 1] == '"' || line[i + 1] == '\'' || line[i + 1] == '\\' ||
                                 (quote == '\0' && line[i + 1] == ' '));
            if (escape)
                word += line[++i];
            else if (quote != '\0' ? c == quote : c == '"' || c == '\'')
                quote = quote == '\0' ? c : '\0';
            else
                word += c;
        }
        if (quote != '\0') return "a quote that does not end";
        words.push_back(std::move(word));
        if (words.size() > values_max) return "too many values";
    }
}

struct used_row {
    std::size_t line = 0;  // 0: not used
    std::size_t values = 0;
    std::string keyword;  // as written
};

struct reading {
    sluiced_config config;
    std::array<used_row, rows.size()> used;
};

fault read_line(const arguments& words, std::size_t line, const algorithm_choices& algorithms,
                reading& so_far) {
    const auto found = std::ranges::find_if(
        rows, [&](const row& r) { return equal_ignoring_case(r.keyword, words[0]); });
    if (found == rows.end()) return "unknown keyword";
    const arguments values(words.begin() + 1, words.end());
    if (values.empty()) return "a value is missing";
    if (values.size() > found->arguments_max) return "too many values";

    used_row& used = so_far.used[static_cast<std::size_t>(found - rows.begin())];
    used.values += values.size();
    if (used.values > values_max) return "too many values";
    if (used.line != 0 && !found->adds_up) {
        // It does not count, but it must be right, as for sshd.
        sluiced_config ignored;
        return found->parse(values, algorithms, ignored);
    }
    if (used.line == 0) used = {line, used.values, words[0]};
    return found->parse(values, algorithms, so_far.config);
}

// --- what does not go together -----------------------------------------------------------------

struct contradiction {
    std::string_view keyword;  // whose line is blamed
    std::string text;
};

std::optional<contradiction> contradiction_in(const sluiced_config& c) {
    if (!c.password_authentication && !c.pubkey_authentication)
        return contradiction{"PubkeyAuthentication",
                             "with PasswordAuthentication no, nobody could log in"};
    const auto possible = [&](const std::vector<std::string>& list) {
        return std::ranges::all_of(list, [&](const std::string& method) {
            return method == "password" ? c.password_authentication : c.pubkey_authentication;
        });
    };
    if (!c.authentication_methods.empty() &&
        std::ranges::none_of(c.authentication_methods, possible))
        return contradiction{"AuthenticationMethods", "every list needs a method that is disabled"};
    for (const auto& user : c.allow_users)
        if (std::ranges::find(c.deny_users, user) != c.deny_users.end())
            return contradiction{"AllowUsers", "'" + user.user + "' is in DenyUsers too"};
    return std::nullopt;
}

}  // namespace

std::string config_error::message() const {
    std::string out = file;
    if (line != 0) out += ":" + std::to_string(line);
    if (!keyword.empty()) out += ": " + keyword;
    return out + ": " + text;
}

boost::system::result<sluiced_config, config_error> parse_sluiced_config(
    std::string_view text, std::string_view file, const algorithm_choices& algorithms) {
    reading so_far;
    so_far.config.kex_algorithms = algorithms.kex.defaults;
    so_far.config.host_key_algorithms = algorithms.host_key.defaults;
    so_far.config.pubkey_accepted_algorithms = algorithms.pubkey.defaults;
    so_far.config.ciphers = algorithms.cipher.defaults;
    so_far.config.macs = algorithms.mac.defaults;

    if (text.size() > limits::policy_file_length_max)
        return config_error{std::string(file), 0, "", "file is too long"};
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view content = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        arguments words;
        fault f = content.size() > limits::policy_line_length_max ? "line is too long"
                                                                  : split(content, words);
        if (f.empty() && words.empty()) continue;
        if (f.empty()) f = read_line(words, line, algorithms, so_far);
        if (!f.empty())
            return config_error{std::string(file), line, words.empty() ? "" : words[0], f};
    }
    if (const auto wrong = contradiction_in(so_far.config)) {
        const auto blamed = static_cast<std::size_t>(
            std::ranges::find(rows, wrong->keyword, &row::keyword) - rows.begin());
        return config_error{std::string(file), so_far.used[blamed].line,
                            std::string(wrong->keyword), wrong->text};
    }
    return std::move(so_far.config);
}

bool may_open(const sluiced_config& config, std::string_view host, std::uint16_t port) {
    if (!config.local_forwarding) return false;
    if (!config.permit_open) return true;
    return std::ranges::any_of(*config.permit_open, [&](const open_pattern& p) {
        return matches_wildcards(host, p.host) && (!p.port || *p.port == port);
    });
}

bool user_allowed(const sluiced_config& config, std::string_view user, std::string_view host) {
    const auto fits = [&](const user_pattern& p) {
        return matches_wildcards(user, p.user) &&
               (p.host.empty() || matches_wildcards(host, p.host));
    };
    if (std::ranges::any_of(config.deny_users, fits)) return false;
    return config.allow_users.empty() || std::ranges::any_of(config.allow_users, fits);
}

}  // namespace sluice
