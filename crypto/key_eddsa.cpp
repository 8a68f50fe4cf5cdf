// ssh-ed25519 and ssh-ed448 (RFC 8709, RFC 8032).

#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

struct eddsa_curve {
    std::string_view type;       // of the key, and name of the signature
    const char* name;            // OpenSSL's name
    int id;                      // and number
    std::size_t key_size;        // bytes: public key, and seed of the private one
    std::size_t signature_size;  // bytes
    unsigned bits;
};

constexpr std::array curves{
    eddsa_curve{"ssh-ed25519", "ED25519", EVP_PKEY_ED25519, 32, 64, 256},
    eddsa_curve{"ssh-ed448", "ED448", EVP_PKEY_ED448, 57, 114, 448},
};

constexpr std::size_t key_size_max = 57;

const eddsa_curve& curve_of(std::string_view type) {
    const auto found = std::ranges::find(curves, type, &eddsa_curve::type);
    expects(found != curves.end());
    return *found;
}

class eddsa_public_key final : public public_key_impl {
public:
    eddsa_public_key(const eddsa_curve& curve, bytes_view blob, evp_pkey key)
        : curve_(curve), blob_(to_bytes(blob)), key_(std::move(key)) {}

    const bytes& blob() const override { return blob_; }
    std::string_view type() const override { return curve_.type; }
    unsigned bits() const override { return curve_.bits; }

    result<std::optional<sk_assertion>> verify(std::string_view, bytes_view data,
                                               bytes_view signature, wire::reader&) const override {
        if (signature.size() != curve_.signature_size ||
            !openssl_verify(key_.get(), nullptr, data, signature))
            return errc::bad_signature;
        return {};
    }

private:
    const eddsa_curve& curve_;
    bytes blob_;
    evp_pkey key_;
};

class eddsa_private_key final : public private_key_impl {
public:
    eddsa_private_key(const eddsa_curve& curve, evp_pkey key, public_key public_half)
        : curve_(curve), key_(std::move(key)), public_half_(std::move(public_half)) {}

    const public_key& public_half() const override { return public_half_; }

    result<bytes> sign(std::string_view, bytes_view data) const override {
        return openssl_sign(key_.get(), nullptr, data);
    }

    // string public, string seed || public (OpenSSH's agent encoding; PuTTY does so for Ed448 too).
    result<> write_fields(wire::writer& out) const override {
        secret_bytes pair(2 * curve_.key_size);
        std::size_t size = curve_.key_size;
        // Not EVP_PKEY_get_raw_private_key, which leaves a copy in memory that it frees.
        if (EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, pair.data(), size,
                                            &size) != 1)
            return openssl_failure();
        const bytes_view point = bytes_view(public_half_.blob()).last(curve_.key_size);
        std::copy(point.begin(), point.end(), pair.data() + curve_.key_size);
        out.write(point);
        out.write(pair.view());
        return {};
    }

    EVP_PKEY* openssl_key() const override { return key_.get(); }

private:
    const eddsa_curve& curve_;
    evp_pkey key_;
    public_key public_half_;
};

// Those of an openssh-key-v1 file.
struct eddsa_fields {
    bytes_view point;
    bytes_view pair;  // seed || point

    static result<eddsa_fields> read(const eddsa_curve& curve, wire::reader& in) {
        eddsa_fields f;
        in.read(f.point);
        in.read(f.pair);
        if (in.error()) return in.error();
        if (f.point.size() != curve.key_size || f.pair.size() != 2 * curve.key_size)
            return errc::bad_key;
        return f;
    }

    bytes_view seed() const { return pair.first(point.size()); }
};

result<private_key_ptr> from_pkey(const eddsa_curve& curve, evp_pkey key) {
    std::array<std::uint8_t, key_size_max> point{};
    std::size_t size = point.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), point.data(), &size) != 1)
        return openssl_failure(errc::bad_key);
    bytes blob;
    wire::writer w(blob);
    w.write(curve.type);
    w.write(bytes_view(point).first(size));
    auto public_half = public_key::from_blob(blob);
    if (!public_half) return public_half.error();
    return std::make_shared<eddsa_private_key>(curve, std::move(key), std::move(*public_half));
}

}  // namespace

result<public_key_ptr> parse_eddsa(std::string_view name, bytes_view blob) {
    const eddsa_curve& curve = curve_of(name);
    wire::reader r(blob);
    std::string_view type;
    bytes_view point;
    r.read(type);
    r.read(point);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (point.size() != curve.key_size) return errc::bad_key;
    evp_pkey key(EVP_PKEY_new_raw_public_key(curve.id, nullptr, point.data(), point.size()));
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<eddsa_public_key>(curve, blob, std::move(key));
}

result<private_key_ptr> generate_eddsa(std::string_view name, unsigned) {
    const eddsa_curve& curve = curve_of(name);
    evp_pkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, curve.name));
    if (!key) return openssl_failure();
    return from_pkey(curve, std::move(key));
}

result<private_key_ptr> read_eddsa(std::string_view name, wire::reader& in) {
    const eddsa_curve& curve = curve_of(name);
    const auto fields = eddsa_fields::read(curve, in);
    if (!fields) return fields.error();
    auto key = from_pkey(curve, evp_pkey(EVP_PKEY_new_raw_private_key(
                                    curve.id, nullptr, fields->seed().data(), curve.key_size)));
    if (!key) return key;
    // The public key stands in the file twice and follows from the seed: all three must agree, or
    // signing with a wrong one would give the seed away.
    const bytes_view computed = bytes_view((*key)->public_half().blob()).last(curve.key_size);
    if (!std::ranges::equal(computed, fields->point) ||
        !std::ranges::equal(computed, fields->pair.last(curve.key_size)))
        return errc::bad_key;
    return key;
}

result<private_key_ptr> reread_eddsa(const public_key& public_half, wire::reader& in) {
    const eddsa_curve& curve = curve_of(public_half.type());
    const auto fields = eddsa_fields::read(curve, in);
    if (!fields) return fields.error();
    // With the point given, OpenSSL does not compute it from the seed.
    const auto param = [](const char* name, bytes_view value) {
        return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                                 value.size());
    };
    std::array params{param(OSSL_PKEY_PARAM_PUB_KEY, fields->point),
                      param(OSSL_PKEY_PARAM_PRIV_KEY, fields->seed()), OSSL_PARAM_construct_end()};
    evp_pkey key = build_pkey(curve.name, EVP_PKEY_KEYPAIR, params.data());
    if (!key) return errc::bad_key;
    return std::make_shared<eddsa_private_key>(curve, std::move(key), public_half);
}

// string seed
result<private_key_ptr> read_putty_eddsa(std::string_view name, bytes_view, wire::reader& in) {
    const eddsa_curve& curve = curve_of(name);
    bytes_view seed;
    in.read(seed);
    if (in.error()) return in.error();
    if (seed.size() != curve.key_size) return errc::bad_key;
    return from_pkey(
        curve, evp_pkey(EVP_PKEY_new_raw_private_key(curve.id, nullptr, seed.data(), seed.size())));
}

result<private_key_ptr> eddsa_from_openssl(std::string_view name, EVP_PKEY* key) {
    const eddsa_curve& curve = curve_of(name);
    if (EVP_PKEY_get_base_id(key) != curve.id) return private_key_ptr();
    expects(EVP_PKEY_up_ref(key) == 1);
    return from_pkey(curve, evp_pkey(key));
}

}  // namespace sluice::crypto
