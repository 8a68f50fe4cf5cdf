#include "sluice/crypto/hmac.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

namespace sluice::crypto {
namespace {

const char* name_of(hash_kind kind) {
    switch (kind) {
    case hash_kind::sha1: return "SHA1";
    case hash_kind::sha256: return "SHA256";
    case hash_kind::sha384: return "SHA384";
    case hash_kind::sha512: return "SHA512";
    }
    unreachable();
}

}  // namespace

void hmac::deleter::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

hmac::hmac(hash_kind kind, bytes_view key) : kind_(kind) {
    static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    context_.reset(EVP_MAC_CTX_new(algorithm));
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(name_of(kind)),
                                         0),
        OSSL_PARAM_construct_end()};
    // An empty key must still be a key, not "keep the old one".
    static const std::uint8_t none = 0;
    expects(context_ && EVP_MAC_init(context_.get(), key.empty() ? &none : key.data(), key.size(),
                                     parameters) == 1);
}

void hmac::begin() { expects(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1); }

void hmac::update(bytes_view data) {
    expects(EVP_MAC_update(context_.get(), data.data(), data.size()) == 1);
}

void hmac::finish(mutable_bytes_view out) {
    std::size_t size = 0;
    expects(EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1);
}

}  // namespace sluice::crypto
