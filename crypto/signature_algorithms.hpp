#pragma once

#include <span>
#include <string_view>

namespace sluice::crypto {

/// A name that may stand as public key algorithm in negotiation and authentication.
struct signature_algorithm {
    std::string_view name;      // "rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"
    std::string_view key_type;  // of the key that signs: "ssh-rsa"
    std::string_view signs_as;  // what the signature blob names: "rsa-sha2-512"
    bool of_hosts = true;       // whether a host key may sign so; a security key wants its user
    bool weak = false;          // never unless asked for by name, and then with a warning

    /// The key is shown in a certificate.
    bool certified() const { return name != signs_as; }
};

/// All that are used without being asked for, in order of preference: certificates, which need no
/// list of keys, come first. SHA-1 is not among them.
std::span<const signature_algorithm> signature_algorithms();

/// The same, and behind them the weak ones.
std::span<const signature_algorithm> known_signature_algorithms();

/// Null when unknown. Finds weak ones too: only for names that were configured, not for what a
/// signature says of itself.
const signature_algorithm* find_signature_algorithm(std::string_view name);

/// The name that a key of that type signs by where nothing asks for another. Empty when unknown.
std::string_view preferred_signature_algorithm(std::string_view key_type);

/// Whether that is one that is used without being asked for.
bool is_sound_signature_algorithm(std::string_view name);

}  // namespace sluice::crypto
