#pragma once

#include "sluice/auth/address_patterns.hpp"
#include "sluice/wire/clock.hpp"

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// What happens when as many sources have penalties as may have one, and another is to get one.
enum class source_overflow {
    permissive,  // the penalty that ends first is forgotten
    deny_all,    // until one ends, only sources that are exempt are served
};

/// What a source is refused for, whose connections end without a login: penalties add up, up to
/// `max`, and pass with time. From `min` on the source is refused, until its penalty has passed.
/// The defaults are those of PerSourcePenalties in OpenSSH 9.8, but for `cpu`, which is ours.
struct source_penalties {
    std::chrono::nanoseconds auth_fail = std::chrono::seconds(5);  // after attempts to log in
    std::chrono::nanoseconds no_auth = std::chrono::seconds(1);    // left without any
    std::chrono::nanoseconds grace_exceeded = std::chrono::seconds(10);
    unsigned cpu = 10;  // seconds of penalty for a second of a processor
    std::chrono::nanoseconds max = std::chrono::minutes(10);
    std::chrono::nanoseconds min = std::chrono::seconds(15);
    std::size_t sources_max_v4 = 65'536;
    std::size_t sources_max_v6 = 65'536;
    source_overflow overflow_v4 = source_overflow::permissive;
    source_overflow overflow_v6 = source_overflow::permissive;
};

/// What holds for each source: an address, or a block of them.
struct source_options {
    /// Connections that have not logged in, of a source at once; nothing: as many as of all.
    std::optional<unsigned> startups_max;
    unsigned block_bits_v4 = 32;
    unsigned block_bits_v6 = 128;
    /// Nothing: none. `sluiced` has them by default, a program says `source_penalties()`.
    std::optional<source_penalties> penalties;
    address_patterns exempt;  // from penalties
};

/// How a connection ended that nobody logged in on.
enum class source_fault { no_auth, auth_fail, grace_exceeded };

/// Private to io/: which sources a server refuses. It reads no clock; what it remembers is bounded
/// by `sources_max_v4` and `_v6`, and by the connections that have not logged in.
class source_limits {
public:
    enum class verdict { admitted, penalised, table_full, too_many_startups };

    /// A source that is refused from now on.
    struct refusal {
        std::string source;  // as an address, or address/bits
        std::chrono::nanoseconds time{};
    };
    /// One that is so no more.
    struct release {
        std::string source;
        std::uint64_t refused = 0;  // connections
    };

    explicit source_limits(source_options options) : options_(std::move(options)) {}

    /// Whether a connection from there is served. What is no IP address always is.
    verdict check(std::string_view address, time_point now);

    /// A connection from there has begun, or has logged in or ended.
    void startup_begun(std::string_view address);
    void startup_ended(std::string_view address);

    /// A connection ended without a login, or has used a processor; what it used counts once.
    /// Gives a refusal when that is what makes the source refused.
    std::optional<refusal> penalise(std::string_view address, std::optional<source_fault> fault,
                                    std::chrono::nanoseconds cpu, time_point now);

    /// Those that were refused and are so no more, as of the last `check` or `penalise`.
    std::vector<release> take_releases() { return std::exchange(releases_, {}); }

    /// Connections that were refused for their source's sake.
    std::uint64_t refused() const { return refused_; }
    /// Sources that have a penalty, refused or not yet.
    std::size_t sources() const { return tables_[0].entries.size() + tables_[1].entries.size(); }

private:
    struct block {
        std::array<std::uint8_t, 16> raw{};
        bool is_v4 = false;
        auto operator<=>(const block&) const = default;
    };
    struct entry {
        time_point ends{};
        bool enforced = false;
        std::uint64_t refused = 0;
    };
    struct table {
        std::map<block, entry> entries;
        std::set<std::pair<time_point, block>> by_end;
    };

    std::optional<block> block_of(std::string_view address) const;
    std::string name_of(const block& b) const;
    std::chrono::nanoseconds penalty_of(std::optional<source_fault> fault,
                                        std::chrono::nanoseconds cpu) const;
    std::size_t sources_max(const block& b) const;
    source_overflow overflow(const block& b) const;
    table& table_of(const block& b) { return tables_[b.is_v4 ? 0 : 1]; }
    void forget_first(table& t);
    void forget_ended(time_point now);

    source_options options_;
    std::array<table, 2> tables_;  // IPv4, IPv6
    std::map<block, unsigned> startups_;
    std::vector<release> releases_;
    std::uint64_t refused_ = 0;
};

}  // namespace sluice
