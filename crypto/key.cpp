#include "sluice/crypto/key.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

constexpr std::array types{
    key_type{"ssh-ed25519", 1, parse_eddsa, generate_eddsa, read_eddsa, reread_eddsa,
             read_putty_eddsa, eddsa_from_openssl},
    key_type{"ssh-ed448", 1, parse_eddsa, generate_eddsa, read_eddsa, reread_eddsa,
             read_putty_eddsa, eddsa_from_openssl},
    key_type{"ecdsa-sha2-nistp256", 2, parse_ecdsa, generate_ecdsa, read_ecdsa, reread_ecdsa,
             read_putty_ecdsa, ecdsa_from_openssl},
    key_type{"ecdsa-sha2-nistp384", 2, parse_ecdsa, generate_ecdsa, read_ecdsa, reread_ecdsa,
             read_putty_ecdsa, ecdsa_from_openssl},
    key_type{"ecdsa-sha2-nistp521", 2, parse_ecdsa, generate_ecdsa, read_ecdsa, reread_ecdsa,
             read_putty_ecdsa, ecdsa_from_openssl},
    key_type{"sk-ssh-ed25519@openssh.com", 2, parse_sk, nullptr, nullptr, nullptr, nullptr,
             nullptr},
    key_type{"sk-ecdsa-sha2-nistp256@openssh.com", 3, parse_sk, nullptr, nullptr, nullptr, nullptr,
             nullptr},
    key_type{"ssh-rsa", 2, parse_rsa, generate_rsa, read_rsa, reread_rsa, read_putty_rsa,
             rsa_from_openssl},
};

bool fits(std::string_view algorithm, std::string_view type) {
    const signature_algorithm* known = find_signature_algorithm(algorithm);
    return known != nullptr && known->key_type == type && !known->certified();
}

constexpr std::string_view blanks = " \t\r\n";

}  // namespace

std::span<const key_type> key_types() { return types; }

const key_type* find_key_type(std::string_view name) {
    const auto found = std::ranges::find(types, name, &key_type::name);
    return found == types.end() ? nullptr : &*found;
}

// --- public keys ------------------------------------------------------------------------------

result<public_key> public_key::from_blob(bytes_view blob) {
    if (blob.size() > limits::public_key_blob_length_max) return errc::too_long;
    wire::reader r(blob);
    std::string_view name;
    r.read(name);
    if (r.error()) return r.error();
    const key_type* type = find_key_type(name);
    if (type == nullptr) return errc::unknown_key_type;
    auto impl = type->parse(type->name, blob);
    if (!impl) return impl.error();
    return public_key(std::move(*impl));
}

result<key_line> split_key_line(std::string_view line) {
    const auto next_word = [&line] {
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        const std::string_view word = line.substr(0, line.find_first_of(blanks));
        line.remove_prefix(word.size());
        return word;
    };
    const std::string_view name = next_word();
    const std::string_view text = next_word();
    if (name.empty() || text.empty()) return errc::bad_key_file;
    if (text.size() / 4 * 3 > limits::public_key_blob_length_max + 2) return errc::too_long;
    auto blob = from_base64(text);
    if (!blob) return errc::bad_key_file;
    return key_line{name, std::move(*blob)};
}

result<public_key> public_key::from_line(std::string_view line) {
    const auto parts = split_key_line(line);
    if (!parts) return parts.error();
    auto key = from_blob(parts->blob);
    if (key && key->type() != parts->type) return errc::bad_key_file;
    return key;
}

const bytes& public_key::blob() const { return impl_->blob(); }
std::string_view public_key::type() const { return impl_->type(); }
unsigned public_key::bits() const { return impl_->bits(); }

std::string public_key::fingerprint() const {
    std::array<std::uint8_t, 32> digest{};
    expects(EVP_Digest(blob().data(), blob().size(), digest.data(), nullptr, EVP_sha256(),
                       nullptr) == 1);
    std::string text = "SHA256:" + to_base64(digest);
    text.resize(text.find('='));
    return text;
}

std::string public_key::line() const { return std::string(type()) + ' ' + to_base64(blob()); }

result<> public_key::verify(std::string_view algorithm, bytes_view data,
                            bytes_view signature) const {
    const auto assertion = verify_assertion(algorithm, data, signature);
    if (!assertion) return assertion.error();
    if (*assertion && !(*assertion)->user_present) return errc::bad_signature;
    return {};
}

result<std::optional<sk_assertion>> public_key::verify_assertion(std::string_view algorithm,
                                                                 bytes_view data,
                                                                 bytes_view signature) const {
    if (!fits(algorithm, type())) return errc::unknown_key_type;
    if (signature.size() > limits::signature_length_max) return errc::bad_signature;
    wire::reader r(signature);
    std::string_view name;
    bytes_view content;
    r.read(name);
    r.read(content);
    if (r.error() || name != algorithm) return errc::bad_signature;
    auto assertion = impl_->verify(algorithm, data, content, r);
    if (!assertion || r.error() || !r.at_end()) return errc::bad_signature;
    return assertion;
}

bool public_key::is_security_key() const { return find_key_type(type())->generate == nullptr; }

// --- private keys -----------------------------------------------------------------------------

result<private_key> private_key::generate(std::string_view type, unsigned bits) {
    const key_type* known = find_key_type(type);
    if (known == nullptr || known->generate == nullptr) return errc::unknown_key_type;
    auto impl = known->generate(known->name, bits);
    if (!impl) return impl.error();
    return private_key(std::move(*impl));
}

const public_key& private_key::public_half() const { return impl_->public_half(); }

result<bytes> private_key::sign(std::string_view algorithm, bytes_view data) const {
    if (!fits(algorithm, public_half().type())) return errc::unknown_key_type;
    const auto content = impl_->sign(algorithm, data);
    if (!content) return content.error();
    bytes blob;
    wire::writer w(blob);
    w.write(algorithm);
    w.write(bytes_view(*content));
    return blob;
}

// --- OpenSSL ----------------------------------------------------------------------------------

result<bytes> openssl_sign(EVP_PKEY* key, const EVP_MD* digest, bytes_view data) {
    const evp_md_ctx context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, data.data(), data.size()) != 1)
        return openssl_failure();
    bytes signature(size);
    if (EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) != 1)
        return openssl_failure();
    signature.resize(size);
    return signature;
}

bool openssl_verify(EVP_PKEY* key, const EVP_MD* digest, bytes_view data, bytes_view signature) {
    const evp_md_ctx context(EVP_MD_CTX_new());
    const bool good = context &&
                      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
                      EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                       data.data(), data.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

bignum secret_number(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return nullptr;
    const bignum owner(number);
    bignum copy(BN_secure_new());
    if (copy && BN_copy(copy.get(), number) == nullptr) return nullptr;
    if (copy) BN_set_flags(copy.get(), BN_FLG_CONSTTIME);
    return copy;
}

bignum secret_number(bytes_view magnitude) {
    bignum number(BN_secure_new());
    if (!number ||
        BN_bin2bn(magnitude.data(), static_cast<int>(magnitude.size()), number.get()) == nullptr)
        return nullptr;
    BN_set_flags(number.get(), BN_FLG_CONSTTIME);
    return number;
}

evp_pkey build_pkey(const char* type, int selection, OSSL_PARAM_BLD* builder) {
    using params = openssl_ptr<OSSL_PARAM, OSSL_PARAM_free>;
    const params list(OSSL_PARAM_BLD_to_param(builder));
    return build_pkey(type, selection, list.get());
}

evp_pkey build_pkey(const char* type, int selection, OSSL_PARAM* params) {
    const evp_pkey_ctx context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (params == nullptr || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, selection, params) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return evp_pkey(key);
}

}  // namespace sluice::crypto
