#pragma once

// Private to crypto/: owners for OpenSSL's objects.

#include "sluice/wire/error.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

namespace sluice::crypto {

template <class T, void (*Free)(T*)>
struct openssl_deleter {
    void operator()(T* p) const { Free(p); }
};
template <class T, void (*Free)(T*)>
using openssl_ptr = std::unique_ptr<T, openssl_deleter<T, Free>>;

using evp_pkey = openssl_ptr<EVP_PKEY, EVP_PKEY_free>;
using evp_pkey_ctx = openssl_ptr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using evp_md_ctx = openssl_ptr<EVP_MD_CTX, EVP_MD_CTX_free>;
using evp_cipher_ctx = openssl_ptr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using evp_mac = openssl_ptr<EVP_MAC, EVP_MAC_free>;
using evp_mac_ctx = openssl_ptr<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using bignum = openssl_ptr<BIGNUM, BN_clear_free>;
using bn_ctx = openssl_ptr<BN_CTX, BN_CTX_free>;
using ec_group = openssl_ptr<EC_GROUP, EC_GROUP_free>;
using ec_point = openssl_ptr<EC_POINT, EC_POINT_clear_free>;

/// Empties OpenSSL's error queue, whose details no peer or log needs, and gives our error.
inline error_code openssl_failure(errc e = errc::crypto_failure) {
    ERR_clear_error();
    return e;
}

}  // namespace sluice::crypto
