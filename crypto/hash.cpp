#include "sluice/crypto/hash.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/crypto/openssl_algorithms.hpp"
#include "sluice/wire/expects.hpp"

namespace sluice::crypto {

const EVP_MD* evp_of(hash_kind kind) {
    // Fetched once: an implicit fetch costs a lock and a look-up each time.
    static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static const EVP_MD* const sha384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
    static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
    switch (kind) {
    case hash_kind::sha1: return sha1;
    case hash_kind::sha256: return sha256;
    case hash_kind::sha384: return sha384;
    case hash_kind::sha512: return sha512;
    }
    unreachable();
}

void hash::deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

hash::hash(hash_kind kind) : context_(EVP_MD_CTX_new()), kind_(kind) {
    expects(context_ && EVP_DigestInit_ex2(context_.get(), evp_of(kind), nullptr) == 1);
}

hash& hash::update(bytes_view data) {
    expects(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
    return *this;
}

void hash::finish(mutable_bytes_view out) {
    expects(out.size() >= hash_size(kind_));
    unsigned size = 0;
    expects(EVP_DigestFinal_ex(context_.get(), out.data(), &size) == 1);
}

bytes hash::finish() {
    bytes out(hash_size(kind_));
    finish(out);
    return out;
}

bytes digest(hash_kind kind, bytes_view data) { return hash(kind).update(data).finish(); }

}  // namespace sluice::crypto
