#include "sluice/auth/authorized_keys.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t";

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
    return options.judge(key, address, system_seconds, assertion);
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
    auto options = key_options::parse(line.substr(0, *length));
    if (!options) return options.error();
    e.options = std::move(*options);
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
        if (k.key == key && !k.options.cert_authority &&
            k.allows(address, system_seconds, assertion))
            return &k;
    return nullptr;
}

}  // namespace sluice
