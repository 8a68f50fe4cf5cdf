#include "sluice/crypto/sha3.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

namespace sluice::crypto {
namespace {

const EVP_MD* evp_of(sha3_kind kind) {
    static const EVP_MD* const sha3_256 = EVP_MD_fetch(nullptr, "SHA3-256", nullptr);
    static const EVP_MD* const sha3_512 = EVP_MD_fetch(nullptr, "SHA3-512", nullptr);
    static const EVP_MD* const shake128 = EVP_MD_fetch(nullptr, "SHAKE-128", nullptr);
    static const EVP_MD* const shake256 = EVP_MD_fetch(nullptr, "SHAKE-256", nullptr);
    switch (kind) {
    case sha3_kind::sha3_256: return sha3_256;
    case sha3_kind::sha3_512: return sha3_512;
    case sha3_kind::shake128: return shake128;
    case sha3_kind::shake256: return shake256;
    }
    unreachable();
}

}  // namespace

void sha3(sha3_kind kind, std::initializer_list<bytes_view> parts, mutable_bytes_view out) {
    const evp_md_ctx context(EVP_MD_CTX_new());
    expects(context && EVP_DigestInit_ex2(context.get(), evp_of(kind), nullptr) == 1);
    for (const bytes_view part : parts)
        expects(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    if (kind == sha3_kind::shake128 || kind == sha3_kind::shake256) {
        expects(EVP_DigestFinalXOF(context.get(), out.data(), out.size()) == 1);
        return;
    }
    unsigned size = 0;
    expects(EVP_MD_CTX_get_size(context.get()) == static_cast<int>(out.size()) &&
            EVP_DigestFinal_ex(context.get(), out.data(), &size) == 1);
}

}  // namespace sluice::crypto
