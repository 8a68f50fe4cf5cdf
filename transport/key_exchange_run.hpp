#pragma once

#include "sluice/transport/config.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/negotiation.hpp"
#include "sluice/transport/peer_habits.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sluice {

/// One key exchange, the first of a connection or a later one, up to the point where both ends hold
/// K and H (RFC 4253 §7, §8). NEWKEYS and what follows is the transport's.
class key_exchange_run {
public:
    /// `config` outlives the run. `first`: the first exchange of a connection. `habits` are the
    /// peer's as far as it has identified itself.
    key_exchange_run(const transport_config& config, role own, bool first, peer_habits habits = {});

    // The method refers to the context.
    key_exchange_run(const key_exchange_run&) = delete;
    key_exchange_run& operator=(const key_exchange_run&) = delete;

    /// Our KEXINIT, to be sent before anything else of the exchange.
    const bytes& own_kexinit() const;

    /// Takes the peer's KEXINIT; a client's first message is added to `replies`.
    result<> on_kexinit(bytes_view payload, const std::string& peer_identification,
                        std::vector<bytes>& replies);

    /// Takes a message 30 to 49.
    result<> on_message(bytes_view payload, std::vector<bytes>& replies);

    /// Client: the host key, whose signature over H is checked, is trusted.
    void accept_host_key();

    enum class state {
        awaiting_kexinit,
        awaiting_method,  // messages 30 to 49
        awaiting_trust,   // client: of the host key
        agreed,           // K and H are there; NEWKEYS may be sent
    };
    state current() const { return state_; }
    bool peer_kexinit_seen() const { return state_ != state::awaiting_kexinit; }

    const negotiated& chosen() const { return chosen_; }
    const kex_outcome& outcome() const { return outcome_; }

    /// Marks in the peer's list of kex methods.
    bool peer_wants_ext_info() const { return peer_wants_ext_info_; }
    bool peer_is_strict() const { return peer_is_strict_; }

private:
    bytes make_kexinit(const transport_config& config, bool first, peer_habits habits) const;
    result<> check_host_key() const;

    const transport_config& config_;
    kex_context context_;
    negotiated chosen_;
    std::unique_ptr<key_exchange> method_;
    kex_outcome outcome_;
    state state_ = state::awaiting_kexinit;
    bool discard_guess_ = false;
    bool peer_wants_ext_info_ = false;
    bool peer_is_strict_ = false;
};

}  // namespace sluice
