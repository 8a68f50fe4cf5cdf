#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::crypto {

enum class argon2_kind { d, i, id };

/// What the hash costs: time grows with memory times passes.
struct argon2_cost {
    std::uint32_t memory_kib = 0;
    std::uint32_t passes = 0;
    std::uint32_t lanes = 0;  // computed one after the other: no thread is started
};

/// Fills `key` from a passphrase (RFC 9106, version 0x13, without secret and associated data).
/// Errors: bad_value for a cost, salt or key size that Argon2 does not have; crypto_failure when
/// there is no memory.
result<> argon2(argon2_kind kind, std::string_view passphrase, bytes_view salt,
                const argon2_cost& cost, mutable_bytes_view key);

}  // namespace sluice::crypto
