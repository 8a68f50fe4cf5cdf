#include "sluice/tools/sluiced_values.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/authenticator.hpp"
#include "sluice/io/percent_tokens.hpp"
#include "sluice/wire/plain_names.hpp"

#include <algorithm>
#include <limits>

namespace sluice::settings {
namespace {

lines one_line_each(const words& all) {
    lines out;
    for (const auto& one : all)
        out.push_back({one});
    return out;
}

std::string joined(const words& names) {
    std::string out;
    for (const auto& name : names)
        out += (out.empty() ? "" : ",") + name;
    return out;
}

bool is_none(const words& w) { return w.size() == 1 && equal_ignoring_case(w[0], "none"); }

// An IPv6 address stands in brackets, so that its colons are not those of a port.
std::string host_and_port(const std::string& host, const std::string& port) {
    const bool brackets = host.find(':') != std::string::npos;
    return (brackets ? "[" + host + "]" : host) + (port.empty() ? "" : ":" + port);
}

bool has_brackets(std::string_view host) {
    return host.find_first_of("[]") != std::string_view::npos;
}

constexpr std::string_view tokens_of_files = "uUh";
constexpr std::string_view tokens_of_keys_program = "uUhfkt";
constexpr std::string_view tokens_of_principals_program = "uUhfktFiKsT";

config_fault fault_in_tokens(const std::string& text, std::string_view letters) {
    const auto unknown = unknown_token(text, letters);
    if (unknown.empty()) return {};
    std::string known;
    for (const char letter : letters)
        known += std::string("%") + letter + ", ";
    return "only " + known.substr(0, known.size() - 2) + " and %% are served, not '" + unknown +
           "'";
}

config_fault read_program(const words& w, std::string_view letters, words& out) {
    if (is_none(w)) return {};
    if (!w[0].starts_with('/')) return expected("the absolute path of a program", w[0]);
    for (std::size_t i = 1; i < w.size(); ++i)
        if (auto wrong = fault_in_tokens(w[i], letters); !wrong.empty()) return wrong;
    out = w;
    return {};
}

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

}  // namespace

config_fault expected(std::string_view what, std::string_view found) {
    return "expected " + std::string(what) + ", not '" + std::string(found) + "'";
}

// --- files ---------------------------------------------------------------------------------------

config_fault file::read(const words& w, std::string& out) {
    if (w[0].empty()) return "expected a file name";
    out = is_none(w) ? "" : w[0];
    return {};
}

lines file::write(const std::string& name) { return {{name.empty() ? "none" : name}}; }

config_fault files::read(const words& w, words& out) {
    if (is_none(w)) return {};
    for (const auto& name : w) {
        if (name.empty()) return "expected a file name";
        if (equal_ignoring_case(name, "none")) return "'none' stands alone";
        out.push_back(name);
    }
    return {};
}

lines files::write(const words& names) { return {names.empty() ? words{"none"} : names}; }

config_fault user_file::read(const words& w, std::string& out) {
    if (auto wrong = fault_in_tokens(w[0], tokens_of_files); !wrong.empty()) return wrong;
    return file::read(w, out);
}

config_fault user_files::read(const words& w, words& out) {
    for (const auto& name : w)
        if (auto wrong = fault_in_tokens(name, tokens_of_files); !wrong.empty()) return wrong;
    return files::read(w, out);
}

config_fault keys_program::read(const words& w, words& out) {
    return read_program(w, tokens_of_keys_program, out);
}

config_fault principals_program::read(const words& w, words& out) {
    return read_program(w, tokens_of_principals_program, out);
}

lines keys_program::write(const words& program) {
    return {program.empty() ? words{"none"} : program};
}

config_fault file_lines::read(const words& w, words& out) {
    if (w[0].empty()) return "expected a file name";
    out.push_back(w[0]);
    return {};
}

lines file_lines::write(const words& names) { return one_line_each(names); }

// --- times, ports, addresses ---------------------------------------------------------------------

config_fault time::read(const words& w, std::chrono::seconds& out) {
    const auto t = time_from(w[0]);
    if (!t) return expected("a time such as 120, 2m or 1h30m", w[0]);
    out = *t;
    return {};
}

lines time::write(std::chrono::seconds t) { return {{std::to_string(t.count())}}; }

config_fault port_lines::read(const words& w, std::vector<std::uint16_t>& out) {
    std::uint16_t port = 0;
    if (auto wrong = number<1, 65535>::read(w, port); !wrong.empty()) return wrong;
    out.push_back(port);
    return {};
}

lines port_lines::write(const std::vector<std::uint16_t>& ports) {
    lines out;
    for (const auto port : ports)
        out.push_back({std::to_string(port)});
    return out;
}

config_fault listen_lines::read(const words& w, std::vector<listen_address>& out) {
    constexpr std::string_view form = "an address, or address:port, or [v6]:port";
    std::string_view text = w[0];
    std::string_view port;
    listen_address parsed;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return expected(form, w[0]);
        parsed.host = text.substr(1, close - 1);
        port = text.substr(close + 1);
        if (!port.empty() && !port.starts_with(':')) return expected(form, w[0]);
    } else if (std::ranges::count(text, ':') == 1) {
        parsed.host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    } else {
        parsed.host = text;
    }
    if (parsed.host.empty() || has_brackets(parsed.host)) return expected(form, w[0]);
    if (!port.empty()) {
        const auto n = number_from<std::uint16_t>(port.substr(1));
        if (!n) return expected(form, w[0]);
        parsed.port = *n;  // 0: the system chooses one
    }
    out.push_back(std::move(parsed));
    return {};
}

lines listen_lines::write(const std::vector<listen_address>& addresses) {
    lines out;
    for (const auto& a : addresses)
        out.push_back({host_and_port(a.host, a.port ? std::to_string(*a.port) : "")});
    return out;
}

// --- limits --------------------------------------------------------------------------------------

config_fault startups::read(const words& w, startup_limit& out) {
    constexpr std::string_view form = "start:rate:full, rate from 1 to 100";
    std::array<unsigned, 3> part{};
    std::size_t count = 0;
    for (std::string_view left = w[0];;) {
        const auto colon = left.find(':');
        const auto n = number_from<unsigned>(left.substr(0, colon));
        if (!n || count == part.size()) return expected(form, w[0]);
        part[count++] = *n;
        if (colon == std::string_view::npos) break;
        left.remove_prefix(colon + 1);
    }
    if (count == 1) part = {part[0], 100, part[0]};
    if (count == 2) return expected(form, w[0]);
    if (part[0] == 0 || part[1] == 0 || part[1] > 100) return expected(form, w[0]);
    if (part[2] < part[0]) return "full is smaller than start in '" + w[0] + "'";
    out = {part[0], part[1], part[2]};
    return {};
}

lines startups::write(const startup_limit& limit) {
    return {{std::to_string(limit.start) + ":" + std::to_string(limit.rate) + ":" +
             std::to_string(limit.full)}};
}

config_fault rekeying::read(const words& w, rekey_limit& out) {
    constexpr std::string_view form = "bytes (K, M, G) or default, then a time or none";
    if (!equal_ignoring_case(w[0], "default")) {
        std::string_view text = w[0];
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
        const auto n = number_from<std::uint64_t>(text);
        if (!n || *n > std::numeric_limits<std::uint64_t>::max() / unit)
            return expected(form, w[0]);
        if (*n != 0 && *n * unit < 16) return "a limit below 16 bytes is below one block";
        if (*n != 0) out.data = *n * unit;  // 0 is the default
    }
    if (w.size() == 2 && !equal_ignoring_case(w[1], "none")) {
        const auto t = time_from(w[1]);
        if (!t) return expected(form, w[1]);
        if (t->count() != 0) out.time = *t;
    }
    return {};
}

// In bytes and seconds, 0 for what is not said, as sshd.
lines rekeying::write(const rekey_limit& limit) {
    return {{std::to_string(limit.data.value_or(0)),
             std::to_string(limit.time ? limit.time->count() : 0)}};
}

// --- who may log in ------------------------------------------------------------------------------

config_fault method_lists::read(const words& w, std::vector<words>& out) {
    constexpr std::array<std::string_view, 4> known{"publickey", "password", "keyboard-interactive",
                                                    "hostbased"};
    if (w.size() == 1 && equal_ignoring_case(w[0], "any")) return {};
    for (const std::string& list : w) {
        words methods;
        for (std::string_view left = list;;) {
            const auto comma = left.find(',');
            const std::string_view method = left.substr(0, comma);
            if (std::ranges::find(known, method) == known.end())
                return expected(
                    "any, or lists of publickey, password, keyboard-interactive and hostbased",
                    list);
            methods.emplace_back(method);
            if (comma == std::string_view::npos) break;
            left.remove_prefix(comma + 1);
        }
        out.push_back(std::move(methods));
    }
    return {};
}

lines method_lists::write(const std::vector<words>& lists) {
    if (lists.empty()) return {{"any"}};
    words out;
    for (const auto& list : lists)
        out.push_back(joined(list));
    return {out};
}

config_fault user_lines::read(const words& w, std::vector<user_pattern>& out) {
    for (const std::string& text : w) {
        const auto at = text.rfind('@');
        user_pattern p{text.substr(0, at), at == std::string::npos ? "" : text.substr(at + 1)};
        if (p.user.empty() || (at != std::string::npos && p.host.empty()))
            return expected("a pattern such as ada, dev-* or ada@10.0.0.*", text);
        if (!p.host.empty() && !address_patterns::parse(p.host))
            return "expected an address, wildcards or address/bits behind the '@' of '" + text +
                   "'";
        out.push_back(std::move(p));
    }
    return {};
}

lines user_lines::write(const std::vector<user_pattern>& users) {
    lines out;
    for (const auto& u : users)
        out.push_back({u.host.empty() ? u.user : u.user + "@" + u.host});
    return out;
}

config_fault group_lines::read(const words& w, words& out) {
    for (const std::string& pattern : w) {
        if (pattern.empty() || pattern.starts_with('!'))
            return expected("a pattern such as wheel or dev-*", pattern);
        out.push_back(pattern);
    }
    return {};
}

lines group_lines::write(const words& patterns) { return one_line_each(patterns); }

// --- what sessions may do ------------------------------------------------------------------------

config_fault open_patterns::read(const words& w, std::optional<std::vector<open_pattern>>& out) {
    if (w.size() == 1 && equal_ignoring_case(w[0], "any")) return {};
    out.emplace();
    if (is_none(w)) return {};
    for (const std::string& text : w) {
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
        if (!is_host(p.host) || has_brackets(p.host)) return expected(form, text);
        out->push_back(std::move(p));
    }
    return {};
}

lines open_patterns::write(const std::optional<std::vector<open_pattern>>& patterns) {
    if (!patterns) return {{"any"}};
    if (patterns->empty()) return {{"none"}};
    words out;
    for (const auto& p : *patterns)
        out.push_back(host_and_port(p.host, p.port ? std::to_string(*p.port) : "*"));
    return {out};
}

config_fault sftp_subsystem::read(const words& w, sftp_options& out) {
    if (w[0].empty()) return "expected the name of a subsystem";
    if (w.size() < 2 || w[1].empty()) return "a command is missing";
    if (w[0] != name) return {};  // is asked for in vain
    // Where sftp-server lies depends on the system; what serves is this program in any case.
    const auto program = w[1].substr(w[1].rfind('/') + 1);
    if (program != "sftp-server" && program != "sluice-sftp-server" && w[1] != "internal-sftp")
        return "sftp is served by internal-sftp only, which sftp-server is taken for";
    return read_sftp_options(words(w.begin() + 2, w.end()), out);
}

lines sftp_subsystem::write(const sftp_options& options) {
    words line{std::string(name), "internal-sftp"};
    const auto more = words_of(options);
    line.insert(line.end(), more.begin(), more.end());
    return {line};
}

config_fault command::read(const words& w, std::string& out) {
    if (const auto arguments = internal_sftp_arguments(w[0])) {
        words all;
        sftp_options options;
        if (auto wrong = split_words(*arguments, all); !wrong.empty()) return wrong;
        if (auto wrong = read_sftp_options(all, options); !wrong.empty()) return wrong;
    }
    out = is_none(w) ? "" : w[0];
    return {};
}

lines command::write(const std::string& text) { return {{text.empty() ? "none" : text}}; }

config_fault addendum::read(const words& w, std::string& out) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::ranges::all_of(w[0], printable)) return "expected printable ASCII characters";
    if (w[0].size() > length_max)
        return "longer than " + std::to_string(length_max) + " characters";
    out = is_none(w) ? "" : w[0];
    return {};
}

lines addendum::write(const std::string& text) { return {{text.empty() ? "none" : text}}; }

config_fault service_name::read(const words& w, std::string& out) {
    if (w[0].empty() || w[0].find('/') != std::string::npos)
        return expected("a name without '/'", w[0]);
    out = w[0];
    return {};
}

lines service_name::write(const std::string& name) { return {{name}}; }

config_fault account_name::read(const words& w, std::string& out) {
    const auto fits = [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != ':' && c != '/';
    };
    if (w[0].empty() || w[0].front() == '-' || !std::ranges::all_of(w[0], fits))
        return expected("the name of a user or group", w[0]);
    out = is_none(w) ? "" : w[0];
    return {};
}

lines account_name::write(const std::string& name) { return {{name.empty() ? "none" : name}}; }

config_fault variable_patterns::read(const words& w, words& out) {
    for (const auto& pattern : w) {
        if (pattern.empty() || pattern.find('=') != std::string::npos)
            return expected("names of variables, with wildcards", pattern);
        out.push_back(pattern);
    }
    return {};
}

lines variable_patterns::write(const words& patterns) { return one_line_each(patterns); }

config_fault variables::read(const words& w, pairs& out) {
    for (const auto& text : w) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0) return expected("NAME=value", text);
        const std::string name = text.substr(0, equals);
        const auto same = [&](const auto& one) { return one.first == name; };
        if (std::ranges::none_of(out, same)) out.emplace_back(name, text.substr(equals + 1));
    }
    return {};
}

lines variables::write(const pairs& all) {
    words out;
    for (const auto& [name, value] : all)
        out.push_back(name + "=" + value);
    return out.empty() ? lines() : lines{out};
}

// --- algorithms ----------------------------------------------------------------------------------

namespace {

// What OpenSSH of 9.2 to 10.0 has, and we have not, or not for all that it has it for.
constexpr std::array names_of_openssh{
    std::string_view("3des-cbc"),
    std::string_view("aes128-cbc"),
    std::string_view("aes192-cbc"),
    std::string_view("aes256-cbc"),
    std::string_view("diffie-hellman-group-exchange-sha1"),
    std::string_view("diffie-hellman-group1-sha1"),
    std::string_view("diffie-hellman-group14-sha1"),
    std::string_view("hmac-md5"),
    std::string_view("hmac-md5-96"),
    std::string_view("hmac-md5-96-etm@openssh.com"),
    std::string_view("hmac-md5-etm@openssh.com"),
    std::string_view("hmac-sha1-96"),
    std::string_view("hmac-sha1-96-etm@openssh.com"),
    std::string_view("rijndael-cbc@lysator.liu.se"),
    std::string_view("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"),
    std::string_view("sk-ecdsa-sha2-nistp256@openssh.com"),
    std::string_view("sk-ssh-ed25519-cert-v01@openssh.com"),
    std::string_view("sk-ssh-ed25519@openssh.com"),
    std::string_view("ssh-dss"),
    std::string_view("ssh-dss-cert-v01@openssh.com"),
    std::string_view("ssh-rsa"),
    std::string_view("ssh-rsa-cert-v01@openssh.com"),
    std::string_view("webauthn-sk-ecdsa-sha2-nistp256@openssh.com"),
};

const words& supported_of(const algorithm_choice& choice) {
    return choice.supported.empty() ? choice.defaults : choice.supported;
}

bool is_left_out(std::string_view name, const algorithm_choice& choice) {
    return std::ranges::find(supported_of(choice), name) == supported_of(choice).end() &&
           std::ranges::find(names_of_openssh, name) != names_of_openssh.end();
}

}  // namespace

std::string_view note_on_algorithms(const words& w, const algorithm_choice& choice) {
    std::string_view text = w[0];
    if (text.starts_with('-')) return {};
    if (text.starts_with('+') || text.starts_with('^')) text.remove_prefix(1);
    for (;;) {
        const auto comma = text.find(',');
        if (is_left_out(text.substr(0, comma), choice))
            return "names of OpenSSH's that are not served are left out";
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
    }
}

config_fault read_algorithms(const words& w, const algorithm_choice& choice, words& out) {
    const auto& supported = supported_of(choice);
    std::string_view text = w[0];
    const char change = text.empty() ? '\0' : text.front();
    const bool is_change = change == '+' || change == '-' || change == '^';
    if (is_change) text.remove_prefix(1);

    words names;
    for (std::string_view left = text;;) {
        const auto comma = left.find(',');
        const std::string name(left.substr(0, comma));
        if (name.empty()) return expected("names with commas between them", w[0]);
        const bool left_out = change != '-' && is_left_out(name, choice);
        if (change != '-' && !left_out && std::ranges::find(supported, name) == supported.end())
            return "unknown algorithm '" + name + "'";
        if (!left_out && std::ranges::find(names, name) == names.end()) names.push_back(name);
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
    return out.empty() ? config_fault("no algorithm is left") : config_fault();
}

lines write_algorithms(const words& names) { return {{joined(names)}}; }

}  // namespace sluice::settings
