#pragma once

#include "sluice/crypto/hash.hpp"
#include "sluice/wire/bytes.hpp"

#include <memory>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace sluice::crypto {

/// HMAC (RFC 2104) with one key, for any number of messages, one after the other.
class hmac {
public:
    hmac(hash_kind kind, bytes_view key);

    void begin();
    void update(bytes_view data);
    /// Writes `size()` bytes to the front of `out`.
    void finish(mutable_bytes_view out);
    std::size_t size() const { return hash_size(kind_); }

private:
    struct deleter {
        void operator()(evp_mac_ctx_st* context) const;
    };
    std::unique_ptr<evp_mac_ctx_st, deleter> context_;
    hash_kind kind_;
};

}  // namespace sluice::crypto
