#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/secret.hpp"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

/// What the application of a client must give, now or later, for a login to go on. Texts are the
/// server's and may hold anything: escape them before they are shown.
struct client_auth_question {
    enum class kind {
        signature,       // of `data` by config.keys[key_index] with `algorithm`: auth_signature
        password,        // the user's, for the `attempt`th time: auth_password
        new_password,    // in place of the one just given, `instruction` says why: auth_password
        host_signature,  // of `data` by config.host_based.keys[key_index], likewise
        prompts,         // of keyboard-interactive, none or several: auth_responses, one each
    };

    struct prompt {
        std::string text;   // complete: nothing is to be added to it
        bool echo = false;  // whether what is typed may be seen
    };

    kind what = kind::password;
    unsigned attempt = 0;  // from 1

    std::size_t key_index = 0;
    std::string algorithm;  // the signature's, as its blob names it: "rsa-sha2-512"
    bytes data;

    std::string name;  // a title for the prompts, often empty
    std::string instruction;
    std::vector<prompt> prompts;
};

/// There is no answer: the next key or method is tried.
struct auth_declined {};

/// A signature blob (string algorithm, string signature). One that is not good counts as declined
/// and is not sent.
struct auth_signature {
    bytes blob;
};

struct auth_password {
    secret_bytes password;  // UTF-8 (RFC 4252 §8)
};

struct auth_responses {
    std::vector<secret_bytes> responses;  // as many as there were prompts
};

using client_auth_answer =
    std::variant<auth_declined, auth_signature, auth_password, auth_responses>;

}  // namespace sluice
