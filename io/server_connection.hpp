#pragma once

#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/io/authenticator.hpp"
#include "sluice/io/channel_handler.hpp"
#include "sluice/io/server.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

class session_port;

/// Private to io/: one connection of a server. It moves bytes between a socket and a
/// server_endpoint, and owns the handlers of its sessions. It lives until the socket is closed and
/// every handler has finished.
class server_connection final : public std::enable_shared_from_this<server_connection> {
public:
    using socket = boost::asio::generic::stream_protocol::socket;

    /// Told once each, on the connection's strand.
    struct observer {
        std::function<void()> authenticated;
        std::function<void()> closed;
    };

    /// `peer_address` is numeric and without a port; `peer_name` has it, for the log.
    server_connection(socket stream, std::string peer_address, std::string peer_name,
                      std::shared_ptr<const server_options> options, observer told);
    ~server_connection();

    boost::asio::any_io_executor executor() { return socket_.get_executor(); }

    // All on the strand.

    void start();

    /// Ends every channel, says DISCONNECT, lingers and closes.
    void stop();

private:
    friend class session_port;

    enum class state {
        open,
        ending,       // the endpoint is finished; what it has left to say is being sent
        half_closed,  // our FIN is out; waiting for the peer's
        closed,       // no socket; handlers may still be at work
    };

    // The pump, in server_connection.cpp.
    void pump();
    void pump_soon();
    void process();
    bool write_output();
    void wait_readable();
    void wait_writable();
    void on_readable();
    bool read_some();
    void look_for_end();
    void discard();
    void arm_timer();
    void on_timer();
    void lost(error_code error);
    void end();
    void half_close();
    void close_socket();
    void finish_if_idle();
    void log_end() const;
    void log(log_severity level, std::string_view event,
             std::vector<std::pair<std::string_view, std::string>> fields) const;

    // What the events ask for, in server_sessions.cpp.
    void on_event(server_event& event);
    void on_question();
    void on_answer(login_verdict verdict);
    void on_authenticated(const authenticated_user& user);
    void on_channel_event(channel_event& event);
    void on_open(const channel_open_event& event);
    void on_request(const channel_request_event& event);
    bool start_session(session_port& port, const channel_request& request);
    std::unique_ptr<channel_handler> start_sftp(session_port& port);
    std::unique_ptr<channel_handler> start_command(session_port& port, std::string command,
                                                   std::string_view original);
    session_port* find(channel_id id);
    void release(session_port& port);
    void close_sessions();

    socket socket_;
    std::string peer_address_;
    std::string peer_name_;
    std::shared_ptr<const server_options> options_;
    observer told_;
    server_endpoint endpoint_;
    boost::asio::steady_timer timer_;
    time_point timer_set_for_ = time_point::max();
    time_point started_;

    state state_ = state::open;
    bool pumping_ = false;
    bool pump_posted_ = false;
    bool reading_ = false;  // a wait is outstanding
    bool writing_ = false;
    std::size_t read_size_;
    time_point linger_until_ = time_point::max();
    error_code end_reason_;
    std::string end_text_;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;

    std::unique_ptr<boost::asio::cancellation_signal> deciding_;  // while an authenticator works
    login_attempt attempt_;                                       // that is being decided
    session_info session_;
    std::vector<std::unique_ptr<session_port>> ports_;
};

}  // namespace sluice
