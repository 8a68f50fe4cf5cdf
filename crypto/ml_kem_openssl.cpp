#include "sluice/crypto/ml_kem_impl.hpp"
#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#include <openssl/core_names.h>
#include <openssl/params.h>
#endif

namespace sluice::crypto {

#if OPENSSL_VERSION_NUMBER >= 0x30500000L

namespace {

using evp_kem = openssl_ptr<EVP_KEM, EVP_KEM_free>;

const char* name_of(ml_kem_set set) {
    return set == ml_kem_set::ml_kem_768 ? "ML-KEM-768" : "ML-KEM-1024";
}

// OpenSSL takes parameters as pointers to what it does not change.
OSSL_PARAM octets(const char* name, bytes_view value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                             value.size());
}

kem_keys generate(ml_kem_set set, bytes_view seed) {
    const evp_pkey_ctx context(EVP_PKEY_CTX_new_from_name(nullptr, name_of(set), nullptr));
    const OSSL_PARAM parameters[] = {octets(OSSL_PKEY_PARAM_ML_KEM_SEED, seed),
                                     OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    expects(context && EVP_PKEY_keygen_init(context.get()) == 1 &&
            EVP_PKEY_CTX_set_params(context.get(), parameters) == 1 &&
            EVP_PKEY_generate(context.get(), &made) == 1);
    const evp_pkey pair(made);
    kem_keys keys{bytes(sizes_of(set).encapsulation_key),
                  secret_bytes(sizes_of(set).decapsulation_key)};
    std::size_t ek_size = keys.encapsulation_key.size();
    std::size_t dk_size = keys.decapsulation_key.size();
    expects(EVP_PKEY_get_raw_public_key(pair.get(), keys.encapsulation_key.data(), &ek_size) == 1 &&
            EVP_PKEY_get_raw_private_key(pair.get(), keys.decapsulation_key.data(), &dk_size) ==
                1 &&
            ek_size == keys.encapsulation_key.size() && dk_size == keys.decapsulation_key.size());
    return keys;
}

result<kem_encapsulation> encapsulate(ml_kem_set set, bytes_view key, bytes_view message) {
    // Makes the check of FIPS 203 §7.2.
    const evp_pkey peer(
        EVP_PKEY_new_raw_public_key_ex(nullptr, name_of(set), nullptr, key.data(), key.size()));
    if (!peer) return openssl_failure(errc::bad_public_value);
    const evp_pkey_ctx context(EVP_PKEY_CTX_new_from_pkey(nullptr, peer.get(), nullptr));
    const OSSL_PARAM parameters[] = {octets(OSSL_KEM_PARAM_IKME, message),
                                     OSSL_PARAM_construct_end()};
    kem_encapsulation made{bytes(sizes_of(set).ciphertext),
                           secret_bytes(ml_kem_shared_secret_size)};
    std::size_t ciphertext_size = made.ciphertext.size();
    std::size_t secret_size = made.shared_secret.size();
    if (!context || EVP_PKEY_encapsulate_init(context.get(), parameters) != 1 ||
        EVP_PKEY_encapsulate(context.get(), made.ciphertext.data(), &ciphertext_size,
                             made.shared_secret.data(), &secret_size) != 1)
        return openssl_failure();
    expects(ciphertext_size == made.ciphertext.size() && secret_size == made.shared_secret.size());
    return made;
}

result<secret_bytes> decapsulate(ml_kem_set set, bytes_view key, bytes_view ciphertext) {
    // Makes the check of FIPS 203 §7.3.
    const evp_pkey own(
        EVP_PKEY_new_raw_private_key_ex(nullptr, name_of(set), nullptr, key.data(), key.size()));
    if (!own) return openssl_failure(errc::bad_key);
    const evp_pkey_ctx context(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
    secret_bytes secret(ml_kem_shared_secret_size);
    std::size_t size = secret.size();
    if (!context || EVP_PKEY_decapsulate_init(context.get(), nullptr) != 1 ||
        EVP_PKEY_decapsulate(context.get(), secret.data(), &size, ciphertext.data(),
                             ciphertext.size()) != 1)
        return openssl_failure();
    expects(size == secret.size());
    return secret;
}

constexpr ml_kem_implementation functions{generate, encapsulate, decapsulate};

}  // namespace

const ml_kem_implementation* ml_kem_of_openssl() {
    for (const auto set : {ml_kem_set::ml_kem_768, ml_kem_set::ml_kem_1024})
        if (!evp_kem(EVP_KEM_fetch(nullptr, name_of(set), nullptr))) {
            ERR_clear_error();
            return nullptr;
        }
    return &functions;
}

#else

const ml_kem_implementation* ml_kem_of_openssl() { return nullptr; }

#endif

}  // namespace sluice::crypto
