#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/bytes.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// The key or certificate of a client's request, if it may be used here: well-formed, of an
/// algorithm that fits it and is among `accepted`, none of the keys `used` before, and of RSA keys
/// none that is dear to verify. The signature of a certificate is not looked at:
/// certificate::verify does that once its authority is known to be trusted.
std::optional<crypto::presented_key> shown_key(std::string_view algorithm, bytes_view blob,
                                               std::span<const std::string> accepted,
                                               std::span<const crypto::public_key> used);

}  // namespace sluice
