// bcrypt_pbkdf: Blowfish (Schneier, Fast Software Encryption 1993), its expensive key schedule
// (Provos and Mazières, USENIX 1999), and the key derivation built from it.

#include "sluice/crypto/bcrypt_pbkdf.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/secret.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace sluice::crypto {
namespace {

constexpr std::size_t block_size = 32;   // bytes out of one bcrypt hash
constexpr std::size_t digest_size = 64;  // SHA-512
using block = std::array<std::uint8_t, block_size>;
using digest = std::array<std::uint8_t, digest_size>;

struct blowfish {
    std::array<std::uint32_t, 18> p;
    std::array<std::array<std::uint32_t, 256>, 4> s;

    void encrypt(std::uint32_t& left, std::uint32_t& right) const {
        std::uint32_t l = left;
        std::uint32_t r = right;
        for (std::size_t i = 0; i < 16; i += 2) {
            l ^= p[i];
            r ^= f(l);
            r ^= p[i + 1];
            l ^= f(r);
        }
        left = r ^ p[17];
        right = l ^ p[16];
    }

    // The key schedule with and without a salt: the key is added to P, then every pair of words is
    // replaced by the encryption of the one before, mixed with the next words of the salt.
    void expand(bytes_view key, bytes_view salt) {
        word_cycle key_words(key);
        for (auto& word : p)
            word ^= key_words.next();
        word_cycle salt_words(salt);
        std::uint32_t left = 0;
        std::uint32_t right = 0;
        const auto fill = [&](auto& table) {
            for (std::size_t i = 0; i < table.size(); i += 2) {
                if (!salt.empty()) {
                    left ^= salt_words.next();
                    right ^= salt_words.next();
                }
                encrypt(left, right);
                table[i] = left;
                table[i + 1] = right;
            }
        };
        fill(p);
        for (auto& box : s)
            fill(box);
    }

private:
    // Big-endian words of some bytes, over and over. Sizes here are multiples of 4.
    class word_cycle {
    public:
        explicit word_cycle(bytes_view data) : data_(data) {}
        std::uint32_t next() {
            std::uint32_t word = 0;
            for (std::size_t i = 0; i < 4; ++i)
                word = word << 8 | data_[at_ + i];
            at_ = at_ + 4 == data_.size() ? 0 : at_ + 4;
            return word;
        }

    private:
        bytes_view data_;
        std::size_t at_ = 0;
    };

    std::uint32_t f(std::uint32_t x) const {
        return ((s[0][x >> 24] + s[1][x >> 16 & 0xff]) ^ s[2][x >> 8 & 0xff]) + s[3][x & 0xff];
    }
};

// --- the initial tables: the fraction of pi, in hexadecimal -----------------------------------

constexpr std::size_t table_words = 18 + 4 * 256;
constexpr int guard_bits = 64;
constexpr int fraction_bits = static_cast<int>(table_words) * 32 + guard_bits;

// arctan(1/x) in units of 2^-fraction_bits, by Euler's series: each term is the one before times
// 2n / ((2n + 1)(1 + x^2)).
bignum arctan_inverse(BN_ULONG x) {
    bignum sum(BN_new());
    const bignum term(BN_new());
    expects(sum && term && BN_set_bit(term.get(), fraction_bits) == 1 &&
            BN_mul_word(term.get(), x) == 1);
    BN_div_word(term.get(), 1 + x * x);
    for (BN_ULONG n = 1; !BN_is_zero(term.get()); ++n) {
        expects(BN_add(sum.get(), sum.get(), term.get()) == 1 &&
                BN_mul_word(term.get(), 2 * n) == 1);
        BN_div_word(term.get(), (2 * n + 1) * (1 + x * x));
    }
    return sum;
}

// Computed instead of listed: pi = 16 arctan(1/5) - 4 arctan(1/239) (Machin, 1706).
blowfish compute_initial_state() {
    const bignum pi = arctan_inverse(5);
    const bignum small = arctan_inverse(239);
    expects(BN_mul_word(pi.get(), 16) == 1 && BN_mul_word(small.get(), 4) == 1 &&
            BN_sub(pi.get(), pi.get(), small.get()) == 1 &&
            BN_mask_bits(pi.get(), fraction_bits) == 1 &&
            BN_rshift(pi.get(), pi.get(), guard_bits) == 1);
    bytes fraction(table_words * 4);
    expects(BN_bn2binpad(pi.get(), fraction.data(), static_cast<int>(fraction.size())) > 0);

    blowfish state;
    std::size_t at = 0;
    const auto next = [&] {
        std::uint32_t word = 0;
        for (int i = 0; i < 4; ++i)
            word = word << 8 | fraction[at++];
        return word;
    };
    std::ranges::generate(state.p, next);
    for (auto& box : state.s)
        std::ranges::generate(box, next);
    return state;
}

const blowfish& initial_state() {
    static const blowfish state = compute_initial_state();
    return state;
}

// --- the hash and the derivation --------------------------------------------------------------

block bcrypt_hash(blowfish& state, const digest& key, const digest& salt) {
    state = initial_state();
    state.expand(key, salt);
    for (int i = 0; i < 64; ++i) {
        state.expand(salt, {});
        state.expand(key, {});
    }
    constexpr std::string_view plain = "OxychromaticBlowfishSwatDynamite";
    static_assert(plain.size() == block_size);
    block out;
    for (std::size_t at = 0; at < block_size; at += 8) {
        std::array<std::uint32_t, 2> words{};
        for (std::size_t i = 0; i < 8; ++i)
            words[i / 4] = words[i / 4] << 8 | static_cast<std::uint8_t>(plain[at + i]);
        for (int i = 0; i < 64; ++i)
            state.encrypt(words[0], words[1]);
        for (std::size_t i = 0; i < 8; ++i)  // little-endian, unlike everything before
            out[at + i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
    }
    return out;
}

digest sha512(std::initializer_list<bytes_view> parts) {
    const evp_md_ctx context(EVP_MD_CTX_new());
    expects(context && EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) == 1);
    for (const bytes_view part : parts)
        expects(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    digest out{};
    expects(EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1);
    return out;
}

// Everything derived from the passphrase, wiped together.
struct working_memory {
    blowfish state;
    digest passphrase;
    digest salt;
    block hash;
    block sum;
};

}  // namespace

void bcrypt_pbkdf(std::string_view passphrase, bytes_view salt, std::uint32_t rounds,
                  mutable_bytes_view key) {
    expects(rounds > 0);
    const auto work = std::make_unique<working_memory>();
    work->passphrase = sha512({as_bytes(passphrase)});
    const std::size_t blocks = (key.size() + block_size - 1) / block_size;
    for (std::size_t b = 0; b < blocks; ++b) {
        const auto number = static_cast<std::uint32_t>(b + 1);
        const std::array<std::uint8_t, 4> suffix{
            static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
            static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
        work->salt = sha512({salt, suffix});
        work->hash = bcrypt_hash(work->state, work->passphrase, work->salt);
        work->sum = work->hash;
        for (std::uint32_t round = 1; round < rounds; ++round) {
            work->salt = sha512({work->hash});
            work->hash = bcrypt_hash(work->state, work->passphrase, work->salt);
            for (std::size_t i = 0; i < block_size; ++i)
                work->sum[i] ^= work->hash[i];
        }
        // Byte i of block b goes to i * blocks + b, so that no part of the key comes from one
        // block alone.
        for (std::size_t i = 0; i * blocks + b < key.size(); ++i)
            key[i * blocks + b] = work->sum[i];
    }
    wipe({reinterpret_cast<std::uint8_t*>(work.get()), sizeof *work});
}

}  // namespace sluice::crypto
