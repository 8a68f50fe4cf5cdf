#include "sluice/crypto/signature_algorithms.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

// In order of preference, weak ones last.
constexpr std::array algorithms{
    // name, type of the key, of hosts too
    signature_algorithm{"ssh-ed25519", "ssh-ed25519"},
    signature_algorithm{"ssh-ed448", "ssh-ed448"},
    signature_algorithm{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    signature_algorithm{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    signature_algorithm{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    signature_algorithm{"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", false},
    signature_algorithm{"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
                        false},
    signature_algorithm{"webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
                        "sk-ecdsa-sha2-nistp256@openssh.com", false},
    signature_algorithm{"rsa-sha2-512", "ssh-rsa"},
    signature_algorithm{"rsa-sha2-256", "ssh-rsa"},
    signature_algorithm{"ssh-rsa", "ssh-rsa", true, true},  // SHA-1, RFC 4253 §6.6
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

bool is_sound_signature_algorithm(std::string_view name) {
    const auto* known = find_signature_algorithm(name);
    return known != nullptr && !known->weak;
}

}  // namespace sluice::crypto
