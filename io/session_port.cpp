#include "sluice/io/session_port.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/post.hpp>

namespace sluice {

void session_port::start(std::unique_ptr<channel_handler> handler) {
    expects(!started_);
    started_ = true;
    handler_ = std::move(handler);
}

bool session_port::add_environment(std::string_view name, std::string_view value) {
    environment_bytes_ += name.size() + value.size();
    if (environment_.size() >= limits::environment_variables_max ||
        environment_bytes_ > limits::environment_bytes_max)
        return false;
    environment_.emplace_back(name, value);
    return true;
}

void session_port::drain(const drain_policy& policy) {
    if (!closed_ && unfinished()) handler_->on_drain(policy);
}

void session_port::channel_closed() {
    if (closed_) return;
    closed_ = true;
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
    if (!closed_ || !unfinished() || std::exchange(cancelled_, true)) return;
    ++connection_.tasks_cancelled_;
    handler_->cancel();
    if (unfinished()) wait_for_handler();
}

boost::asio::any_io_executor session_port::executor() const { return connection_.executor(); }

std::size_t session_port::writable() const {
    return closed_ ? 0 : connection_.endpoint_.channels().writable(id_);
}

void session_port::write(wire::buffer chunk, std::uint32_t extended_type) {
    if (closed_) return;
    connection_.endpoint_.channels().write(id_, std::move(chunk), extended_type);
    connection_.pump_.run_soon();
}

void session_port::consumed(std::size_t n) {
    if (closed_) return;
    connection_.endpoint_.channels().consumed(id_, n);
    connection_.pump_.run_soon();
}

// Sent to OpenSSH alone, as OpenSSH does it: others are known to disconnect on it.
void session_port::send_eow() {
    const auto& peer = connection_.endpoint_.lower().peer_identification();
    if (closed_ || !peer.starts_with("SSH-2.0-OpenSSH")) return;
    connection_.endpoint_.channels().send_eow(id_);
    connection_.pump_.run_soon();
}

void session_port::send_eof() {
    if (closed_) return;
    connection_.endpoint_.channels().send_eof(id_);
    connection_.pump_.run_soon();
}

void session_port::exit(std::uint32_t status) {
    if (closed_) return;
    connection_.endpoint_.channels().exit_status(id_, status);
    connection_.endpoint_.channels().close(id_);
    connection_.pump_.run_soon();
}

void session_port::exit_signal(std::string_view signal_name, bool core_dumped,
                               std::string_view message) {
    if (closed_) return;
    connection_.endpoint_.channels().exit_signal(id_, {signal_name, core_dumped, message, {}});
    connection_.endpoint_.channels().close(id_);
    connection_.pump_.run_soon();
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
