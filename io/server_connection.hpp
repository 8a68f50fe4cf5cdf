#pragma once

#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/io/authenticator.hpp"
#include "sluice/io/channel_handler.hpp"
#include "sluice/io/coroutine_handler.hpp"
#include "sluice/io/pump.hpp"
#include "sluice/io/server.hpp"
#include "sluice/io/task_scope.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class login_conversation;
class session_port;

/// Private to io/: one connection of a server: what its endpoint tells is answered here, and the
/// handlers of its sessions are owned here. It lives until the stream is closed and every handler
/// has finished.
class server_connection final : public std::enable_shared_from_this<server_connection>,
                                private pump::owner,
                                private served_connection {
public:
    /// Told on the connection's strand, once each.
    struct observer {
        std::function<void()> authenticated;
        /// Not once: how it ended without a login, or what it has used of a processor until then,
        /// each time since the last.
        std::function<void(std::optional<source_fault>, std::chrono::nanoseconds cpu)> charged;
        std::function<void(const close_report&)> closed;
    };

    /// What a connection is between.
    struct place {
        connection_ends ends;
        std::string peer_name;  // address and port, for the log
    };

    server_connection(std::unique_ptr<byte_stream> stream, place between,
                      std::shared_ptr<const server_options> options, observer told);
    ~server_connection() override;

    boost::asio::any_io_executor executor() { return pump_.executor(); }

    // All on the strand.

    void start();

    /// Admits nothing new, lets each session finish in its way, and leaves in protocol order; at
    /// the deadline what is left is cut. Once: a second call can only bring the deadline nearer.
    void drain(const drain_options& how) override;

    /// Ends at once: every channel is cut, every handler cancelled.
    void cut(std::string_view text);

private:
    friend class session_port;

    // What the coroutine that follows it sees.
    boost::asio::any_io_executor get_executor() override { return executor(); }
    const session_info& who() const override { return session_; }
    std::size_t sessions() const override { return ports_.size(); }
    boost::asio::awaitable<void> sessions_ended() override;
    void cut() override { cut("cut by the server"); }
    std::stop_token stop_token() const override { return following_->stop_token(); }
    void follow();
    void stop_following();

    // What the pump asks for.
    void take_events() override;
    void on_finished() override;
    void on_stream_closed() override;
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

    bool out_of_time() const;
    void finish_if_idle();
    void charge_source(std::optional<source_fault> fault);
    source_fault fault_of_end() const;
    close_report final_report() const;
    void log_end(const close_report& report) const;
    void log(log_severity level, std::string_view event,
             std::vector<std::pair<std::string_view, std::string>> fields) const;

    // What the events ask for, in server_sessions.cpp.
    void on_event(server_event& event);
    void on_question();
    void on_policy(std::optional<auth_policy> policy);
    void on_verdict(login_verdict verdict);
    void answer(auth_reply reply);
    void log_refusal(const std::string& reason) const;
    void on_authenticated(const authenticated_user& user);
    void on_channel_event(channel_event& event);
    void on_open(const channel_open_event& event);
    void on_open_through(channel_id id, const direct_tcpip_channel& channel);
    connect_answer may_connect(const std::string& host, std::uint16_t port) const;
    void log_forwarding(bool permitted, const std::string& host, std::uint32_t port) const;
    void on_request(const channel_request_event& event);
    bool start_session(session_port& port, const channel_request& request);
    std::unique_ptr<channel_handler> start_coroutine(session_port& port,
                                                     const session_handler& serve,
                                                     std::string what);
    std::unique_ptr<channel_handler> start_task(session_port& port,
                                                const coroutine_handler::task& serve);
    std::unique_ptr<channel_handler> start_sftp(session_port& port);
    std::unique_ptr<channel_handler> start_command(session_port& port, std::string command,
                                                   std::string_view original);
    session_port* find(channel_id id);
    void release(session_port& port);
    void close_sessions();

    const connection_ends ends_;
    const std::string peer_name_;
    std::shared_ptr<const server_options> options_;
    observer told_;
    server_endpoint endpoint_;
    pump pump_;
    boost::asio::steady_timer alive_;  // never expires; see on_stream_closed
    time_point started_;
    bool finished_ = false;  // nothing more is done about events
    std::optional<drain_policy> draining_;
    time_point stream_closed_at_{};
    close_report served_;  // SFTP sessions only
    std::uint64_t tasks_cancelled_ = 0;

    bool tried_ = false;                      // a login was refused
    bool asked_to_end_ = false;               // by the server: nothing is the peer's fault
    std::chrono::nanoseconds charged_cpu_{};  // of what the pump's meter says
    std::unique_ptr<boost::asio::cancellation_signal> deciding_;  // while an authenticator works
    login_attempt attempt_;                                       // that is being decided
    std::shared_ptr<login_conversation> conversation_;            // keyboard-interactive
    session_info session_;
    std::vector<std::unique_ptr<session_port>> ports_;
    bool had_sessions_ = false;

    std::unique_ptr<task_scope> following_;    // where the application follows connections
    boost::asio::steady_timer sessions_gone_;  // never expires: cancelled when it is so
    bool joining_ = false;                     // waits for it to return
    std::size_t not_returned_ = 0;             // of it
};

}  // namespace sluice
