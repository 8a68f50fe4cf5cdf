#pragma once

#include "sluice/auth/address_patterns.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// A destination that permitopen names: literally, without patterns.
struct open_destination {
    std::string host;
    std::optional<std::uint16_t> port;  // or any

    bool operator==(const open_destination&) const = default;
};

/// The options in front of a key in authorized_keys, or of a name in a file of principals (sshd(8),
/// AUTHORIZED_KEYS FILE FORMAT).
///
/// Whoever lets somebody in by them must honour `command`, `environment`, `permit_open` and the
/// permissions; what has no member here is in `unsupported` and refuses.
struct key_options {
    std::optional<std::string> command{};  // to be run instead of whatever the client asks for
    std::vector<std::pair<std::string, std::string>> environment{};  // name, value
    std::optional<address_patterns> from{};
    std::optional<std::int64_t> expires{};  // seconds since 1970; the last second it is good
    std::optional<std::vector<open_destination>> permit_open{};  // nothing: anywhere
    std::string unsupported{};  // the first option that we know and do not serve

    // The key signs certificates and does not log in itself.
    bool cert_authority = false;
    std::vector<std::string> principals{};  // that a certificate must have one of; empty: the user

    // What "restrict" and the no-… options take away.
    bool permits_pty = true;
    bool permits_port_forwarding = true;
    bool permits_agent_forwarding = true;
    bool permits_x11_forwarding = true;
    bool permits_user_rc = true;

    // What a security key must assert.
    bool presence_required = true;
    bool verification_required = false;  // of any key: one that cannot is refused

    /// Reads "name,name=\"value\",…". Errors: bad_config.
    static result<key_options> parse(std::string_view text);

    enum class verdict {
        allowed,
        unsupported_option,
        wrong_address,
        expired,
        user_not_present,
        user_not_verified
    };

    /// Whether `key` is good for a client at `address` (text of an IP address) now. `assertion` is
    /// what came with the signature. Where nothing is signed yet, `may_assert_all` finds out
    /// whether a signature can be good.
    verdict judge(const crypto::public_key& key, std::string_view address,
                  std::int64_t system_seconds,
                  const std::optional<crypto::sk_assertion>& assertion) const;

    static constexpr crypto::sk_assertion may_assert_all{true, true, 0};
};

/// In words, for a log.
std::string_view to_text(key_options::verdict verdict);

}  // namespace sluice
