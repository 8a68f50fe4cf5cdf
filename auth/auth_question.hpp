#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/secret.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

/// What the application must decide about a client that wants to log in.
///
/// Everything the protocol can decide alone is decided before: a question is put in the same way
/// for users that exist and those that do not, and it is the application's part to take the same
/// time for both.
struct auth_question {
    enum class kind {
        user,                   // how may `user` prove himself? Before everything else.
        none,                   // may `user` log in without proof?
        password,               // is `password` that of `user`? Or must it be changed?
        password_change,        // is `password` that of `user`, and may `new_password` replace it?
        public_key_query,       // would `key` be accepted? Nothing is proven yet.
        public_key,             // may the holder of `key` log in as `user`? He has signed. The
                                // same key was asked about by public_key_query before.
        interactive,            // what is `user` to be asked? keyboard-interactive has begun.
        interactive_responses,  // `responses` to the latest prompts: is that enough, or what next?
        host_based_query,  // would `client_user` of `client_host`, whose key `key` is said to be,
                           // be let in as `user`? Nothing is proven yet.
        host_based,  // may `client_user` of `client_host`, whose `key` has signed, be `user`? The
                     // same was asked about by host_based_query before.
    };

    kind what = kind::none;
    std::string user;
    secret_bytes password;                  // as sent: may hold any byte, NUL too
    secret_bytes new_password;              // likewise
    std::optional<crypto::public_key> key;  // of public keys and of hosts
    /// The certificate that `key` was shown in. It is well-formed, nothing more: that its authority
    /// has signed it is checked when this question is answered with yes. Whether that authority is
    /// trusted and the certificate good for `user` is part of the question
    /// (`user_certificate_fault`), and to be named in auth_accept.
    std::optional<crypto::certificate> certificate;
    std::string algorithm;  // "rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com"
    /// Of queries: the client did not only ask, it has signed. That is looked at where the key is
    /// accepted, and public_key or host_based comes next; refusing ends a real attempt.
    bool signature_follows = false;
    /// Of public_key and host_based, when the key is a security key: what it asserted. Whoever
    /// accepts the key judges it; key_options::judge and user_certificate_fault do. A touch is
    /// asked for unless auth_accept waives it.
    std::optional<crypto::sk_assertion> assertion;

    std::string submethods;               // of interactive: what the client would like, often empty
    std::vector<secret_bytes> responses;  // one for each prompt

    // Of hosts, as the client says it.
    std::string client_host;  // without a dot at its end
    std::string client_user;

    /// Whether it is about a key whose holder has proven nothing yet.
    bool is_query() const {
        return what == kind::public_key_query || what == kind::host_based_query;
    }
};

enum class auth_answer { refuse, accept };

/// Accepts a key, or a host, and says by name what of it the application has looked at, or does
/// without. What is not named the protocol asks for itself: a plain auth_answer::accept of a key in
/// a certificate, or of a security key that nobody touched, lets nobody in.
struct auth_accept {
    /// The certificate is of a trusted authority, and was judged for its dates, principals,
    /// source-address and demands: user_certificate_fault does all but the first.
    bool certificate_judged = false;

    /// Nobody need have touched the security key (no-touch-required).
    bool touch_waived = false;
};

/// An answer to `interactive` and `interactive_responses`: the user is asked this (RFC 4256 §3.2).
/// At most limits::auth_prompts_max prompts; none shows `instruction` alone.
struct auth_prompts {
    struct prompt {
        std::string text;   // UTF-8
        bool echo = false;  // whether what is typed may be seen
    };

    std::string name{};  // a title
    std::string instruction{};
    std::vector<prompt> prompts{};
};

/// An answer to `password` and `password_change`: not before another password is set
/// (RFC 4252 §8).
struct auth_password_expired {
    std::string prompt;
};

/// How a user may log in, where not all may in the same way: in place of what server_auth_config
/// says for all.
struct auth_policy {
    std::vector<std::vector<std::string>> method_chains;
    unsigned attempts_max = 6;
    std::string banner{};
    std::vector<std::string> public_key_algorithms{};  // empty: those of server_auth_config
};

/// The answer to `user` is a policy; refusing leaves what holds for all.
using auth_reply =
    std::variant<auth_answer, auth_accept, auth_prompts, auth_password_expired, auth_policy>;

/// Whether a reply is one to such a question; those that accept or refuse always are.
bool fits(const auth_reply& reply, enum auth_question::kind what);

/// Whether it lets in as far as the application is concerned.
bool accepts(const auth_reply& reply);

/// Whether it lets in, and leaves nothing of what the question shows unlooked at.
bool admits(const auth_reply& reply, const auth_question& question);

}  // namespace sluice
