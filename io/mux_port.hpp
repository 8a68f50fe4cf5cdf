#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/endpoint/endpoint.hpp"
#include "sluice/io/channel_handler.hpp"
#include "sluice/io/pump.hpp"

namespace sluice {

/// Private to io/: a channel of an endpoint as its handler sees it, in either role. All but the
/// end of the handler, which is its owner's business.
class mux_port : public channel_port {
public:
    /// Both outlive the port.
    mux_port(endpoint& end, pump& moves, channel_id id) : endpoint_(end), pump_(moves), id_(id) {}

    channel_id id() const { return id_; }
    bool closed() const { return closed_; }

    /// From here on nothing is asked of the channel: it is closed in both directions (no error), or
    /// the connection has ended. The first call counts.
    void set_closed(channel_report report, error_code end_error);

    /// What became of the channel, so far or at last.
    channel_report report() const;
    /// Why it is closed, where that is not its own doing.
    error_code end_error() const { return end_error_; }

    /// Answers the peer's OPEN. Refused, it is closed.
    void accept_open();
    void refuse_open(std::uint32_t reason, std::string_view text);

    boost::asio::any_io_executor executor() const override { return pump_.executor(); }
    std::size_t writable() const override;
    void write(wire::buffer chunk, std::uint32_t extended_type) override;
    void consumed(std::size_t n) override;
    void send_eow() override;
    void send_eof() override;
    void exit(std::uint32_t status) override;
    void exit_signal(std::string_view signal_name, bool core_dumped,
                     std::string_view message) override;

    /// Sends a request; with `want_reply` one `channel_handler::on_reply` each follows, in order.
    void request(const channel_request& request, bool want_reply);

    /// What was written, EOF, CLOSE. The peer's data is discarded from here on.
    void close();
    /// The same without an EOF.
    void break_off();
    /// CLOSE at once; what is queued is lost.
    void cut();

private:
    endpoint& endpoint_;
    pump& pump_;
    const channel_id id_;
    bool closed_ = false;
    channel_report report_;
    error_code end_error_;
};

}  // namespace sluice
