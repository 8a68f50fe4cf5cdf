#include "sluice/io/log_limits.hpp"

#include "sluice/io/clock.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

namespace sluice {
namespace {

std::string_view peer_of(const log_record& record) {
    for (const auto& [name, value] : record.fields)
        if (name == "peer") return value;
    return {};
}

// The address in front of a port.
std::string_view source_of(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

std::chrono::nanoseconds log_limits::rate::line() const {
    return std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second;
}

void log_limits::refill(const rate& of, bucket& b, time_point now) {
    b.credit = std::min(of.whole(), b.credit + (now - b.last));
    b.last = now;
    if (b.credit >= of.whole() / 4) b.empty = false;
}

// What was left out is said once there is room again.
void log_limits::tell(const table& t, std::string_view name, bucket& b, decision& out) {
    if (b.dropped == 0) return;
    const auto count = std::to_string(std::exchange(b.dropped, 0));
    out.before.push_back(
        {log_severity::info, "lines_dropped", {{t.field, std::string(name)}, {"count", count}}});
}

bool log_limits::take_line(table& t, std::string_view name, time_point now, decision& out) {
    auto found = t.buckets.find(name);
    if (found == t.buckets.end()) {
        if (t.buckets.size() >= limits::log_sources_max) forget_quietest(t, now, out);
        found = t.buckets.emplace(name, bucket{t.of_each.whole(), now}).first;
    }
    bucket& b = found->second;
    refill(t.of_each, b, now);
    if (b.credit < t.of_each.line()) b.empty = true;
    if (b.empty) {
        ++b.dropped;
        return false;
    }
    tell(t, name, b, out);
    b.credit -= t.of_each.line();
    return true;
}

// Each line pays for a look at one other, so that who is quiet again is forgotten in time.
void log_limits::look_at_another(table& t, time_point now, decision& out) {
    auto at = t.buckets.upper_bound(t.hand);
    if (at == t.buckets.end()) at = t.buckets.begin();
    if (at == t.buckets.end()) return;
    t.hand = at->first;
    refill(t.of_each, at->second, now);
    if (!at->second.empty) tell(t, at->first, at->second, out);
    if (at->second.credit == t.of_each.whole()) t.buckets.erase(at);
}

// Many at once, so that a flood of names does not pay for a look at all of them each time.
void log_limits::forget_quietest(table& t, time_point now, decision& out) {
    std::vector<std::map<std::string, bucket, std::less<>>::iterator> all;
    all.reserve(t.buckets.size());
    for (auto at = t.buckets.begin(); at != t.buckets.end(); ++at) {
        refill(t.of_each, at->second, now);
        all.push_back(at);
    }
    const std::size_t some = std::max<std::size_t>(all.size() / 16, 1);
    const auto by_credit = [](const auto& one) { return one->second.credit; };
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(some) - 1,
                             std::ranges::greater{}, by_credit);
    for (const auto& one : std::span(all).first(some)) {
        tell(t, one->first, one->second, out);
        t.buckets.erase(one);
    }
}

log_limits::decision log_limits::take(const log_record& record, time_point now) {
    decision out;
    const std::string_view peer = peer_of(record);
    if (peer.empty() || record.event == "login") return out;
    look_at_another(connections_, now, out);
    look_at_another(sources_, now, out);
    if (record.event == "closed") {
        const auto found = connections_.buckets.find(peer);
        if (found != connections_.buckets.end()) {
            tell(connections_, peer, found->second, out);
            connections_.buckets.erase(found);
        }
    } else if (!take_line(connections_, peer, now, out)) {
        out.write = false;
        return out;
    }
    out.write = take_line(sources_, source_of(peer), now, out);
    return out;
}

log_sink limited_log(log_sink write) {
    if (!write) return {};
    struct state {
        std::mutex mutex;
        log_limits limits;
    };
    return [write = std::move(write), own = std::make_shared<state>()](const log_record& record) {
        const std::lock_guard lock(own->mutex);
        const auto decided = own->limits.take(record, now());
        for (const auto& one : decided.before)
            write(one);
        if (decided.write) write(record);
    };
}

}  // namespace sluice
