#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/io/descriptor_budget.hpp"
#include "sluice/io/mux_port.hpp"
#include "sluice/io/server_connection.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// Private to io/: one channel of a server_connection, from its OPEN until both the channel
/// is closed and its handler has finished.
class session_port final : public mux_port {
public:
    session_port(server_connection& connection, channel_id id, bool is_session);

    /// Or a connection that goes through here.
    bool is_session() const { return is_session_; }

    channel_handler* handler() const { return handler_.get(); }
    bool started() const { return started_; }

    /// From here on the channel has its handler, and takes no further exec, shell or subsystem.
    void start(std::unique_ptr<channel_handler> handler);

    /// Adds a variable for the command. False for one that is there, and above the caps of
    /// wire/limits.hpp.
    bool add_environment(std::string_view name, std::string_view value);
    const std::vector<std::pair<std::string, std::string>>& environment() const {
        return environment_;
    }

    /// Descriptors of its handler, kept until both are gone.
    void hold(descriptor_share share) { share_ = std::move(share); }

    /// The server drains: tells the handler.
    void drain(const drain_policy& policy);

    /// The channel is gone: tells the handler, once. One that has not finished after the grace time
    /// is cancelled, and given up after as long again.
    void channel_closed(const channel_report& report, error_code end_error);

    /// Does not wait for the grace time.
    void cancel();

    /// The handler was cancelled and has not finished in time. It is destroyed when it has.
    bool given_up() const { return given_up_; }

    /// Neither a channel nor a handler is left.
    bool over() const { return closed() && !handler_; }
    void drop_handler() { handler_.reset(); }

    void finished() override;

private:
    bool unfinished() const { return handler_ && !finished_; }
    void wait_for_handler();

    server_connection& connection_;
    descriptor_share share_;
    std::unique_ptr<channel_handler> handler_;
    std::vector<std::pair<std::string, std::string>> environment_;
    std::size_t environment_bytes_ = 0;
    const bool is_session_;
    bool started_ = false;
    bool finished_ = false;  // said the handler
    bool cancelled_ = false;
    bool given_up_ = false;
    std::unique_ptr<boost::asio::steady_timer> grace_;
};

}  // namespace sluice
