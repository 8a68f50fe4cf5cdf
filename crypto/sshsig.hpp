#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

/// A detached signature of a message (PROTOCOL.sshsig), as ssh-keygen -Y makes them. Reading it
/// proves nothing yet: `verify` does.
class sshsig {
public:
    /// Reads the armoured text. Errors: bad_signature for what is none, too_long, and those of
    /// public_key::from_blob or certificate::from_blob for the key in it.
    static result<sshsig> parse(std::string_view text);

    /// Who claims to have signed: the key, also where a certificate stands for it.
    const public_key& key() const { return key_; }
    const std::optional<certificate>& cert() const { return cert_; }
    const std::string& name_space() const { return name_space_; }

    /// Whether key() signed `message` in `name_space`. A security key must have been touched.
    /// Who holds the key is another question: auth/allowed_signers answers it.
    /// Errors: bad_signature, unknown_key_type.
    result<> verify(bytes_view message, std::string_view name_space) const;

private:
    explicit sshsig(public_key key) : key_(std::move(key)) {}

    public_key key_;
    std::optional<certificate> cert_;
    std::string name_space_;
    bytes reserved_;
    hash_kind hash_ = hash_kind::sha512;
    bytes signature_;
};

struct sshsig_options {
    hash_kind hash = hash_kind::sha512;  // or sha256
    const certificate* cert = nullptr;   // of the key: stands in the signature instead of it
};

/// The armoured signature of `message`. `name_space` says what it is for ("file", "email",
/// "NAME@YOUR.DOMAIN"), so that it cannot be used for anything else. Errors: bad_value for an empty
/// namespace, another hash, or a certificate of another key.
result<std::string> sign_message(const private_key& key, std::string_view name_space,
                                 bytes_view message, const sshsig_options& options = {});

}  // namespace sluice::crypto
