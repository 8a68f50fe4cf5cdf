#include "sluice/endpoint/endpoint.hpp"

#include "sluice/transport/messages.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view draining_text = "connection is draining";
constexpr std::string_view drained_text = "all channels closed";
constexpr std::string_view receipt_ping = "drain";
constexpr std::string_view deadline_text = "drain deadline passed";

}  // namespace

endpoint::endpoint(const transport_config& transport, role own, const end_config& end,
                   keepalive_timer keepalive, time_point now)
    : end_(end), transport_(transport, own, now), keepalive_(keepalive), drain_(end.linger, now) {}

void endpoint::commit_input(std::size_t n, time_point now) {
    transport_.commit_input(n);
    if (n != 0) keepalive_.heard(now);
}

bool endpoint::wants_input() const {
    if (closed()) return false;
    return finished() || role_wants_input();
}

void endpoint::consume_output(std::size_t n) {
    transport_.consume_output(n);
    if (mux_ && mux_->has_pending_output() && transport_.room() > 0) mux_->flush();
}

mux& endpoint::channels() {
    expects(mux_ != nullptr);
    return *mux_;
}

const mux& endpoint::channels() const {
    expects(mux_ != nullptr);
    return *mux_;
}

void endpoint::begin_channels(const mux_config& config, time_point now) {
    transport_.set_authenticated();
    keepalive_.start(now);
    mux_ = std::make_unique<mux>(config, transport_);
}

// --- the end ------------------------------------------------------------------------------------

void endpoint::drain(duration deadline, time_point now) {
    if (finished()) return;
    if (!mux_) return cut(disconnect_reason::by_application, draining_text, now);
    drain_.begin(deadline, now);
    mux_->admit_no_more(draining_text);
}

void endpoint::cut(disconnect_reason reason, std::string_view description, time_point now) {
    if (finished()) return;
    drop_channels();
    transport_.disconnect(reason, description);
    drain_.disconnecting(close_outcome::cut, close_side::us, static_cast<std::uint32_t>(reason),
                         description, errc::cancelled, now);
}

void endpoint::fail(error_code error, time_point now) {
    error_ = error;
    const auto reason = reason_for(error);
    transport_.disconnect(reason, text_for(reason));
    // Nobody is there to be disconnected from.
    const bool silent = error == errc::keepalive_timeout;
    drain_.disconnecting(silent ? close_outcome::lost : close_outcome::cut,
                         silent ? close_side::network : close_side::us,
                         static_cast<std::uint32_t>(reason), text_for(reason), error, now);
}

// CLOSE on what is open, before DISCONNECT: the peer's handlers hear of it channel by channel.
void endpoint::drop_channels() {
    if (!mux_) return;
    for (const channel_id id : mux_->channels())
        mux_->cut(id);
}

result<> endpoint::advance(time_point now) {
    if (finished()) {
        if (drain_.lingered(now) && !closed())
            drain_.closed(close_outcome::lost, close_side::network, errc::connection_lost, now);
        return {};
    }
    switch (keepalive_.check(now)) {
    case keepalive_timer::verdict::nothing: break;
    case keepalive_timer::verdict::dead: return errc::keepalive_timeout;
    case keepalive_timer::verdict::ask: ask_for_life(); break;
    }
    if (!drain_.draining()) return {};
    drain_.look_at_receipt(now);
    if (mux_->open_channels() == 0) {
        leave(now);
    } else if (drain_.deadline_passed(now)) {
        drop_channels();
        transport_.disconnect(disconnect_reason::by_application, deadline_text);
        drain_.disconnecting(close_outcome::deadline, close_side::us,
                             static_cast<std::uint32_t>(disconnect_reason::by_application),
                             deadline_text, errc::cancelled, now);
    }
    return {};
}

// No channel is left. DISCONNECT is a full stop (RFC 4253 §11.1), so all else is settled before: a
// key exchange that is under way, and the peer's sign that it has what we sent where none came.
void endpoint::leave(time_point now) {
    if (!drain_.deadline_passed(now)) {
        if (transport_.exchanging_keys()) return;
        if (drain_.wants_receipt()) {
            if (!drain_.awaits_receipt()) ask_for_receipt(now);
            return;
        }
    }
    transport_.disconnect(disconnect_reason::by_application, drained_text);
    drain_.disconnecting(close_outcome::drained, close_side::us,
                         static_cast<std::uint32_t>(disconnect_reason::by_application),
                         drained_text, {}, now);
}

// Where the peer does not serve pings, any global request that wants a reply is as good: packets
// are taken in order (RFC 4254 §4).
void endpoint::ask_for_receipt(time_point now) {
    drain_.receipt_asked(now);
    pinged_ = transport_.send_ping(as_bytes(receipt_ping));
    if (!pinged_) ask_for_life();
}

void endpoint::on_peer_disconnect(const transport_disconnected& bye, time_point now) {
    const bool settled = drain_.draining() && mux_->open_channels() == 0;
    drain_.disconnecting(settled ? close_outcome::drained : close_outcome::peer_closed,
                         close_side::peer, bye.reason_code, bye.description,
                         settled ? error_code() : make_error_code(errc::peer_disconnected), now);
}

void endpoint::stream_ended(error_code error, time_point now) {
    const bool open_channels = mux_ && mux_->open_channels() != 0;
    auto outcome = close_outcome::lost;
    if (!error && !open_channels)
        outcome = drain_.draining() ? close_outcome::drained : close_outcome::peer_closed;
    transport_.stream_ended();
    drain_.closed(
        outcome, error ? close_side::network : close_side::peer,
        outcome == close_outcome::drained ? error_code() : make_error_code(errc::connection_lost),
        now);
}

error_code endpoint::end_error() const {
    if (!finished()) return {};
    const error_code error = drain_.report().error;
    return error ? error : make_error_code(errc::connection_lost);
}

close_report endpoint::report() const {
    close_report report = drain_.report();
    if (mux_) {
        connection_drain so_far = drain_;
        for (const channel_id id : mux_->channels())
            so_far.on_channel_end(id, mux_->report(id), channel_close_report::outcome::open);
        report = so_far.report();
    }
    return report;
}

// --- for the roles ------------------------------------------------------------------------------

void endpoint::note(const channel_event& event) {
    if (const auto* closed = std::get_if<channel_closed_event>(&event))
        drain_.on_channel_end(closed->id, closed->report,
                              closed->report.confirmed ? channel_close_report::outcome::closed
                                                       : channel_close_report::outcome::refused);
    else if (const auto* refused = std::get_if<channel_open_failed_event>(&event))
        drain_.on_channel_end(refused->id, refused->report, channel_close_report::outcome::refused);
    else if (std::holds_alternative<global_reply_event>(event) && drain_.awaits_receipt() &&
             mux_->global_replies_due() == 0)
        drain_.on_receipt(close_receipt::reply);
}

bool endpoint::answers_drain(const transport_pong& pong) {
    if (!pinged_ || !std::ranges::equal(pong.data, as_bytes(receipt_ping))) return false;
    pinged_ = false;
    drain_.on_receipt(close_receipt::pong);
    return true;
}

bool endpoint::refused_by_drain(const global_request_event& event) {
    return drain_.draining() &&
           (std::holds_alternative<tcpip_forward_request>(event.request) ||
            std::holds_alternative<streamlocal_forward_request>(event.request));
}

time_point endpoint::next_common_deadline() const {
    if (finished()) return drain_.next_deadline();
    return std::min({keepalive_.deadline(), transport_.next_deadline(), drain_.next_deadline()});
}

}  // namespace sluice
