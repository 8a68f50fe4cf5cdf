#pragma once

// Private to transport/: what the methods with one message each way have in common.

#include "sluice/crypto/agreement.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/wire/codec.hpp"

namespace sluice {

inline bytes_view value_of(bytes_view value) { return value; }
inline bytes_view value_of(const wire::mpint& value) { return value.magnitude; }

/// K as an mpint, the form of all but the hybrid methods, in memory that is wiped.
inline secret_bytes encode_mpint_secret(bytes_view big_endian) {
    const bytes_view magnitude = wire::mpint::of(big_endian).magnitude;
    const bool sign_byte = !magnitude.empty() && (magnitude[0] & 0x80) != 0;
    const std::size_t size = magnitude.size() + (sign_byte ? 1 : 0);
    secret_bytes out(4 + size);
    for (std::size_t i = 0; i < 4; ++i)
        out.data()[i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
    std::copy(magnitude.begin(), magnitude.end(), out.data() + 4 + (sign_byte ? 1 : 0));
    return out;
}

/// A method in which each side sends one public value: `Init` has `value`, `Reply` has `host_key`,
/// `value` and `signature`. The values' type says how they are encoded, in messages and in H.
template <class Init, class Reply>
class diffie_hellman_exchange final : public key_exchange {
public:
    using make_agreement = std::unique_ptr<crypto::agreement> (*)(const kex_info&,
                                                                  crypto::random_source&);

    diffie_hellman_exchange(const kex_info& info, const kex_context& context, make_agreement make)
        : info_(info), context_(context), make_(make) {}

    std::optional<bytes> begin() override {
        if (context_.own == role::server) return std::nullopt;
        own_ = make_(info_, *context_.random);
        return wire::encoded(Init{{own_->public_value()}});
    }

    result<std::optional<kex_outcome>> on_message(bytes_view payload,
                                                  std::vector<bytes>& replies) override {
        if (done_) return errc::unexpected_message;
        done_ = true;
        return context_.own == role::server ? on_init(payload, replies) : on_reply(payload);
    }

private:
    result<std::optional<kex_outcome>> on_init(bytes_view payload, std::vector<bytes>& replies) {
        const auto init = wire::decode<Init>(payload);
        if (!init) return init.error();
        own_ = make_(info_, *context_.random);
        const auto secret = own_->shared_secret(value_of(init->value));
        if (!secret) return secret.error();

        kex_outcome outcome;
        outcome.host_key_blob = context_.key->blob();
        Reply reply;
        reply.host_key = outcome.host_key_blob;
        reply.value = {own_->public_value()};
        finish(outcome, *secret, init->value, reply.value);
        const auto signature =
            context_.key->sign(context_.host_key_algorithm, outcome.exchange_hash);
        if (!signature) return signature.error();
        reply.signature = *signature;
        replies.push_back(wire::encoded(reply));
        return std::optional(std::move(outcome));
    }

    result<std::optional<kex_outcome>> on_reply(bytes_view payload) {
        const auto reply = wire::decode<Reply>(payload);
        if (!reply) return reply.error();
        const auto secret = own_->shared_secret(value_of(reply->value));
        if (!secret) return secret.error();

        kex_outcome outcome;
        outcome.host_key_blob = to_bytes(reply->host_key);
        outcome.signature = to_bytes(reply->signature);
        finish(outcome, *secret, decltype(reply->value){own_->public_value()}, reply->value);
        return std::optional(std::move(outcome));
    }

    template <class Value>
    void finish(kex_outcome& outcome, const secret_bytes& secret, const Value& client_value,
                const Value& server_value) {
        outcome.encoded_secret = encode_mpint_secret(secret);
        bytes values;
        wire::writer w(values);
        w.write(client_value);
        w.write(server_value);
        outcome.exchange_hash = exchange_hash(context_, info_.hash, outcome.host_key_blob, values,
                                              outcome.encoded_secret);
    }

    const kex_info& info_;
    const kex_context& context_;
    make_agreement make_;
    std::unique_ptr<crypto::agreement> own_;
    bool done_ = false;
};

}  // namespace sluice
