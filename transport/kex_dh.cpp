// diffie-hellman-group14-sha256 and -group15-sha512 to -group18-sha512 (RFC 4253 §8, RFC 8268).

#include "sluice/transport/kex_diffie_hellman.hpp"

namespace sluice {
namespace {

// SSH_MSG_KEXDH_INIT
struct kexdh_init {
    static constexpr std::uint8_t number = 30;

    wire::mpint value;  // e

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.value); }
};

// SSH_MSG_KEXDH_REPLY
struct kexdh_reply {
    static constexpr std::uint8_t number = 31;

    bytes_view host_key;  // K_S
    wire::mpint value;    // f
    bytes_view signature;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.host_key, m.value, m.signature);
    }
};

}  // namespace

std::unique_ptr<key_exchange> make_kex_dh(const kex_info& info, const kex_context& context) {
    return std::make_unique<diffie_hellman_exchange<kexdh_init, kexdh_reply>>(
        info, context, [&info, &context] { return info.agree(*context.random); });
}

}  // namespace sluice
