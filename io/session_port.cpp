#include "sluice/io/session_port.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/post.hpp>

namespace sluice {

session_port::session_port(server_connection& connection, channel_id id, bool is_session)
    : mux_port(connection.endpoint_, connection.pump_, id),
      connection_(connection),
      is_session_(is_session) {}

void session_port::start(std::unique_ptr<channel_handler> handler) {
    expects(!started_);
    started_ = true;
    handler_ = std::move(handler);
}

bool session_port::add_environment(std::string_view name, std::string_view value) {
    const auto same = [&](const auto& variable) { return variable.first == name; };
    if (std::ranges::any_of(environment_, same)) return false;
    environment_bytes_ += name.size() + value.size();
    if (environment_.size() >= limits::environment_variables_max ||
        environment_bytes_ > limits::environment_bytes_max)
        return false;
    environment_.emplace_back(name, value);
    return true;
}

void session_port::drain(const drain_policy& policy) {
    if (!closed() && unfinished()) handler_->on_drain(policy);
}

void session_port::channel_closed(const channel_report& report, error_code end_error) {
    if (closed()) return;
    set_closed(report, end_error);
    if (!unfinished()) return;
    handler_->on_closed();
    if (unfinished()) wait_for_handler();
}

void session_port::wait_for_handler() {
    grace_ = std::make_unique<boost::asio::steady_timer>(executor());
    grace_->expires_after(connection_.options_->handler_grace);
    grace_->async_wait([connection = connection_.shared_from_this(), this](error_code e) {
        if (e || !unfinished()) return;
        if (!cancelled_) return cancel();
        given_up_ = true;
        connection->finish_if_idle();
    });
}

void session_port::cancel() {
    if (!closed() || !unfinished() || std::exchange(cancelled_, true)) return;
    ++connection_.tasks_cancelled_;
    handler_->cancel();
    if (unfinished()) wait_for_handler();
}

void session_port::finished() {
    finished_ = true;
    if (grace_) grace_->cancel();
    boost::asio::post(executor(), [connection = connection_.shared_from_this(), this] {
        drop_handler();
        connection->release(*this);
    });
}

}  // namespace sluice
