#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/endpoint/endpoint.hpp"
#include "sluice/endpoint/event.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <optional>
#include <string>

namespace sluice {

/// The server's end of one SSH connection, without I/O: transport, authentication and channels
/// wired together. It routes payloads by their number and owns the order of services, nothing else.
/// How it is driven: see `endpoint`.
class server_endpoint final : public endpoint {
public:
    /// `config` outlives the endpoint.
    server_endpoint(const server_config& config, time_point now);

    /// The next event, or nothing when there is none. Views in it live until the next call.
    /// Errors are final and repeat; DISCONNECT, with the reason for it, is among the output.
    /// Reading is off while a login is being decided.
    result<std::optional<server_event>> poll(time_point now);

    // --- authentication ---

    /// What is to be decided, after auth_question_event.
    const auth_question* question() const;
    void answer(const auth_reply& reply, time_point now);

    time_point next_deadline() const override;

private:
    using maybe_event = std::optional<server_event>;

    result<maybe_event> poll_open(time_point now);
    result<maybe_event> on_event(transport_event event, time_point now);
    bool role_wants_input() const override;
    void ask_for_life() override;
    result<> on_payload(bytes_view payload);
    result<> on_service_request(bytes_view payload);
    std::optional<server_event> next_channel_event();
    bool answered_here(const channel_event& event);
    void prove_host_keys(const hostkeys_prove_request& request);
    void open_channels(time_point now);
    void announce_host_keys();

    const server_config& config_;
    std::unique_ptr<server_auth> auth_;
    bool question_told_ = false;
    time_point login_deadline_ = time_point::max();
};

}  // namespace sluice
