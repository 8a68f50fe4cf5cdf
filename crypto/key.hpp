#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

class public_key_impl;  // key_eddsa.cpp, key_ecdsa.cpp, key_rsa.cpp, key_sk.cpp
class private_key_impl;

/// What a security key says with a signature (OpenSSH's PROTOCOL.u2f).
struct sk_assertion {
    bool user_present = false;   // somebody touched it
    bool user_verified = false;  // by PIN or biometrics
    std::uint32_t counter = 0;   // of its signatures; 0 where it keeps none
};

/// A public key of a known type. A value: copies share the immutable key.
class public_key {
public:
    /// Parses a key blob (RFC 4253 §6.6). Errors: unknown_key_type, key_too_small, bad_key and
    /// those of the encoding (truncated, trailing_bytes, bad_mpint).
    static result<public_key> from_blob(bytes_view blob);

    /// Parses "type base64 [comment]" as in a .pub file. Errors: the same, and bad_key_file.
    static result<public_key> from_line(std::string_view line);

    const bytes& blob() const;
    std::string_view type() const;  ///< as in the blob: "ssh-ed25519", "ssh-rsa", …
    unsigned bits() const;
    std::string fingerprint() const;  ///< "SHA256:…", as ssh-keygen -l prints it
    std::string line() const;         ///< "type base64"

    /// Checks a signature blob (string algorithm, string signature) over `data`. The blob must name
    /// `algorithm`, and that must fit the key: "rsa-sha2-256" or -512 for ssh-rsa, the webauthn-
    /// name or type() for sk-ecdsa-sha2-nistp256@openssh.com, else type(). A security key must
    /// assert that its user was present. "ssh-rsa" (SHA-1) is taken too: pass a name that was
    /// configured, or one that is_sound_signature_algorithm. Errors: bad_signature,
    /// unknown_key_type.
    result<> verify(std::string_view algorithm, bytes_view data, bytes_view signature) const;

    /// The same, but gives what a security key asserts, for the caller to judge; nothing for
    /// others.
    result<std::optional<sk_assertion>> verify_assertion(std::string_view algorithm,
                                                         bytes_view data,
                                                         bytes_view signature) const;

    /// Whether the private half is in hardware that asserts something with each signature.
    bool is_security_key() const;

    bool operator==(const public_key& other) const { return blob() == other.blob(); }

private:
    friend class private_key;
    explicit public_key(std::shared_ptr<const public_key_impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const public_key_impl> impl_;
};

/// A private key in memory. A value: copies share the immutable key, which is wiped with the last.
class private_key {
public:
    /// `type` as in public_key::type(); `bits` only matters for ssh-rsa (2048 and up, 3072 if 0).
    static result<private_key> generate(std::string_view type, unsigned bits = 0);

    const public_key& public_half() const;

    /// Makes a signature blob (string algorithm, string signature) over `data`.
    /// Errors: unknown_key_type when `algorithm` does not fit the key.
    result<bytes> sign(std::string_view algorithm, bytes_view data) const;

private:
    friend class private_key_access;  // key_file.cpp reads and writes the parts
    explicit private_key(std::shared_ptr<const private_key_impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const private_key_impl> impl_;
};

}  // namespace sluice::crypto
