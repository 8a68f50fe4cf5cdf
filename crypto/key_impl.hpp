#pragma once

// Private to crypto/: the seam between a key as users hold it and the types of keys.

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <openssl/param_build.h>

#include <memory>
#include <span>
#include <string_view>

namespace sluice::crypto {

/// A parsed public key of one type.
class public_key_impl {
public:
    virtual ~public_key_impl() = default;

    virtual const bytes& blob() const = 0;
    virtual std::string_view type() const = 0;
    virtual unsigned bits() const = 0;

    /// `algorithm` is known to fit the type; `signature` is what stands in the blob behind its
    /// name, `trailer` what follows: fields of security keys, and the caller sees to its end.
    /// Errors: bad_signature.
    virtual result<std::optional<sk_assertion>> verify(std::string_view algorithm, bytes_view data,
                                                       bytes_view signature,
                                                       wire::reader& trailer) const = 0;
};

class private_key_impl {
public:
    virtual ~private_key_impl() = default;

    virtual const public_key& public_half() const = 0;

    /// `algorithm` is known to fit the type. The result goes behind its name in a signature blob.
    virtual result<bytes> sign(std::string_view algorithm, bytes_view data) const = 0;

    /// Writes the fields that follow the type in an openssh-key-v1 file.
    virtual result<> write_fields(wire::writer& out) const = 0;

    /// As OpenSSL has it, for the files that it writes; null for a shielded key. Lives as long as
    /// this.
    virtual EVP_PKEY* openssl_key() const = 0;
};

using public_key_ptr = std::shared_ptr<const public_key_impl>;
using private_key_ptr = std::shared_ptr<const private_key_impl>;

/// What each key type provides; the table of them is in key.cpp. Security keys have a public half
/// only: the functions for private ones are null.
struct key_type {
    std::string_view name;
    unsigned field_count;  // strings and mpints that follow the name in a blob
    /// Parses a whole blob whose type is `name`.
    result<public_key_ptr> (*parse)(std::string_view name, bytes_view blob);
    result<private_key_ptr> (*generate)(std::string_view name, unsigned bits);
    /// Reads the fields that follow the type in an openssh-key-v1 file.
    result<private_key_ptr> (*read_fields)(std::string_view name, wire::reader& in);
    /// Reads what `write_fields` wrote of a key with that public half and nobody else can have
    /// changed: what was computed and checked when the key was made is not again.
    result<private_key_ptr> (*reread_fields)(const public_key& public_half, wire::reader& in);
    /// Reads the private fields of a PuTTY file, whose public half is `blob`. The caller compares.
    result<private_key_ptr> (*read_putty)(std::string_view name, bytes_view blob, wire::reader& in);
    /// Takes a key that OpenSSL decoded; null when the key is not of this type.
    result<private_key_ptr> (*from_openssl)(std::string_view name, EVP_PKEY* key);
};

const key_type* find_key_type(std::string_view name);
std::span<const key_type> key_types();

// key_eddsa.cpp
result<public_key_ptr> parse_eddsa(std::string_view name, bytes_view blob);
result<private_key_ptr> generate_eddsa(std::string_view name, unsigned bits);
result<private_key_ptr> read_eddsa(std::string_view name, wire::reader& in);
result<private_key_ptr> reread_eddsa(const public_key& public_half, wire::reader& in);
result<private_key_ptr> read_putty_eddsa(std::string_view name, bytes_view blob, wire::reader& in);
result<private_key_ptr> eddsa_from_openssl(std::string_view name, EVP_PKEY* key);

// key_ecdsa.cpp
result<public_key_ptr> parse_ecdsa(std::string_view name, bytes_view blob);
result<private_key_ptr> generate_ecdsa(std::string_view name, unsigned bits);
result<private_key_ptr> read_ecdsa(std::string_view name, wire::reader& in);
result<private_key_ptr> reread_ecdsa(const public_key& public_half, wire::reader& in);
result<private_key_ptr> read_putty_ecdsa(std::string_view name, bytes_view blob, wire::reader& in);
result<private_key_ptr> ecdsa_from_openssl(std::string_view name, EVP_PKEY* key);

// key_rsa.cpp
result<public_key_ptr> parse_rsa(std::string_view name, bytes_view blob);
result<private_key_ptr> generate_rsa(std::string_view name, unsigned bits);
result<private_key_ptr> read_rsa(std::string_view name, wire::reader& in);
result<private_key_ptr> reread_rsa(const public_key& public_half, wire::reader& in);
result<private_key_ptr> read_putty_rsa(std::string_view name, bytes_view blob, wire::reader& in);
result<private_key_ptr> rsa_from_openssl(std::string_view name, EVP_PKEY* key);

// key_sk.cpp
result<public_key_ptr> parse_sk(std::string_view name, bytes_view blob);

/// Makes and takes apart private_key values, for key.cpp and key_file.cpp.
class private_key_access {
public:
    static private_key make(private_key_ptr impl) { return private_key(std::move(impl)); }
    static const private_key_impl& parts(const private_key& key) { return *key.impl_; }
};

/// One-shot signature and verification. A null `digest` is for schemes that hash by themselves.
result<bytes> openssl_sign(EVP_PKEY* key, const EVP_MD* digest, bytes_view data);
bool openssl_verify(EVP_PKEY* key, const EVP_MD* digest, bytes_view data, bytes_view signature);

/// A number of an OpenSSL key, in memory that is wiped; null when the key has none of that name.
bignum secret_number(const EVP_PKEY* key, const char* name);

/// A number read from a key file, likewise.
bignum secret_number(bytes_view magnitude);

using param_builder = openssl_ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;

/// Makes a key of OpenSSL type `type` from what the builder holds, or from parameters that the
/// caller keeps, of which no copy is made on the way; null when OpenSSL refuses.
evp_pkey build_pkey(const char* type, int selection, OSSL_PARAM_BLD* builder);
evp_pkey build_pkey(const char* type, int selection, OSSL_PARAM* params);

/// "type base64 …", a public key or a certificate as text; what follows is a comment.
struct key_line {
    std::string_view type;  // into the line
    secret_bytes blob;
};

/// Errors: bad_key_file; too_long.
result<key_line> split_key_line(std::string_view line);

}  // namespace sluice::crypto
