// ssh-rsa keys with SHA-2 signatures (RFC 4253 §6.6, RFC 8332), and with SHA-1 ones for callers
// that were told to.

#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <array>

namespace sluice::crypto {
namespace {

// A larger exponent only makes verification slow; OpenSSL refuses it for large moduli as well.
constexpr int exponent_bits_max = 64;

const EVP_MD* digest_of(std::string_view algorithm) {
    if (algorithm == "ssh-rsa") return EVP_sha1();
    return algorithm == "rsa-sha2-256" ? EVP_sha256() : EVP_sha512();
}

class rsa_public_key final : public public_key_impl {
public:
    rsa_public_key(std::string_view name, bytes_view blob, unsigned bits, evp_pkey key)
        : name_(name), blob_(to_bytes(blob)), bits_(bits), key_(std::move(key)) {}

    const bytes& blob() const override { return blob_; }
    std::string_view type() const override { return name_; }
    unsigned bits() const override { return bits_; }

    result<std::optional<sk_assertion>> verify(std::string_view algorithm, bytes_view data,
                                               bytes_view signature, wire::reader&) const override {
        const std::size_t size = (bits_ + 7) / 8;
        if (signature.empty() || signature.size() > size) return errc::bad_signature;
        // RFC 8332 §3: some signers leave out leading zeros, which a verifier may accept.
        bytes padded(size);
        std::ranges::copy(signature, padded.end() - static_cast<std::ptrdiff_t>(signature.size()));
        if (!openssl_verify(key_.get(), digest_of(algorithm), data, padded))
            return errc::bad_signature;
        return {};
    }

private:
    std::string_view name_;
    bytes blob_;
    unsigned bits_;
    evp_pkey key_;
};

class rsa_private_key final : public private_key_impl {
public:
    rsa_private_key(evp_pkey key, public_key public_half)
        : key_(std::move(key)), public_half_(std::move(public_half)) {}

    const public_key& public_half() const override { return public_half_; }

    result<bytes> sign(std::string_view algorithm, bytes_view data) const override {
        return openssl_sign(key_.get(), digest_of(algorithm), data);
    }

    // mpint n, e, d, q^-1 mod p, p, q.
    result<> write_fields(wire::writer& out) const override {
        for (const char* name : {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
                                 OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
                                 OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2}) {
            const bignum number = secret_number(key_.get(), name);
            if (!number) return openssl_failure();
            secret_bytes magnitude(static_cast<std::size_t>(BN_num_bytes(number.get())));
            BN_bn2bin(number.get(), magnitude.data());
            out.write(wire::mpint{magnitude});
        }
        return {};
    }

    EVP_PKEY* openssl_key() const override { return key_.get(); }

private:
    evp_pkey key_;
    public_key public_half_;
};

bytes magnitude_of(const BIGNUM* number) {
    bytes out(static_cast<std::size_t>(BN_num_bytes(number)));
    BN_bn2bin(number, out.data());
    return out;
}

// The numbers of a private key and the arithmetic that ties them together.
struct rsa_numbers {
    bignum n, e, d, p, q;
    bignum d_mod_p1, d_mod_q1, coefficient;  // computed

    bool complete() const { return n && e && d && p && q; }

    // Of a key that was checked, whose coefficient is known.
    bool compute() {
        const bn_ctx context(BN_CTX_secure_new());
        d_mod_p1 = context ? remainder_of(p.get(), context.get()) : nullptr;
        d_mod_q1 = context ? remainder_of(q.get(), context.get()) : nullptr;
        return d_mod_p1 && d_mod_q1 && coefficient;
    }

    // p q = n, and d inverts e modulo p - 1 and q - 1: then what is signed also verifies. Whether p
    // and q are prime is not looked at: it is slow, and a wrong key only harms its owner.
    bool compute_and_check() {
        const bn_ctx context(BN_CTX_secure_new());
        const bignum product(BN_secure_new());
        if (!context || !product || too_large()) return false;
        BN_CTX* c = context.get();
        if (BN_mul(product.get(), p.get(), q.get(), c) != 1 ||
            BN_cmp(product.get(), n.get()) != 0 || BN_cmp(d.get(), n.get()) >= 0)
            return false;
        d_mod_p1 = exponent_for(p.get(), c);
        d_mod_q1 = exponent_for(q.get(), c);
        coefficient = secret_number(bytes_view{});
        return d_mod_p1 && d_mod_q1 && coefficient &&
               BN_mod_inverse(coefficient.get(), q.get(), p.get(), c) != nullptr;
    }

private:
    // Nothing is computed with numbers that cannot belong to a key we take.
    bool too_large() const {
        for (const bignum* number : {&n, &d, &p, &q})
            if (BN_num_bits(number->get()) > static_cast<int>(limits::rsa_bits_max)) return true;
        return BN_num_bits(e.get()) > exponent_bits_max;
    }

    static bignum less_one(const BIGNUM* prime) {
        bignum less(BN_secure_new());
        if (!less || BN_sub(less.get(), prime, BN_value_one()) != 1 ||
            BN_cmp(less.get(), BN_value_one()) <= 0)
            return nullptr;
        BN_set_flags(less.get(), BN_FLG_CONSTTIME);
        return less;
    }

    // d mod (prime - 1)
    bignum remainder_of(const BIGNUM* prime, BN_CTX* c) const {
        const bignum less = less_one(prime);
        bignum exponent(BN_secure_new());
        if (!less || !exponent) return nullptr;
        BN_set_flags(exponent.get(), BN_FLG_CONSTTIME);
        if (BN_mod(exponent.get(), d.get(), less.get(), c) != 1) return nullptr;
        return exponent;
    }

    // The same, or null when that is no inverse of e.
    bignum exponent_for(const BIGNUM* prime, BN_CTX* c) const {
        const bignum less = less_one(prime);
        bignum exponent = less ? remainder_of(prime, c) : nullptr;
        const bignum product(BN_secure_new());
        if (!exponent || !product ||
            BN_mod_mul(product.get(), exponent.get(), e.get(), less.get(), c) != 1 ||
            !BN_is_one(product.get()))
            return nullptr;
        return exponent;
    }
};

// Null when OpenSSL refuses.
evp_pkey make_pkey(const rsa_numbers& numbers) {
    const param_builder builder(OSSL_PARAM_BLD_new());
    const auto push = [&builder](const char* field, const bignum& number) {
        return OSSL_PARAM_BLD_push_BN(builder.get(), field, number.get()) == 1;
    };
    if (!builder || !push(OSSL_PKEY_PARAM_RSA_N, numbers.n) ||
        !push(OSSL_PKEY_PARAM_RSA_E, numbers.e) || !push(OSSL_PKEY_PARAM_RSA_D, numbers.d) ||
        !push(OSSL_PKEY_PARAM_RSA_FACTOR1, numbers.p) ||
        !push(OSSL_PKEY_PARAM_RSA_FACTOR2, numbers.q) ||
        !push(OSSL_PKEY_PARAM_RSA_EXPONENT1, numbers.d_mod_p1) ||
        !push(OSSL_PKEY_PARAM_RSA_EXPONENT2, numbers.d_mod_q1) ||
        !push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, numbers.coefficient))
        return nullptr;
    return build_pkey("RSA", EVP_PKEY_KEYPAIR, builder.get());
}

result<private_key_ptr> from_numbers(std::string_view name, rsa_numbers numbers) {
    if (!numbers.complete()) return openssl_failure(errc::bad_key);
    const bytes e = magnitude_of(numbers.e.get());
    const bytes n = magnitude_of(numbers.n.get());
    bytes blob;
    wire::writer w(blob);
    w.write(name);
    w.write(wire::mpint{e});
    w.write(wire::mpint{n});
    auto public_half = public_key::from_blob(blob);  // checks sizes
    if (!public_half) return public_half.error();
    if (!numbers.compute_and_check()) return openssl_failure(errc::bad_key);
    evp_pkey key = make_pkey(numbers);
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<rsa_private_key>(std::move(key), std::move(*public_half));
}

// mpint n, e, d, q^-1 mod p, p, q; of an error the reader tells.
rsa_numbers read_numbers(wire::reader& in) {
    wire::mpint n, e, d, coefficient, p, q;
    for (wire::mpint* number : {&n, &e, &d, &coefficient, &p, &q})
        in.read(*number);
    if (in.error()) return {};
    return {secret_number(n.magnitude),
            secret_number(e.magnitude),
            secret_number(d.magnitude),
            secret_number(p.magnitude),
            secret_number(q.magnitude),
            {},
            {},
            secret_number(coefficient.magnitude)};
}

}  // namespace

result<public_key_ptr> parse_rsa(std::string_view name, bytes_view blob) {
    wire::reader r(blob);
    std::string_view type;
    wire::mpint e;
    wire::mpint n;
    r.read(type);
    r.read(e);
    r.read(n);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (e.magnitude.size() * 8 > exponent_bits_max || n.magnitude.size() * 8 > limits::rsa_bits_max)
        return errc::bad_key;
    const bignum exponent = secret_number(e.magnitude);
    const bignum modulus = secret_number(n.magnitude);
    if (!exponent || !modulus) return openssl_failure();
    const auto bits = static_cast<unsigned>(BN_num_bits(modulus.get()));
    if (bits < limits::rsa_bits_min) return errc::key_too_small;
    if (!BN_is_odd(modulus.get()) || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()))
        return errc::bad_key;

    const param_builder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
        return openssl_failure();
    evp_pkey key = build_pkey("RSA", EVP_PKEY_PUBLIC_KEY, builder.get());
    if (!key) return errc::bad_key;
    return std::make_shared<rsa_public_key>(name, blob, bits, std::move(key));
}

result<private_key_ptr> generate_rsa(std::string_view name, unsigned bits) {
    constexpr unsigned default_bits = 3072;  // as ssh-keygen
    if (bits == 0) bits = default_bits;
    if (bits < limits::rsa_bits_min) return errc::key_too_small;
    if (bits > limits::rsa_bits_max) return errc::bad_value;
    const evp_pkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{bits}));
    if (!key) return openssl_failure();
    return rsa_from_openssl(name, key.get());
}

result<private_key_ptr> read_rsa(std::string_view name, wire::reader& in) {
    rsa_numbers numbers = read_numbers(in);
    if (in.error()) return in.error();
    return from_numbers(name, std::move(numbers));
}

result<private_key_ptr> reread_rsa(const public_key& public_half, wire::reader& in) {
    rsa_numbers numbers = read_numbers(in);
    if (in.error()) return in.error();
    if (!numbers.complete() || !numbers.compute()) return openssl_failure(errc::bad_key);
    evp_pkey key = make_pkey(numbers);
    if (!key) return openssl_failure(errc::bad_key);
    return std::make_shared<rsa_private_key>(std::move(key), public_half);
}

// mpint d, p, q, q^-1 mod p; n and e stand in the public half.
result<private_key_ptr> read_putty_rsa(std::string_view name, bytes_view blob, wire::reader& in) {
    wire::mpint n, e, d, p, q, coefficient;
    wire::reader public_half(blob);
    std::string_view type;
    public_half.read(type);
    public_half.read(e);
    public_half.read(n);
    for (wire::mpint* number : {&d, &p, &q, &coefficient})
        in.read(*number);
    if (in.error()) return in.error();
    rsa_numbers numbers{secret_number(n.magnitude),
                        secret_number(e.magnitude),
                        secret_number(d.magnitude),
                        secret_number(p.magnitude),
                        secret_number(q.magnitude),
                        {},
                        {},
                        {}};
    return from_numbers(name, std::move(numbers));
}

result<private_key_ptr> rsa_from_openssl(std::string_view name, EVP_PKEY* key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) return private_key_ptr();
    rsa_numbers numbers{secret_number(key, OSSL_PKEY_PARAM_RSA_N),
                        secret_number(key, OSSL_PKEY_PARAM_RSA_E),
                        secret_number(key, OSSL_PKEY_PARAM_RSA_D),
                        secret_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1),
                        secret_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2),
                        {},
                        {},
                        {}};
    return from_numbers(name, std::move(numbers));
}

}  // namespace sluice::crypto
