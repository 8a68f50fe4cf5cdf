#include "sluice/io/source_limits.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t v4_offset = 12;            // bytes, of ::ffff:a.b.c.d
constexpr auto cpu_max = std::chrono::hours(1);  // of one connection, so that nothing overflows
constexpr auto time_max = std::chrono::hours(24 * 365);  // likewise

}  // namespace

std::optional<source_limits::block> source_limits::block_of(std::string_view address) const {
    const auto parsed = ip_address::parse(address);
    if (!parsed) return std::nullopt;
    block b{parsed->raw, parsed->is_v4};
    const std::size_t bits = b.is_v4 ? 8 * v4_offset + std::min(options_.block_bits_v4, 32u)
                                     : std::min(options_.block_bits_v6, 128u);
    for (std::size_t i = 0; i < b.raw.size(); ++i) {
        const std::size_t kept = std::clamp<std::size_t>(bits, 8 * i, 8 * i + 8) - 8 * i;
        b.raw[i] &= static_cast<std::uint8_t>(0xff00u >> kept);
    }
    return b;
}

std::string source_limits::name_of(const block& b) const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (b.is_v4)
        ::inet_ntop(AF_INET, b.raw.data() + v4_offset, text.data(), text.size());
    else
        ::inet_ntop(AF_INET6, b.raw.data(), text.data(), text.size());
    const unsigned bits = b.is_v4 ? options_.block_bits_v4 : options_.block_bits_v6;
    const bool whole = bits >= (b.is_v4 ? 32u : 128u);
    return std::string(text.data()) + (whole ? "" : "/" + std::to_string(bits));
}

std::size_t source_limits::sources_max(const block& b) const {
    return b.is_v4 ? options_.penalties->sources_max_v4 : options_.penalties->sources_max_v6;
}

source_overflow source_limits::overflow(const block& b) const {
    return b.is_v4 ? options_.penalties->overflow_v4 : options_.penalties->overflow_v6;
}

// --- what is remembered -------------------------------------------------------------------------

void source_limits::forget_first(table& t) {
    const auto first = t.by_end.begin();
    const auto found = t.entries.find(first->second);
    if (found->second.enforced) releases_.push_back({name_of(found->first), found->second.refused});
    t.entries.erase(found);
    t.by_end.erase(first);
}

void source_limits::forget_ended(time_point now) {
    for (table& t : tables_)
        while (!t.by_end.empty() && t.by_end.begin()->first <= now)
            forget_first(t);
}

// --- connections --------------------------------------------------------------------------------

source_limits::verdict source_limits::check(std::string_view address, time_point now) {
    const auto b = block_of(address);
    if (!b) return verdict::admitted;
    forget_ended(now);
    if (options_.penalties && !options_.exempt.allows(address)) {
        table& t = table_of(*b);
        const auto found = t.entries.find(*b);
        const bool penalised = found != t.entries.end() && found->second.enforced;
        const bool full =
            overflow(*b) == source_overflow::deny_all && t.entries.size() >= sources_max(*b);
        if (penalised) ++found->second.refused;
        if (penalised || full) ++refused_;
        if (penalised) return verdict::penalised;
        if (full) return verdict::table_full;
    }
    if (!options_.startups_max) return verdict::admitted;
    const auto begun = startups_.find(*b);
    const unsigned count = begun == startups_.end() ? 0 : begun->second;
    if (count < *options_.startups_max) return verdict::admitted;
    ++refused_;
    return verdict::too_many_startups;
}

void source_limits::startup_begun(std::string_view address) {
    if (const auto b = block_of(address)) ++startups_[*b];
}

void source_limits::startup_ended(std::string_view address) {
    const auto b = block_of(address);
    const auto found = b ? startups_.find(*b) : startups_.end();
    if (found != startups_.end() && --found->second == 0) startups_.erase(found);
}

// --- penalties ----------------------------------------------------------------------------------

std::chrono::nanoseconds source_limits::penalty_of(std::optional<source_fault> fault,
                                                   std::chrono::nanoseconds cpu) const {
    const source_penalties& p = *options_.penalties;
    std::chrono::nanoseconds sum = std::min<std::chrono::nanoseconds>(cpu, cpu_max) * p.cpu;
    if (fault == source_fault::no_auth)
        sum += std::min<std::chrono::nanoseconds>(p.no_auth, time_max);
    if (fault == source_fault::auth_fail)
        sum += std::min<std::chrono::nanoseconds>(p.auth_fail, time_max);
    if (fault == source_fault::grace_exceeded)
        sum += std::min<std::chrono::nanoseconds>(p.grace_exceeded, time_max);
    return sum;
}

std::optional<source_limits::refusal> source_limits::penalise(std::string_view address,
                                                              std::optional<source_fault> fault,
                                                              std::chrono::nanoseconds cpu,
                                                              time_point now) {
    if (!options_.penalties) return std::nullopt;
    const auto b = block_of(address);
    const auto penalty = penalty_of(fault, cpu);
    if (!b || penalty <= penalty.zero() || options_.exempt.allows(address)) return std::nullopt;
    forget_ended(now);
    table& t = table_of(*b);
    auto found = t.entries.find(*b);
    if (found == t.entries.end()) {
        if (t.entries.size() >= sources_max(*b)) {
            if (t.entries.empty() || overflow(*b) == source_overflow::deny_all) return std::nullopt;
            forget_first(t);
        }
        found = t.entries.emplace(*b, entry{now}).first;
    }
    entry& e = found->second;
    t.by_end.erase({e.ends, *b});
    e.ends = std::min<time_point>(e.ends + penalty, now + std::min<std::chrono::nanoseconds>(
                                                              options_.penalties->max, time_max));
    t.by_end.emplace(e.ends, *b);
    const auto left = e.ends - now;
    if (e.enforced || left < options_.penalties->min) return std::nullopt;
    e.enforced = true;
    return refusal{name_of(*b), left};
}

}  // namespace sluice
