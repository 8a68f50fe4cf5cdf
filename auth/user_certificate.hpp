#pragma once

#include "sluice/crypto/certificate.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// What a certificate of a trusted authority is to let its holder do: log in from somewhere.
struct user_certificate_use {
    std::span<const std::string> principals;  // it must list one of these; none: nobody
    std::string_view address;                 // of the client, text of an IP address
    std::int64_t system_seconds = 0;

    /// What came with the signature, where the key is a security key; before anything is signed,
    /// key_options::may_assert_all.
    std::optional<crypto::sk_assertion> assertion{};

    /// CASignatureAlgorithms; empty: all that we know.
    std::span<const std::string> signature_algorithms{};
};

/// Why the certificate does not let its holder in, in words for a log; empty where it does. Who
/// signed it is for the caller to look at. Its `rights()` then bind the session.
std::string_view user_certificate_fault(const crypto::certificate& cert,
                                        const user_certificate_use& use);

}  // namespace sluice
