// ML-KEM as FIPS 203 has it; names and numbers of algorithms are the standard's. No branch, index
// or division depends on a secret: a constant-time test watches.

#include "sluice/crypto/constant_time.hpp"
#include "sluice/crypto/ml_kem_impl.hpp"
#include "sluice/crypto/sha3.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

constexpr std::size_t n = 256;
constexpr std::uint32_t q = 3329;
constexpr std::size_t k_max = 4;
constexpr std::size_t polynomial_bytes = 12 * n / 8;  // a polynomial in ByteEncode_12

struct parameters {
    std::size_t k;
    unsigned du;  // bits
    unsigned dv;
    std::size_t vector_bytes() const { return polynomial_bytes * k; }
};

constexpr parameters parameters_of(ml_kem_set set) {
    return set == ml_kem_set::ml_kem_768 ? parameters{3, 10, 4} : parameters{4, 11, 5};
}

// Coefficients in [0, q), of the ring itself or of its NTT form.
using polynomial = std::array<std::uint16_t, n>;
using vector = std::array<polynomial, k_max>;  // the first k are in use

// --- modulo q -----------------------------------------------------------------------------------

// The quotient x / q by a multiplication: exact while x * (reciprocal * q - 2^40) < 2^40.
constexpr std::uint64_t reciprocal = ((1ull << 40) + q - 1) / q;
constexpr std::uint32_t dividend_max = (1u << 28) - 1;
static_assert(dividend_max * (reciprocal * q - (1ull << 40)) < 1ull << 40);

constexpr std::uint32_t divide(std::uint32_t x) {
    return static_cast<std::uint32_t>(x * reciprocal >> 40);
}
constexpr std::uint16_t reduce(std::uint32_t x) {
    return static_cast<std::uint16_t>(x - divide(x) * q);
}

// From [-q, q), as two's complement, to [0, q).
inline std::uint16_t lift(std::uint32_t x) {
    return static_cast<std::uint16_t>(x + (q & (0u - (x >> 31))));
}
inline std::uint16_t add(std::uint32_t a, std::uint32_t b) { return lift(a + b - q); }
inline std::uint16_t subtract(std::uint32_t a, std::uint32_t b) { return lift(a - b); }

void add_to(polynomial& a, const polynomial& b) {
    for (std::size_t i = 0; i < n; ++i)
        a[i] = add(a[i], b[i]);
}

// --- the number-theoretic transform (§4.3) ------------------------------------------------------

constexpr std::uint32_t power_of_17(unsigned exponent) {
    std::uint32_t result = 1;
    for (unsigned i = 0; i < exponent; ++i)
        result = result * 17 % q;
    return result;
}

constexpr unsigned bit_reversed_7(unsigned x) {
    unsigned reversed = 0;
    for (unsigned bit = 0; bit < 7; ++bit)
        reversed |= (x >> bit & 1) << (6 - bit);
    return reversed;
}

constexpr auto zetas = [] {
    std::array<std::uint32_t, 128> table{};
    for (unsigned i = 0; i < 128; ++i)
        table[i] = power_of_17(bit_reversed_7(i));
    return table;
}();

constexpr auto gammas = [] {
    std::array<std::uint32_t, 128> table{};
    for (unsigned i = 0; i < 128; ++i)
        table[i] = power_of_17(2 * bit_reversed_7(i) + 1);
    return table;
}();

// Algorithm 9.
void ntt(polynomial& f) {
    std::size_t i = 1;
    for (std::size_t length = 128; length >= 2; length /= 2)
        for (std::size_t start = 0; start < n; start += 2 * length) {
            const std::uint32_t zeta = zetas[i++];
            for (std::size_t j = start; j < start + length; ++j) {
                const std::uint16_t t = reduce(zeta * f[j + length]);
                f[j + length] = subtract(f[j], t);
                f[j] = add(f[j], t);
            }
        }
}

// Algorithm 10.
void inverse_ntt(polynomial& f) {
    std::size_t i = 127;
    for (std::size_t length = 2; length <= 128; length *= 2)
        for (std::size_t start = 0; start < n; start += 2 * length) {
            const std::uint32_t zeta = zetas[i--];
            for (std::size_t j = start; j < start + length; ++j) {
                const std::uint16_t t = f[j];
                f[j] = add(t, f[j + length]);
                f[j + length] = reduce(zeta * subtract(f[j + length], t));
            }
        }
    for (auto& coefficient : f)
        coefficient = reduce(3303u * coefficient);
}

// The sum of products of polynomials in NTT form (algorithms 11, 12), reduced once at its end.
class inner_product {
public:
    void add(const polynomial& a, const polynomial& b) {
        for (std::size_t i = 0; i < n / 2; ++i) {
            const std::uint32_t a0 = a[2 * i], a1 = a[2 * i + 1], b0 = b[2 * i], b1 = b[2 * i + 1];
            (*sum_)[2 * i] += a0 * b0 + reduce(a1 * b1) * gammas[i];
            (*sum_)[2 * i + 1] += a0 * b1 + a1 * b0;
        }
    }
    void finish(polynomial& out) const {
        static_assert(2 * k_max * (q - 1) * (q - 1) <= dividend_max);
        for (std::size_t i = 0; i < n; ++i)
            out[i] = reduce((*sum_)[i]);
    }

private:
    wiped<std::array<std::uint32_t, n>> sum_;
};

// --- encoding and compression (§4.2.1) ----------------------------------------------------------

// Algorithm 5: d bits each, least significant first.
void byte_encode(unsigned d, const polynomial& f, std::uint8_t* out) {
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint32_t coefficient : f) {
        pending |= coefficient << bits;
        for (bits += d; bits >= 8; bits -= 8, pending >>= 8)
            *out++ = static_cast<std::uint8_t>(pending);
    }
}

// Algorithm 6, without its reduction for d = 12: the caller has to deal with q and above.
void byte_decode(unsigned d, const std::uint8_t* in, polynomial& f) {
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (auto& coefficient : f) {
        for (; bits < d; bits += 8)
            pending |= static_cast<std::uint32_t>(*in++) << bits;
        coefficient = static_cast<std::uint16_t>(pending & ((1u << d) - 1));
        pending >>= d;
        bits -= d;
    }
}

void compress(unsigned d, polynomial& f) {
    for (auto& x : f)
        x = static_cast<std::uint16_t>(divide((std::uint32_t{x} << d) + q / 2) & ((1u << d) - 1));
}

void decompress(unsigned d, polynomial& f) {
    for (auto& y : f)
        y = static_cast<std::uint16_t>((q * y + (1u << (d - 1))) >> d);
}

// --- sampling (§4.2.2) --------------------------------------------------------------------------

// Algorithm 7, of what is public. How many bytes it takes is not bounded; 504 mostly do.
void sample_ntt(bytes_view rho, std::size_t j, std::size_t i, polynomial& out) {
    const std::array<std::uint8_t, 2> indices{static_cast<std::uint8_t>(j),
                                              static_cast<std::uint8_t>(i)};
    for (std::size_t size = 504;; size *= 2) {
        std::array<std::uint8_t, 504> first;
        bytes more(size > first.size() ? size : 0);
        const mutable_bytes_view stream = more.empty() ? mutable_bytes_view(first) : more;
        sha3(sha3_kind::shake128, {rho, indices}, stream);
        std::size_t found = 0;
        for (std::size_t at = 0; at < size && found < n; at += 3) {
            const auto d1 = static_cast<std::uint16_t>(stream[at] | (stream[at + 1] & 15) << 8);
            const auto d2 = static_cast<std::uint16_t>(stream[at + 1] >> 4 | stream[at + 2] << 4);
            if (d1 < q) out[found++] = d1;
            if (d2 < q && found < n) out[found++] = d2;
        }
        if (found == n) return;
    }
}

// Algorithm 8 for eta = 2, which both sets have, on the output of the PRF.
void sample_cbd(bytes_view seed, std::uint8_t counter, polynomial& out) {
    wiped<std::array<std::uint8_t, 128>> stream;
    sha3(sha3_kind::shake256, {seed, {&counter, 1}}, *stream);
    for (std::size_t i = 0; i < n / 2; ++i) {
        const std::uint32_t b = (*stream)[i];
        const std::uint32_t sums = (b & 0x55) + (b >> 1 & 0x55);  // four sums of two bits
        out[2 * i] = subtract(sums & 3, sums >> 2 & 3);
        out[2 * i + 1] = subtract(sums >> 4 & 3, sums >> 6);
    }
}

// --- K-PKE (§5) ---------------------------------------------------------------------------------

// Algorithm 13. `ek` and `dk` are filled.
void pke_generate(const parameters& p, bytes_view d, mutable_bytes_view ek, mutable_bytes_view dk) {
    wiped<std::array<std::uint8_t, 64>> seeds;
    const auto k = static_cast<std::uint8_t>(p.k);
    sha3(sha3_kind::sha3_512, {d, {&k, 1}}, *seeds);
    const bytes_view rho = bytes_view(*seeds).first(32);
    const bytes_view sigma = bytes_view(*seeds).subspan(32);
    declassify(rho.data(), rho.size());

    wiped<vector> s;
    for (std::size_t i = 0; i < p.k; ++i) {
        sample_cbd(sigma, static_cast<std::uint8_t>(i), (*s)[i]);
        ntt((*s)[i]);
        byte_encode(12, (*s)[i], dk.data() + polynomial_bytes * i);
    }
    for (std::size_t i = 0; i < p.k; ++i) {
        inner_product product;
        for (std::size_t j = 0; j < p.k; ++j) {
            polynomial a;
            sample_ntt(rho, j, i, a);
            product.add(a, (*s)[j]);
        }
        wiped<polynomial> t;
        wiped<polynomial> e;
        product.finish(*t);
        sample_cbd(sigma, static_cast<std::uint8_t>(p.k + i), *e);
        ntt(*e);
        add_to(*t, *e);
        byte_encode(12, *t, ek.data() + polynomial_bytes * i);
    }
    std::ranges::copy(rho, ek.begin() + static_cast<std::ptrdiff_t>(p.vector_bytes()));
    declassify(ek.data(), ek.size());
}

// Algorithm 14. `ek` has passed the check of §7.2; `c` is filled.
void pke_encrypt(const parameters& p, bytes_view ek, bytes_view m, bytes_view r,
                 mutable_bytes_view c) {
    const bytes_view rho = ek.subspan(p.vector_bytes());
    wiped<vector> y;
    for (std::size_t i = 0; i < p.k; ++i) {
        sample_cbd(r, static_cast<std::uint8_t>(i), (*y)[i]);
        ntt((*y)[i]);
    }
    wiped<polynomial> noise;
    wiped<polynomial> sum;
    std::uint8_t* out = c.data();
    for (std::size_t i = 0; i < p.k; ++i, out += n * p.du / 8) {
        inner_product product;
        for (std::size_t j = 0; j < p.k; ++j) {
            polynomial a;
            sample_ntt(rho, i, j, a);  // of the transposed matrix
            product.add(a, (*y)[j]);
        }
        product.finish(*sum);
        inverse_ntt(*sum);
        sample_cbd(r, static_cast<std::uint8_t>(p.k + i), *noise);
        add_to(*sum, *noise);
        compress(p.du, *sum);
        byte_encode(p.du, *sum, out);
    }
    inner_product product;
    for (std::size_t i = 0; i < p.k; ++i) {
        polynomial t;
        byte_decode(12, ek.data() + polynomial_bytes * i, t);
        product.add(t, (*y)[i]);
    }
    product.finish(*sum);
    inverse_ntt(*sum);
    sample_cbd(r, static_cast<std::uint8_t>(2 * p.k), *noise);
    add_to(*sum, *noise);
    byte_decode(1, m.data(), *noise);
    decompress(1, *noise);
    add_to(*sum, *noise);
    compress(p.dv, *sum);
    byte_encode(p.dv, *sum, out);
}

// Algorithm 15. `m` is filled.
void pke_decrypt(const parameters& p, bytes_view dk, bytes_view c, mutable_bytes_view m) {
    wiped<polynomial> w;
    inner_product product;
    const std::uint8_t* in = c.data();
    for (std::size_t i = 0; i < p.k; ++i, in += n * p.du / 8) {
        polynomial u;
        byte_decode(p.du, in, u);
        decompress(p.du, u);
        ntt(u);
        byte_decode(12, dk.data() + polynomial_bytes * i, *w);
        for (auto& coefficient : *w)
            coefficient = reduce(coefficient);
        product.add(u, *w);
    }
    product.finish(*w);
    inverse_ntt(*w);
    polynomial v;
    byte_decode(p.dv, in, v);
    decompress(p.dv, v);
    for (std::size_t i = 0; i < n; ++i)
        (*w)[i] = subtract(v[i], (*w)[i]);
    compress(1, *w);
    byte_encode(1, *w, m.data());
}

// --- ML-KEM (§6) --------------------------------------------------------------------------------

// H(ek), as algorithms 16 and 17 need it and a decapsulation key holds it.
std::array<std::uint8_t, 32> hash_of(bytes_view ek) {
    std::array<std::uint8_t, 32> hash;
    sha3(sha3_kind::sha3_256, {ek}, hash);
    return hash;
}

// §7.2: a key whose coefficients are not below q is no key.
bool is_reduced(const parameters& p, bytes_view ek) {
    for (std::size_t i = 0; i < p.k; ++i) {
        polynomial t;
        byte_decode(12, ek.data() + polynomial_bytes * i, t);
        if (std::ranges::any_of(t, [](auto x) { return x >= q; })) return false;
    }
    return true;
}

kem_keys generate(ml_kem_set set, bytes_view seed) {
    const parameters p = parameters_of(set);
    const ml_kem_sizes sizes = sizes_of(set);
    kem_keys keys{bytes(sizes.encapsulation_key), secret_bytes(sizes.decapsulation_key)};
    const mutable_bytes_view dk = keys.decapsulation_key.span();
    pke_generate(p, seed.first(32), keys.encapsulation_key, dk.first(p.vector_bytes()));
    auto at = std::ranges::copy(keys.encapsulation_key,
                                dk.begin() + static_cast<std::ptrdiff_t>(p.vector_bytes()))
                  .out;
    at = std::ranges::copy(hash_of(keys.encapsulation_key), at).out;
    std::ranges::copy(seed.subspan(32), at);
    return keys;
}

result<kem_encapsulation> encapsulate(ml_kem_set set, bytes_view key, bytes_view message) {
    const parameters p = parameters_of(set);
    if (!is_reduced(p, key)) return errc::bad_public_value;
    wiped<std::array<std::uint8_t, 64>> secrets;  // K, then r
    sha3(sha3_kind::sha3_512, {message, hash_of(key)}, *secrets);
    const bytes_view both = *secrets;
    kem_encapsulation made{bytes(sizes_of(set).ciphertext), secret_bytes(both.first(32))};
    pke_encrypt(p, key, message, both.subspan(32), made.ciphertext);
    declassify(made.ciphertext.data(), made.ciphertext.size());
    return made;
}

result<secret_bytes> decapsulate(ml_kem_set set, bytes_view key, bytes_view ciphertext) {
    const parameters p = parameters_of(set);
    const bytes_view dk = key.first(p.vector_bytes());
    const bytes_view ek = key.subspan(dk.size(), sizes_of(set).encapsulation_key);
    const bytes_view hash = key.subspan(dk.size() + ek.size(), 32);
    const bytes_view z = key.last(32);
    // §7.3, and what an encryption with the key takes for granted. Of public parts.
    if (!std::ranges::equal(hash, hash_of(ek)) || !is_reduced(p, ek)) return errc::bad_key;

    secret_bytes message(ml_kem_message_size);
    pke_decrypt(p, dk, ciphertext, message.span());
    wiped<std::array<std::uint8_t, 64>> secrets;  // K', then r'
    sha3(sha3_kind::sha3_512, {message, hash}, *secrets);
    const bytes_view both = *secrets;
    secret_bytes rejected(ml_kem_shared_secret_size);
    sha3(sha3_kind::shake256, {z, ciphertext}, rejected.span());

    secret_bytes again(ciphertext.size());
    pke_encrypt(p, ek, message, both.subspan(32), again.span());
    secret_bytes secret(both.first(32));
    assign_if(mask_if_different(again, ciphertext), secret.span(), rejected);
    return secret;
}

}  // namespace

const ml_kem_implementation ml_kem_own{generate, encapsulate, decapsulate};

}  // namespace sluice::crypto
