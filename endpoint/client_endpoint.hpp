#pragma once

#include "sluice/auth/client_auth.hpp"
#include "sluice/channel/mux.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/endpoint/event.hpp"
#include "sluice/endpoint/timers.hpp"
#include "sluice/transport/transport.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// The client's end of one SSH connection, without I/O: transport, authentication and channels
/// wired together. It routes payloads by their number and owns the order of services, nothing else.
///
/// A driver moves bytes (`prepare_input` … `commit_input`, `output`, `consume_output`), calls
/// `poll` until it gives nothing whenever bytes came, output went, an answer was given, or
/// `next_deadline` has passed, and acts on the events.
class client_endpoint {
public:
    /// `config` outlives the endpoint.
    client_endpoint(const client_config& config, time_point now);

    mutable_bytes_view prepare_input(std::size_t n) { return transport_.prepare_input(n); }
    void commit_input(std::size_t n, time_point now);

    /// Whether to read on. False while the host key is being judged, while the server does not take
    /// what waits for it, and at the end: what was received waits, and nothing more is asked for.
    bool wants_input() const;

    /// The next event, or nothing when there is none. Views in it live until the next call.
    /// Errors are final and repeat; DISCONNECT, with the reason for it, is among the output.
    result<std::optional<client_event>> poll(time_point now);

    bytes_view output() { return transport_.output(); }
    void consume_output(std::size_t n);

    // --- the host key, after host_key_event ---

    bool awaiting_trust() const { return awaiting_trust_ && !finished(); }
    void accept_host_key(time_point now);
    /// The connection ends with host_key_rejected.
    void refuse_host_key();

    // --- authentication, after auth_question_event ---

    /// What is to be given, or null. It may take its time: the connection is read meanwhile.
    const client_auth_question* question() const;
    /// Of the kind that was asked for, or auth_declined. An error is told by the next poll.
    void answer(client_auth_answer answer, time_point now);

    /// What the server listed last ("publickey,password"), for a message when the login failed.
    std::string_view can_continue() const {
        return auth_ ? std::string_view(auth_->can_continue()) : std::string_view();
    }

    // --- channels ---

    /// The channels; only after logged_in_event. Global requests that want a reply go through
    /// `global` below: the keepalive's replies come between.
    mux& channels();
    bool authenticated() const { return mux_ != nullptr; }

    /// Sends a global request; with `want_reply`, one global_reply_event each follows, in order.
    void global(const global_request& request, bool want_reply);

    /// Asks for a sign that all sent so far was taken: pong_event. False where the server does not
    /// serve ping@openssh.com.
    bool send_ping(bytes_view data) { return transport_.send_ping(data); }

    // --- the end ---

    /// Queues DISCONNECT as the last packet.
    void disconnect(disconnect_reason reason, std::string_view description);

    /// Nothing more happens: what `output` still holds is all there will be.
    bool finished() const { return transport_.finished(); }

    time_point next_deadline() const;
    void release_idle_memory() { transport_.release_idle_memory(); }
    void rekey(time_point now) { transport_.rekey(now); }

    const transport& lower() const { return transport_; }

private:
    enum class state {
        exchanging_keys,  // the first exchange
        awaiting_service,
        authenticating,
        open,
    };
    using maybe_event = std::optional<client_event>;

    result<maybe_event> poll_open(time_point now);
    maybe_event next_auth_event(time_point now);
    maybe_event next_channel_event();
    result<maybe_event> on_event(transport_event event, time_point now);
    result<maybe_event> on_host_key(transport_host_key shown, time_point now);
    result<> on_payload(bytes_view payload);
    result<> on_service_accept(bytes_view payload);
    bool answered_here(channel_event& event);
    bool own_reply();
    result<> check_timers(time_point now);
    void begin_channels(time_point now);
    void await_server(time_point now);
    void fail(error_code error);

    const client_config& config_;
    transport transport_;
    state state_ = state::exchanging_keys;
    bool awaiting_trust_ = false;
    std::unique_ptr<client_auth> auth_;
    bool question_told_ = false;
    std::unique_ptr<mux> mux_;       // made only behind SUCCESS
    std::deque<bool> replies_due_;   // to global requests of ours: is it a keepalive?
    unsigned keepalives_asked_ = 0;  // of those
    time_point server_deadline_ = time_point::max();
    keepalive_timer keepalive_;
    error_code error_;
};

}  // namespace sluice
