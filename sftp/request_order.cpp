#include "sluice/sftp/request_order.hpp"

#include "sluice/wire/expects.hpp"

#include <algorithm>

namespace sluice::sftp {
namespace {

using access = footprint::access;
using path_use = footprint::path_use;

bool conflict(const footprint::part& a, const footprint::part& b) {
    if (!a.used() || !b.used() || a.handle != b.handle) return false;
    if (a.how == access::barrier || b.how == access::barrier) return true;
    if (a.how == access::read && b.how == access::read) return false;
    return a.begin < b.end && b.begin < a.end;
}

// A path whose file is seen or changed, against a handle opened by that path.
bool path_against_part(const footprint& f, const footprint::part& p) {
    if (f.path_key == 0 || !p.used() || f.path_key != p.path_key) return false;
    return f.path == path_use::change || p.how != access::read;
}

}  // namespace

bool conflict(const footprint& a, const footprint& b) {
    if (a.path != path_use::none && b.path != path_use::none &&
        (a.path == path_use::change || b.path == path_use::change))
        return true;
    for (const auto& p : a.parts) {
        if (path_against_part(b, p)) return true;
        for (const auto& q : b.parts)
            if (conflict(p, q)) return true;
    }
    return std::ranges::any_of(b.parts, [&](const auto& q) { return path_against_part(a, q); });
}

bool request_order::may_conflict(const footprint& f) const {
    if (f.path == path_use::look && changes_ != 0) return true;
    if (f.path == path_use::change && looks_ + changes_ != 0) return true;
    if (f.path_key != 0 &&
        (handle_writes_ != 0 || (f.path == path_use::change && handle_reads_ != 0)))
        return true;
    for (const auto& p : f.parts) {
        if (!p.used()) continue;
        if (changes_ != 0 || (looks_ != 0 && p.how != access::read)) return true;
        if (p.handle >= loads_.size()) continue;
        const load& l = loads_[p.handle];
        if (l.barriers != 0) return true;
        switch (p.how) {
        case access::barrier:
            if (l.reads + l.writes != 0) return true;
            break;
        case access::write:
            if ((l.reads != 0 && p.begin < l.read_end) || (l.writes != 0 && p.begin < l.write_end))
                return true;
            break;
        case access::read:
            if (l.writes != 0 && p.begin < l.write_end) return true;
            break;
        }
    }
    return false;
}

void request_order::count(const footprint& f, bool entering) {
    const std::uint32_t one = entering ? 1 : ~std::uint32_t{0};  // adds or takes away, modulo 2^32
    if (f.path == path_use::look) looks_ += one;
    if (f.path == path_use::change) changes_ += one;
    for (const auto& p : f.parts) {
        if (!p.used()) continue;
        if (p.handle >= loads_.size()) loads_.resize(p.handle + 1);
        load& l = loads_[p.handle];
        switch (p.how) {
        case access::read:
            l.reads += one;
            handle_reads_ += one;
            l.read_end = l.reads == 0 ? 0 : std::max(l.read_end, p.end);
            break;
        case access::write:
            l.writes += one;
            handle_writes_ += one;
            l.write_end = l.writes == 0 ? 0 : std::max(l.write_end, p.end);
            break;
        case access::barrier:
            l.barriers += one;
            handle_writes_ += one;
            break;
        }
    }
}

bool request_order::enter(std::uint32_t slot, const footprint& f) {
    if (slot >= entries_.size()) entries_.resize(slot + 1);
    entry& e = entries_[slot];
    expects(e.sequence == 0);
    e.what = f;
    e.blockers = 0;
    if (in_flight_ != 0 && may_conflict(f)) {
        for (const entry& other : entries_) {
            if (other.sequence == 0) continue;
            ++comparisons_;
            if (conflict(other.what, f)) ++e.blockers;
        }
    }
    e.sequence = ++sequence_;
    ++in_flight_;
    if (e.blockers != 0) ++blocked_;
    count(f, true);
    return e.blockers == 0;
}

void request_order::leave(std::uint32_t slot, std::vector<std::uint32_t>& ready) {
    entry& gone = entries_[slot];
    expects(gone.sequence != 0 && gone.blockers == 0);
    const std::uint64_t sequence = gone.sequence;
    gone.sequence = 0;
    --in_flight_;
    count(gone.what, false);
    if (blocked_ == 0) return;

    const std::size_t first = ready.size();
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        entry& e = entries_[i];
        if (e.sequence <= sequence || e.blockers == 0) continue;
        ++comparisons_;
        if (!conflict(gone.what, e.what)) continue;
        if (--e.blockers != 0) continue;
        --blocked_;
        ready.push_back(i);
    }
    std::sort(ready.begin() + static_cast<std::ptrdiff_t>(first), ready.end(),
              [this](std::uint32_t a, std::uint32_t b) {
                  return entries_[a].sequence < entries_[b].sequence;
              });
}

}  // namespace sluice::sftp
