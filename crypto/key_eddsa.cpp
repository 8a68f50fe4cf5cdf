// ssh-ed25519 (RFC 8709, RFC 8032).

#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <array>

namespace sluice::crypto {
namespace {

constexpr std::size_t key_size = 32;  // public key, and seed of the private one
constexpr std::size_t signature_size = 64;

class eddsa_public_key final : public public_key_impl {
public:
    eddsa_public_key(std::string_view name, bytes_view blob, evp_pkey key)
        : name_(name), blob_(to_bytes(blob)), key_(std::move(key)) {}

    const bytes& blob() const override { return blob_; }
    std::string_view type() const override { return name_; }
    unsigned bits() const override { return 256; }

    result<> verify(std::string_view, bytes_view data, bytes_view signature) const override {
        if (signature.size() != signature_size ||
            !openssl_verify(key_.get(), nullptr, data, signature))
            return errc::bad_signature;
        return {};
    }

private:
    std::string_view name_;
    bytes blob_;
    evp_pkey key_;
};

class eddsa_private_key final : public private_key_impl {
public:
    eddsa_private_key(evp_pkey key, public_key public_half)
        : key_(std::move(key)), public_half_(std::move(public_half)) {}

    const public_key& public_half() const override { return public_half_; }

    result<bytes> sign(std::string_view, bytes_view data) const override {
        return openssl_sign(key_.get(), nullptr, data);
    }

    // string public, string seed || public (OpenSSH's agent encoding).
    result<> write_fields(wire::writer& out) const override {
        secret_bytes pair(2 * key_size);
        std::size_t size = key_size;
        if (EVP_PKEY_get_raw_private_key(key_.get(), pair.data(), &size) != 1)
            return openssl_failure();
        const bytes_view point = bytes_view(public_half_.blob()).last(key_size);
        std::copy(point.begin(), point.end(), pair.data() + key_size);
        out.write(point);
        out.write(pair.view());
        return {};
    }

private:
    evp_pkey key_;
    public_key public_half_;
};

result<private_key_ptr> from_pkey(std::string_view name, evp_pkey key) {
    std::array<std::uint8_t, key_size> point{};
    std::size_t size = point.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), point.data(), &size) != 1)
        return openssl_failure(errc::bad_key);
    bytes blob;
    wire::writer w(blob);
    w.write(name);
    w.write(bytes_view(point));
    auto public_half = public_key::from_blob(blob);
    if (!public_half) return public_half.error();
    return std::make_shared<eddsa_private_key>(std::move(key), std::move(*public_half));
}

}  // namespace

result<public_key_ptr> parse_eddsa(std::string_view name, bytes_view blob) {
    wire::reader r(blob);
    std::string_view type;
    bytes_view point;
    r.read(type);
    r.read(point);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (point.size() != key_size) return errc::bad_key;
    evp_pkey key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()));
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<eddsa_public_key>(name, blob, std::move(key));
}

result<private_key_ptr> generate_eddsa(std::string_view name, unsigned) {
    evp_pkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) return openssl_failure();
    return from_pkey(name, std::move(key));
}

result<private_key_ptr> read_eddsa(std::string_view name, wire::reader& in) {
    bytes_view point;
    bytes_view pair;
    in.read(point);
    in.read(pair);
    if (in.error()) return in.error();
    if (point.size() != key_size || pair.size() != 2 * key_size) return errc::bad_key;
    auto key = from_pkey(name, evp_pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                                     pair.data(), key_size)));
    if (!key) return key;
    // The public key stands in the file twice and follows from the seed: all three must agree, or
    // signing with a wrong one would give the seed away.
    const bytes_view computed = bytes_view((*key)->public_half().blob()).last(key_size);
    if (!std::ranges::equal(computed, point) || !std::ranges::equal(computed, pair.last(key_size)))
        return errc::bad_key;
    return key;
}

result<private_key_ptr> eddsa_from_openssl(std::string_view name, EVP_PKEY* key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) return private_key_ptr();
    expects(EVP_PKEY_up_ref(key) == 1);
    return from_pkey(name, evp_pkey(key));
}

}  // namespace sluice::crypto
