#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <memory>

namespace sluice::crypto {

struct dh_group;  // dh_groups.hpp

enum class curve { x25519, x448, nistp256, nistp384, nistp521 };

/// One side of an ephemeral key agreement: made with a fresh private value, used once.
class agreement {
public:
    virtual ~agreement() = default;

    /// What the peer gets. X25519: 32 bytes; X448: 56 bytes; NIST curves: the uncompressed point
    /// (0x04 X Y); finite field: big-endian magnitude without leading zeros.
    virtual bytes_view public_value() const = 0;

    /// The secret both sides reach. X25519: 32 bytes as computed; X448: 56; NIST curves: the X
    /// coordinate at full field size; finite field: big-endian magnitude without leading zeros.
    ///
    /// Errors: bad_public_value when the peer's value has the wrong length or form, is off the
    /// curve, compressed, out of range (1 < value < p - 1, RFC 4253 §8), or the secret is all zero.
    virtual result<secret_bytes> shared_secret(bytes_view peer_public_value) const = 0;
};

/// Private values come from `random` alone: X25519 takes 32 bytes; X448 takes 56; NIST curves take
/// a candidate of the order's size, masked to its bits, until one is in range; finite field takes
/// an exponent of twice the group's strength in bits (RFC 4419 §6.2), at least 512 bits.
std::unique_ptr<agreement> make_agreement(curve which, random_source& random);
std::unique_ptr<agreement> make_agreement(const dh_group& group, random_source& random);

/// The same in a group that a peer chose; the caller has checked its size. Errors: bad_public_value
/// when the prime is even, the generator g is not 1 < g < p - 1, or its powers are of no use.
result<std::unique_ptr<agreement>> make_agreement_in_peers_group(const dh_group& group,
                                                                 random_source& random);

}  // namespace sluice::crypto
