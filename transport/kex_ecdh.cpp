// curve25519-sha256 and curve448-sha512 (RFC 8731) and ecdh-sha2-nistp* (RFC 5656 §4): the same two
// messages.

#include "sluice/transport/kex_diffie_hellman.hpp"

namespace sluice {
namespace {

// SSH_MSG_KEX_ECDH_INIT
struct kex_ecdh_init {
    static constexpr std::uint8_t number = 30;

    bytes_view value;  // Q_C

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.value); }
};

// SSH_MSG_KEX_ECDH_REPLY
struct kex_ecdh_reply {
    static constexpr std::uint8_t number = 31;

    bytes_view host_key;  // K_S
    bytes_view value;     // Q_S
    bytes_view signature;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.host_key, m.value, m.signature);
    }
};

}  // namespace

std::unique_ptr<key_exchange> make_kex_ecdh(const kex_info& info, const kex_context& context) {
    return std::make_unique<diffie_hellman_exchange<kex_ecdh_init, kex_ecdh_reply>>(
        info, context, [&info, &context] { return info.agree(*context.random); });
}

}  // namespace sluice
