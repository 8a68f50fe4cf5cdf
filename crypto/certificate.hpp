#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::crypto {

enum class certificate_kind : std::uint32_t { user = 1, host = 2 };

/// A critical option or an extension. The content of `data` belongs to the name; a text in it is an
/// SSH string of its own (certificate::text_option makes one).
struct certificate_option {
    std::string name;
    bytes data{};
};

/// What a certificate authority vouches for, beside the key.
struct certificate_fields {
    std::uint64_t serial = 0;  // 0 where the authority does not number
    certificate_kind kind = certificate_kind::user;
    std::string key_id{};                   // for logs
    std::vector<std::string> principals{};  // users or hosts, literally; none: all of them
    std::uint64_t valid_after = 0;          // seconds since 1970; the first good one
    std::uint64_t valid_before = std::numeric_limits<std::uint64_t>::max();  // the first bad one
    std::vector<certificate_option> critical_options{};
    std::vector<certificate_option> extensions{};
};

/// What the options of a user certificate amount to. All that it does not permit is forbidden.
struct certificate_rights {
    std::optional<std::string> force_command{};   // to be run instead of whatever is asked for
    std::optional<std::string> source_address{};  // list of CIDR blocks: auth/address_patterns
    bool verification_required = false;           // of security keys, as in authorized_keys
    bool presence_required = true;
    bool permits_pty = false;
    bool permits_port_forwarding = false;
    bool permits_agent_forwarding = false;
    bool permits_x11_forwarding = false;
    bool permits_user_rc = false;
};

/// An OpenSSH certificate of version 01 (PROTOCOL.certkeys), of any key type. A value that exists
/// bears a good signature of `signature_key()`, unless it was made by `parse_claim`; whether that
/// one is trusted, and whether the certificate is good for something (`judge`), is for the caller
/// to find out.
class certificate {
public:
    /// Errors: unknown_key_type (also of the authority: a certificate cannot be one, and SHA-1
    /// does not count), bad_value, too_long, bad_signature and those of public_key::from_blob.
    static result<certificate> from_blob(bytes_view blob);

    /// The same, but leaves the signature to `verify`: it costs what whoever made the certificate
    /// likes, and tells nothing where the authority is a stranger. Until then all of it is a claim.
    static result<certificate> parse_claim(bytes_view blob);

    /// Checks the signature. Errors: bad_signature.
    result<> verify() const;

    /// "type base64 [comment]", as in a -cert.pub file. Errors: the same, and bad_key_file.
    static result<certificate> from_line(std::string_view line);

    /// Signs a new one, by the algorithm that is preferred for the authority's key. Options are put
    /// in order. Errors: bad_value for what from_blob would refuse; too_long.
    static result<certificate> issue(const public_key& key, certificate_fields fields,
                                     const private_key& authority, random_source& random);

    static certificate_option text_option(std::string name, std::string_view text);

    const bytes& blob() const { return blob_; }
    const std::string& type() const { return type_; }  ///< "ssh-ed25519-cert-v01@openssh.com"
    const public_key& key() const { return key_; }
    const public_key& signature_key() const { return signature_key_; }
    const std::string& signature_algorithm() const { return signature_algorithm_; }
    const certificate_fields& fields() const { return fields_; }
    const certificate_rights& rights() const { return rights_; }
    std::string line() const;  ///< "type base64"

    enum class verdict {
        good,
        wrong_kind,
        not_yet_valid,
        expired,
        wrong_principal,
        no_principals,   // it is for all of them, and the caller did not ask for that
        unknown_option,  // a critical option that we do not know
        weak_signature,  // the authority signed by an algorithm that is not wanted
    };

    /// What a certificate is to be good for.
    struct use {
        certificate_kind kind;
        /// Compared as it is. Nothing, like an empty name, is nobody, whoever may be listed.
        std::optional<std::string_view> principal;
        std::uint64_t system_seconds;
        bool for_all_is_enough = false;  // accept one without principals
        /// What the authority may have signed by (CASignatureAlgorithms); empty: all that we know.
        std::span<const std::string> signature_algorithms{};
    };
    verdict judge(const use& wanted) const;

private:
    certificate(public_key key, public_key signature_key)
        : key_(std::move(key)), signature_key_(std::move(signature_key)) {}
    result<> interpret_options();

    bytes blob_;
    std::size_t covered_ = 0;  // bytes of it, from its begin, that are signed
    std::string type_;
    public_key key_;
    public_key signature_key_;
    std::string signature_algorithm_;
    certificate_fields fields_;
    certificate_rights rights_;
    bool has_unknown_option_ = false;
};

/// In words, for a log.
std::string_view to_text(certificate::verdict verdict);

/// Whether a certificate may list a name: not an empty one, nor one with a control character.
/// Commas, wildcards and blanks stand for themselves.
bool is_certificate_principal(std::string_view name);

/// A public key as its owner shows it: as it is, or in a certificate.
struct presented_key {
    presented_key(public_key k) : key(std::move(k)) {}
    presented_key(certificate c) : key(c.key()), cert(std::move(c)) {}

    /// By its type in the blob. Errors: those of public_key and certificate.
    static result<presented_key> from_blob(bytes_view blob);

    /// The same, a certificate by certificate::parse_claim.
    static result<presented_key> parse_claim(bytes_view blob);

    public_key key;
    std::optional<certificate> cert;  // of `key`

    const bytes& blob() const { return cert ? cert->blob() : key.blob(); }
    std::string_view type() const { return cert ? std::string_view(cert->type()) : key.type(); }

    /// Whether a public key algorithm is for this: "ssh-ed25519-cert-v01@openssh.com" wants a
    /// certificate, "ssh-ed25519" none.
    bool fits(std::string_view algorithm) const;

    /// Checks a signature by the key over `data`, as public_key::verify_assertion does.
    /// Errors: unknown_key_type where `algorithm` does not fit; bad_signature.
    result<std::optional<sk_assertion>> verify(std::string_view algorithm, bytes_view data,
                                               bytes_view signature) const;

    bool operator==(const presented_key& other) const { return blob() == other.blob(); }
};

/// The certificate type of a key type, and the inverse (empty for what is no certificate type).
std::string certificate_type_of(std::string_view key_type);
std::string_view key_type_of_certificate(std::string_view certificate_type);

}  // namespace sluice::crypto
