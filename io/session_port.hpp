#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/io/channel_handler.hpp"
#include "sluice/io/server_connection.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// Private to io/: one session channel of a server_connection, from its OPEN until both the channel
/// is closed and its handler has finished.
class session_port final : public channel_port {
public:
    session_port(server_connection& connection, channel_id id) : connection_(connection), id_(id) {}

    channel_id id() const { return id_; }
    channel_handler* handler() const { return handler_.get(); }
    bool started() const { return started_; }

    /// From here on the channel has its handler, and takes no further exec, shell or subsystem.
    void start(std::unique_ptr<channel_handler> handler);

    /// Adds a variable for the command. False above the caps of wire/limits.hpp.
    bool add_environment(std::string_view name, std::string_view value);
    const std::vector<std::pair<std::string, std::string>>& environment() const {
        return environment_;
    }

    /// The channel is gone: tells the handler, once.
    void channel_closed();

    /// Neither a channel nor a handler is left.
    bool over() const { return closed_ && !handler_; }
    void drop_handler() { handler_.reset(); }

    boost::asio::any_io_executor executor() const override;
    std::size_t writable() const override;
    void write(wire::buffer chunk, std::uint32_t extended_type) override;
    void consumed(std::size_t n) override;
    void send_eow() override;
    void send_eof() override;
    void exit(std::uint32_t status) override;
    void exit_signal(std::string_view signal_name, bool core_dumped,
                     std::string_view message) override;
    void finished() override;

private:
    server_connection& connection_;
    channel_id id_;
    std::unique_ptr<channel_handler> handler_;
    std::vector<std::pair<std::string, std::string>> environment_;
    std::size_t environment_bytes_ = 0;
    bool started_ = false;
    bool closed_ = false;
};

}  // namespace sluice
