#pragma once

#include <span>
#include <string_view>

namespace sluice::crypto {

/// A name that may stand as public key algorithm in negotiation and authentication.
struct signature_algorithm {
    std::string_view name;      // "rsa-sha2-512"
    std::string_view key_type;  // type in the key blob: "ssh-rsa"
    bool of_hosts = true;       // whether a host key may sign so; a security key wants its user
};

/// All that we know, in order of preference. SHA-1 signatures are not among them.
std::span<const signature_algorithm> signature_algorithms();

/// Null when unknown.
const signature_algorithm* find_signature_algorithm(std::string_view name);

}  // namespace sluice::crypto
