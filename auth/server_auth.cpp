#include "sluice/auth/server_auth.hpp"

#include "sluice/auth/login_names.hpp"
#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {

std::vector<std::string> server_auth_config::all_public_key_algorithms() {
    return names_of_signature_algorithms();
}

std::vector<std::string> server_auth_config::host_key_algorithms() {
    return names_of_host_key_algorithms();
}

server_auth::server_auth(const server_auth_config& config, bytes session_id, bytes host_key_blob,
                         wire::payload_sink& out)
    : config_(config),
      session_id_(std::move(session_id)),
      host_key_blob_(std::move(host_key_blob)),
      out_(out) {
    adopt({config.method_chains, config.attempts_max, config.banner, {}});
}

server_auth::~server_auth() = default;

result<> server_auth::on_message(bytes_view payload) {
    switch (state_) {
    case state::awaiting_request:
        if (payload.empty()) return fail(errc::truncated);
        if (payload.front() != userauth_request::number) return fail(errc::unexpected_message);
        return on_request(payload);

    case state::awaiting_answer: return fail(errc::unexpected_message);

    case state::awaiting_message:
        if (payload.empty()) return fail(errc::truncated);
        if (payload.front() != userauth_request::number) return on_method_message(payload);
        if (++attempts_failed_ >= policy_.attempts_max) return fail(errc::too_many_attempts);
        return on_request(payload);

    case state::succeeded: return {};

    case state::failed: return error_;
    }
    unreachable();
}

const auth_question* server_auth::question() const { return waiting() ? &question_ : nullptr; }

result<> server_auth::answer(const auth_reply& reply) {
    expects(waiting() && fits(reply, question_.what));
    if (question_.what == auth_question::kind::user) {
        if (const auto* policy = std::get_if<auth_policy>(&reply)) adopt(*policy);
        state_ = state::awaiting_request;
        bytes payload = std::exchange(first_request_, {});
        const auto request = wire::decode<userauth_request>(payload);
        expects(request.has_value());
        const auto begun = begin_method(*request);
        wipe(payload);  // it may hold a password
        return begun;
    }
    send_banner();
    return settle(method_->on_answer(reply, question_, out_));
}

std::optional<authenticated_user> server_auth::take_user() {
    return std::exchange(user_, std::nullopt);
}

// --- one request ------------------------------------------------------------------------------

result<> server_auth::on_request(bytes_view payload) {
    if (const auto counted = count_request(); !counted) return counted;
    state_ = state::awaiting_request;
    const auto request = wire::decode<userauth_request>(payload);
    if (!request) return fail(request.error());
    const bool first = !user_known_;
    const auto who = check_who(*request);
    if (!who) return who;
    if (first && config_.asks_for_policy) {
        first_request_ = to_bytes(payload);
        begin_question();
        question_.what = auth_question::kind::user;
        state_ = state::awaiting_answer;
        return {};
    }
    return begin_method(*request);
}

// The application may have another policy for this user than for others.
void server_auth::adopt(auth_policy policy) {
    policy_ = std::move(policy);
    if (policy_.public_key_algorithms.empty())
        policy_.public_key_algorithms = config_.public_key_algorithms;
    steps_done_.assign(policy_.method_chains.size(), 0);
}

result<> server_auth::begin_method(const userauth_request& request) {
    // RFC 4252 §5: what we do not know, or do not want now, is simply rejected.
    const auth_method* known = find_auth_method(request.method_name);
    if (known == nullptr || !is_next(known->counts_as) ||
        (known->name == publickey_hostbound && !config_.hostbound))
        return fail_attempt(request.method_name != "none");

    method_name_ = known->counts_as;
    method_ = known->make_server();
    begin_question();
    const server_method_context context{session_id_,
                                        host_key_blob_,
                                        policy_.public_key_algorithms,
                                        config_.host_based_algorithms,
                                        keys_accepted_,
                                        key_admitted_};
    const auto verdict = method_->on_request(request, context, question_);
    if (!verdict) return fail(verdict.error());
    return settle(*verdict);
}

result<> server_auth::on_method_message(bytes_view payload) {
    if (const auto counted = count_request(); !counted) return counted;
    begin_question();
    const auto verdict = method_->on_message(payload, question_);
    return verdict ? settle(*verdict) : fail(verdict.error());
}

result<> server_auth::count_request() {
    return ++requests_ > limits::auth_requests_max ? fail(errc::too_many_attempts) : result<>();
}

void server_auth::begin_question() {
    question_ = {};
    question_.user = login_name_;
}

// RFC 4252 §5: user and service may change if all that was reached is forgotten. Nobody needs it,
// so we take the other choice, as OpenSSH does, and end the connection.
result<> server_auth::check_who(const userauth_request& request) {
    if (request.service_name != "ssh-connection")
        return fail(user_known_ ? errc::protocol_error : errc::unknown_service);
    if (user_known_)
        return request.user_name == user_name_ ? result<>() : fail(errc::protocol_error);
    if (request.user_name.size() > limits::user_name_length_max) return fail(errc::too_long);
    // A NUL would end the name early in some lookups and not in others, and "-froot" would be an
    // option of whatever it is given to.
    std::string_view name = request.user_name;
    if (!is_login_name(name)) return fail(errc::bad_value);
    if (config_.names_may_have_styles) name = name.substr(0, name.find(':'));
    if (name.empty()) return fail(errc::bad_value);
    user_name_ = request.user_name;
    login_name_ = name;
    user_known_ = true;
    return {};
}

result<> server_auth::settle(method_verdict verdict) {
    if (verdict == method_verdict::asking) {
        state_ = state::awaiting_answer;
        return {};
    }
    if (verdict == method_verdict::prompted) {
        question_ = {};  // no response stays longer than it is needed
        state_ = state::awaiting_message;
        return {};
    }
    state_ = state::awaiting_request;
    const auto done = [&]() -> result<> {
        switch (verdict) {
        case method_verdict::failed: return fail_attempt(true);
        case method_verdict::unproven: return fail_attempt(false);
        case method_verdict::successful: return finish_method();
        case method_verdict::replied:
        case method_verdict::prompted:
        case method_verdict::asking: return {};
        }
        unreachable();
    }();
    question_ = {};  // no password stays longer than it is needed
    method_.reset();
    return done;
}

result<> server_auth::fail_attempt(bool counts) {
    if (counts && ++attempts_failed_ >= policy_.attempts_max) return fail(errc::too_many_attempts);
    send_banner();
    send_failure(false);
    return {};
}

result<> server_auth::fail(error_code error) {
    state_ = state::failed;
    error_ = error;
    return error;
}

// --- chains of methods ------------------------------------------------------------------------

bool server_auth::is_next(std::string_view method) const {
    for (std::size_t i = 0; i < steps_done_.size(); ++i) {
        const auto& chain = policy_.method_chains[i];
        if (steps_done_[i] < chain.size() && chain[steps_done_[i]] == method) return true;
    }
    return false;
}

result<> server_auth::finish_method() {
    methods_done_.push_back(method_name_);
    if (question_.key && question_.what == auth_question::kind::public_key)
        keys_accepted_.push_back(*question_.key);
    bool complete = false;
    for (std::size_t i = 0; i < steps_done_.size(); ++i) {
        const auto& chain = policy_.method_chains[i];
        if (steps_done_[i] < chain.size() && chain[steps_done_[i]] == method_name_)
            complete |= ++steps_done_[i] == chain.size();
    }
    if (!complete) {
        send_failure(true);
        return {};
    }
    out_.send(wire::encoded(userauth_success{}));
    state_ = state::succeeded;
    user_ = authenticated_user(login_name_, std::move(methods_done_), std::move(keys_accepted_));
    return {};
}

void server_auth::send_failure(bool partial_success) {
    std::vector<std::string_view> next;
    for (std::size_t i = 0; i < steps_done_.size(); ++i) {
        const auto& chain = policy_.method_chains[i];
        if (steps_done_[i] >= chain.size()) continue;
        const std::string_view name = chain[steps_done_[i]];
        // RFC 4252 §5.2: "none" must not be listed.
        if (name != "none" && std::ranges::find(next, name) == next.end()) next.push_back(name);
    }
    const std::string names = wire::join(next);
    out_.send(wire::encoded(userauth_failure{{names}, partial_success}));
}

void server_auth::send_banner() {
    if (std::exchange(banner_sent_, true) || policy_.banner.empty()) return;
    out_.send(wire::encoded(userauth_banner{policy_.banner, ""}));
}

}  // namespace sluice
