#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/channel/mux.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/endpoint/event.hpp"
#include "sluice/endpoint/timers.hpp"
#include "sluice/transport/transport.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <optional>
#include <string>

namespace sluice {

/// The server's end of one SSH connection, without I/O: transport, authentication and channels
/// wired together. It routes payloads by their number and owns the order of services, nothing else.
///
/// A driver moves bytes (`prepare_input` … `commit_input`, `output`, `consume_output`), calls
/// `poll` until it gives nothing whenever bytes came, output went, or `next_deadline` has passed,
/// and acts on the events.
class server_endpoint {
public:
    /// `config` outlives the endpoint.
    server_endpoint(const server_config& config, time_point now);

    mutable_bytes_view prepare_input(std::size_t n) { return transport_.prepare_input(n); }
    void commit_input(std::size_t n, time_point now);

    /// Whether to read on. False while a login is being decided, while the peer does not take what
    /// waits for it, and at the end: what was received waits, and nothing more is asked for.
    bool wants_input() const;

    /// The next event, or nothing when there is none. Views in it live until the next call.
    /// Errors are final and repeat; DISCONNECT, with the reason for it, is among the output.
    result<std::optional<server_event>> poll(time_point now);

    bytes_view output() { return transport_.output(); }
    void consume_output(std::size_t n);

    // --- authentication ---

    /// What is to be decided, after auth_question_event.
    const auth_question* question() const;
    void answer(auth_answer answer);

    // --- channels ---

    /// The channels; only after authenticated_event.
    mux& channels();
    bool authenticated() const { return mux_ != nullptr; }

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
    using maybe_event = std::optional<server_event>;

    result<maybe_event> poll_open(time_point now);
    result<maybe_event> on_event(transport_event event);
    result<> on_payload(bytes_view payload);
    result<> on_service_request(bytes_view payload);
    std::optional<server_event> next_channel_event();
    bool answered_here(const channel_event& event);
    void prove_host_keys(const hostkeys_prove_request& request);
    void announce_host_keys();
    result<> check_timers(time_point now);
    void fail(error_code error);
    void begin_channels(time_point now);

    const server_config& config_;
    transport transport_;
    std::unique_ptr<server_auth> auth_;
    bool question_told_ = false;
    std::unique_ptr<mux> mux_;  // made only where an authenticated_user is
    time_point login_deadline_ = time_point::max();
    keepalive_timer keepalive_;
    error_code error_;
};

}  // namespace sluice
