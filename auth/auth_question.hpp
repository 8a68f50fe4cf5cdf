#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/wire/secret.hpp"

#include <optional>
#include <string>

namespace sluice {

/// What the application must decide about a client that wants to log in.
///
/// Everything the protocol can decide alone is decided before: a question is put in the same way
/// for users that exist and those that do not, and it is the application's part to take the same
/// time for both.
struct auth_question {
    enum class kind {
        none,              // may `user` log in without proof?
        password,          // is `password` that of `user`?
        public_key_query,  // would `key` be accepted? Nothing is proven yet.
        public_key,        // may the holder of `key` log in as `user`? The signature was verified.
    };

    kind what = kind::none;
    std::string user;
    secret_bytes password;                  // as sent: may hold any byte, NUL too
    std::optional<crypto::public_key> key;  // of public_key_query and public_key
    std::string algorithm;                  // the signature's: "rsa-sha2-512"
    /// Of public_key, when the key is a security key: what it asserted. Whoever accepts the key
    /// judges it; authorized_key::judge does.
    std::optional<crypto::sk_assertion> assertion;
};

enum class auth_answer { refuse, accept };

}  // namespace sluice
