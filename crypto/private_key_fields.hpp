#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <string_view>

/// The fields of a private key as an agent is given them (RFC 9987 §3.2), which are those of an
/// openssh-key-v1 file: what stands between the key's type and its comment. Where a certificate
/// goes before them, they lack the public fields that it has.
namespace sluice::crypto {

/// Errors: unknown_key_type, also for one in hardware; bad_key, key_too_small and those of the
/// encoding.
result<private_key> read_private_fields(std::string_view type, wire::reader& in);

/// The key that belongs to a certificate. Errors: the same; bad_key for another one's.
result<private_key> read_private_fields(const certificate& of, wire::reader& in);

/// What is written is secret: it should go to memory that is wiped and does not grow.
/// Errors: crypto_failure.
result<> write_private_fields(const private_key& key, wire::writer& out);

/// Errors: the same; bad_key where the key is not the certificate's.
result<> write_private_fields(const private_key& key, const certificate& of, wire::writer& out);

}  // namespace sluice::crypto
