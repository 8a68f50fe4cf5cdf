#pragma once

// Private to crypto/: PuTTY's private key files (PPK).

#include "sluice/crypto/key_file.hpp"

namespace sluice::crypto {

/// Whether `text` begins as a PPK file of any version.
bool is_ppk(std::string_view text);

/// Versions 2 and 3 (PuTTY's manual, appendix C), encrypted or not. Errors as read_private_key.
result<key_file_contents> read_ppk(std::string_view text, std::string_view passphrase,
                                   const key_file_costs& costs);

}  // namespace sluice::crypto
