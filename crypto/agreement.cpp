#include "sluice/crypto/agreement.hpp"

#include "sluice/crypto/dh_groups.hpp"
#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

// A source that gives no usable candidate this often is broken; a fair one fails half the time at
// worst.
constexpr int candidates_max = 256;

bignum to_bignum(bytes_view big_endian) {
    bignum n(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr));
    expects(n != nullptr);
    return n;
}

// Fixed-time operations only, from here on.
bignum to_secret_bignum(bytes_view big_endian) {
    bignum n = to_bignum(big_endian);
    BN_set_flags(n.get(), BN_FLG_CONSTTIME);
    return n;
}

// --- X25519, X448 (RFC 7748 §5, RFC 8731) -----------------------------------------------------

class montgomery_agreement final : public agreement {
public:
    montgomery_agreement(int type, std::size_t size, random_source& random)
        : type_(type), public_(size) {
        secret_bytes secret(size);
        random.fill(secret.span());
        key_.reset(EVP_PKEY_new_raw_private_key(type_, nullptr, secret.data(), size));
        std::size_t length = size;
        expects(key_ != nullptr &&
                EVP_PKEY_get_raw_public_key(key_.get(), public_.data(), &length) == 1);
    }

    bytes_view public_value() const override { return public_; }

    result<secret_bytes> shared_secret(bytes_view peer_public_value) const override {
        const std::size_t size = public_.size();
        if (peer_public_value.size() != size) return errc::bad_public_value;
        const evp_pkey peer(
            EVP_PKEY_new_raw_public_key(type_, nullptr, peer_public_value.data(), size));
        const evp_pkey_ctx context(EVP_PKEY_CTX_new(key_.get(), nullptr));
        if (!peer || !context) return openssl_failure();
        secret_bytes secret(size);
        std::size_t length = size;
        if (EVP_PKEY_derive_init(context.get()) != 1 ||
            EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
            EVP_PKEY_derive(context.get(), secret.data(), &length) != 1)
            return openssl_failure(errc::bad_public_value);
        // RFC 8731 §3: an all-zero secret (a point of low order) ends the exchange.
        if (length != size || equal_in_constant_time(secret, bytes(size)))
            return errc::bad_public_value;
        return secret;
    }

private:
    int type_;
    evp_pkey key_;
    bytes public_;
};

// --- ECDH on the NIST curves (RFC 5656 §4) ----------------------------------------------------

class nist_agreement final : public agreement {
public:
    nist_agreement(int nid, random_source& random) : group_(EC_GROUP_new_by_curve_name(nid)) {
        expects(group_ != nullptr);
        field_size_ = (static_cast<std::size_t>(EC_GROUP_get_degree(group_.get())) + 7) / 8;
        draw_private_value(random);

        const bn_ctx context(BN_CTX_new());
        const ec_point point(EC_POINT_new(group_.get()));
        public_.resize(1 + 2 * field_size_);
        expects(context && point &&
                EC_POINT_mul(group_.get(), point.get(), private_.get(), nullptr, nullptr,
                             context.get()) == 1 &&
                EC_POINT_point2oct(group_.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                   public_.data(), public_.size(),
                                   context.get()) == public_.size());
    }

    bytes_view public_value() const override { return public_; }

    result<secret_bytes> shared_secret(bytes_view peer_public_value) const override {
        // Only the uncompressed form: the size and first byte rule out the compressed ones and the
        // point at infinity.
        if (peer_public_value.size() != public_.size() ||
            peer_public_value.front() != POINT_CONVERSION_UNCOMPRESSED)
            return errc::bad_public_value;
        const bn_ctx context(BN_CTX_secure_new());
        const ec_point point(EC_POINT_new(group_.get()));
        const bignum x(BN_secure_new());
        if (!context || !point || !x) return openssl_failure();
        // Refuses coordinates outside the field and points off the curve. The curves have cofactor
        // 1, so a point on the curve is in the right group.
        if (EC_POINT_oct2point(group_.get(), point.get(), peer_public_value.data(),
                               peer_public_value.size(), context.get()) != 1 ||
            EC_POINT_is_on_curve(group_.get(), point.get(), context.get()) != 1)
            return openssl_failure(errc::bad_public_value);
        if (EC_POINT_mul(group_.get(), point.get(), nullptr, point.get(), private_.get(),
                         context.get()) != 1 ||
            EC_POINT_get_affine_coordinates(group_.get(), point.get(), x.get(), nullptr,
                                            context.get()) != 1)
            return openssl_failure(errc::bad_public_value);
        secret_bytes secret(field_size_);
        if (BN_bn2binpad(x.get(), secret.data(), static_cast<int>(secret.size())) < 0)
            return openssl_failure();
        return secret;
    }

private:
    // Uniform in [1, order - 1]: a candidate outside is thrown away (FIPS 186-5 §A.2.2).
    void draw_private_value(random_source& random) {
        const BIGNUM* order = EC_GROUP_get0_order(group_.get());
        const auto bits = static_cast<std::size_t>(BN_num_bits(order));
        secret_bytes candidate((bits + 7) / 8);
        for (int i = 0; i < candidates_max; ++i) {
            random.fill(candidate.span());
            if (bits % 8 != 0)
                candidate.data()[0] &= static_cast<std::uint8_t>(0xff >> (8 - bits % 8));
            private_ = to_secret_bignum(candidate);
            if (!BN_is_zero(private_.get()) && BN_cmp(private_.get(), order) < 0) return;
        }
        unreachable();
    }

    ec_group group_;
    std::size_t field_size_ = 0;
    bignum private_;
    bytes public_;
};

// --- Finite-field Diffie-Hellman (RFC 4253 §8, RFC 8268) --------------------------------------

bytes minimal(const BIGNUM* n) {
    bytes out(static_cast<std::size_t>(BN_num_bytes(n)));
    BN_bn2bin(n, out.data());
    return out;
}

class dh_agreement final : public agreement {
public:
    // Null when as many private values give no public one of use. The prime is odd.
    static std::unique_ptr<agreement> make(const dh_group& group, random_source& random,
                                           int tries) {
        auto made = std::make_unique<dh_agreement>(group);
        if (!made->draw_private_value(group, random, tries)) return nullptr;
        return made;
    }

    explicit dh_agreement(const dh_group& group)
        : prime_(to_bignum(group.prime)), prime_minus_1_(BN_dup(prime_.get())) {
        expects(prime_minus_1_ && BN_sub_word(prime_minus_1_.get(), 1) == 1);
    }

    bytes_view public_value() const override { return public_; }

    result<secret_bytes> shared_secret(bytes_view peer_public_value) const override {
        if (peer_public_value.size() > static_cast<std::size_t>(BN_num_bytes(prime_.get())))
            return errc::bad_public_value;
        const bignum peer = to_bignum(peer_public_value);
        const bignum shared(BN_secure_new());
        const bn_ctx context(BN_CTX_secure_new());
        if (!shared || !context) return openssl_failure();
        if (!in_range(peer.get())) return errc::bad_public_value;
        if (BN_mod_exp(shared.get(), peer.get(), private_.get(), prime_.get(), context.get()) != 1)
            return openssl_failure();
        if (!in_range(shared.get())) return errc::bad_public_value;
        secret_bytes secret(static_cast<std::size_t>(BN_num_bytes(shared.get())));
        BN_bn2bin(shared.get(), secret.data());
        return secret;
    }

private:
    bool draw_private_value(const dh_group& group, random_source& random, int tries) {
        const bignum generator = to_bignum(group.generator);
        const bignum value(BN_new());
        const bn_ctx context(BN_CTX_secure_new());
        expects(value && context);
        if (!in_range(generator.get())) return false;

        // RFC 4419 §6.2: twice the bits of the strength suffice.
        const std::size_t size = std::max<std::size_t>(2 * group.strength_bits, 512) / 8;
        secret_bytes exponent(std::min(size, group.prime.size()));
        for (int i = 0; i < tries; ++i) {
            random.fill(exponent.span());
            private_ = to_secret_bignum(exponent);
            expects(BN_mod_exp(value.get(), generator.get(), private_.get(), prime_.get(),
                               context.get()) == 1);
            if (in_range(value.get())) {
                public_ = minimal(value.get());
                return true;
            }
        }
        return false;
    }

    // 1 < n < p - 1: stricter than RFC 4253 §8 by the two ends, which make a secret of 1 or p - 1.
    bool in_range(const BIGNUM* n) const {
        return BN_cmp(n, BN_value_one()) > 0 && BN_cmp(n, prime_minus_1_.get()) < 0;
    }

    bignum prime_;
    bignum prime_minus_1_;
    bignum private_;
    bytes public_;
};

}  // namespace

std::unique_ptr<agreement> make_agreement(curve which, random_source& random) {
    switch (which) {
    case curve::x25519: return std::make_unique<montgomery_agreement>(EVP_PKEY_X25519, 32, random);
    case curve::x448: return std::make_unique<montgomery_agreement>(EVP_PKEY_X448, 56, random);
    case curve::nistp256: return std::make_unique<nist_agreement>(NID_X9_62_prime256v1, random);
    case curve::nistp384: return std::make_unique<nist_agreement>(NID_secp384r1, random);
    case curve::nistp521: return std::make_unique<nist_agreement>(NID_secp521r1, random);
    }
    unreachable();
}

std::unique_ptr<agreement> make_agreement(const dh_group& group, random_source& random) {
    auto made = dh_agreement::make(group, random, candidates_max);
    expects(made != nullptr);
    return made;
}

result<std::unique_ptr<agreement>> make_agreement_in_peers_group(const dh_group& group,
                                                                 random_source& random) {
    if (group.prime.empty() || group.prime.back() % 2 == 0 ||
        group.generator.size() > group.prime.size())
        return errc::bad_public_value;
    // In a good group the first is of use. In one made up to have none, we do not go on for long.
    auto made = dh_agreement::make(group, random, 4);
    if (made == nullptr) return errc::bad_public_value;
    return made;
}

}  // namespace sluice::crypto
