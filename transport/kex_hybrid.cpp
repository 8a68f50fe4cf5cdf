// A post-quantum KEM beside a curve (draft-ietf-sshm-mlkem-hybrid-kex-10, published as RFC 10042,
// and RFC 9941 for sntrup761): whoever breaks only one of them learns nothing.

#include "sluice/crypto/ml_kem.hpp"
#include "sluice/crypto/sntrup761.hpp"
#include "sluice/transport/kex_diffie_hellman.hpp"
#include "sluice/wire/expects.hpp"

#include <array>

namespace sluice {
namespace {

// SSH_MSG_KEX_HYBRID_INIT
struct kex_hybrid_init {
    static constexpr std::uint8_t number = 30;

    bytes_view value;  // C_INIT: encapsulation key, then the curve's public value

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.value); }
};

// SSH_MSG_KEX_HYBRID_REPLY
struct kex_hybrid_reply {
    static constexpr std::uint8_t number = 31;

    bytes_view host_key;  // K_S
    bytes_view value;     // S_REPLY: ciphertext, then the curve's public value
    bytes_view signature;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.host_key, m.value, m.signature);
    }
};

struct kem {
    std::size_t encapsulation_key_size;  // bytes
    std::size_t ciphertext_size;
    crypto::kem_keys (*generate)(crypto::random_source& random);
    result<crypto::kem_encapsulation> (*encapsulate)(bytes_view encapsulation_key,
                                                     crypto::random_source& random);
    result<secret_bytes> (*decapsulate)(bytes_view decapsulation_key, bytes_view ciphertext);
};

template <crypto::ml_kem_set Set>
constexpr kem ml_kem{
    crypto::sizes_of(Set).encapsulation_key, crypto::sizes_of(Set).ciphertext,
    [](crypto::random_source& random) { return crypto::ml_kem_generate(Set, random); },
    [](bytes_view key, crypto::random_source& random) {
        return crypto::ml_kem_encapsulate(Set, key, random);
    },
    [](bytes_view key, bytes_view ciphertext) {
        return crypto::ml_kem_decapsulate(Set, key, ciphertext);
    }};

constexpr kem sntrup761{crypto::sntrup761_encapsulation_key_size, crypto::sntrup761_ciphertext_size,
                        crypto::sntrup761_generate, crypto::sntrup761_encapsulate,
                        crypto::sntrup761_decapsulate};

struct hybrid_method {
    std::string_view name;
    const kem& post_quantum;
    crypto::curve curve;
};

constexpr std::array methods{
    hybrid_method{"mlkem768x25519-sha256", ml_kem<crypto::ml_kem_set::ml_kem_768>,
                  crypto::curve::x25519},
    hybrid_method{"mlkem768nistp256-sha256", ml_kem<crypto::ml_kem_set::ml_kem_768>,
                  crypto::curve::nistp256},
    hybrid_method{"mlkem1024nistp384-sha384", ml_kem<crypto::ml_kem_set::ml_kem_1024>,
                  crypto::curve::nistp384},
    hybrid_method{"sntrup761x25519-sha512", sntrup761, crypto::curve::x25519},
    hybrid_method{"sntrup761x25519-sha512@openssh.com", sntrup761, crypto::curve::x25519},
};

// One side. A server's public value is there when it has the client's, to which it encapsulates.
class hybrid_agreement {
public:
    hybrid_agreement(const hybrid_method& method, crypto::hash_kind hash,
                     const kex_context& context)
        : kem_(method.post_quantum),
          hash_(hash),
          own_(context.own),
          random_(*context.random),
          classical_(crypto::make_agreement(method.curve, random_)) {
        if (own_ == role::server) return;
        keys_ = kem_.generate(random_);
        set_public_value(keys_.encapsulation_key);
    }

    bytes_view public_value() const { return public_value_; }

    // K = HASH(K_PQ || K_CL), to be encoded as a string.
    result<secret_bytes> shared_secret(bytes_view peer_public_value) {
        const std::size_t size =
            own_ == role::server ? kem_.encapsulation_key_size : kem_.ciphertext_size;
        if (peer_public_value.size() < size) return errc::bad_public_value;
        // The curve refuses what is too long or too short for it: this fixes the whole length.
        const auto classical = classical_->shared_secret(peer_public_value.subspan(size));
        if (!classical) return classical.error();
        const auto post_quantum = agree(peer_public_value.first(size));
        if (!post_quantum) return post_quantum.error();
        secret_bytes secret(crypto::hash_size(hash_));
        crypto::hash(hash_).update(*post_quantum).update(*classical).finish(secret.span());
        return secret;
    }

private:
    result<secret_bytes> agree(bytes_view peer_value) {
        if (own_ == role::client) return kem_.decapsulate(keys_.decapsulation_key, peer_value);
        auto made = kem_.encapsulate(peer_value, random_);
        if (!made) return made.error();
        set_public_value(made->ciphertext);
        return std::move(made->shared_secret);
    }

    void set_public_value(bytes_view post_quantum) {
        public_value_ = to_bytes(post_quantum);
        const bytes_view classical = classical_->public_value();
        public_value_.insert(public_value_.end(), classical.begin(), classical.end());
    }

    const kem& kem_;
    crypto::hash_kind hash_;
    role own_;
    crypto::random_source& random_;
    std::unique_ptr<crypto::agreement> classical_;
    crypto::kem_keys keys_;
    bytes public_value_;
};

std::unique_ptr<hybrid_agreement> agree(const kex_info& info, const kex_context& context) {
    for (const auto& method : methods)
        if (method.name == info.name)
            return std::make_unique<hybrid_agreement>(method, info.hash, context);
    unreachable();
}

}  // namespace

std::unique_ptr<key_exchange> make_kex_hybrid(const kex_info& info, const kex_context& context) {
    using exchange = diffie_hellman_exchange<kex_hybrid_init, kex_hybrid_reply, hybrid_agreement>;
    return std::make_unique<exchange>(
        info, context, [&info, &context] { return agree(info, context); }, encode_string_secret);
}

}  // namespace sluice
