#include "sluice/endpoint/server_endpoint.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint8_t auth_numbers_first = 50;  // RFC 4251 §7
constexpr std::uint8_t channel_numbers_first = 80;

constexpr std::string_view userauth_service = "ssh-userauth";

// A certificate is for the key exchange only: what is learned and proven later are bare keys.
bool is_certificate(const host_key& key) {
    wire::reader r(key.blob());
    std::string_view type;
    r.read(type);
    return !crypto::key_type_of_certificate(type).empty();
}

}  // namespace

server_endpoint::server_endpoint(const server_config& config, time_point now)
    : endpoint(config.transport, role::server, config.end,
               keepalive_timer(config.keepalive_interval, config.keepalive_count_max), now),
      config_(config) {
    if (config.login_grace > duration::zero()) login_deadline_ = now + config.login_grace;
}

bool server_endpoint::role_wants_input() const {
    return question() == nullptr && transport_.takes_input();
}

result<std::optional<server_event>> server_endpoint::poll(time_point now) {
    if (error_) {
        static_cast<void>(advance(now));
        return error_;
    }
    auto event = poll_open(now);
    if (!event) fail(event.error(), now);
    return event;
}

result<std::optional<server_event>> server_endpoint::poll_open(time_point now) {
    if (const auto due = advance(now); !due) return due.error();
    if (!finished() && now >= login_deadline_) return errc::login_timeout;
    for (;;) {
        // Events hold views into the packet that made them: all of them before the next packet.
        if (auto event = next_channel_event()) return event;
        if (question() != nullptr) {
            if (question_told_) return std::nullopt;
            question_told_ = true;
            return server_event{auth_question_event{}};
        }
        if (auth_) {
            if (auto user = auth_->take_user()) {
                open_channels(now);
                return server_event{authenticated_event{std::move(*user)}};
            }
        }
        auto event = transport_.poll(now);
        if (!event) return event.error();
        if (!*event) break;
        auto told = on_event(std::move(**event), now);
        if (!told || *told) return told;
    }
    if (const auto due = advance(now); !due) return due.error();
    return std::nullopt;
}

result<server_endpoint::maybe_event> server_endpoint::on_event(transport_event event,
                                                               time_point now) {
    if (const auto* payload = std::get_if<transport_payload>(&event)) {
        const auto taken = on_payload(payload->payload);
        if (!taken) return taken.error();
        return std::nullopt;
    }
    if (const auto* changed = std::get_if<transport_keys_changed>(&event)) {
        if (mux_) mux_->flush();
        return server_event{keys_changed_event{changed->first}};
    }
    if (const auto* pong = std::get_if<transport_pong>(&event)) {
        static_cast<void>(answers_drain(*pong));
        return std::nullopt;
    }
    if (auto* bye = std::get_if<transport_disconnected>(&event)) {
        on_peer_disconnect(*bye, now);
        return server_event{peer_disconnected_event{bye->reason_code, std::move(bye->description)}};
    }
    return std::nullopt;
}

result<> server_endpoint::on_payload(bytes_view payload) {
    const std::uint8_t number = payload.front();
    if (number < auth_numbers_first) return on_service_request(payload);
    if (number < channel_numbers_first) {
        // After success, what a hasty client still asks is ignored (RFC 4252 §5.1).
        if (mux_) return {};
        if (!auth_) return errc::unexpected_message;
        question_told_ = false;
        const auto taken = auth_->on_message(payload);
        transport_.wipe_payload();  // it may have held a password
        return taken;
    }
    if (!mux_) return errc::unexpected_message;
    if (!mux::knows(number)) {
        transport_.send_unimplemented();
        return {};
    }
    return mux_->on_message(payload);
}

result<> server_endpoint::on_service_request(bytes_view payload) {
    const auto m = wire::decode<service_request>(payload);
    if (!m) return m.error();
    if (m->service_name != userauth_service) return errc::unknown_service;
    if (auth_ || mux_) return errc::unexpected_message;
    auth_ = std::make_unique<server_auth>(config_.auth, transport_.session_id(),
                                          transport_.host_key_blob(), transport_);
    transport_.send(wire::encoded(service_accept{userauth_service}));
    return {};
}

void server_endpoint::open_channels(time_point now) {
    auth_.reset();
    login_deadline_ = time_point::max();
    begin_channels(config_.channels, now);
    if (config_.announce_host_keys) announce_host_keys();
}

// --- authentication -----------------------------------------------------------------------------

const auth_question* server_endpoint::question() const {
    return auth_ && !finished() ? auth_->question() : nullptr;
}

void server_endpoint::answer(const auth_reply& reply, time_point now) {
    expects(question() != nullptr);
    question_told_ = false;  // an answer may lead to another question at once
    if (const auto taken = auth_->answer(reply); !taken) fail(taken.error(), now);
}

// --- channels -----------------------------------------------------------------------------------

std::optional<server_event> server_endpoint::next_channel_event() {
    if (!mux_) return std::nullopt;
    while (auto event = mux_->next_event()) {
        note(*event);
        if (!answered_here(*event)) return server_event{std::move(*event)};
    }
    return std::nullopt;
}

// What concerns the connection and no channel is settled without the application.
bool server_endpoint::answered_here(const channel_event& event) {
    if (std::holds_alternative<global_reply_event>(event)) return true;  // to a keepalive of ours
    const auto* global = std::get_if<global_request_event>(&event);
    if (global == nullptr) return false;
    if (const auto* prove = std::get_if<hostkeys_prove_request>(&global->request)) {
        if (global->want_reply) prove_host_keys(*prove);
        return true;
    }
    if (std::holds_alternative<hostkeys_request>(global->request)) {  // a server's to send
        if (global->want_reply) mux_->global_reply(false);
        return true;
    }
    if (refused_by_drain(*global)) {
        if (global->want_reply) mux_->global_reply(false);
        return true;
    }
    return false;
}

// PROTOCOL 2.5: a signature by each key over the request's name, the session id and the key.
void server_endpoint::prove_host_keys(const hostkeys_prove_request& request) {
    const std::string& negotiated = transport_.algorithms().host_key_algorithm;
    const auto& keys = config_.transport.host_keys;
    // A signature is dear: no more of them than there are keys to prove.
    if (request.host_keys.size() > keys.size()) return mux_->global_reply(false);
    bytes signatures;
    for (const bytes_view blob : request.host_keys) {
        const auto key = std::ranges::find_if(keys, [&](const auto& k) {
            return !is_certificate(*k) && std::ranges::equal(k->blob(), blob);
        });
        if (key == keys.end()) return mux_->global_reply(false);
        std::string algorithm;
        if ((*key)->signs(negotiated)) algorithm = negotiated;
        for (const auto& known : crypto::signature_algorithms())
            if (algorithm.empty() && (*key)->signs(known.name)) algorithm = known.name;

        bytes data;
        wire::writer w(data);
        w.write(hostkeys_prove_request::name);
        w.write(bytes_view(transport_.session_id()));
        w.write(blob);
        const auto signature = (*key)->sign(algorithm, data);
        if (!signature) return mux_->global_reply(false);
        wire::writer(signatures).write(bytes_view(*signature));
    }
    mux_->global_reply(!request.host_keys.empty(), signatures);
}

void server_endpoint::announce_host_keys() {
    hostkeys_request request;
    for (const auto& key : config_.transport.host_keys) {
        if (is_certificate(*key)) continue;
        const bytes_view blob = key->blob();
        const auto same = [&](bytes_view other) { return std::ranges::equal(other, blob); };
        if (std::ranges::none_of(request.host_keys, same)) request.host_keys.push_back(blob);
    }
    if (request.host_keys.size() <= limits::host_keys_max) mux_->global(request, false);
}

void server_endpoint::ask_for_life() {
    if (mux_) mux_->global(global_keepalive_request{}, true);
}

time_point server_endpoint::next_deadline() const {
    if (finished()) return next_common_deadline();
    return std::min(login_deadline_, next_common_deadline());
}

}  // namespace sluice
