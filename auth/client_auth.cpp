#include "sluice/auth/client_auth.hpp"

#include "sluice/auth/messages.hpp"
#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <utility>

namespace sluice {
namespace {

constexpr std::uint8_t method_numbers_first = 60;  // RFC 4252 §6

bool fits(const client_auth_answer& answer, client_auth_question::kind what) {
    if (std::holds_alternative<auth_declined>(answer)) return true;
    switch (what) {
    case client_auth_question::kind::signature:
    case client_auth_question::kind::host_signature:
        return std::holds_alternative<auth_signature>(answer);
    case client_auth_question::kind::password:
    case client_auth_question::kind::new_password:
        return std::holds_alternative<auth_password>(answer);
    case client_auth_question::kind::prompts: return std::holds_alternative<auth_responses>(answer);
    }
    unreachable();
}

}  // namespace

std::vector<std::string> client_auth_config::all_public_key_algorithms() {
    return names_of_signature_algorithms();
}

std::vector<std::string> client_auth_config::host_key_algorithms() {
    return names_of_host_key_algorithms();
}

client_auth::client_auth(const client_auth_config& config, bytes session_id, bytes host_key_blob,
                         wire::payload_sink& out)
    : config_(config),
      session_id_(std::move(session_id)),
      host_key_blob_(std::move(host_key_blob)),
      out_(out) {
    candidates_.push_back({"none", make_client_none()});
    for (const std::string& name : config.methods)
        if (auto method = make_client_method(name); method && name != "none")
            candidates_.push_back({name, std::move(method)});
}

client_auth::~client_auth() = default;

void client_auth::set_server_extensions(std::span<const std::string> server_sig_algs,
                                        bool hostbound) {
    server_sig_algs_.assign(server_sig_algs.begin(), server_sig_algs.end());
    server_hostbound_ = hostbound;
}

client_method_context client_auth::context() const {
    return {config_.user,
            session_id_,
            host_key_blob_,
            config_.keys,
            config_.public_key_algorithms,
            server_sig_algs_,
            server_hostbound_ && config_.hostbound,
            config_.host_based,
            config_.prompts_max};
}

void client_auth::start() {
    expects(state_ == state::idle);
    current_ = &candidates_.front();
    const auto step = current_->method->next(context(), question_, out_);
    expects(settle(step).has_value());
}

result<> client_auth::on_message(bytes_view payload) {
    if (payload.empty()) return state_ == state::failed ? error_ : fail(errc::truncated);
    switch (state_) {
    case state::awaiting_reply: return on_reply(payload);

    case state::awaiting_answer:
        if (payload.front() != userauth_banner::number) return fail(errc::unexpected_message);
        return on_banner(payload);

    case state::idle:
    case state::succeeded: return fail(errc::unexpected_message);

    case state::failed: return error_;
    }
    unreachable();
}

result<> client_auth::on_reply(bytes_view payload) {
    switch (payload.front()) {
    case userauth_banner::number: return on_banner(payload);
    case userauth_failure::number: return on_failure(payload);
    case userauth_success::number: return on_success(payload);
    default: break;
    }
    if (payload.front() < method_numbers_first) return fail(errc::unexpected_message);
    question_ = {};
    const auto step = current_->method->on_message(payload, context(), question_, out_);
    return step ? settle(*step) : fail(step.error());
}

result<> client_auth::answer(client_auth_answer answer) {
    expects(waiting() && fits(answer, question_.what));
    return settle(current_->method->on_answer(std::move(answer), context(), question_, out_));
}

std::optional<std::string> client_auth::take_banner() {
    return std::exchange(banner_, std::nullopt);
}

// --- replies ------------------------------------------------------------------------------------

result<> client_auth::on_banner(bytes_view payload) {
    if (++banners_ > limits::auth_banners_max) return fail(errc::too_many_messages);
    const auto m = wire::decode<userauth_banner>(payload);
    if (!m) return fail(m.error());
    banner_ = m->message;
    return {};
}

result<> client_auth::on_failure(bytes_view payload) {
    const auto m = wire::decode<userauth_failure>(payload);
    if (!m) return fail(m.error());
    if (m->partial_success)
        if (const auto finished = finish_method(false); !finished) return finished;
    can_continue_ = m->can_continue.text;
    return try_next();
}

result<> client_auth::on_success(bytes_view payload) {
    if (const auto m = wire::decode<userauth_success>(payload); !m) return fail(m.error());
    if (const auto finished = finish_method(true); !finished) return finished;
    if (config_.require_proof && !proven_) return fail(errc::auth_denied);
    state_ = state::succeeded;
    candidates_.clear();
    current_ = nullptr;
    return {};
}

result<> client_auth::finish_method(bool complete) {
    switch (current_->method->proof()) {
    // RFC 4252 §7: a query is answered by FAILURE or PK_OK.
    case client_proof::impossible:
        return fail(complete ? errc::unexpected_message : errc::protocol_error);
    case client_proof::nothing: break;
    case client_proof::given: proven_ = true; break;
    }
    methods_done_.push_back(current_->name);
    return {};
}

// --- what to send next --------------------------------------------------------------------------

// The first method in our order that the server lists and that has something left to try.
result<> client_auth::try_next() {
    const wire::name_list listed{can_continue_};
    for (candidate& c : candidates_) {
        if (c.exhausted || !listed.contains(c.name)) continue;
        current_ = &c;
        question_ = {};
        const auto step = c.method->next(context(), question_, out_);
        if (step != client_step::exhausted) return settle(step);
        c.exhausted = true;
    }
    return fail(errc::auth_denied);
}

result<> client_auth::settle(client_step step) {
    switch (step) {
    case client_step::requested:
        question_ = {};
        // Keyboard-interactive has no end of its own.
        if (++requests_ > limits::auth_requests_max) return fail(errc::too_many_attempts);
        state_ = state::awaiting_reply;
        return {};
    case client_step::asking: state_ = state::awaiting_answer; return {};
    case client_step::exhausted: current_->exhausted = true; return try_next();
    }
    unreachable();
}

result<> client_auth::fail(error_code error) {
    state_ = state::failed;
    error_ = error;
    question_ = {};
    return error;
}

}  // namespace sluice
