#pragma once

#include "sluice/auth/key_options.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// One key of an authorized_keys file, with its options (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
struct authorized_key {
    explicit authorized_key(crypto::public_key k) : key(std::move(k)) {}

    crypto::public_key key;
    std::string comment{};
    std::size_t line = 0;  // in the file, from 1
    key_options options{};

    using verdict = key_options::verdict;

    /// `key_options::judge` of this key.
    verdict judge(std::string_view address, std::int64_t system_seconds,
                  const std::optional<crypto::sk_assertion>& assertion = std::nullopt) const;
    bool allows(std::string_view address, std::int64_t system_seconds,
                const std::optional<crypto::sk_assertion>& assertion = std::nullopt) const {
        return judge(address, system_seconds, assertion) == verdict::allowed;
    }

    static constexpr crypto::sk_assertion may_assert_all = key_options::may_assert_all;
};

/// A line that cannot be understood. Its key is not in the list.
struct authorized_keys_error {
    std::size_t line = 0;  // from 1
    error_code error{};    // bad_config, too_long, or why the key was refused
};

/// The keys of a user's authorized_keys file.
class authorized_keys {
public:
    /// Never fails for a bad line: see errors(). With `only`, lines of other keys are passed over
    /// without being looked into, which is quick however large the file.
    /// Errors: too_long above limits::policy_file_length_max.
    static result<authorized_keys> parse(std::string_view text,
                                         const crypto::public_key* only = nullptr);

    /// One line, without its end. Nothing for an empty line or a comment.
    static result<std::optional<authorized_key>> parse_line(std::string_view line);

    /// The first entry for `key`, or null.
    const authorized_key* find(const crypto::public_key& key) const;

    /// The first entry for `key` that allows this client, or null: a key may stand in several
    /// lines with other conditions. Lines of authorities let no key in itself.
    const authorized_key* find_allowed(
        const crypto::public_key& key, std::string_view address, std::int64_t system_seconds,
        const std::optional<crypto::sk_assertion>& assertion = std::nullopt) const;

    const std::vector<authorized_key>& keys() const { return keys_; }

    /// At most limits::policy_errors_max of them.
    const std::vector<authorized_keys_error>& errors() const { return errors_; }

private:
    std::vector<authorized_key> keys_;
    std::vector<authorized_keys_error> errors_;
};

}  // namespace sluice
