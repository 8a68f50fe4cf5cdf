#include "sluice/auth/allowed_signers.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/auth/policy_line.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

// True if some pattern matches and no negated one does (PATTERNS in ssh_config(5)).
bool matches_list(std::string_view text, std::string_view patterns) {
    bool matched = false;
    while (!patterns.empty()) {
        std::string_view pattern = patterns.substr(0, patterns.find(','));
        patterns.remove_prefix(std::min(pattern.size() + 1, patterns.size()));
        const bool negated = pattern.starts_with('!');
        if (negated) pattern.remove_prefix(1);
        if (pattern.empty() || !matches_wildcards(text, pattern)) continue;
        if (negated) return false;
        matched = true;
    }
    return matched;
}

struct known_option {
    std::string_view name;
    // False for a value it cannot have, or a second one.
    bool (*apply)(allowed_signer&, std::optional<std::string> value);
};

bool set_time(std::optional<std::int64_t>& time, const std::optional<std::string>& value) {
    if (time || !value) return false;
    time = parse_policy_time(*value);
    return time.has_value();
}

constexpr std::array known_options{
    known_option{"cert-authority",
                 [](allowed_signer& s, std::optional<std::string> value) {
                     s.cert_authority = true;
                     return !value;
                 }},
    known_option{"namespaces",
                 [](allowed_signer& s, std::optional<std::string> value) {
                     if (s.namespaces || !value || value->empty()) return false;
                     s.namespaces = std::move(value);
                     return true;
                 }},
    known_option{"valid-after",
                 [](allowed_signer& s, std::optional<std::string> value) {
                     return set_time(s.valid_after, value);
                 }},
    known_option{"valid-before",
                 [](allowed_signer& s, std::optional<std::string> value) {
                     return set_time(s.valid_before, value);
                 }},
};

bool parse_options(std::string_view text, allowed_signer& signer) {
    do {
        auto option = take_option(text);
        if (!option) return false;
        const auto known = std::ranges::find_if(known_options, [&](const known_option& k) {
            return equal_ignoring_case(k.name, option->name);
        });
        if (known == known_options.end() || !known->apply(signer, std::move(option->value)))
            return false;
    } while (!text.empty());
    return !signer.valid_after || !signer.valid_before ||
           *signer.valid_after <= *signer.valid_before;
}

// The first field, which may be quoted. Empty when there is none.
std::string_view take_principals(std::string_view& line) {
    const bool quoted = line.starts_with('"');
    if (quoted) line.remove_prefix(1);
    const auto end = line.find_first_of(quoted ? "\"" : " \t");
    if (end == std::string_view::npos) return {};
    const std::string_view principals = line.substr(0, end);
    line.remove_prefix(end + (quoted ? 1 : 0));
    line = without_leading_blanks(line);
    return principals;
}

bool is_in_time(const allowed_signer& s, std::int64_t system_seconds) {
    return (!s.valid_after || system_seconds >= *s.valid_after) &&
           (!s.valid_before || system_seconds <= *s.valid_before);
}

bool is_key_of(const allowed_signer& s, const crypto::sshsig& signature, std::string_view principal,
               std::int64_t system_seconds) {
    if (!signature.cert()) return !s.cert_authority && s.key == signature.key();
    const crypto::certificate& cert = *signature.cert();
    const crypto::certificate::use use{crypto::certificate_kind::user, principal,
                                       static_cast<std::uint64_t>(system_seconds)};
    return s.cert_authority && s.key == cert.signature_key() &&
           cert.judge(use) == crypto::certificate::verdict::good;
}

}  // namespace

result<std::optional<allowed_signer>> allowed_signers::parse_line(std::string_view line) {
    if (line.size() > limits::policy_line_length_max) return errc::too_long;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = without_leading_blanks(line);
    if (line.empty() || line.front() == '#') return std::optional<allowed_signer>();
    const std::string_view principals = take_principals(line);
    if (principals.empty()) return errc::bad_config;

    std::string_view options;
    auto key = crypto::public_key::from_line(line);
    if (!key && key.error() == errc::bad_key_file) {
        const auto length = options_length(line);
        if (!length) return errc::bad_config;
        options = line.substr(0, *length);
        key = crypto::public_key::from_line(line.substr(*length));
    }
    if (!key) return key.error() == errc::bad_key_file ? errc::bad_config : key.error();
    allowed_signer s(std::move(*key));
    s.principals = principals;
    if (!options.empty() && !parse_options(options, s)) return errc::bad_config;
    return std::optional(std::move(s));
}

result<allowed_signers> allowed_signers::parse(std::string_view text) {
    if (text.size() > limits::policy_file_length_max) return errc::too_long;
    allowed_signers list;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        auto parsed = parse_line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!parsed) {
            if (list.errors_.size() < limits::policy_errors_max)
                list.errors_.push_back({number, parsed.error()});
        } else if (*parsed) {
            (*parsed)->line = number;
            list.signers_.push_back(std::move(**parsed));
        }
    }
    return list;
}

result<> allowed_signers::verify(const crypto::sshsig& signature, bytes_view message,
                                 std::string_view name_space, std::string_view principal,
                                 std::int64_t system_seconds) const {
    const auto verified = signature.verify(message, name_space);
    if (!verified) return verified.error();
    if (system_seconds < 0 || principal.empty()) return errc::auth_denied;
    for (const allowed_signer& s : signers_)
        if (matches_list(principal, s.principals) &&
            (!s.namespaces || matches_list(name_space, *s.namespaces)) &&
            is_in_time(s, system_seconds) && is_key_of(s, signature, principal, system_seconds))
            return {};
    return errc::auth_denied;
}

}  // namespace sluice
