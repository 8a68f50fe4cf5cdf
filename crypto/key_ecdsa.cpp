// ecdsa-sha2-nistp256, -nistp384 and -nistp521 (RFC 5656 §3).

#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <string>

namespace sluice::crypto {
namespace {

using ecdsa_sig = openssl_ptr<ECDSA_SIG, ECDSA_SIG_free>;

struct ecdsa_curve {
    std::string_view type;        // of the key, and name of the signature
    std::string_view identifier;  // in the blob, RFC 5656 §10.1
    const char* group;            // OpenSSL's name
    int nid;
    std::size_t field_size;  // bytes
    unsigned bits;
    const EVP_MD* (*digest)();  // RFC 5656 §6.2.1
};

constexpr std::array curves{
    ecdsa_curve{"ecdsa-sha2-nistp256", "nistp256", SN_X9_62_prime256v1, NID_X9_62_prime256v1, 32,
                256, EVP_sha256},
    ecdsa_curve{"ecdsa-sha2-nistp384", "nistp384", SN_secp384r1, NID_secp384r1, 48, 384,
                EVP_sha384},
    ecdsa_curve{"ecdsa-sha2-nistp521", "nistp521", SN_secp521r1, NID_secp521r1, 66, 521,
                EVP_sha512},
};

const ecdsa_curve& curve_of(std::string_view type) {
    const auto found = std::ranges::find(curves, type, &ecdsa_curve::type);
    expects(found != curves.end());
    return *found;
}

// `point` uncompressed; `scalar` null for a public key. Null when OpenSSL refuses, which it does
// for points off the curve.
evp_pkey make_pkey(const ecdsa_curve& curve, bytes_view point, const BIGNUM* scalar) {
    const param_builder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group,
                                        0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1 ||
        (scalar != nullptr &&
         OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) != 1))
        return nullptr;
    return build_pkey("EC", scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                      builder.get());
}

// RFC 5656 §3.1 also names the compressed form, which nobody sends and OpenSSH refuses too.
bool is_uncompressed(const ecdsa_curve& curve, bytes_view point) {
    return point.size() == 1 + 2 * curve.field_size &&
           point.front() == POINT_CONVERSION_UNCOMPRESSED;
}

class ecdsa_public_key final : public public_key_impl {
public:
    ecdsa_public_key(const ecdsa_curve& curve, bytes_view blob, evp_pkey key)
        : curve_(curve), blob_(to_bytes(blob)), key_(std::move(key)) {}

    const bytes& blob() const override { return blob_; }
    std::string_view type() const override { return curve_.type; }
    unsigned bits() const override { return curve_.bits; }

    result<std::optional<sk_assertion>> verify(std::string_view, bytes_view data,
                                               bytes_view signature, wire::reader&) const override {
        wire::reader reader(signature);
        wire::mpint r;
        wire::mpint s;
        reader.read(r);
        reader.read(s);
        if (reader.error() || !reader.at_end() || r.magnitude.size() > curve_.field_size ||
            s.magnitude.size() > curve_.field_size)
            return errc::bad_signature;
        const bytes der = to_der(r, s);
        if (der.empty() || !openssl_verify(key_.get(), curve_.digest(), data, der))
            return errc::bad_signature;
        return {};
    }

private:
    static bytes to_der(wire::mpint r, wire::mpint s) {
        const ecdsa_sig pair(ECDSA_SIG_new());
        bignum number_r(
            BN_bin2bn(r.magnitude.data(), static_cast<int>(r.magnitude.size()), nullptr));
        bignum number_s(
            BN_bin2bn(s.magnitude.data(), static_cast<int>(s.magnitude.size()), nullptr));
        if (!pair || !number_r || !number_s ||
            ECDSA_SIG_set0(pair.get(), number_r.get(), number_s.get()) != 1)
            return {};
        number_r.release();  // pair owns them now
        number_s.release();
        const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
        if (size <= 0) return {};
        bytes der(static_cast<std::size_t>(size));
        std::uint8_t* out = der.data();
        i2d_ECDSA_SIG(pair.get(), &out);
        return der;
    }

    const ecdsa_curve& curve_;
    bytes blob_;
    evp_pkey key_;
};

class ecdsa_private_key final : public private_key_impl {
public:
    ecdsa_private_key(const ecdsa_curve& curve, evp_pkey key, public_key public_half)
        : curve_(curve), key_(std::move(key)), public_half_(std::move(public_half)) {}

    const public_key& public_half() const override { return public_half_; }

    result<bytes> sign(std::string_view, bytes_view data) const override {
        const auto der = openssl_sign(key_.get(), curve_.digest(), data);
        if (!der) return der.error();
        const std::uint8_t* in = der->data();
        const ecdsa_sig pair(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der->size())));
        if (!pair) return openssl_failure();
        bytes signature;
        wire::writer w(signature);
        for (const BIGNUM* number : {ECDSA_SIG_get0_r(pair.get()), ECDSA_SIG_get0_s(pair.get())}) {
            bytes magnitude(static_cast<std::size_t>(BN_num_bytes(number)));
            BN_bn2bin(number, magnitude.data());
            w.write(wire::mpint{magnitude});
        }
        return signature;
    }

    // string curve, string Q, mpint d.
    result<> write_fields(wire::writer& out) const override {
        const bignum scalar = secret_number(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY);
        secret_bytes magnitude(curve_.field_size);
        if (!scalar ||
            BN_bn2binpad(scalar.get(), magnitude.data(), static_cast<int>(magnitude.size())) < 0)
            return openssl_failure();
        out.write(curve_.identifier);
        out.write(bytes_view(public_half_.blob()).last(1 + 2 * curve_.field_size));
        out.write(wire::mpint::of(magnitude));
        return {};
    }

    EVP_PKEY* openssl_key() const override { return key_.get(); }

private:
    const ecdsa_curve& curve_;
    evp_pkey key_;
    public_key public_half_;
};

// Those of an openssh-key-v1 file.
struct ecdsa_fields {
    bytes_view point;
    bignum scalar;

    static result<ecdsa_fields> read(const ecdsa_curve& curve, wire::reader& in) {
        std::string_view identifier;
        bytes_view point;
        wire::mpint scalar;
        in.read(identifier);
        in.read(point);
        in.read(scalar);
        if (in.error()) return in.error();
        if (identifier != curve.identifier || !is_uncompressed(curve, point) ||
            scalar.magnitude.size() > curve.field_size)
            return errc::bad_key;
        bignum number = secret_number(scalar.magnitude);
        if (!number) return openssl_failure();
        return ecdsa_fields{point, std::move(number)};
    }
};

result<private_key_ptr> assemble(const ecdsa_curve& curve, bytes_view point, evp_pkey key) {
    bytes blob;
    wire::writer w(blob);
    w.write(curve.type);
    w.write(curve.identifier);
    w.write(point);
    auto public_half = public_key::from_blob(blob);
    if (!public_half) return public_half.error();
    return std::make_shared<ecdsa_private_key>(curve, std::move(key), std::move(*public_half));
}

// Checks 1 <= scalar < order and that the point belongs to it, then makes the key. An empty point
// is computed.
result<private_key_ptr> from_scalar(const ecdsa_curve& curve, bytes_view point,
                                    const BIGNUM* scalar) {
    const ec_group group(EC_GROUP_new_by_curve_name(curve.nid));
    const bn_ctx context(BN_CTX_secure_new());
    if (!group || !context) return openssl_failure();
    if (BN_is_zero(scalar) || BN_is_negative(scalar) ||
        BN_cmp(scalar, EC_GROUP_get0_order(group.get())) >= 0)
        return errc::bad_key;
    const ec_point computed(EC_POINT_new(group.get()));
    bytes encoded(1 + 2 * curve.field_size);
    if (!computed ||
        EC_POINT_mul(group.get(), computed.get(), scalar, nullptr, nullptr, context.get()) != 1 ||
        EC_POINT_point2oct(group.get(), computed.get(), POINT_CONVERSION_UNCOMPRESSED,
                           encoded.data(), encoded.size(), context.get()) != encoded.size())
        return openssl_failure();
    if (!point.empty() && !std::ranges::equal(point, encoded)) return errc::bad_key;
    evp_pkey key = make_pkey(curve, encoded, scalar);
    if (!key) return openssl_failure(errc::bad_key);
    return assemble(curve, encoded, std::move(key));
}

}  // namespace

result<public_key_ptr> parse_ecdsa(std::string_view name, bytes_view blob) {
    const ecdsa_curve& curve = curve_of(name);
    wire::reader r(blob);
    std::string_view type;
    std::string_view identifier;
    bytes_view point;
    r.read(type);
    r.read(identifier);
    r.read(point);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (identifier != curve.identifier || !is_uncompressed(curve, point)) return errc::bad_key;
    evp_pkey key = make_pkey(curve, point, nullptr);
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<ecdsa_public_key>(curve, blob, std::move(key));
}

result<private_key_ptr> generate_ecdsa(std::string_view name, unsigned) {
    const evp_pkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_of(name).group));
    if (!key) return openssl_failure();
    return ecdsa_from_openssl(name, key.get());
}

result<private_key_ptr> read_ecdsa(std::string_view name, wire::reader& in) {
    const ecdsa_curve& curve = curve_of(name);
    const auto fields = ecdsa_fields::read(curve, in);
    if (!fields) return fields.error();
    return from_scalar(curve, fields->point, fields->scalar.get());
}

result<private_key_ptr> reread_ecdsa(const public_key& public_half, wire::reader& in) {
    const ecdsa_curve& curve = curve_of(public_half.type());
    const auto fields = ecdsa_fields::read(curve, in);
    if (!fields) return fields.error();
    evp_pkey key = make_pkey(curve, fields->point, fields->scalar.get());
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<ecdsa_private_key>(curve, std::move(key), public_half);
}

// mpint d
result<private_key_ptr> read_putty_ecdsa(std::string_view name, bytes_view, wire::reader& in) {
    const ecdsa_curve& curve = curve_of(name);
    wire::mpint scalar;
    in.read(scalar);
    if (in.error()) return in.error();
    if (scalar.magnitude.size() > curve.field_size) return errc::bad_key;
    const bignum number = secret_number(scalar.magnitude);
    if (!number) return openssl_failure();
    return from_scalar(curve, {}, number.get());
}

result<private_key_ptr> ecdsa_from_openssl(std::string_view name, EVP_PKEY* key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return private_key_ptr();
    const ecdsa_curve& curve = curve_of(name);
    std::array<char, 64> group{};
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1)
        return openssl_failure(errc::bad_key);
    if (OBJ_txt2nid(group.data()) != curve.nid) return private_key_ptr();
    const bignum scalar = secret_number(key, OSSL_PKEY_PARAM_PRIV_KEY);
    if (!scalar) return openssl_failure(errc::bad_key);
    return from_scalar(curve, {}, scalar.get());
}

}  // namespace sluice::crypto
