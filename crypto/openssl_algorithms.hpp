#pragma once

// Private to crypto/: OpenSSL's algorithm objects, fetched once a process.

#include "sluice/crypto/hash.hpp"

#include <openssl/evp.h>

namespace sluice::crypto {

const EVP_MD* evp_of(hash_kind kind);

}  // namespace sluice::crypto
