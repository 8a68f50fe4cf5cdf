#pragma once

#include "sluice/wire/clock.hpp"

#include <algorithm>

namespace sluice {

/// Watches for a peer that has gone silent: asks for a sign of life, and counts.
class keepalive_timer {
public:
    /// `count_max` 0: asks for ever.
    keepalive_timer(duration interval, unsigned count_max)
        : interval_(interval), count_max_(count_max) {}

    void start(time_point now) {
        if (interval_ > duration::zero()) deadline_ = now + interval_;
    }
    /// Something came from the peer.
    void heard(time_point now) {
        if (deadline_ == time_point::max()) return;
        unanswered_ = 0;
        deadline_ = now + interval_;
    }

    enum class verdict { nothing, ask, dead };
    verdict check(time_point now) {
        if (now < deadline_) return verdict::nothing;
        if (count_max_ != 0 && unanswered_++ >= count_max_) return verdict::dead;
        deadline_ = now + interval_;
        return verdict::ask;
    }
    time_point deadline() const { return deadline_; }

private:
    duration interval_;
    unsigned count_max_;
    unsigned unanswered_ = 0;
    time_point deadline_ = time_point::max();
};

}  // namespace sluice
