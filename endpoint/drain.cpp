#include "sluice/endpoint/drain.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

bool lost_something(const channel_close_report& c) {
    return c.numbers.bytes_undelivered != 0 || c.numbers.requests_unanswered != 0 ||
           c.how == channel_close_report::outcome::open;
}

}  // namespace

void connection_drain::begin(duration deadline, time_point now) {
    if (state_ > connection_state::draining) return;
    if (state_ == connection_state::open) {
        state_ = connection_state::draining;
        end_began_ = now;
    }
    const duration most = time_point::max() - now;
    deadline_ = std::min(deadline_, now + std::clamp(deadline, duration::zero(), most));
}

void connection_drain::end(close_outcome outcome, close_side side, error_code error,
                           time_point now) {
    if (ended_) return;
    ended_ = true;
    end_began_ = std::min(end_began_, now);
    report_.outcome = outcome;
    report_.ended_by = side;
    report_.error = error;
}

void connection_drain::disconnecting(close_outcome outcome, close_side side, std::uint32_t reason,
                                     std::string_view text, error_code error, time_point now) {
    if (state_ >= connection_state::disconnecting) return;
    end(outcome, side, error, now);
    report_.reason_code = reason;
    report_.text = text.substr(0, limits::report_text_max);
    state_ = connection_state::disconnecting;
    linger_deadline_ = now + linger_;
}

void connection_drain::half_closed(time_point now) {
    if (state_ != connection_state::disconnecting) return;
    state_ = connection_state::half_closed;
    linger_deadline_ = now + linger_;
}

void connection_drain::closed(close_outcome outcome, close_side side, error_code error,
                              time_point now) {
    if (state_ == connection_state::closed) return;
    end(outcome, side, error, now);
    state_ = connection_state::closed;
    linger_deadline_ = time_point::max();
    report_.elapsed = now - end_began_;
    report_.lifetime = now - born_;
}

void connection_drain::on_channel_end(channel_id id, const channel_report& numbers,
                                      channel_close_report::outcome how) {
    auto& t = report_.total;
    ++t.channels;
    if (numbers.acknowledged) ++t.acknowledged;
    if (how == channel_close_report::outcome::open) ++t.open;
    t.bytes_sent += numbers.bytes_sent;
    if (!numbers.acknowledged) t.bytes_unacknowledged += numbers.bytes_sent;
    t.bytes_undelivered += numbers.bytes_undelivered;
    t.bytes_received += numbers.bytes_received;
    t.bytes_discarded += numbers.bytes_discarded;
    t.requests_unanswered += numbers.requests_unanswered;

    if (how == channel_close_report::outcome::closed) {
        if (numbers.acknowledged) {
            report_.receipt = close_receipt::channel_close;
            wants_receipt_ = false;
        } else {
            wants_receipt_ = true;
        }
    }

    // Where there is no room, what lost something stays before what did not.
    channel_close_report one{id, how, numbers};
    auto& list = report_.channels;
    if (list.size() == limits::report_channels_max) {
        const auto whole = std::ranges::find_if_not(list, lost_something);
        if (whole == list.end()) return;
        list.erase(whole);
    }
    list.push_back(std::move(one));
}

void connection_drain::look_at_receipt(time_point now) {
    if (now >= receipt_deadline_) wants_receipt_ = false;
}

void connection_drain::receipt_asked(time_point now) { receipt_deadline_ = now + linger_; }

void connection_drain::on_receipt(close_receipt receipt) {
    report_.receipt = receipt;
    report_.total.bytes_unacknowledged = 0;  // every channel had closed before it was asked for
    wants_receipt_ = false;
}

time_point connection_drain::next_deadline() const {
    switch (state_) {
    case connection_state::draining:
        return wants_receipt_ ? std::min(deadline_, receipt_deadline_) : deadline_;
    case connection_state::disconnecting:
    case connection_state::half_closed: return linger_deadline_;
    case connection_state::open:
    case connection_state::closed: break;
    }
    return time_point::max();
}

}  // namespace sluice
