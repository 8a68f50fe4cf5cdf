#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::crypto {

struct key_file_contents {
    private_key key;
    std::string comment;
};

/// What a file may ask of the key derivation: its passphrase is only tried within these.
struct key_file_costs {
    std::uint32_t bcrypt_rounds_max = limits::bcrypt_rounds_max;
    std::uint32_t pbkdf2_rounds_max = limits::pbkdf2_rounds_max;
    std::uint32_t argon2_memory_kib_max = limits::argon2_memory_kib_max;
    std::uint32_t argon2_work_kib_max = limits::argon2_work_kib_max;  // memory times passes
};

/// Reads the text of a private key file: openssh-key-v1, PKCS#8 (plain or encrypted), PKCS#1 and
/// SEC1 PEM (plain or in the old encrypted form), PuTTY's PPK of versions 2 and 3.
///
/// Errors: bad_key_file, unknown_key_type, key_too_small; passphrase_required when the file is
/// encrypted and `passphrase` is empty; wrong_passphrase.
result<key_file_contents> read_private_key(std::string_view text, std::string_view passphrase = {},
                                           const key_file_costs& costs = {});

/// The public half that an openssh-key-v1 file holds in the open, whether its key is encrypted or
/// not. Errors: passphrase_required for other kinds of files; bad_key_file, unknown_key_type,
/// key_too_small.
result<public_key> read_public_half(std::string_view text);

struct key_file_options {
    std::string_view comment = {};
    std::string_view passphrase = {};        // empty: not encrypted
    std::string_view cipher = "aes256-ctr";  // any that OpenSSH writes
    unsigned rounds = 24;                    // of bcrypt_pbkdf, ssh-keygen's default
};

/// The text of an openssh-key-v1 file (PROTOCOL.key). It is a secret where it is not encrypted: the
/// caller wipes it.
/// Errors: bad_value for an unknown cipher or rounds outside 1 to bcrypt_rounds_max.
result<std::string> write_private_key(const private_key& key, const key_file_options& options,
                                      random_source& random);

struct pkcs8_options {
    std::string_view passphrase = {};  // empty: not encrypted
    unsigned rounds = 600'000;  // of PBKDF2 with SHA-256; OWASP's advice, a fifth of a second
};

/// The text of a PKCS#8 file (RFC 5958), encrypted with PBES2, PBKDF2 and AES-256 (RFC 8018) where
/// there is a passphrase. It has no comment. A secret as that of write_private_key.
/// Errors: bad_value for rounds outside 1 to pbkdf2_rounds_max, and for a shielded key.
result<std::string> write_pkcs8(const private_key& key, const pkcs8_options& options,
                                random_source& random);

}  // namespace sluice::crypto
