#include "sluice/crypto/signature_algorithms.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

// In order of preference. "ssh-rsa" (SHA-1, RFC 4253 §6.6) is left out for good.
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
};

}  // namespace

std::span<const signature_algorithm> signature_algorithms() { return algorithms; }

const signature_algorithm* find_signature_algorithm(std::string_view name) {
    const auto found = std::ranges::find(algorithms, name, &signature_algorithm::name);
    return found == algorithms.end() ? nullptr : &*found;
}

}  // namespace sluice::crypto
