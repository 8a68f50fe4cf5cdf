#include "sluice/crypto/signature_algorithms.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

// A key that is shown as itself.
constexpr signature_algorithm bare(std::string_view name, std::string_view key_type,
                                   bool of_hosts = true) {
    return {name, key_type, name, of_hosts};
}

constexpr std::string_view ed25519 = "ssh-ed25519";
constexpr std::string_view ed448 = "ssh-ed448";
constexpr std::string_view p256 = "ecdsa-sha2-nistp256";
constexpr std::string_view p384 = "ecdsa-sha2-nistp384";
constexpr std::string_view p521 = "ecdsa-sha2-nistp521";
constexpr std::string_view sk_ed25519 = "sk-ssh-ed25519@openssh.com";
constexpr std::string_view sk_p256 = "sk-ecdsa-sha2-nistp256@openssh.com";
constexpr std::string_view webauthn_p256 = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
constexpr std::string_view rsa = "ssh-rsa";

// In order of preference, weak ones last: SHA-1 (RFC 4253 §6.6).
constexpr std::array algorithms{
    // name, type of the key, name in the signature, of hosts too
    signature_algorithm{"ssh-ed25519-cert-v01@openssh.com", ed25519, ed25519},
    signature_algorithm{"ssh-ed448-cert-v01@openssh.com", ed448, ed448},
    signature_algorithm{"ecdsa-sha2-nistp256-cert-v01@openssh.com", p256, p256},
    signature_algorithm{"ecdsa-sha2-nistp384-cert-v01@openssh.com", p384, p384},
    signature_algorithm{"ecdsa-sha2-nistp521-cert-v01@openssh.com", p521, p521},
    signature_algorithm{"sk-ssh-ed25519-cert-v01@openssh.com", sk_ed25519, sk_ed25519, false},
    signature_algorithm{"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", sk_p256, sk_p256, false},
    signature_algorithm{"webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", sk_p256,
                        webauthn_p256, false},
    signature_algorithm{"rsa-sha2-512-cert-v01@openssh.com", rsa, "rsa-sha2-512"},
    signature_algorithm{"rsa-sha2-256-cert-v01@openssh.com", rsa, "rsa-sha2-256"},
    bare(ed25519, ed25519),
    bare(ed448, ed448),
    bare(p256, p256),
    bare(p384, p384),
    bare(p521, p521),
    bare(sk_ed25519, sk_ed25519, false),
    bare(sk_p256, sk_p256, false),
    bare(webauthn_p256, sk_p256, false),
    bare("rsa-sha2-512", rsa),
    bare("rsa-sha2-256", rsa),
    signature_algorithm{"ssh-rsa-cert-v01@openssh.com", rsa, rsa, true, true},
    signature_algorithm{rsa, rsa, rsa, true, true},
};

constexpr auto sound_count = static_cast<std::size_t>(
    std::ranges::find(algorithms, true, &signature_algorithm::weak) - algorithms.begin());

}  // namespace

std::span<const signature_algorithm> signature_algorithms() {
    return std::span(algorithms).first(sound_count);
}

std::span<const signature_algorithm> known_signature_algorithms() { return algorithms; }

const signature_algorithm* find_signature_algorithm(std::string_view name) {
    const auto found = std::ranges::find(algorithms, name, &signature_algorithm::name);
    return found == algorithms.end() ? nullptr : &*found;
}

std::string_view preferred_signature_algorithm(std::string_view key_type) {
    const auto found = std::ranges::find_if(algorithms, [&](const signature_algorithm& a) {
        return a.key_type == key_type && !a.certified();
    });
    return found == algorithms.end() ? std::string_view() : found->name;
}

bool is_sound_signature_algorithm(std::string_view name) {
    const auto* known = find_signature_algorithm(name);
    return known != nullptr && !known->weak;
}

}  // namespace sluice::crypto
