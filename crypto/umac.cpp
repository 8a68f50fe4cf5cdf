#include "sluice/crypto/umac.hpp"

#include "sluice/crypto/openssl.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/secret.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::crypto {
namespace {

constexpr std::size_t aes_block = 16;
constexpr std::uint64_t prime36 = (std::uint64_t{1} << 36) - 5;  // RFC 4418 §2.2
constexpr std::uint64_t prime64_offset = 59;                     // prime(64) is 2^64 - 59
constexpr std::uint64_t prime64 = 0 - prime64_offset;

__extension__ using uint128 = unsigned __int128;

std::uint32_t load_le32(const std::uint8_t* p) {
    std::uint32_t value;
    std::memcpy(&value, p, sizeof value);
    if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
    return value;
}

std::uint64_t load_be(const std::uint8_t* p, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
        value = value << 8 | p[i];
    return value;
}

// NH (§5.2.2) over whole blocks: for each stream the sum of products of words that lie four apart.
// Four sums side by side a stream, so that compilers use vectors.
template <std::size_t Streams>
void nh(const std::uint32_t* key, const std::uint8_t* data, std::size_t blocks,
        std::uint64_t* sums) {
    std::uint64_t lanes[Streams][4] = {};
    for (; blocks > 0; --blocks, data += 32, key += 8) {
        std::uint32_t m[8];
        for (std::size_t i = 0; i < 8; ++i)
            m[i] = load_le32(data + 4 * i);
        for (std::size_t s = 0; s < Streams; ++s)
            for (std::size_t i = 0; i < 4; ++i)
                lanes[s][i] += std::uint64_t{m[i] + key[4 * s + i]} *
                               std::uint64_t{m[i + 4] + key[4 * s + i + 4]};
    }
    for (std::size_t s = 0; s < Streams; ++s)
        sums[s] += lanes[s][0] + lanes[s][1] + lanes[s][2] + lanes[s][3];
}

// (k y + m) mod prime(64), for k below 2^57 as the mask of §5.3.1 leaves it. No branch.
std::uint64_t poly_step(std::uint64_t k, std::uint64_t y, std::uint64_t m) {
    const uint128 product = uint128{k} * y + m;
    const uint128 folded = uint128{static_cast<std::uint64_t>(product)} +
                           uint128{static_cast<std::uint64_t>(product >> 64)} * prime64_offset;
    const std::uint64_t sum = static_cast<std::uint64_t>(folded) +
                              static_cast<std::uint64_t>(folded >> 64) * prime64_offset;
    return sum - (prime64 & (0 - std::uint64_t{sum >= prime64}));
}

// One word of POLY (§5.3.2). What is out of range comes with a marker before it; both ways take
// the same time (§6.6).
std::uint64_t poly_word(std::uint64_t k, std::uint64_t y, std::uint64_t m) {
    constexpr std::uint64_t range = 0 - (std::uint64_t{1} << 32);
    const std::uint64_t out_of_range = 0 - std::uint64_t{m >= range};
    const std::uint64_t marked = poly_step(k, y, prime64 - 1);
    return poly_step(k, (marked & out_of_range) | (y & ~out_of_range),
                     m - (prime64_offset & out_of_range));
}

template <class T>
mutable_bytes_view bytes_of(T& object) {
    return {reinterpret_cast<std::uint8_t*>(&object), sizeof object};
}

}  // namespace

void umac::deleter::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

umac::block_cipher umac::make_cipher(bytes_view key) {
    static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
    block_cipher cipher(EVP_CIPHER_CTX_new());
    expects(cipher &&
            EVP_EncryptInit_ex2(cipher.get(), algorithm, key.data(), nullptr, nullptr) == 1);
    return cipher;
}

// KDF (§3.2): the cipher in counter mode.
void umac::derive(evp_cipher_ctx_st* cipher, std::uint8_t index, mutable_bytes_view out) {
    std::array<std::uint8_t, aes_block> counter{};
    std::array<std::uint8_t, aes_block> block{};
    counter[7] = index;
    for (std::size_t made = 0; made < out.size(); made += aes_block) {
        if (++counter[15] == 0) ++counter[14];
        int size = 0;
        expects(EVP_EncryptUpdate(cipher, block.data(), &size, counter.data(), aes_block) == 1);
        std::copy_n(block.begin(), std::min(aes_block, out.size() - made), out.data() + made);
    }
    wipe(block);
}

umac::umac(std::size_t tag_size, bytes_view key) : tag_size_(tag_size), streams_(tag_size / 4) {
    expects(tag_size % 4 == 0 && streams_ >= 1 && streams_ <= streams_max);
    expects(key.size() == key_size);
    const block_cipher cipher = make_cipher(key);

    secret_bytes pad_key(key_size);
    derive(cipher.get(), 0, pad_key.span());
    pad_cipher_ = make_cipher(pad_key);

    // The keys of §5.1, and what §5.3.1 and §5.4.1 make of them.
    secret_bytes made(sizeof keys_.nh);
    derive(cipher.get(), 1, made.span());
    for (std::size_t i = 0; i < key_words; ++i)
        keys_.nh[i] = static_cast<std::uint32_t>(load_be(made.data() + 4 * i, 4));

    constexpr std::uint64_t poly_mask = 0x01ffffff01ffffff;
    derive(cipher.get(), 2, made.span().first(streams_max * 24));
    for (std::size_t s = 0; s < streams_max; ++s)
        keys_.poly[s] = load_be(made.data() + 24 * s, 8) & poly_mask;

    // The first half of each 64 bytes would be multiplied with zeros.
    derive(cipher.get(), 3, made.span().first(streams_max * 64));
    for (std::size_t s = 0; s < streams_max; ++s)
        for (std::size_t i = 0; i < 4; ++i)
            keys_.inner_product[s][i] = load_be(made.data() + 64 * s + 32 + 8 * i, 8) % prime36;

    derive(cipher.get(), 4, made.span().first(streams_max * 4));
    for (std::size_t s = 0; s < streams_max; ++s)
        keys_.last[s] = static_cast<std::uint32_t>(load_be(made.data() + 4 * s, 4));
}

umac::~umac() {
    wipe(bytes_of(keys_));
    wipe(partial_);
    wipe(bytes_of(at_));
}

void umac::begin(bytes_view nonce) {
    expects(nonce.size() == nonce_.size());
    std::ranges::copy(nonce, nonce_.begin());
    at_ = {};
    at_.poly.fill(1);
}

void umac::update(bytes_view data) {
    while (!data.empty()) {
        if (at_.chunk_bytes == chunk_size) finish_chunk();
        if (at_.partial_bytes != 0 || data.size() < block_size) {
            const std::size_t taken = std::min(data.size(), block_size - at_.partial_bytes);
            std::copy_n(data.begin(), taken,
                        partial_.begin() + static_cast<std::ptrdiff_t>(at_.partial_bytes));
            at_.partial_bytes += taken;
            data = data.subspan(taken);
            if (at_.partial_bytes == block_size) {
                absorb(partial_.data(), block_size);
                at_.partial_bytes = 0;
            }
            continue;
        }
        const std::size_t whole = data.size() - data.size() % block_size;
        const std::size_t taken = std::min(whole, chunk_size - at_.chunk_bytes);
        absorb(data.data(), taken);
        data = data.subspan(taken);
    }
}

void umac::absorb(const std::uint8_t* data, std::size_t size) {
    const std::uint32_t* key = keys_.nh.data() + at_.chunk_bytes / 4;
    const std::size_t blocks = size / block_size;
    switch (streams_) {
    case 1: nh<1>(key, data, blocks, at_.sums.data()); break;
    case 2: nh<2>(key, data, blocks, at_.sums.data()); break;
    case 3: nh<3>(key, data, blocks, at_.sums.data()); break;
    case 4: nh<4>(key, data, blocks, at_.sums.data()); break;
    default: unreachable();
    }
    at_.chunk_bytes += size;
}

// A chunk that others follow: L2-HASH takes its sums (§5.2.1, §5.3).
void umac::finish_chunk() {
    expects(++at_.chunks < message_size_max / chunk_size);
    for (std::size_t s = 0; s < streams_; ++s) {
        at_.poly[s] = poly_word(keys_.poly[s], at_.poly[s], at_.sums[s] + chunk_size * 8);
        at_.sums[s] = 0;
    }
    at_.chunk_bytes = 0;
}

// L3-HASH (§5.4) of what a stream has come to.
std::uint32_t umac::hash_of(std::size_t stream) const {
    const std::uint64_t value = at_.chunks == 0 ? at_.sums[stream] : at_.poly[stream];
    std::uint64_t y = 0;
    for (std::size_t i = 0; i < 4; ++i)
        y += (value >> (48 - 16 * i) & 0xffff) * keys_.inner_product[stream][i];
    return static_cast<std::uint32_t>(y % prime36) ^ keys_.last[stream];
}

void umac::finish(mutable_bytes_view out) {
    // Zeros up to a whole block; an empty message is one block of them.
    const std::size_t bits = 8 * (at_.chunk_bytes + at_.partial_bytes);
    if (at_.partial_bytes != 0 || at_.chunk_bytes == 0) {
        std::fill(partial_.begin() + static_cast<std::ptrdiff_t>(at_.partial_bytes), partial_.end(),
                  std::uint8_t{0});
        absorb(partial_.data(), block_size);
    }
    for (std::size_t s = 0; s < streams_; ++s) {
        at_.sums[s] += bits;
        if (at_.chunks != 0) at_.poly[s] = poly_word(keys_.poly[s], at_.poly[s], at_.sums[s]);
    }

    // The pad (§3.3). Short tags share a block of the cipher between nonces that follow.
    std::array<std::uint8_t, aes_block> block{};
    std::ranges::copy(nonce_, block.begin());
    std::size_t offset = 0;
    if (tag_size_ <= 8) {
        const std::size_t index = nonce_.back() % (aes_block / tag_size_);
        block[nonce_.size() - 1] ^= static_cast<std::uint8_t>(index);
        offset = index * tag_size_;
    }
    int size = 0;
    expects(EVP_EncryptUpdate(pad_cipher_.get(), block.data(), &size, block.data(), aes_block) ==
            1);
    for (std::size_t s = 0; s < streams_; ++s) {
        const std::uint32_t hash = hash_of(s);
        for (std::size_t i = 0; i < 4; ++i)
            out[4 * s + i] =
                static_cast<std::uint8_t>(hash >> (24 - 8 * i)) ^ block[offset + 4 * s + i];
    }
    wipe(block);
}

}  // namespace sluice::crypto
