#pragma once

#include "sluice/endpoint/close_report.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string_view>

namespace sluice {

/// How a connection is left.
struct end_config {
    duration linger = std::chrono::seconds(2);  // for the peer's FIN, behind DISCONNECT and ours
};

/// A connection's way to its end. It only ever moves down this list.
enum class connection_state {
    open,
    draining,       // nothing new is admitted; what was admitted finishes
    disconnecting,  // DISCONNECT is the last packet; what waits before it is being sent
    half_closed,    // our FIN is out; reading on until the peer's
    closed,         // nothing is left to be done with the stream: close it
};

/// Where a connection stands on its way to the end, until when, and what becomes of its channels.
/// It decides nothing about messages; `endpoint` tells it what happens.
class connection_drain {
public:
    connection_drain(duration linger, time_point now) : linger_(linger), born_(now) {}

    connection_state state() const { return state_; }
    bool draining() const { return state_ == connection_state::draining; }

    /// open -> draining. A later call can only bring the deadline nearer.
    void begin(duration deadline, time_point now);
    bool deadline_passed(time_point now) const { return draining() && now >= deadline_; }

    /// -> disconnecting: our DISCONNECT is queued, or the peer's was read. The first call counts.
    void disconnecting(close_outcome outcome, close_side side, std::uint32_t reason,
                       std::string_view text, error_code error, time_point now);
    /// -> half_closed: the stream was shut for sending.
    void half_closed(time_point now);
    /// -> closed: the stream ended, or is not waited for any longer. What ended it counts where
    /// nothing else did before.
    void closed(close_outcome outcome, close_side side, error_code error, time_point now);

    /// The peer's FIN is not waited for after this.
    bool lingered(time_point now) const { return now >= linger_deadline_; }

    void on_channel_end(channel_id id, const channel_report& report,
                        channel_close_report::outcome how);
    /// It is not waited for any longer, where its time has passed.
    void look_at_receipt(time_point now);
    /// Asked the peer for a sign that it has what we sent; it is waited for as long as for a FIN.
    void receipt_asked(time_point now);
    void on_receipt(close_receipt receipt);

    /// Data went out that nothing of the peer's has answered.
    bool wants_receipt() const { return wants_receipt_; }
    bool awaits_receipt() const { return receipt_deadline_ != time_point::max(); }

    time_point next_deadline() const;

    /// So far. The channels that are open are the endpoint's to add.
    const close_report& report() const { return report_; }

private:
    void end(close_outcome outcome, close_side side, error_code error, time_point now);

    duration linger_;
    time_point born_;
    connection_state state_ = connection_state::open;
    bool ended_ = false;  // the outcome is known
    time_point end_began_ = time_point::max();
    time_point deadline_ = time_point::max();
    time_point linger_deadline_ = time_point::max();
    bool wants_receipt_ = false;
    time_point receipt_deadline_ = time_point::max();  // not max: it was asked for
    close_report report_;
};

}  // namespace sluice
