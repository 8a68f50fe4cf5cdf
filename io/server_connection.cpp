#include "sluice/io/server_connection.hpp"

#include "sluice/io/clock.hpp"
#include "sluice/io/log_fields.hpp"
#include "sluice/io/login_conversation.hpp"
#include "sluice/io/session_port.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace sluice {

server_connection::server_connection(std::unique_ptr<byte_stream> stream, place between,
                                     std::shared_ptr<const server_options> options, observer told)
    : ends_(std::move(between.ends)),
      peer_name_(std::move(between.peer_name)),
      options_(std::move(options)),
      told_(std::move(told)),
      endpoint_(options_->protocol, now()),
      pump_(std::move(stream), endpoint_, *this),
      alive_(pump_.executor()),
      started_(now()),
      sessions_gone_(pump_.executor(), std::chrono::steady_clock::time_point::max()) {
    pump_.meter().start();  // until the login
}

server_connection::~server_connection() = default;

void server_connection::start() {
    log(log_severity::info, "connection", {});
    pump_.run();
}

void server_connection::drain(const drain_options& how) {
    if (finished_) return;
    draining_ = how.policy;
    asked_to_end_ = true;
    endpoint_.drain(std::chrono::duration_cast<duration>(how.deadline), now());
    for (std::size_t i = 0; i < ports_.size(); ++i)
        ports_[i]->drain(how.policy);
    if (following_) following_->request_stop();
    pump_.run();
}

void server_connection::cut(std::string_view text) {
    asked_to_end_ = asked_to_end_ || !finished_;
    endpoint_.cut(disconnect_reason::by_application, text, now());
    pump_.run();
    for (const auto& port : ports_)
        port->cancel();
}

// --- what the pump asks for ---------------------------------------------------------------------

void server_connection::take_events() {
    for (;;) {
        auto event = endpoint_.poll(now());
        if (!event || !*event) break;
        if (finished_) continue;  // of channels that are gone for their handlers
        on_event(**event);
        if (endpoint_.finished()) break;
    }
    if (pump_.meter().spent() - charged_cpu_ > limits::source_cpu_step) charge_source({});
}

void server_connection::on_finished() {
    finished_ = true;
    if (!asked_to_end_) charge_source(fault_of_end());
    close_sessions();
    if (out_of_time())
        for (const auto& port : ports_)
            port->cancel();
    stop_following();
    if (conversation_) conversation_->abandon();
    if (deciding_) deciding_->emit(asio::cancellation_type::terminal);
}

// A login costs its source nothing, nor what it took.
void server_connection::charge_source(std::optional<source_fault> fault) {
    const auto spent = pump_.meter().spent() - std::exchange(charged_cpu_, pump_.meter().spent());
    if (session_.user.empty() && told_.charged) told_.charged(fault, spent);
}

source_fault server_connection::fault_of_end() const {
    if (endpoint_.end_error() == errc::login_timeout) return source_fault::grace_exceeded;
    const auto what = attempt_.question.what;
    const bool trying =
        deciding_ && what != auth_question::kind::none && what != auth_question::kind::user;
    return tried_ || trying ? source_fault::auth_fail : source_fault::no_auth;
}

// Where we ended it, there is no more time for anybody. Else what was received is dealt with.
bool server_connection::out_of_time() const {
    return endpoint_.outcome() == close_outcome::cut ||
           endpoint_.outcome() == close_outcome::deadline;
}

void server_connection::on_stream_closed() {
    stream_closed_at_ = now();
    // Handlers that are still at work need us, and hold nothing that says so.
    if (!ports_.empty()) {
        alive_.expires_at(std::chrono::steady_clock::time_point::max());
        alive_.async_wait([self = shared_from_this()](error_code) {});
    }
    // Not from here: the caller may be in the middle of something that is still needed.
    asio::post(executor(), [self = shared_from_this()] { self->finish_if_idle(); });
}

// --- whoever follows it -------------------------------------------------------------------------

void server_connection::follow() {
    if (!options_->on_login) return;
    following_ = std::make_unique<task_scope>(executor());
    following_->spawn(options_->on_login(*this),
                      [this, alive = shared_from_this()](std::exception_ptr thrown) {
                          if (thrown)
                              log(log_severity::error, "handler_failed", {{"handler", "on_login"}});
                      });
}

asio::awaitable<void> server_connection::sessions_ended() {
    while (!had_sessions_ || !ports_.empty()) {
        error_code e;
        co_await sessions_gone_.async_wait(asio::redirect_error(asio::use_awaitable, e));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

void server_connection::stop_following() {
    if (!following_) return;
    following_->request_stop();
    if (out_of_time()) following_->cancel();
    joining_ = true;
    asio::co_spawn(executor(), following_->close(options_->handler_grace),
                   [self = shared_from_this()](std::exception_ptr, std::size_t left) {
                       self->joining_ = false;
                       self->not_returned_ = left;
                       self->finish_if_idle();
                   });
}

// --- the end ------------------------------------------------------------------------------------

// Every handler has returned, except for those that were given up: they keep us until they do.
void server_connection::finish_if_idle() {
    const auto given_up = [](const auto& port) { return port->given_up(); };
    if (!pump_.stream_closed() || deciding_ || joining_ || !told_.closed) return;
    if (!std::ranges::all_of(ports_, given_up)) return;
    if (ports_.empty()) alive_.cancel();
    const close_report report = final_report();
    log_end(report);
    if (options_->on_closed) options_->on_closed({peer_name_, session_.user}, report);
    std::exchange(told_.closed, nullptr)(report);
}

close_report server_connection::final_report() const {
    close_report report = endpoint_.report();
    report.sftp_sessions = served_.sftp_sessions;
    report.total += served_.total;
    report.tasks_cancelled = tasks_cancelled_ + (following_ ? following_->cancelled() : 0);
    report.tasks_not_returned = ports_.size() + not_returned_;
    report.elapsed += now() - stream_closed_at_;
    return report;
}

void server_connection::log_end(const close_report& report) const {
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(now() - started_).count();
    const std::string detail = pump_.stream_error() ? pump_.stream_error().message() : report.text;
    std::vector<std::pair<std::string_view, std::string>> fields;
    if (!session_.user.empty()) fields.emplace_back("user", session_.user);
    const bool left = report.ended_by == close_side::peer && report.reason_code != 0;
    fields.emplace_back("reason", left ? "peer disconnected" : report.error.message());
    if (!detail.empty()) fields.emplace_back("detail", detail);
    fields.emplace_back("received_bytes", std::to_string(pump_.bytes_in()));
    fields.emplace_back("sent_bytes", std::to_string(pump_.bytes_out()));
    fields.emplace_back("milliseconds", std::to_string(elapsed));
    log(log_severity::info, "closed", std::move(fields));
}

void server_connection::log(log_severity level, std::string_view event,
                            std::vector<std::pair<std::string_view, std::string>> fields) const {
    if (!options_->log) return;
    fields.emplace(fields.begin(), "peer", peer_name_);
    log_record record{level, event, std::move(fields)};
    cut_fields(record);
    options_->log(record);
}

}  // namespace sluice
