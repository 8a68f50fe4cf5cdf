#pragma once

// Private to crypto/: the ciphers that openssh-key-v1 files are encrypted with.

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <openssl/evp.h>

#include <cstddef>
#include <string_view>

namespace sluice::crypto {

struct key_file_cipher {
    std::string_view name;
    std::size_t key_size;  // bytes of the derived secret that are the key; the IV follows
    std::size_t iv_size;
    std::size_t block_size;  // the list of keys is padded to it
    std::size_t tag_size;    // behind the encrypted list; 0: the cipher does not authenticate
    const EVP_CIPHER* (*cipher)();  // null for "none"

    /// Encrypts `data` in place and fills `tag`, which has `tag_size` bytes.
    result<> seal(bytes_view secret, mutable_bytes_view data, mutable_bytes_view tag) const;

    /// The inverse. Errors: wrong_passphrase when the tag does not match.
    result<> open(bytes_view secret, mutable_bytes_view data, bytes_view tag) const;
};

/// Null when unknown.
const key_file_cipher* find_key_file_cipher(std::string_view name);

}  // namespace sluice::crypto
