#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/dh_groups.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/transport/identification.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::crypto {
class agreement;  // agreement.hpp
}

namespace sluice {

/// A key that a server proves itself with: in memory, or wherever `sign` reaches.
class host_key {
public:
    virtual ~host_key() = default;

    /// K_S: the public key blob (RFC 4253 §6.6), or a certificate's.
    virtual const bytes& blob() const = 0;

    /// Whether it can sign with that public key algorithm, such as "rsa-sha2-512".
    virtual bool signs(std::string_view algorithm) const = 0;

    /// A signature blob over `data`.
    virtual result<bytes> sign(std::string_view algorithm, bytes_view data) const = 0;
};

std::shared_ptr<const host_key> make_host_key(crypto::private_key key);

/// The same key, shown in a certificate of it. Offered beside the bare key, not in its place: a
/// client may not trust the authority. Errors: bad_value for a certificate of another key, or one
/// that is not for hosts.
result<std::shared_ptr<const host_key>> make_host_key(crypto::private_key key,
                                                      crypto::certificate cert);

/// What an exchange hashes and works with, whatever its method.
struct kex_context {
    role own = role::client;
    std::string client_identification;  // V_C, without CR LF
    std::string server_identification;  // V_S
    bytes client_kexinit;               // I_C, payload
    bytes server_kexinit;               // I_S
    std::string host_key_algorithm;
    const host_key* key = nullptr;  // server: the one that signs
    crypto::random_source* random = nullptr;
    std::span<const crypto::dh_group> exchange_groups{};  // server: beside those of RFC 3526
};

struct kex_outcome {
    secret_bytes encoded_secret;  // K just as it is hashed: mpint or string, length included
    bytes exchange_hash;          // H
    bytes host_key_blob;          // K_S
    bytes signature;              // over H; the client has yet to check it
};

/// One run of a key exchange method: the messages 30 to 49.
class key_exchange {
public:
    virtual ~key_exchange() = default;

    /// Client: the first message. Nothing for a server.
    virtual std::optional<bytes> begin() = 0;

    /// Takes one message of the peer; adds what is to be sent to `replies`. The outcome comes with
    /// the last one. Errors: unexpected_message, bad_public_value, those of the encoding.
    virtual result<std::optional<kex_outcome>> on_message(bytes_view payload,
                                                          std::vector<bytes>& replies) = 0;
};

/// One row of the table of key exchange methods. Its messages belong to the method's own file.
struct kex_info {
    std::string_view name;
    crypto::hash_kind hash;
    bool offered;  // in the default offer
    std::unique_ptr<key_exchange> (*make)(const kex_info& info, const kex_context& context);
    /// Our side in the method's curve or group; null for methods that are more than one agreement.
    std::unique_ptr<crypto::agreement> (*agree)(crypto::random_source& random) = nullptr;
    bool by_clients_only = false;  // what is offered by default, servers do not offer
};

/// In order of preference.
std::span<const kex_info> kex_methods();
const kex_info* find_kex(std::string_view name);

/// The names of the default offer.
std::vector<std::string> offered_kex_methods(role own);

/// H (RFC 4253 §8): `method_values` are the method's own values between K_S and K, as encoded.
bytes exchange_hash(const kex_context& context, crypto::hash_kind hash, bytes_view host_key_blob,
                    bytes_view method_values, bytes_view encoded_secret);

// The factories of the table.
std::unique_ptr<key_exchange> make_kex_ecdh(const kex_info&, const kex_context&);
std::unique_ptr<key_exchange> make_kex_dh(const kex_info&, const kex_context&);
std::unique_ptr<key_exchange> make_kex_dh_gex(const kex_info&, const kex_context&);
std::unique_ptr<key_exchange> make_kex_hybrid(const kex_info&, const kex_context&);

}  // namespace sluice
