#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/server.hpp"

#include <functional>
#include <memory>

namespace sluice {

/// Serves SFTP on one channel, over a filesystem of its own.
///
/// Ends the channel with exit-status 0 when the client has sent EOF and every request is answered,
/// with 1 when the client broke the protocol. A channel that is lost is finished when the requests
/// that were read have done their work and every handle is closed.
class sftp_service final : public channel_handler {
public:
    /// Told once, right before `channel_port::finished`: the report, and why we ended the session
    /// (no error unless the client broke the protocol).
    using on_finished = std::function<void(const sftp::session_report&, error_code)>;

    sftp_service(channel_port& port, std::unique_ptr<sftp::filesystem> files,
                 sftp::server_config config = {}, on_finished finished = {});
    sftp_service(const sftp_service&) = delete;
    sftp_service& operator=(const sftp_service&) = delete;

    void on_data(bytes_view data, std::uint32_t extended_type) override;
    void on_eof() override;
    void on_writable() override;
    void on_closed() override;

    /// Brings the session to its end, and with it the channel, as after the client's EOF.
    void drain(sftp::drain_policy policy);
    void on_drain(const drain_policy& policy) override { drain(policy.sftp); }

    const sftp::server& session() const { return server_; }

private:
    enum class phase {
        serving,
        exiting,   // exit is queued; the peer's CLOSE is awaited
        closed,    // the channel is gone, operations are not
        finished,  // `channel_port::finished` was called
    };

    void pump();
    void pump_once();
    void end_if_done();

    channel_port& port_;
    sftp::server server_;
    std::unique_ptr<sftp::filesystem> files_;  // goes before the server, whose requests it views
    sftp::driver driver_;
    on_finished on_finished_;
    phase phase_ = phase::serving;
    bool pumping_ = false;
    bool again_ = false;
};

}  // namespace sluice
