#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstddef>
#include <memory>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace sluice::crypto {

enum class hash_kind { sha1, sha256, sha384, sha512 };

constexpr std::size_t hash_size_max = 64;  // bytes

/// Size of a digest, in bytes.
constexpr std::size_t hash_size(hash_kind kind) {
    switch (kind) {
    case hash_kind::sha1: return 20;
    case hash_kind::sha256: return 32;
    case hash_kind::sha384: return 48;
    case hash_kind::sha512: return 64;
    }
    return 0;
}

/// An incremental hash (FIPS 180-4).
class hash {
public:
    explicit hash(hash_kind kind);
    hash& update(bytes_view data);
    /// Writes `hash_size(kind)` bytes to the front of `out`. The object is then used up.
    void finish(mutable_bytes_view out);
    bytes finish();

private:
    struct deleter {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, deleter> context_;
    hash_kind kind_;
};

bytes digest(hash_kind kind, bytes_view data);

}  // namespace sluice::crypto
