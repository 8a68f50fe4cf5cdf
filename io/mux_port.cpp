#include "sluice/io/mux_port.hpp"

#include <utility>

namespace sluice {

void mux_port::set_closed(channel_report report, error_code end_error) {
    if (std::exchange(closed_, true)) return;
    report_ = std::move(report);
    end_error_ = end_error;
}

channel_report mux_port::report() const {
    return closed_ ? report_ : endpoint_.channels().report(id_);
}

void mux_port::accept_open() {
    if (closed_) return;
    endpoint_.channels().accept_open(id_);
    pump_.run_soon();
}

void mux_port::refuse_open(std::uint32_t reason, std::string_view text) {
    if (closed_) return;
    const channel_report refused = report();
    endpoint_.channels().refuse_open(id_, reason, text);
    set_closed(refused, {});
    pump_.run_soon();
}

std::size_t mux_port::writable() const { return closed_ ? 0 : endpoint_.channels().writable(id_); }

void mux_port::write(wire::buffer chunk, std::uint32_t extended_type) {
    if (closed_) return;
    endpoint_.channels().write(id_, std::move(chunk), extended_type);
    pump_.run_soon();
}

void mux_port::consumed(std::size_t n) {
    if (closed_) return;
    endpoint_.channels().consumed(id_, n);
    pump_.run_soon();
}

// Sent to OpenSSH alone, as OpenSSH does it: others are known to disconnect on it.
void mux_port::send_eow() {
    if (closed_ || !endpoint_.lower().habits().has(peer_habit::takes_eow)) return;
    endpoint_.channels().send_eow(id_);
    pump_.run_soon();
}

void mux_port::send_eof() {
    if (closed_) return;
    endpoint_.channels().send_eof(id_);
    pump_.run_soon();
}

void mux_port::exit(std::uint32_t status) {
    if (closed_) return;
    endpoint_.channels().exit_status(id_, status);
    close();
}

void mux_port::exit_signal(std::string_view signal_name, bool core_dumped,
                           std::string_view message) {
    if (closed_) return;
    endpoint_.channels().exit_signal(id_, {signal_name, core_dumped, message, {}});
    close();
}

void mux_port::request(const channel_request& request, bool want_reply) {
    if (closed_) return;
    endpoint_.channels().request(id_, request, want_reply);
    pump_.run_soon();
}

void mux_port::close() {
    if (closed_) return;
    endpoint_.channels().close(id_);
    pump_.run_soon();
}

void mux_port::break_off() {
    if (closed_) return;
    endpoint_.channels().break_off(id_);
    pump_.run_soon();
}

void mux_port::cut() {
    if (closed_) return;
    endpoint_.channels().cut(id_);
    pump_.run_soon();
}

}  // namespace sluice
