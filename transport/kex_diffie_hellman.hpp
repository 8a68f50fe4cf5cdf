#pragma once

// Private to transport/: what the methods with one message each way have in common.

#include "sluice/crypto/agreement.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/wire/codec.hpp"

#include <functional>

namespace sluice {

inline bytes_view value_of(bytes_view value) { return value; }
inline bytes_view value_of(const wire::mpint& value) { return value.magnitude; }

inline secret_bytes encode_secret(bytes_view content, std::size_t leading_zeros) {
    const std::size_t size = leading_zeros + content.size();
    secret_bytes out(4 + size);
    for (std::size_t i = 0; i < 4; ++i)
        out.data()[i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
    std::copy(content.begin(), content.end(), out.data() + 4 + leading_zeros);
    return out;
}

/// K as an mpint, the form of all but the hybrid methods, in memory that is wiped.
inline secret_bytes encode_mpint_secret(bytes_view big_endian) {
    const bytes_view magnitude = wire::mpint::of(big_endian).magnitude;
    return encode_secret(magnitude, !magnitude.empty() && (magnitude[0] & 0x80) != 0 ? 1 : 0);
}

/// K as a string, likewise.
inline secret_bytes encode_string_secret(bytes_view content) { return encode_secret(content, 0); }

/// A method in which each side sends one public value: `Init` has `value`, `Reply` has `host_key`,
/// `value` and `signature`. The values' type says how they are encoded, in messages and in H.
/// `Agreement` is our side of it; a server asks it for its public value after the secret.
template <class Init, class Reply, class Agreement = crypto::agreement>
class diffie_hellman_exchange final : public key_exchange {
public:
    using make_agreement = std::function<std::unique_ptr<Agreement>()>;

    /// `make` is called when our public value is needed: a server's, when it has the client's.
    /// `hashed_first`: what the method has in H before the two values.
    diffie_hellman_exchange(const kex_info& info, const kex_context& context, make_agreement make,
                            secret_bytes (*encode)(bytes_view) = encode_mpint_secret,
                            bytes hashed_first = {})
        : info_(info),
          context_(context),
          make_(std::move(make)),
          encode_(encode),
          hashed_first_(std::move(hashed_first)) {}

    std::optional<bytes> begin() override {
        if (context_.own == role::server) return std::nullopt;
        own_ = make_();
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
        own_ = make_();
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
        outcome.encoded_secret = encode_(secret);
        bytes values = hashed_first_;
        wire::writer w(values);
        w.write(client_value);
        w.write(server_value);
        outcome.exchange_hash = exchange_hash(context_, info_.hash, outcome.host_key_blob, values,
                                              outcome.encoded_secret);
    }

    const kex_info& info_;
    const kex_context& context_;
    make_agreement make_;
    std::unique_ptr<Agreement> own_;
    secret_bytes (*encode_)(bytes_view);
    bytes hashed_first_;
    bool done_ = false;
};

}  // namespace sluice
