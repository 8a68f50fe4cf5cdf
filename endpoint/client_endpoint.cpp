#include "sluice/endpoint/client_endpoint.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr std::uint8_t auth_numbers_first = 50;  // RFC 4251 §7
constexpr std::uint8_t channel_numbers_first = 80;

constexpr std::string_view userauth_service = "ssh-userauth";

}  // namespace

client_endpoint::client_endpoint(const client_config& config, time_point now)
    : endpoint(config.transport, role::client, config.end,
               keepalive_timer(config.keepalive_interval, config.keepalive_count_max), now),
      config_(config) {
    await_server(now);
}

bool client_endpoint::role_wants_input() const {
    return !awaiting_trust_ && transport_.takes_input();
}

result<std::optional<client_event>> client_endpoint::poll(time_point now) {
    if (error_) {
        static_cast<void>(advance(now));
        return error_;
    }
    auto event = poll_open(now);
    if (!event) fail(event.error(), now);
    return event;
}

result<std::optional<client_event>> client_endpoint::poll_open(time_point now) {
    if (const auto due = advance(now); !due) return due.error();
    if (!finished() && now >= server_deadline_) return errc::login_timeout;
    for (;;) {
        // Events hold views into the packet that made them: all of them before the next packet.
        if (auto event = next_channel_event()) return event;
        if (auto event = next_auth_event(now)) return event;
        auto event = transport_.poll(now);
        if (!event) return event.error();
        if (!*event) break;
        auto told = on_event(std::move(**event), now);
        if (!told || *told) return told;
    }
    if (const auto due = advance(now); !due) return due.error();
    return std::nullopt;
}

result<client_endpoint::maybe_event> client_endpoint::on_event(transport_event event,
                                                               time_point now) {
    if (const auto* payload = std::get_if<transport_payload>(&event)) {
        const auto taken = on_payload(payload->payload);
        if (!taken) return taken.error();
        return std::nullopt;
    }
    if (auto* shown = std::get_if<transport_host_key>(&event))
        return on_host_key(std::move(*shown), now);
    if (const auto* changed = std::get_if<transport_keys_changed>(&event)) {
        if (changed->first) {
            transport_.send(wire::encoded(service_request{userauth_service}));
            state_ = state::awaiting_service;
        }
        if (mux_) mux_->flush();
        return client_event{keys_changed_event{changed->first}};
    }
    if (auto* pong = std::get_if<transport_pong>(&event)) {
        if (answers_drain(*pong)) return std::nullopt;
        return client_event{pong_event{std::move(pong->data)}};
    }
    if (auto* bye = std::get_if<transport_disconnected>(&event)) {
        on_peer_disconnect(*bye, now);
        return client_event{peer_disconnected_event{bye->reason_code, std::move(bye->description)}};
    }
    return std::nullopt;
}

result<> client_endpoint::on_payload(bytes_view payload) {
    const std::uint8_t number = payload.front();
    switch (state_) {
    case state::exchanging_keys: return errc::unexpected_message;

    case state::awaiting_service: return on_service_accept(payload);

    case state::authenticating:
        if (number < auth_numbers_first || number >= channel_numbers_first)
            return errc::unexpected_message;
        if (!auth_->waiting()) question_told_ = false;
        auth_->set_server_extensions(transport_.extensions().server_sig_algs,
                                     transport_.extensions().hostbound);
        return auth_->on_message(payload);

    case state::open:
        if (number < channel_numbers_first) return errc::unexpected_message;
        if (!mux::knows(number)) {
            transport_.send_unimplemented();
            return {};
        }
        return mux_->on_message(payload);
    }
    unreachable();
}

// --- the host key -------------------------------------------------------------------------------

// Trust is for the connection: a later exchange must show the same key (RFC 4253 §9 would permit
// another, and OpenSSH refuses it too).
result<client_endpoint::maybe_event> client_endpoint::on_host_key(transport_host_key shown,
                                                                  time_point now) {
    if (state_ != state::exchanging_keys) {
        if (shown.blob != transport_.host_key_blob()) return errc::host_key_rejected;
        transport_.accept_host_key(now);
        return std::nullopt;
    }
    auto key = crypto::presented_key::from_blob(shown.blob);
    if (!key) return errc::host_key_rejected;
    awaiting_trust_ = true;
    server_deadline_ = time_point::max();
    return client_event{host_key_event{std::move(*key), std::move(shown.algorithm)}};
}

void client_endpoint::accept_host_key(time_point now) {
    expects(awaiting_trust());
    awaiting_trust_ = false;
    await_server(now);
    transport_.accept_host_key(now);
}

void client_endpoint::refuse_host_key(time_point now) {
    expects(awaiting_trust());
    awaiting_trust_ = false;
    fail(errc::host_key_rejected, now);
}

// --- authentication -----------------------------------------------------------------------------

result<> client_endpoint::on_service_accept(bytes_view payload) {
    const auto m = wire::decode<service_accept>(payload);
    if (!m) return m.error();
    if (m->service_name != userauth_service) return errc::protocol_error;
    auth_ = std::make_unique<client_auth>(config_.auth, transport_.session_id(),
                                          transport_.host_key_blob(), transport_);
    auth_->start();
    state_ = state::authenticating;
    return {};
}

client_endpoint::maybe_event client_endpoint::next_auth_event(time_point now) {
    if (state_ != state::authenticating) return std::nullopt;
    if (auto banner = auth_->take_banner()) return client_event{banner_event{std::move(*banner)}};
    if (auth_->succeeded()) {
        logged_in_event event{auth_->methods_done()};
        auth_.reset();
        state_ = state::open;
        server_deadline_ = time_point::max();
        begin_channels(config_.channels, now);
        return client_event{std::move(event)};
    }
    if (question() == nullptr || std::exchange(question_told_, true)) return std::nullopt;
    server_deadline_ = time_point::max();
    return client_event{auth_question_event{}};
}

const client_auth_question* client_endpoint::question() const {
    return auth_ && !finished() ? auth_->question() : nullptr;
}

void client_endpoint::answer(client_auth_answer answer, time_point now) {
    expects(question() != nullptr);
    question_told_ = false;
    await_server(now);
    if (const auto taken = auth_->answer(std::move(answer)); !taken) fail(taken.error(), now);
}

// --- channels -----------------------------------------------------------------------------------

void client_endpoint::global(const global_request& request, bool want_reply) {
    if (want_reply) replies_due_.push_back(waiting::application);
    channels().global(request, want_reply);
}

void client_endpoint::ask_for_proof(std::vector<crypto::public_key> keys) {
    expects(to_prove_.empty() && !keys.empty() && keys.size() <= limits::host_keys_max);
    to_prove_ = std::move(keys);
    hostkeys_prove_request request;
    for (const auto& key : to_prove_)
        request.host_keys.emplace_back(key.blob());
    replies_due_.push_back(waiting::proof);
    channels().global(request, true);
}

client_endpoint::maybe_event client_endpoint::next_channel_event() {
    if (!mux_) return std::nullopt;
    while (auto event = mux_->next_event()) {
        note(*event);
        if (const auto* reply = std::get_if<global_reply_event>(&*event)) {
            if (auto told = on_global_reply(*reply)) return told;
        } else if (!answered_here(*event)) {
            return client_event{std::move(*event)};
        }
    }
    return std::nullopt;
}

// What concerns the connection and no channel is settled without the application, which only hears
// of the server's host keys. No server may have us listen, or prove a key.
bool client_endpoint::answered_here(channel_event& event) {
    auto* global = std::get_if<global_request_event>(&event);
    if (global == nullptr) return false;
    if (std::exchange(global->want_reply, false)) mux_->global_reply(false);
    return !std::holds_alternative<hostkeys_request>(global->request);
}

// A reply that nobody waits for is told all the same.
client_endpoint::maybe_event client_endpoint::on_global_reply(const global_reply_event& reply) {
    auto who = waiting::application;
    if (!replies_due_.empty()) {
        who = replies_due_.front();
        replies_due_.pop_front();
    }
    switch (who) {
    case waiting::application: return client_event{channel_event{reply}};
    case waiting::keepalive: --keepalives_asked_; return std::nullopt;
    case waiting::proof: {
        const bool proven = proves(reply);
        auto keys = std::exchange(to_prove_, {});
        if (!proven) keys.clear();
        return client_event{host_keys_proven_event{std::move(keys)}};
    }
    }
    unreachable();
}

// A signature by each key in its turn, by whatever sound algorithm it says.
bool client_endpoint::proves(const global_reply_event& reply) const {
    if (!reply.success) return false;
    wire::reader r(reply.data);
    for (const auto& key : to_prove_) {
        bytes_view signature;
        r.read(signature);
        wire::reader s(signature);
        std::string_view algorithm;
        s.read(algorithm);
        if (r.error() || s.error() || !crypto::is_sound_signature_algorithm(algorithm))
            return false;
        bytes data;
        wire::writer w(data);
        w.write(hostkeys_prove_request::name);
        w.write(bytes_view(transport_.session_id()));
        w.write(bytes_view(key.blob()));
        if (!key.verify(algorithm, data, signature)) return false;
    }
    return r.at_end();
}

// A server that sends and never answers is alive; it is not asked for ever.
void client_endpoint::ask_for_life() {
    if (keepalives_asked_ >= config_.keepalive_count_max) return;
    ++keepalives_asked_;
    replies_due_.push_back(waiting::keepalive);
    mux_->global(global_keepalive_request{}, true);
}

void client_endpoint::await_server(time_point now) {
    if (config_.login_timeout > duration::zero()) server_deadline_ = now + config_.login_timeout;
}

time_point client_endpoint::next_deadline() const {
    if (finished()) return next_common_deadline();
    return std::min(server_deadline_, next_common_deadline());
}

}  // namespace sluice
