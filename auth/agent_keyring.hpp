#pragma once

#include "sluice/auth/agent_constraints.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A private key that an agent holds, and how it may be used.
struct agent_key {
    crypto::private_key key;
    std::optional<crypto::certificate> certificate{};  // shown in place of the public key
    std::string comment{};
    time_point expires = time_point::max();
    bool confirm = false;           // the user is asked before each signature
    std::vector<agent_hop> hops{};  // where it may be used; empty: anywhere

    const bytes& blob() const {
        return certificate ? certificate->blob() : key.public_half().blob();
    }
};

/// What an agent holds, for all of its connections: keys, and the lock over them. Wiped with the
/// last copy of each.
class agent_keyring {
public:
    /// `random` outlives it.
    explicit agent_keyring(crypto::random_source& random) : random_(random) {}

    /// Replaces one of the same blob, where that stands. Errors: limit_reached above
    /// limits::agent_keys_max, or when a list of all would be too long for a message; too_long.
    result<> add(agent_key key);

    const std::vector<agent_key>& keys() const { return keys_; }
    const agent_key* find(bytes_view blob) const;  // null where there is none

    template <class Predicate>
    std::size_t remove_if(Predicate which) {
        return std::erase_if(keys_, which);
    }

    /// Drops what has expired by now.
    void expire(time_point now);
    time_point next_expiry() const;  // max() where nothing expires

    // --- the lock (RFC 9987 §3.7) ---

    bool locked() const { return !locked_by_.empty(); }

    /// Errors: unexpected_message when it is locked already; bad_value for no passphrase.
    result<> lock(std::string_view passphrase);

    /// Errors: unexpected_message when it is not locked; wrong_passphrase; too_many_attempts so
    /// shortly after a wrong one that this one is not looked at.
    result<> unlock(std::string_view passphrase, time_point now);

private:
    secret_bytes derived(std::string_view passphrase) const;

    crypto::random_source& random_;
    std::vector<agent_key> keys_;
    std::array<std::uint8_t, 16> salt_{};
    secret_bytes locked_by_;  // of the passphrase; empty: not locked
    unsigned wrong_passphrases_ = 0;
    time_point next_attempt_ = time_point::min();
};

}  // namespace sluice
