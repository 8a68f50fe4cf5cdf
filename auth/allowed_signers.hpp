#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/sshsig.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// One line of an allowed_signers file: a key, and whose it is (ssh-keygen(1), ALLOWED SIGNERS).
struct allowed_signer {
    explicit allowed_signer(crypto::public_key k) : key(std::move(k)) {}

    std::string principals{};  // patterns, comma-separated, with ! for exceptions
    crypto::public_key key;
    bool cert_authority = false;                 // certificates of the key sign, not the key itself
    std::optional<std::string> namespaces{};     // patterns likewise; none: every namespace
    std::optional<std::int64_t> valid_after{};   // seconds since 1970; the first good one
    std::optional<std::int64_t> valid_before{};  // the last good one, as ssh-keygen has it
    std::size_t line = 0;                        // in the file, from 1
};

/// A line that cannot be understood. It allows nothing.
struct allowed_signers_error {
    std::size_t line = 0;  // from 1
    error_code error{};    // bad_config, too_long and those of public_key::from_line
};

/// Who may sign messages, and with which keys.
class allowed_signers {
public:
    /// Never fails for a bad line: see errors().
    /// Errors: too_long above limits::policy_file_length_max.
    static result<allowed_signers> parse(std::string_view text);

    /// One line; nothing for a comment or a blank one. Errors: as in allowed_signers_error.
    static result<std::optional<allowed_signer>> parse_line(std::string_view line);

    /// Whether `signature` is one of `principal` over `message`, made for `name_space`, at
    /// `system_seconds` (now, or when it is said to have been made). All of it is checked here.
    /// A certificate must be a user's, good then, and name the principal.
    /// Errors: bad_signature when it does not verify; auth_denied when no line allows it.
    result<> verify(const crypto::sshsig& signature, bytes_view message,
                    std::string_view name_space, std::string_view principal,
                    std::int64_t system_seconds) const;

    const std::vector<allowed_signer>& signers() const { return signers_; }

    /// At most limits::policy_errors_max of them.
    const std::vector<allowed_signers_error>& errors() const { return errors_; }

private:
    std::vector<allowed_signer> signers_;
    std::vector<allowed_signers_error> errors_;
};

}  // namespace sluice
