#include "sluice/crypto/key_file_pem.hpp"

#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

void free_bio(BIO* bio) { BIO_free(bio); }
using bio_ptr = openssl_ptr<BIO, free_bio>;
using pkcs8_info = openssl_ptr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using x509_sig = openssl_ptr<X509_SIG, X509_SIG_free>;
using pbe2_param = openssl_ptr<PBE2PARAM, PBE2PARAM_free>;
using x509_algor = openssl_ptr<X509_ALGOR, X509_ALGOR_free>;
using pbkdf2_param = openssl_ptr<PBKDF2PARAM, PBKDF2PARAM_free>;

// One PEM block, wiped when it goes.
struct pem_block {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    bool was_encrypted = false;

    pem_block() = default;
    pem_block(const pem_block&) = delete;
    pem_block& operator=(const pem_block&) = delete;
    ~pem_block() {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, capacity);
    }

    bool read(BIO* in) {
        if (PEM_read_bio(in, &name, &header, &data, &size) != 1) return false;
        capacity = static_cast<std::size_t>(size);
        return true;
    }

private:
    std::size_t capacity = 0;
};

int give_passphrase(char* out, int size, int, void* user) {
    const auto& passphrase = *static_cast<const std::string_view*>(user);
    if (passphrase.size() > static_cast<std::size_t>(size)) return -1;
    std::ranges::copy(passphrase, out);
    return static_cast<int>(passphrase.size());
}

// Undoes "Proc-Type: 4,ENCRYPTED" (RFC 1421 as OpenSSL uses it), if there is any.
result<> undo_old_encryption(pem_block& block, std::string_view passphrase) {
    EVP_CIPHER_INFO info{};
    if (PEM_get_EVP_CIPHER_INFO(block.header, &info) != 1)
        return openssl_failure(errc::bad_key_file);
    if (info.cipher == nullptr) return {};
    block.was_encrypted = true;
    if (passphrase.empty()) return errc::passphrase_required;
    if (PEM_do_header(&info, block.data, &block.size, give_passphrase, &passphrase) != 1)
        return openssl_failure(errc::wrong_passphrase);
    return {};
}

// A file may not ask for hours of hashing. Only PBES2 with PBKDF2: scrypt's cost has other measures
// and the older schemes are weak.
bool cost_is_bearable(const X509_SIG* sealed, std::uint32_t rounds_max) {
    const X509_ALGOR* scheme = nullptr;
    X509_SIG_get0(sealed, &scheme, nullptr);
    if (OBJ_obj2nid(scheme->algorithm) != NID_pbes2) return false;
    const pbe2_param outer(static_cast<PBE2PARAM*>(
        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), scheme->parameter)));
    if (!outer || OBJ_obj2nid(outer->keyfunc->algorithm) != NID_id_pbkdf2) return false;
    const pbkdf2_param inner(static_cast<PBKDF2PARAM*>(
        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), outer->keyfunc->parameter)));
    if (!inner) return false;
    const long rounds = ASN1_INTEGER_get(inner->iter);
    return rounds > 0 && static_cast<unsigned long>(rounds) <= rounds_max;
}

result<evp_pkey> open_pkcs8(const pem_block& block, std::string_view passphrase,
                            const key_file_costs& costs) {
    const unsigned char* in = block.data;
    const x509_sig sealed(d2i_X509_SIG(nullptr, &in, block.size));
    if (!sealed || !cost_is_bearable(sealed.get(), costs.pbkdf2_rounds_max))
        return openssl_failure(errc::bad_key_file);
    if (passphrase.empty()) return errc::passphrase_required;
    const pkcs8_info info(
        PKCS8_decrypt(sealed.get(), passphrase.data(), static_cast<int>(passphrase.size())));
    evp_pkey key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
    if (!key) return openssl_failure(errc::wrong_passphrase);
    return key;
}

result<evp_pkey> decode(const pem_block& block) {
    const std::string_view name = block.name;
    const unsigned char* in = block.data;
    evp_pkey key;
    if (name == "RSA PRIVATE KEY")
        key.reset(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &in, block.size));
    else if (name == "EC PRIVATE KEY")
        key.reset(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &in, block.size));
    else if (name == "PRIVATE KEY") {
        const pkcs8_info info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &in, block.size));
        if (info) key.reset(EVP_PKCS82PKEY(info.get()));
    } else if (name == "DSA PRIVATE KEY")
        return errc::unknown_key_type;
    if (!key) return openssl_failure(errc::bad_key_file);
    return key;
}

result<private_key> convert(EVP_PKEY* key) {
    for (const key_type& type : key_types()) {
        if (type.from_openssl == nullptr) continue;
        auto impl = type.from_openssl(type.name, key);
        if (!impl) return impl.error();
        if (*impl) return private_key_access::make(std::move(*impl));
    }
    return errc::unknown_key_type;
}

// --- writing ----------------------------------------------------------------------------------

constexpr std::size_t line_length = 64;  // RFC 7468 §2

// PBES2 with PBKDF2 over HMAC-SHA-256 and AES-256-CBC.
x509_sig seal(PKCS8_PRIV_KEY_INFO* info, const pkcs8_options& options, random_source& random) {
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 16> iv{};
    random.fill(salt);
    random.fill(iv);
    x509_algor scheme(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), static_cast<int>(options.rounds),
                                        salt.data(), static_cast<int>(salt.size()), iv.data(),
                                        NID_hmacWithSHA256));
    if (!scheme) return nullptr;
    x509_sig sealed(PKCS8_set0_pbe(options.passphrase.data(),
                                   static_cast<int>(options.passphrase.size()), info,
                                   scheme.get()));
    if (sealed) scheme.release();  // sealed owns it now
    return sealed;
}

}  // namespace

result<private_key> read_pem_private_key(std::string_view text, std::string_view passphrase,
                                         const key_file_costs& costs) {
    const bio_ptr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    // openssl ecparam -genkey writes the curve first; the key names it again.
    pem_block parameters;
    pem_block block;
    const bool parameters_first = text.starts_with("-----BEGIN EC PARAMETERS-----");
    if (!in || (parameters_first && !parameters.read(in.get())) || !block.read(in.get()))
        return openssl_failure(errc::bad_key_file);

    if (std::string_view(block.name) == "ENCRYPTED PRIVATE KEY") {
        auto key = open_pkcs8(block, passphrase, costs);
        if (!key) return key.error();
        return convert(key->get());
    }
    const auto undone = undo_old_encryption(block, passphrase);
    if (!undone) return undone.error();
    auto key = decode(block);
    if (key) return convert(key->get());
    // A wrong passphrase can leave bytes that look padded well and are no key.
    if (block.was_encrypted && key.error() == errc::bad_key_file) return errc::wrong_passphrase;
    return key.error();
}

result<std::string> write_pkcs8(const private_key& key, const pkcs8_options& options,
                                random_source& random) {
    if (options.rounds == 0 || options.rounds > limits::pbkdf2_rounds_max ||
        options.passphrase.size() > limits::password_length_max)
        return errc::bad_value;
    EVP_PKEY* const parts = private_key_access::parts(key).openssl_key();
    if (parts == nullptr) return errc::bad_value;
    const pkcs8_info info(EVP_PKEY2PKCS8(parts));
    if (!info) return openssl_failure();
    const bool encrypted = !options.passphrase.empty();
    const x509_sig sealed = encrypted ? seal(info.get(), options, random) : nullptr;
    if (encrypted && !sealed) return openssl_failure();
    const int size = encrypted ? i2d_X509_SIG(sealed.get(), nullptr)
                               : i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
    if (size <= 0) return openssl_failure();
    secret_bytes der(static_cast<std::size_t>(size));
    std::uint8_t* out = der.data();
    if (encrypted) {
        i2d_X509_SIG(sealed.get(), &out);
        return armoured("-----BEGIN ENCRYPTED PRIVATE KEY-----", der,
                        "-----END ENCRYPTED PRIVATE KEY-----", line_length);
    }
    i2d_PKCS8_PRIV_KEY_INFO(info.get(), &out);
    return armoured("-----BEGIN PRIVATE KEY-----", der, "-----END PRIVATE KEY-----", line_length);
}

}  // namespace sluice::crypto
