#pragma once

#include "sluice/crypto/hash.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/negotiation.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/secret.hpp"

namespace sluice {

/// One key (RFC 4253 §7.2). `encoded_secret` is K as it was hashed; `letter` is 'A' to 'F'.
secret_bytes derive_key(crypto::hash_kind hash, bytes_view encoded_secret, bytes_view exchange_hash,
                        char letter, bytes_view session_id, std::size_t size);

/// IV, key and MAC key for one direction.
cipher_keys derive_keys(crypto::hash_kind hash, bytes_view encoded_secret, bytes_view exchange_hash,
                        bytes_view session_id, const negotiated::direction& direction,
                        bool client_to_server);

}  // namespace sluice
