#pragma once

#include "sluice/endpoint/client_endpoint.hpp"
#include "sluice/io/byte_stream.hpp"
#include "sluice/io/client_login.hpp"
#include "sluice/io/mux_port.hpp"
#include "sluice/io/operation.hpp"
#include "sluice/io/pump.hpp"
#include "sluice/io/session.hpp"
#include "sluice/io/sftp_client.hpp"
#include "sluice/io/task_scope.hpp"

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

namespace sluice {

/// Private to io/: one connection of a client, from its first byte until the stream is closed and
/// nothing runs for it any more.
class client_connection final : public std::enable_shared_from_this<client_connection>,
                                private pump::owner {
public:
    client_connection(std::unique_ptr<byte_stream> stream, std::unique_ptr<client_login> login);
    ~client_connection() override;

    boost::asio::any_io_executor executor() { return pump_.executor(); }

    // --- from any thread ---

    /// Begins. Completes when logged in, or when the connection has ended.
    void async_login(completion<> done);

    using open_channel = std::function<result<channel_id>(mux&)>;
    void async_open(open_channel open, completion<session> done, bool forwards_agent = false);
    /// A session, which forwards the agent where the options say so.
    void async_open_session(completion<session> done);
    void async_open_sftp(completion<sftp_client> done);
    void async_ping(completion<> done);
    void async_rekey(completion<> done);
    void async_closed(completion<close_report> done);
    /// Also ends the SFTP sessions, each when its files are closed and its operations done.
    void drain(duration deadline);
    /// Says goodbye when every session was closed.
    void let_go();
    void cut();

    // --- on the strand ---

    void cancel_operation(operation_number number);
    const client_login& login() const { return *login_; }
    /// Why the login failed.
    connect_failure failure() const;

private:
    class port final : public mux_port {
    public:
        using mux_port::mux_port;
        void finished() override {}  // a session_core has nothing that could still run
    };
    struct channel_entry {
        std::unique_ptr<port> side;
        // A session of the one kind or the other.
        std::shared_ptr<session_core> core;
        pending_operation<session> opening;
        std::shared_ptr<sftp_core> sftp;
        pending_operation<sftp_client> opening_sftp;
        bool forwards_agent = false;  // to be asked for when it is open
        bool is_agent = false;        // opened by the server for its programs ...
        bool is_accepted = false;     // ... and the agent has been reached

        channel_handler& handler() const {
            if (sftp) return *sftp;
            return *core;
        }
    };

    // What the pump asks for.
    void take_events() override;
    void on_finished() override;
    void on_stream_closed() override;
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

    template <class... Args>
    pending_operation<Args...> begin(completion<Args...> done);
    void on_event(client_event& event);
    void on_channel_event(channel_event& event);
    void on_opened(channel_id id);
    std::optional<channel_entry> take_closed(channel_id id, const channel_report& report);
    void on_open_failed(const channel_open_failed_event& event);
    void on_channel_closed(const channel_closed_event& event);
    channel_handler* find(channel_id id) const;
    void on_agent_open(channel_id id);
    boost::asio::awaitable<void> forward_to_agent(std::shared_ptr<client_connection> self,
                                                  channel_id id, session channel);
    bool answer_agent_open(channel_id id, bool reached);
    std::size_t agent_channels() const;
    void leave_agent_if_last();
    void on_sftp_ready(channel_id id, error_code e);
    void on_sftp_end(channel_id id, const sftp_core& ended);
    close_report report() const;
    void await_keys();
    void await_no_keys();
    void tell_keys() const;
    void ask(boost::asio::awaitable<void> task);
    void on_announced(std::span<const bytes_view> keys);
    void on_proven(std::vector<crypto::public_key> keys);
    boost::asio::awaitable<void> update_host_keys(std::shared_ptr<client_connection> alive);
    boost::asio::awaitable<void> judge(std::shared_ptr<client_connection> self,
                                       host_key_event shown);
    boost::asio::awaitable<void> answer(std::shared_ptr<client_connection> self);
    void answer_nothing();
    void tell_closed();

    std::unique_ptr<client_login> login_;  // holds the configuration: goes behind the endpoint
    client_endpoint endpoint_;
    pump pump_;
    task_scope tasks_;
    std::atomic<operation_number> numbers_ = 0;

    pending_operation<> logging_in_;
    std::unordered_map<channel_id, channel_entry> channels_;
    std::deque<pending_operation<>> pongs_due_;  // those whose wait was cancelled are empty
    std::deque<pending_operation<>> global_replies_due_;  // likewise
    known_hosts::update host_key_changes_;                // that the server is to prove
    bool heard_of_host_keys_ = false;
    waiting_list<> rekeys_;
    waiting_list<close_report> closed_waiters_;
    close_report sftp_;  // what became of the SFTP sessions
    boost::asio::steady_timer keys_due_;
    bool awaiting_keys_ = false;
    bool keys_overdue_ = false;
    bool agent_asked_for_ = false;
    bool finished_ = false;
    bool told_closed_ = false;
};

}  // namespace sluice
