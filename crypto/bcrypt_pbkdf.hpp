#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::crypto {

/// Fills `key` from a passphrase, as openssh-key-v1 files demand: PBKDF2 (RFC 8018 §5.2) with the
/// bcrypt hash in place of the MAC, and the blocks' bytes interleaved. The cost is proportional to
/// `rounds` (1 and up) times the number of 32-byte blocks of `key`.
void bcrypt_pbkdf(std::string_view passphrase, bytes_view salt, std::uint32_t rounds,
                  mutable_bytes_view key);

}  // namespace sluice::crypto
