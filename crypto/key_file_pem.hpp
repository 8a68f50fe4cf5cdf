#pragma once

// Private to crypto/: the key files that OpenSSL reads for us.

#include "sluice/crypto/key_file.hpp"

namespace sluice::crypto {

/// PKCS#1 and SEC1 PEM, plain or in the old encrypted form, and PKCS#8, plain or with PBES2 and
/// PBKDF2 (RFC 8018). Errors as read_private_key.
result<private_key> read_pem_private_key(std::string_view text, std::string_view passphrase,
                                         const key_file_costs& costs);

}  // namespace sluice::crypto
