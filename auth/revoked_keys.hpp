#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/krl.hpp"
#include "sluice/wire/error.hpp"

#include <optional>
#include <vector>

namespace sluice {

/// The keys that a RevokedKeys file (sshd_config(5)) or RevokedHostKeys file takes back: a key
/// revocation list, or public keys, one a line.
class revoked_keys {
public:
    /// Errors: those of crypto::krl; too_long; of public keys, bad_config for a line that is none:
    /// what is not understood might have revoked anything.
    static result<revoked_keys> parse(bytes_view file);

    /// The key itself, its certificate, or whoever signed that.
    bool revokes(const crypto::presented_key& shown) const;

private:
    std::optional<crypto::krl> list_;
    std::vector<bytes> blobs_;  // sorted
};

}  // namespace sluice
