#include "sluice/tests/sim/link.hpp"

#include <algorithm>

namespace sluice::sim {

std::size_t pipe::write(bytes_view data, time_point now) {
    if (shut_or_reset()) return data.size();  // into the void, as after a RST
    if (const auto last = std::min(settings_.fin_behind, settings_.reset_behind);
        data.size() > last - taken_) {
        const bool fin = settings_.fin_behind == last;
        settings_.fin_behind = settings_.reset_behind = ~0ULL;
        write(data.first(last - taken_), now);
        fin ? shut(now) : reset(now);
        return data.size();
    }
    const std::size_t room = settings_.capacity - std::min(settings_.capacity, queue_.size());
    data = data.first(std::min(room, data.size()));
    const std::size_t taken = data.size();
    taken_ += taken;
    while (!data.empty() && !silent_) {
        std::size_t n = std::min(data.size(), settings_.segment);
        if (settings_.uneven) n = random_.between(1, n);
        const time_point arrival = arrival_of(n, now);
        if (!under_way_.empty() && under_way_.back().arrival == arrival)
            under_way_.back().size += n;
        else
            under_way_.push_back({arrival, n});
        queue_.append(data.first(n));
        data = data.subspan(n);
    }
    if (silent_) queue_.append(data);  // fills the sender's buffer
    return taken;
}

time_point pipe::arrival_of(std::size_t n, time_point now) {
    time_point sent = now;
    if (settings_.bytes_per_second != 0) {
        line_free_ =
            std::max(line_free_, now) + duration(n * 1'000'000'000 / settings_.bytes_per_second);
        sent = line_free_;
    }
    const auto jitter = static_cast<std::uint64_t>(settings_.jitter.count());
    const duration late = settings_.latency + duration(random_.up_to(jitter));
    return last_arrival_ = std::max(last_arrival_, sent + late);
}

void pipe::shut(time_point now) {
    if (shut_or_reset()) return;
    shut_ = true;
    fin_at_ = arrival_of(0, now);
}

void pipe::reset(time_point now) {
    if (reset_at_ == time_point::max()) reset_at_ = arrival_of(0, now);
}

void pipe::advance(time_point now) {
    if (silent_) return;
    while (!under_way_.empty() && under_way_.front().arrival <= now) {
        arrived_ += under_way_.front().size;
        under_way_.pop_front();
    }
    if (fin_at_ <= now && under_way_.empty()) fin_arrived_ = true;
    if (reset_at_ <= now && !reset_arrived_) {
        reset_arrived_ = true;
        drop_under_way();
        queue_.consume(queue_.size());
        arrived_ = 0;
    }
}

void pipe::consume(std::size_t n) {
    queue_.consume(n);
    arrived_ -= n;
}

pipe::end pipe::ended() const {
    if (reset_arrived_) return end::reset;
    return fin_arrived_ && arrived_ == 0 ? end::fin : end::none;
}

// Kept is what has arrived and some of what is behind it.
void pipe::cut(time_point now) {
    if (silent_ || reset_at_ != time_point::max()) return;
    advance(now);
    if (fin_arrived_) return;
    const std::size_t kept = arrived_ + random_.up_to(queue_.size() - arrived_);
    bytes rest = to_bytes(queue_.view().first(kept));
    queue_.consume(queue_.size());
    queue_.append(rest);
    under_way_.clear();
    arrived_ = kept;
    shut_ = true;
    fin_at_ = now;
    fin_arrived_ = true;
}

void pipe::silence() {
    silent_ = true;
    under_way_.clear();
}

void pipe::drop_under_way() {
    under_way_.clear();
    fin_at_ = time_point::max();
}

time_point pipe::next_arrival() const {
    if (silent_) return time_point::max();
    time_point next = under_way_.empty() ? time_point::max() : under_way_.front().arrival;
    if (!fin_arrived_) next = std::min(next, fin_at_);
    if (!reset_arrived_) next = std::min(next, reset_at_);
    return next;
}

}  // namespace sluice::sim
