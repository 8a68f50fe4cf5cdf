// diffie-hellman-group-exchange-sha256 (RFC 4419, RFC 8270): the server chooses the group. Only the
// request with three sizes is known; the old one (30, with n alone) went out of use long ago.

#include "sluice/crypto/bit_length.hpp"
#include "sluice/crypto/dh_groups.hpp"
#include "sluice/transport/kex_diffie_hellman.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <array>

namespace sluice {
namespace {

// SSH_MSG_KEY_DH_GEX_REQUEST
struct kex_dh_gex_request {
    static constexpr std::uint8_t number = 34;

    std::uint32_t min = limits::dh_group_bits_min;  // bits, RFC 8270 §3
    std::uint32_t n = 3072;
    std::uint32_t max = limits::dh_group_bits_max;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.min, m.n, m.max); }
};

// SSH_MSG_KEX_DH_GEX_GROUP
struct kex_dh_gex_group {
    static constexpr std::uint8_t number = 31;

    wire::mpint p;
    wire::mpint g;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.p, m.g); }
};

// SSH_MSG_KEX_DH_GEX_INIT
struct kex_dh_gex_init {
    static constexpr std::uint8_t number = 32;

    wire::mpint value;  // e

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.value); }
};

// SSH_MSG_KEX_DH_GEX_REPLY
struct kex_dh_gex_reply {
    static constexpr std::uint8_t number = 33;

    bytes_view host_key;  // K_S
    wire::mpint value;    // f
    bytes_view signature;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.host_key, m.value, m.signature);
    }
};

// RFC 4419 §3, RFC 8270 §4: of those that the client can accept, any one of the smallest size of at
// least n bits, else of the largest.
class group_choice {
public:
    explicit group_choice(const kex_dh_gex_request& wanted) : wanted_(wanted) {}

    void consider(const crypto::dh_group& group) {
        const std::size_t bits = crypto::bit_length(group.prime);
        if (bits < wanted_.min || bits > wanted_.max) return;
        if (best_.empty() || is_better(bits)) {
            best_.clear();
            bits_ = bits;
        }
        if (bits == bits_) best_.push_back(&group);
    }

    // Null when there is none.
    const crypto::dh_group* draw(crypto::random_source& random) const {
        if (best_.size() < 2) return best_.empty() ? nullptr : best_.front();
        std::array<std::uint8_t, 4> drawn;
        random.fill(drawn);
        std::size_t number = 0;
        for (const std::uint8_t b : drawn)
            number = number << 8 | b;
        return best_[number % best_.size()];
    }

private:
    bool is_better(std::size_t bits) const {
        if (bits_ < wanted_.n) return bits > bits_;
        return bits >= wanted_.n && bits < bits_;
    }

    const kex_dh_gex_request& wanted_;
    std::vector<const crypto::dh_group*> best_;  // all of `bits_`
    std::size_t bits_ = 0;
};

const crypto::dh_group* best_group(const kex_dh_gex_request& wanted, const kex_context& context) {
    group_choice own(wanted);
    for (const crypto::dh_group& group : context.exchange_groups)
        own.consider(group);
    if (const auto* group = own.draw(*context.random)) return group;
    group_choice known(wanted);
    for (const crypto::dh_group* group : crypto::modp_groups())
        known.consider(*group);
    return known.draw(*context.random);
}

class dh_gex_exchange final : public key_exchange {
public:
    dh_gex_exchange(const kex_info& info, const kex_context& context)
        : info_(info),
          context_(context),
          state_(context.own == role::server ? state::awaiting_request : state::awaiting_group) {}

    std::optional<bytes> begin() override {
        if (context_.own == role::server) return std::nullopt;
        return wire::encoded(request_);
    }

    result<std::optional<kex_outcome>> on_message(bytes_view payload,
                                                  std::vector<bytes>& replies) override {
        switch (state_) {
        case state::awaiting_request: return on_request(payload, replies);
        case state::awaiting_group: return on_group(payload, replies);
        case state::awaiting_value: return exchange_->on_message(payload, replies);
        case state::failed: return errc::unexpected_message;
        }
        unreachable();
    }

private:
    enum class state {
        awaiting_request,  // server
        awaiting_group,    // client
        awaiting_value,    // e or f
        failed,
    };
    using values = diffie_hellman_exchange<kex_dh_gex_init, kex_dh_gex_reply>;

    result<std::optional<kex_outcome>> on_request(bytes_view payload, std::vector<bytes>& replies) {
        state_ = state::failed;
        const auto request = wire::decode<kex_dh_gex_request>(payload);
        if (!request) return request.error();
        if (request->min > request->n || request->n > request->max) return errc::bad_value;
        request_ = *request;
        const crypto::dh_group* group = best_group(request_, context_);
        if (group == nullptr) return errc::key_exchange_failed;

        const kex_dh_gex_group reply{{group->prime}, {group->generator}};
        exchange_ = std::make_unique<values>(
            info_, context_,
            [this, group] { return crypto::make_agreement(*group, *context_.random); },
            encode_mpint_secret, hashed_first(reply));
        replies.push_back(wire::encoded(reply));
        state_ = state::awaiting_value;
        return std::nullopt;
    }

    // That p is a safe prime is not checked, as by nobody: it would take seconds, and the server
    // who vouches for the group with its signature knows the secret anyway.
    result<std::optional<kex_outcome>> on_group(bytes_view payload, std::vector<bytes>& replies) {
        state_ = state::failed;
        const auto reply = wire::decode<kex_dh_gex_group>(payload);
        if (!reply) return reply.error();
        const std::size_t bits = crypto::bit_length(reply->p.magnitude);
        if (bits < request_.min || bits > request_.max) return errc::bad_public_value;
        const crypto::dh_group group{to_bytes(reply->p.magnitude), to_bytes(reply->g.magnitude)};
        auto agreement = crypto::make_agreement_in_peers_group(group, *context_.random);
        if (!agreement) return agreement.error();
        own_ = std::move(*agreement);
        exchange_ = std::make_unique<values>(
            info_, context_, [this] { return std::move(own_); }, encode_mpint_secret,
            hashed_first(*reply));
        replies.push_back(*exchange_->begin());
        state_ = state::awaiting_value;
        return std::nullopt;
    }

    // What H has before e and f.
    bytes hashed_first(const kex_dh_gex_group& group) const {
        bytes out;
        wire::writer w(out);
        w.write(request_.min);
        w.write(request_.n);
        w.write(request_.max);
        w.write(group.p);
        w.write(group.g);
        return out;
    }

    const kex_info& info_;
    const kex_context& context_;
    state state_;
    kex_dh_gex_request request_;
    std::unique_ptr<crypto::agreement> own_;  // client, until `exchange_` asks for it
    std::unique_ptr<values> exchange_;
};

}  // namespace

std::unique_ptr<key_exchange> make_kex_dh_gex(const kex_info& info, const kex_context& context) {
    return std::make_unique<dh_gex_exchange>(info, context);
}

}  // namespace sluice
