#include "sluice/auth/key_options.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/plain_names.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice {
namespace {

using apply_flag = void (*)(key_options&, bool permit);

struct flag_option {
    std::string_view name;
    bool negatable;  // exists as no-… too
    apply_flag apply;
};

// An option that has a value. `apply` tells whether the value is understood.
struct value_option {
    std::string_view name;
    bool (*apply)(key_options&, std::string value);
};

bool set_command(key_options& o, std::string value) {
    if (o.command || value.empty() || value.find('\0') != std::string::npos) return false;
    o.command = std::move(value);
    return true;
}

// Of two lines for one variable the first counts, as with OpenSSH.
bool add_environment(key_options& o, std::string value) {
    const auto equals = value.find('=');
    if (equals == std::string::npos || value.find('\0') != std::string::npos) return false;
    std::string name = value.substr(0, equals);
    if (!is_variable_name(name) || o.environment.size() >= limits::environment_variables_max)
        return false;
    const bool there =
        std::ranges::any_of(o.environment, [&](const auto& v) { return v.first == name; });
    if (!there) o.environment.emplace_back(std::move(name), value.substr(equals + 1));
    return true;
}

bool set_from(key_options& o, std::string value) {
    if (o.from) return false;
    auto patterns = address_patterns::parse(value);
    if (!patterns) return false;
    o.from = std::move(*patterns);
    return true;
}

bool set_expiry(key_options& o, std::string value) {
    const auto time = parse_policy_time(value);
    if (!time) return false;
    o.expires = o.expires ? std::min(*o.expires, *time) : *time;
    return true;
}

bool add_principals(key_options& o, std::string value) {
    if (!o.principals.empty()) return false;
    for (std::string_view left = value;;) {
        const std::string_view name = left.substr(0, left.find(','));
        if (!crypto::is_certificate_principal(name) ||
            o.principals.size() == limits::certificate_principals_max)
            return false;
        o.principals.emplace_back(name);
        if (name.size() == left.size()) return true;
        left.remove_prefix(name.size() + 1);
    }
}

// host:port, [v6]:port; * for any port.
bool add_permit_open(key_options& o, std::string value) {
    const auto colon = value.rfind(':');
    if (colon == std::string::npos) return false;
    open_destination to{value.substr(0, colon), {}};
    if (to.host.starts_with('[') && to.host.ends_with(']'))
        to.host = to.host.substr(1, to.host.size() - 2);
    const std::string_view port = std::string_view(value).substr(colon + 1);
    if (port != "*") {
        std::uint16_t n = 0;
        const auto [end, e] = std::from_chars(port.data(), port.data() + port.size(), n);
        if (e != std::errc() || end != port.data() + port.size() || n == 0) return false;
        to.port = n;
    }
    if (!o.permit_open) o.permit_open.emplace();
    if (!is_host(to.host) || o.permit_open->size() == limits::permit_open_max) return false;
    o.permit_open->push_back(std::move(to));
    return true;
}

constexpr std::array flag_options{
    flag_option{"restrict", false,
                [](key_options& k, bool) {
                    k.permits_pty = k.permits_port_forwarding = k.permits_agent_forwarding =
                        k.permits_x11_forwarding = k.permits_user_rc = false;
                }},
    flag_option{"cert-authority", false, [](key_options& k, bool) { k.cert_authority = true; }},
    flag_option{"pty", true, [](key_options& k, bool on) { k.permits_pty = on; }},
    flag_option{"port-forwarding", true,
                [](key_options& k, bool on) { k.permits_port_forwarding = on; }},
    flag_option{"agent-forwarding", true,
                [](key_options& k, bool on) { k.permits_agent_forwarding = on; }},
    flag_option{"X11-forwarding", true,
                [](key_options& k, bool on) { k.permits_x11_forwarding = on; }},
    flag_option{"user-rc", true, [](key_options& k, bool on) { k.permits_user_rc = on; }},
    flag_option{"no-touch-required", false,
                [](key_options& k, bool) { k.presence_required = false; }},
    flag_option{"verify-required", false,
                [](key_options& k, bool) { k.verification_required = true; }},
};

constexpr std::array value_options{
    value_option{"command", set_command},
    value_option{"environment", add_environment},
    value_option{"from", set_from},
    value_option{"expiry-time", set_expiry},
    value_option{"permitopen", add_permit_open},
    value_option{"principals", add_principals},
};

// Known, and not served: such a line's key is refused, because ignoring any of them would give more
// than the user meant to.
constexpr std::array<std::string_view, 2> unsupported_options{"permitlisten", "tunnel"};

bool apply_flag_option(std::string_view name, key_options& o) {
    for (const flag_option& option : flag_options) {
        if (equal_ignoring_case(name, option.name)) {
            option.apply(o, true);
            return true;
        }
        if (option.negatable && name.size() > 3 && equal_ignoring_case(name.substr(0, 3), "no-") &&
            equal_ignoring_case(name.substr(3), option.name)) {
            option.apply(o, false);
            return true;
        }
    }
    return false;
}

bool apply_option(std::string_view name, std::optional<std::string> value, key_options& o) {
    for (const std::string_view known : unsupported_options)
        if (equal_ignoring_case(name, known)) {
            if (o.unsupported.empty()) o.unsupported = known;
            return true;
        }
    if (!value) return apply_flag_option(name, o);
    for (const value_option& option : value_options)
        if (equal_ignoring_case(name, option.name)) return option.apply(o, std::move(*value));
    return false;
}

}  // namespace

result<key_options> key_options::parse(std::string_view text) {
    key_options o;
    do {
        auto option = take_option(text);
        if (!option || !apply_option(option->name, std::move(option->value), o))
            return errc::bad_config;
    } while (!text.empty());
    return o;
}

key_options::verdict key_options::judge(
    const crypto::public_key& key, std::string_view address, std::int64_t system_seconds,
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

std::string_view to_text(key_options::verdict verdict) {
    switch (verdict) {
    case key_options::verdict::allowed: return "allowed";
    case key_options::verdict::unsupported_option: return "an option that is not served";
    case key_options::verdict::wrong_address: return "wrong address";
    case key_options::verdict::expired: return "expired";
    case key_options::verdict::user_not_present: return "nobody touched the security key";
    case key_options::verdict::user_not_verified: return "the security key verified nobody";
    }
    unreachable();
}

}  // namespace sluice
