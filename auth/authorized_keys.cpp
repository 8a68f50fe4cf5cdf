#include "sluice/auth/authorized_keys.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t";

// --- the options ------------------------------------------------------------------------------

using apply_flag = void (*)(authorized_key&, bool permit);

struct flag_option {
    std::string_view name;
    bool negatable;  // exists as no-… too
    apply_flag apply;
};

// An option that has a value. `apply` tells whether the value is understood.
struct value_option {
    std::string_view name;
    bool (*apply)(authorized_key&, std::string value);
};

bool set_command(authorized_key& key, std::string value) {
    if (key.command) return false;
    key.command = std::move(value);
    return true;
}

bool add_environment(authorized_key& key, std::string value) {
    const auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) return false;
    const bool plain =
        std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_';
        });
    if (!plain || key.environment.size() >= limits::environment_variables_max) return false;
    key.environment.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    return true;
}

bool set_from(authorized_key& key, std::string value) {
    if (key.from) return false;
    auto patterns = address_patterns::parse(value);
    if (!patterns) return false;
    key.from = std::move(*patterns);
    return true;
}

bool set_expiry(authorized_key& key, std::string value) {
    const auto time = parse_policy_time(value);
    if (!time) return false;
    key.expires = key.expires ? std::min(*key.expires, *time) : *time;
    return true;
}

constexpr std::array flag_options{
    flag_option{"restrict", false,
                [](authorized_key& k, bool) {
                    k.permits_pty = k.permits_port_forwarding = k.permits_agent_forwarding =
                        k.permits_x11_forwarding = k.permits_user_rc = false;
                }},
    flag_option{"pty", true, [](authorized_key& k, bool on) { k.permits_pty = on; }},
    flag_option{"port-forwarding", true,
                [](authorized_key& k, bool on) { k.permits_port_forwarding = on; }},
    flag_option{"agent-forwarding", true,
                [](authorized_key& k, bool on) { k.permits_agent_forwarding = on; }},
    flag_option{"X11-forwarding", true,
                [](authorized_key& k, bool on) { k.permits_x11_forwarding = on; }},
    flag_option{"user-rc", true, [](authorized_key& k, bool on) { k.permits_user_rc = on; }},
    flag_option{"no-touch-required", false,
                [](authorized_key& k, bool) { k.presence_required = false; }},
    flag_option{"verify-required", false,
                [](authorized_key& k, bool) { k.verification_required = true; }},
};

constexpr std::array value_options{
    value_option{"command", set_command},
    value_option{"environment", add_environment},
    value_option{"from", set_from},
    value_option{"expiry-time", set_expiry},
};

// Known, and not served: such a line's key is refused, because ignoring any of them would give more
// than the user meant to.
constexpr std::array<std::string_view, 5> unsupported_options{
    "cert-authority", "principals", "permitopen", "permitlisten", "tunnel"};

bool apply_flag_option(std::string_view name, authorized_key& key) {
    for (const flag_option& option : flag_options) {
        if (equal_ignoring_case(name, option.name)) {
            option.apply(key, true);
            return true;
        }
        if (option.negatable && name.size() > 3 && equal_ignoring_case(name.substr(0, 3), "no-") &&
            equal_ignoring_case(name.substr(3), option.name)) {
            option.apply(key, false);
            return true;
        }
    }
    return false;
}

bool apply_option(std::string_view name, std::optional<std::string> value, authorized_key& key) {
    for (const std::string_view known : unsupported_options)
        if (equal_ignoring_case(name, known)) {
            if (key.unsupported.empty()) key.unsupported = known;
            return true;
        }
    if (!value) return apply_flag_option(name, key);
    for (const value_option& option : value_options)
        if (equal_ignoring_case(name, option.name)) return option.apply(key, std::move(*value));
    return false;
}

bool parse_options(std::string_view text, authorized_key& key) {
    do {
        auto option = take_option(text);
        if (!option || !apply_option(option->name, std::move(option->value), key)) return false;
    } while (!text.empty());
    return true;
}

// What follows the type and the base64 text.
std::string comment_of(std::string_view key_line) {
    for (int word = 0; word < 2; ++word) {
        key_line = without_leading_blanks(key_line);
        key_line.remove_prefix(std::min(key_line.find_first_of(blanks), key_line.size()));
    }
    return std::string(without_leading_blanks(key_line));
}

authorized_key entry(crypto::public_key key, std::string_view key_line) {
    authorized_key e(std::move(key));
    e.comment = comment_of(key_line);
    return e;
}

}  // namespace

authorized_key::verdict authorized_key::judge(
    std::string_view address, std::int64_t system_seconds,
    const std::optional<crypto::sk_assertion>& assertion) const {
    if (!unsupported.empty()) return verdict::unsupported_option;
    if (expires && system_seconds > *expires) return verdict::expired;
    if (from && !from->allows(address)) return verdict::wrong_address;
    const bool asserts = key.is_security_key() && assertion.has_value();
    if (key.is_security_key() && presence_required && !(asserts && assertion->user_present))
        return verdict::user_not_present;
    if (verification_required && !(asserts && assertion->user_verified))
        return verdict::user_not_verified;
    return verdict::allowed;
}

result<std::optional<authorized_key>> authorized_keys::parse_line(std::string_view line) {
    if (line.size() > limits::policy_line_length_max) return errc::too_long;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = without_leading_blanks(line);
    if (line.empty() || line.front() == '#') return std::optional<authorized_key>();

    auto key = crypto::public_key::from_line(line);
    if (key) return std::optional(entry(std::move(*key), line));
    // Options never look like base64 behind a type, so any other error is about a key.
    if (key.error() != errc::bad_key_file) return key.error();

    const auto length = options_length(line);
    if (!length) return errc::bad_config;
    const std::string_view key_line = without_leading_blanks(line.substr(*length));
    key = crypto::public_key::from_line(key_line);
    if (!key) return key.error() == errc::bad_key_file ? errc::bad_config : key.error();
    authorized_key e = entry(std::move(*key), key_line);
    if (!parse_options(line.substr(0, *length), e)) return errc::bad_config;
    return std::optional(std::move(e));
}

result<authorized_keys> authorized_keys::parse(std::string_view text,
                                               const crypto::public_key* only) {
    if (text.size() > limits::policy_file_length_max) return errc::too_long;
    const std::string wanted = only != nullptr ? only->line() : std::string();
    const std::string_view wanted_text = std::string_view(wanted).substr(wanted.find(' ') + 1);
    authorized_keys list;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        // A key has one base64 text only.
        if (only != nullptr && (line.size() > limits::policy_line_length_max ||
                                line.find(wanted_text) == std::string_view::npos))
            continue;
        auto parsed = parse_line(line);
        if (!parsed) {
            if (list.errors_.size() < limits::policy_errors_max)
                list.errors_.push_back({number, parsed.error()});
        } else if (*parsed && (only == nullptr || (*parsed)->key == *only)) {
            (*parsed)->line = number;
            list.keys_.push_back(std::move(**parsed));
        }
    }
    return list;
}

const authorized_key* authorized_keys::find(const crypto::public_key& key) const {
    const auto found = std::ranges::find(keys_, key, &authorized_key::key);
    return found == keys_.end() ? nullptr : &*found;
}

const authorized_key* authorized_keys::find_allowed(
    const crypto::public_key& key, std::string_view address, std::int64_t system_seconds,
    const std::optional<crypto::sk_assertion>& assertion) const {
    for (const authorized_key& k : keys_)
        if (k.key == key && k.allows(address, system_seconds, assertion)) return &k;
    return nullptr;
}

}  // namespace sluice
