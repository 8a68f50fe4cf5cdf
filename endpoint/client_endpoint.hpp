#pragma once

#include "sluice/auth/agent_bindings.hpp"
#include "sluice/auth/client_auth.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/endpoint/endpoint.hpp"
#include "sluice/endpoint/event.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The client's end of one SSH connection, without I/O: transport, authentication and channels
/// wired together. It routes payloads by their number and owns the order of services, nothing else.
/// How it is driven: see `endpoint`.
class client_endpoint final : public endpoint {
public:
    /// `config` outlives the endpoint.
    client_endpoint(const client_config& config, time_point now);

    /// The next event, or nothing when there is none. Views in it live until the next call.
    /// Errors are final and repeat; DISCONNECT, with the reason for it, is among the output.
    /// Reading is off while the host key is being judged.
    result<std::optional<client_event>> poll(time_point now);

    // --- the host key, after host_key_event ---

    bool awaiting_trust() const { return awaiting_trust_ && !finished(); }
    void accept_host_key(time_point now);
    /// The connection ends with host_key_rejected.
    void refuse_host_key(time_point now);

    // --- authentication, after auth_question_event ---

    /// What is to be given, or null. It may take its time: the connection is read meanwhile.
    const client_auth_question* question() const;
    /// Of the kind that was asked for, or auth_declined. An error is told by the next poll.
    void answer(client_auth_answer answer, time_point now);

    /// What the server listed last ("publickey,password"), for a message when the login failed.
    std::string_view can_continue() const {
        return auth_ ? std::string_view(auth_->can_continue()) : std::string_view();
    }

    /// What an agent is told of this connection before it signs for it, or before the server may
    /// ask (OpenSSH's PROTOCOL.agent §1). Once there are keys; views live as long as the endpoint.
    agent_session_binding agent_binding(bool is_forwarding) const {
        return {transport_.host_key_blob(), transport_.session_id(), transport_.session_signature(),
                is_forwarding};
    }

    // --- channels ---

    /// Sends a global request; with `want_reply`, one global_reply_event each follows, in order.
    /// Not `mux::global` where a reply is wanted: the keepalive's replies come between.
    void global(const global_request& request, bool want_reply);

    /// Asks the server to prove that it holds keys that it announced (PROTOCOL 2.5):
    /// host_keys_proven_event. Once at a time, at most limits::host_keys_max keys.
    void ask_for_proof(std::vector<crypto::public_key> keys);

    /// Asks for a sign that all sent so far was taken: pong_event. False where the server does not
    /// serve ping@openssh.com.
    bool send_ping(bytes_view data) { return transport_.send_ping(data); }

    time_point next_deadline() const override;

private:
    enum class state {
        exchanging_keys,  // the first exchange
        awaiting_service,
        authenticating,
        open,
    };
    using maybe_event = std::optional<client_event>;

    result<maybe_event> poll_open(time_point now);
    bool role_wants_input() const override;
    void ask_for_life() override;
    maybe_event next_auth_event(time_point now);
    maybe_event next_channel_event();
    result<maybe_event> on_event(transport_event event, time_point now);
    result<maybe_event> on_host_key(transport_host_key shown, time_point now);
    result<> on_payload(bytes_view payload);
    result<> on_service_accept(bytes_view payload);
    bool answered_here(channel_event& event);
    maybe_event on_global_reply(const global_reply_event& reply);
    bool proves(const global_reply_event& reply) const;
    void await_server(time_point now);

    const client_config& config_;
    state state_ = state::exchanging_keys;
    bool awaiting_trust_ = false;
    std::unique_ptr<client_auth> auth_;
    bool question_told_ = false;
    // Who waits for a reply to a global request of ours.
    enum class waiting { application, keepalive, proof };
    std::deque<waiting> replies_due_;
    unsigned keepalives_asked_ = 0;             // of those
    std::vector<crypto::public_key> to_prove_;  // what the proof is of
    time_point server_deadline_ = time_point::max();
};

}  // namespace sluice
