// Streamlined NTRU Prime, sntrup761, with the names of its specification (round 3 submission). No
// branch, index or division depends on a secret: a constant-time test watches.

#include "sluice/crypto/sntrup761.hpp"

#include "sluice/crypto/constant_time.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sluice::crypto {
namespace {

constexpr std::size_t p = 761;
constexpr std::int32_t q = 4591;
constexpr std::size_t w = 286;                       // non-zero coefficients of a short polynomial
constexpr std::int32_t q_half = (q - 1) / 2;         // coefficients modulo q are -2295 to 2295
constexpr std::int32_t q_rounded = (q - 1) / 3 + 1;  // values that a rounded coefficient can have

constexpr std::size_t small_size = (p + 3) / 4;  // bytes
constexpr std::size_t rounded_size = 1007;
constexpr std::size_t hash_bytes = 32;
static_assert(sntrup761_ciphertext_size == rounded_size + hash_bytes);
static_assert(sntrup761_decapsulation_key_size ==
              3 * small_size + sntrup761_encapsulation_key_size + hash_bytes);

using small = std::array<std::int8_t, p>;     // of R/3, or short: -1, 0, 1
using element = std::array<std::int16_t, p>;  // of R/q

// --- numbers ------------------------------------------------------------------------------------

// The representative nearest to zero, for |x| <= 2 * 2295^2, by two multiplications with
// reciprocals that do not overflow. The first leaves |x| < 25,000. The second is exact: x / q is
// never within 1 / 2q of a half, as q is odd, and the reciprocal is off by less.
std::int16_t mod_q(std::int32_t x) {
    constexpr std::int32_t rough = (1 << 19) / q;
    constexpr std::int32_t fine = ((1 << 28) + q / 2) / q;
    x -= ((x * rough + (1 << 18)) >> 19) * q;
    return static_cast<std::int16_t>(x - ((x * fine + (1 << 27)) >> 28) * q);
}

// The same modulo 3, for |x| < 2^14.
std::int8_t mod_3(std::int32_t x) {
    const std::int32_t quotient = (x * 21845 + (1 << 15)) >> 16;
    return static_cast<std::int8_t>(x - quotient * 3);
}

// 1 / x modulo q, 0 for 0, by Fermat: the exponent is public.
std::int16_t inverse_mod_q(std::int16_t x) {
    std::int16_t power = 1;
    for (int bit = 12; bit >= 0; --bit) {
        power = mod_q(power * power);
        if ((q - 2) >> bit & 1) power = mod_q(power * x);
    }
    return power;
}

// --- polynomials --------------------------------------------------------------------------------

// A product of degree up to 2p - 2, modulo x^p - x - 1: x^p = x + 1.
template <class Product>
void fold(Product& product) {
    using Wide = typename Product::value_type;
    for (std::size_t i = 2 * p - 2; i >= p; --i) {
        product[i - p] = static_cast<Wide>(product[i - p] + product[i]);
        product[i - p + 1] = static_cast<Wide>(product[i - p + 1] + product[i]);
    }
}

// Sums of up to 14 products fit in 16 bits, in which a processor has twice the lanes; with a length
// that lanes divide, compilers use them at -O2 too.
constexpr std::size_t rows_in_16_bits = 14;
constexpr std::size_t padded = 768;
static_assert(rows_in_16_bits * q_half < 1 << 15 && padded >= p);

void multiply_rq(element& out, const element& f, const small& g) {
    wiped<std::array<std::int32_t, 2 * padded + rows_in_16_bits>> product;
    wiped<std::array<std::int16_t, padded + rows_in_16_bits>> sums;
    wiped<std::array<std::int16_t, padded>> row;
    std::ranges::copy(f, row->begin());
    for (std::size_t first = 0; first < p; first += rows_in_16_bits) {
        sums->fill(0);
        for (std::size_t i = 0; i < std::min(rows_in_16_bits, p - first); ++i) {
            const std::int16_t factor = g[first + i];
            for (std::size_t j = 0; j < padded; ++j)
                (*sums)[i + j] = static_cast<std::int16_t>((*sums)[i + j] + factor * (*row)[j]);
        }
        for (std::size_t j = 0; j < sums->size(); ++j)
            (*product)[first + j] += (*sums)[j];
    }
    fold(*product);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = mod_q((*product)[i]);
}

void multiply_r3(small& out, const small& f, const small& g) {
    wiped<std::array<std::int16_t, 2 * padded>> product;
    wiped<std::array<std::int16_t, padded>> row;
    std::ranges::copy(f, row->begin());
    for (std::size_t i = 0; i < p; ++i) {
        const std::int16_t factor = g[i];
        for (std::size_t j = 0; j < padded; ++j)
            (*product)[i + j] = static_cast<std::int16_t>((*product)[i + j] + factor * (*row)[j]);
    }
    fold(*product);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = mod_3((*product)[i]);
}

// Inversion modulo x^p - x - 1 by division steps (Bernstein, Yang, "Fast constant-time gcd
// computation and modular inversion", 2019): their number is fixed. Polynomials are reversed, so
// that a step looks at constant coefficients. In the end f is a constant, and v is the inverse of
// `in` times f and times `start`.
template <class Number, Number (*reduce)(std::int32_t)>
class division_steps {
public:
    division_steps(const std::array<Number, p>& in, Number start) {
        (*f_)[0] = 1;
        (*f_)[p - 1] = (*f_)[p] = -1;
        std::reverse_copy(in.begin(), in.end(), g_->begin());
        (*r_)[0] = start;
        *delta_ = 1;
        for (std::size_t step = 0; step < 2 * p - 1; ++step)
            take_step();
    }

    /// All ones when there is no inverse.
    std::uint32_t mask_if_none() const {
        return mask_if_nonzero(static_cast<std::uint32_t>(*delta_));
    }
    Number f() const { return (*f_)[0]; }
    void copy_v(std::array<Number, p>& out) const {
        std::reverse_copy((*v_).begin(), (*v_).begin() + p, out.begin());
    }

private:
    using polynomial = std::array<Number, p + 1>;

    void take_step() {
        std::copy_backward(v_->begin(), v_->end() - 1, v_->end());
        (*v_)[0] = 0;
        const auto g_is_not_0 = mask_if_nonzero(static_cast<std::uint32_t>((*g_)[0]));
        const std::uint32_t swap = opaque(mask_if_negative(-*delta_) & g_is_not_0);
        *delta_ = *delta_ * static_cast<std::int32_t>(swap | 1) + 1;  // times -1 or 1
        exchange_if(swap, *f_, *g_);
        exchange_if(swap, *v_, *r_);
        const std::int32_t f_0 = (*f_)[0];
        const std::int32_t g_0 = (*g_)[0];
        for (std::size_t i = 0; i <= p; ++i) {
            (*g_)[i] = reduce(f_0 * (*g_)[i] - g_0 * (*f_)[i]);
            (*r_)[i] = reduce(f_0 * (*r_)[i] - g_0 * (*v_)[i]);
        }
        std::copy(g_->begin() + 1, g_->end(), g_->begin());
        (*g_)[p] = 0;
    }

    static void exchange_if(std::uint32_t mask, polynomial& a, polynomial& b) {
        const auto lanes = static_cast<Number>(mask);
        for (std::size_t i = 0; i <= p; ++i) {
            const auto difference = static_cast<Number>(lanes & (a[i] ^ b[i]));
            a[i] = static_cast<Number>(a[i] ^ difference);
            b[i] = static_cast<Number>(b[i] ^ difference);
        }
    }

    wiped<polynomial> f_, g_, v_, r_;
    wiped<std::int32_t> delta_;
};

// 1 / (3 f) in R/q, where every f but 0 has an inverse.
void reciprocal_of_3_rq(element& out, const small& f) {
    wiped<element> wide;
    std::ranges::copy(f, wide->begin());
    const division_steps<std::int16_t, mod_q> steps(*wide, inverse_mod_q(3));
    const std::int16_t scale = inverse_mod_q(steps.f());
    steps.copy_v(out);
    for (auto& coefficient : out)
        coefficient = mod_q(scale * coefficient);
}

// 1 / g in R/3. All ones when there is none.
std::uint32_t reciprocal_r3(small& out, const small& g) {
    const division_steps<std::int8_t, mod_3> steps(g, 1);
    const std::int8_t scale = steps.f();  // its own inverse
    steps.copy_v(out);
    for (auto& coefficient : out)
        coefficient = static_cast<std::int8_t>(scale * coefficient);
    return steps.mask_if_none();
}

// --- encodings ----------------------------------------------------------------------------------

void encode_small(const small& in, mutable_bytes_view out) {
    std::ranges::fill(out, std::uint8_t{0});
    for (std::size_t i = 0; i < p; ++i)
        out[i / 4] = static_cast<std::uint8_t>(out[i / 4] | (in[i] + 1) << 2 * (i % 4));
}

void decode_small(bytes_view in, small& out) {
    for (std::size_t i = 0; i < p; ++i)
        out[i] = static_cast<std::int8_t>((in[i / 4] >> 2 * (i % 4) & 3) - 1);
}

// Pairs of values become one, with the product of their moduli, and give off low bytes until the
// modulus is below this.
constexpr std::uint32_t modulus_max = 1 << 14;

using values = std::array<std::uint32_t, p>;

// p values below `modulus` each. `all` is used up. The order of operations depends on the modulus.
void encode_values(values& all, std::uint32_t modulus, mutable_bytes_view out) {
    values moduli;
    moduli.fill(modulus);
    auto to = out.begin();
    const auto give_off = [&to](std::uint32_t& value, std::uint32_t& limit) {
        *to++ = static_cast<std::uint8_t>(value);
        value >>= 8;
        limit = (limit + 255) >> 8;
    };
    for (std::size_t count = p; count > 1; count = (count + 1) / 2) {
        for (std::size_t i = 0; i + 1 < count; i += 2) {
            std::uint32_t value = all[i] + all[i + 1] * moduli[i];
            std::uint32_t limit = moduli[i] * moduli[i + 1];
            while (limit >= modulus_max)
                give_off(value, limit);
            all[i / 2] = value;
            moduli[i / 2] = limit;
        }
        if (count % 2 != 0) {
            all[count / 2] = all[count - 1];
            moduli[count / 2] = moduli[count - 1];
        }
    }
    while (moduli[0] > 1)
        give_off(all[0], moduli[0]);
    expects(to == out.end());
}

// What encode_values wrote, or whatever a peer sent instead: every value is below `modulus`.
// Public data only: this divides.
void decode_values(bytes_view in, std::uint32_t modulus, values& all) {
    struct low_bytes {
        std::uint32_t value = 0;
        std::uint32_t radix = 1;
    };
    struct level {
        std::vector<std::uint32_t> moduli;
        std::vector<low_bytes> low;
    };
    auto from = in.begin();
    const auto take = [&from](low_bytes& low, std::uint32_t& limit) {
        low.value += *from++ * low.radix;
        low.radix <<= 8;
        limit = (limit + 255) >> 8;
    };
    std::vector<level> levels;
    std::vector<std::uint32_t> moduli(p, modulus);
    while (moduli.size() > 1) {
        level here;
        std::vector<std::uint32_t> next;
        for (std::size_t i = 0; i + 1 < moduli.size(); i += 2) {
            std::uint32_t limit = moduli[i] * moduli[i + 1];
            low_bytes low;
            while (limit >= modulus_max)
                take(low, limit);
            here.low.push_back(low);
            next.push_back(limit);
        }
        if (moduli.size() % 2 != 0) next.push_back(moduli.back());
        here.moduli = std::exchange(moduli, std::move(next));
        levels.push_back(std::move(here));
    }
    low_bytes last;
    for (std::uint32_t limit = moduli[0]; limit > 1;)
        take(last, limit);
    expects(from == in.end());

    all[0] = last.value % moduli[0];
    for (; !levels.empty(); levels.pop_back()) {
        const level& here = levels.back();
        const std::size_t count = here.moduli.size();
        if (count % 2 != 0) all[count - 1] = all[count / 2];
        for (std::size_t pair = count / 2; pair-- > 0;) {
            const auto& low = here.low[pair];
            const std::uint32_t value = low.value + all[pair] * low.radix;
            const std::uint32_t modulus_0 = here.moduli[2 * pair];
            all[2 * pair] = value % modulus_0;
            all[2 * pair + 1] = value / modulus_0 % here.moduli[2 * pair + 1];
        }
    }
}

void encode_rq(const element& in, mutable_bytes_view out) {
    wiped<values> all;
    for (std::size_t i = 0; i < p; ++i)
        (*all)[i] = static_cast<std::uint32_t>(in[i] + q_half);
    encode_values(*all, q, out);
}

void decode_rq(bytes_view in, element& out) {
    values all;
    decode_values(in, q, all);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(all[i]) - q_half);
}

// Coefficients are multiples of 3; 10923 / 2^15 is a third, exactly enough for 0 to 4590.
void encode_rounded(const element& in, mutable_bytes_view out) {
    wiped<values> all;
    for (std::size_t i = 0; i < p; ++i)
        (*all)[i] = static_cast<std::uint32_t>(in[i] + q_half) * 10923 >> 15;
    encode_values(*all, q_rounded, out);
}

void decode_rounded(bytes_view in, element& out) {
    values all;
    decode_values(in, q_rounded, all);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(all[i]) * 3 - q_half);
}

// --- sampling -----------------------------------------------------------------------------------

void draw_words(values& out, random_source& random) {
    secret_bytes drawn(4 * p);
    random.fill(drawn.span());
    for (std::size_t i = 0; i < p; ++i) {
        const std::uint8_t* b = drawn.data() + 4 * i;
        out[i] = static_cast<std::uint32_t>(b[0] | b[1] << 8 | b[2] << 16) |
                 static_cast<std::uint32_t>(b[3]) << 24;
    }
}

void draw_small(small& out, random_source& random) {
    wiped<values> words;
    draw_words(*words, random);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = static_cast<std::int8_t>(
            static_cast<std::int32_t>(((*words)[i] & 0x3fffffff) * 3 >> 30) - 1);
}

void sort_pair(std::uint32_t& a, std::uint32_t& b) {
    const auto borrow = static_cast<std::uint32_t>((std::uint64_t{b} - a) >> 32);
    const std::uint32_t difference = opaque(borrow) & (a ^ b);
    a ^= difference;
    b ^= difference;
}

// Batcher's merge exchange (Knuth, The Art of Computer Programming 5.2.2, algorithm M): which pairs
// are compared does not depend on what they hold.
void sort(values& all) {
    std::size_t top = 1;
    while (2 * top < p)
        top *= 2;
    for (std::size_t step = top; step > 0; step /= 2) {
        std::size_t distance = step;
        std::size_t remainder = 0;
        for (std::size_t reach = top;; reach /= 2) {
            for (std::size_t i = 0; i + distance < p; ++i)
                if ((i & step) == remainder) sort_pair(all[i], all[i + distance]);
            if (reach == step) break;
            distance = reach - step;
            remainder = step;
        }
    }
}

// Exactly w coefficients are not 0: their words' low bits are 00 or 10, the others' 01.
void draw_short(small& out, random_source& random) {
    wiped<values> words;
    draw_words(*words, random);
    for (std::size_t i = 0; i < p; ++i)
        (*words)[i] = i < w ? (*words)[i] & ~1u : ((*words)[i] & ~3u) | 1;
    sort(*words);
    for (std::size_t i = 0; i < p; ++i)
        out[i] = static_cast<std::int8_t>(static_cast<std::int32_t>((*words)[i] & 3) - 1);
}

// --- the core: Streamlined NTRU Prime -----------------------------------------------------------

// Round(h r), encoded.
void encrypt(const small& r, const element& h, mutable_bytes_view out) {
    wiped<element> c;
    multiply_rq(*c, h, r);
    for (auto& coefficient : *c)
        coefficient = static_cast<std::int16_t>(coefficient - mod_3(coefficient));
    encode_rounded(*c, out);
}

// Some r of the right weight for every c: a fixed one where there is no other.
void decrypt(small& r, const element& c, const small& f, const small& g_inverse) {
    wiped<element> product;
    wiped<small> e;
    multiply_rq(*product, c, f);
    for (std::size_t i = 0; i < p; ++i)
        (*e)[i] = mod_3(mod_q(3 * (*product)[i]));
    multiply_r3(r, *e, g_inverse);

    std::uint32_t weight = 0;
    for (const std::int8_t coefficient : r)
        weight += static_cast<std::uint32_t>(coefficient & 1);
    const auto wrong = static_cast<std::int32_t>(mask_if_nonzero(weight ^ w));
    for (std::size_t i = 0; i < p; ++i) {
        const std::int32_t fixed = i < w ? 1 : 0;
        r[i] = static_cast<std::int8_t>(r[i] ^ (wrong & (r[i] ^ fixed)));
    }
}

// --- the KEM ------------------------------------------------------------------------------------

using hash_value = std::array<std::uint8_t, hash_bytes>;

// Hash_b: the first half of SHA-512 over a byte b and the parts.
void hash_of(std::uint8_t b, bytes_view first, bytes_view second, hash_value& out) {
    wiped<std::array<std::uint8_t, 64>> whole;
    hash(hash_kind::sha512).update({&b, 1}).update(first).update(second).finish(*whole);
    std::copy_n((*whole).begin(), hash_bytes, out.begin());
}

// The ciphertext for r: c and HashConfirm.
void hide(const small& r, bytes_view encoded_r, const element& h, bytes_view key_hash,
          mutable_bytes_view ciphertext) {
    encrypt(r, h, ciphertext.first(rounded_size));
    wiped<hash_value> inner;
    wiped<hash_value> confirmation;
    hash_of(3, encoded_r, {}, *inner);
    hash_of(2, *inner, key_hash, *confirmation);
    std::ranges::copy(*confirmation,
                      ciphertext.begin() + static_cast<std::ptrdiff_t>(rounded_size));
}

// HashSession: with b = 1 for a secret that was agreed, 0 for the one of a rejected ciphertext.
secret_bytes session_secret(std::uint8_t b, bytes_view y, bytes_view ciphertext) {
    wiped<hash_value> inner;
    wiped<hash_value> session;
    hash_of(3, y, {}, *inner);
    hash_of(b, *inner, ciphertext, *session);
    return secret_bytes(*session);
}

}  // namespace

kem_keys sntrup761_generate(random_source& random) {
    wiped<small> g;
    wiped<small> g_inverse;
    for (;;) {
        draw_small(*g, random);
        const std::uint32_t none = reciprocal_r3(*g_inverse, *g);
        declassify(&none, sizeof(none));  // that one was thrown away tells nothing of the next
        if (none == 0) break;
    }
    wiped<small> f;
    wiped<element> h;
    draw_short(*f, random);
    reciprocal_of_3_rq(*h, *f);
    multiply_rq(*h, *h, *g);

    kem_keys keys{bytes(sntrup761_encapsulation_key_size),
                  secret_bytes(sntrup761_decapsulation_key_size)};
    encode_rq(*h, keys.encapsulation_key);
    declassify(keys.encapsulation_key.data(), keys.encapsulation_key.size());
    hash_value key_hash;
    hash_of(4, keys.encapsulation_key, {}, key_hash);

    const mutable_bytes_view out = keys.decapsulation_key.span();
    encode_small(*f, out.first(small_size));
    encode_small(*g_inverse, out.subspan(small_size, small_size));
    auto at = std::ranges::copy(keys.encapsulation_key, out.begin() + 2 * small_size).out;
    random.fill({at, at + small_size});
    std::ranges::copy(key_hash, at + small_size);
    return keys;
}

result<kem_encapsulation> sntrup761_encapsulate(bytes_view encapsulation_key,
                                                random_source& random) {
    if (encapsulation_key.size() != sntrup761_encapsulation_key_size) return errc::bad_public_value;
    element h;
    decode_rq(encapsulation_key, h);
    hash_value key_hash;
    hash_of(4, encapsulation_key, {}, key_hash);

    wiped<small> r;
    wiped<std::array<std::uint8_t, small_size>> encoded_r;
    draw_short(*r, random);
    encode_small(*r, *encoded_r);
    kem_encapsulation made;
    made.ciphertext.resize(sntrup761_ciphertext_size);
    hide(*r, *encoded_r, h, key_hash, made.ciphertext);
    declassify(made.ciphertext.data(), made.ciphertext.size());
    made.shared_secret = session_secret(1, *encoded_r, made.ciphertext);
    return made;
}

result<secret_bytes> sntrup761_decapsulate(bytes_view decapsulation_key, bytes_view ciphertext) {
    if (decapsulation_key.size() != sntrup761_decapsulation_key_size) return errc::bad_key;
    if (ciphertext.size() != sntrup761_ciphertext_size) return errc::bad_public_value;
    const bytes_view encapsulation_key =
        decapsulation_key.subspan(2 * small_size, sntrup761_encapsulation_key_size);
    const bytes_view rho =
        decapsulation_key.subspan(2 * small_size + encapsulation_key.size(), small_size);
    const bytes_view key_hash = decapsulation_key.last(hash_bytes);

    element c;
    element h;
    decode_rounded(ciphertext.first(rounded_size), c);
    decode_rq(encapsulation_key, h);
    wiped<small> f;
    wiped<small> g_inverse;
    wiped<small> r;
    decode_small(decapsulation_key.first(small_size), *f);
    decode_small(decapsulation_key.subspan(small_size, small_size), *g_inverse);
    decrypt(*r, c, *f, *g_inverse);

    wiped<std::array<std::uint8_t, small_size>> y;  // r, or rho for a ciphertext that r is not in
    secret_bytes again(sntrup761_ciphertext_size);
    encode_small(*r, *y);
    hide(*r, *y, h, key_hash, again.span());
    const std::uint32_t rejected = mask_if_different(again, ciphertext);
    assign_if(rejected, *y, rho);
    return session_secret(static_cast<std::uint8_t>(1 + rejected), *y, ciphertext);
}

}  // namespace sluice::crypto
