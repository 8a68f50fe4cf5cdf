#pragma once

#include "sluice/io/log.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// How many lines of the log a connection, and a source, may fill: a burst, and from then on a
/// rate. Once a burst is used up nothing is written until a quarter of it is there again; then one
/// line, `lines_dropped`, says how many were left out. It is said at the latest when the connection
/// ends. It reads no clock, and follows limits::log_sources_max of each kind.
class log_limits {
public:
    /// Whether to write the record, and what to write before it. Records that name no peer are
    /// always written; so is `login`. `closed`, of which a connection has one, counts for its
    /// source alone.
    struct decision {
        bool write = true;
        std::vector<log_record> before;
    };
    decision take(const log_record& record, time_point now);

    /// Connections and sources that are followed.
    std::size_t followed() const { return connections_.buckets.size() + sources_.buckets.size(); }

private:
    struct rate {
        std::size_t burst;       // lines
        std::size_t per_second;  // lines
        std::chrono::nanoseconds line() const;
        std::chrono::nanoseconds whole() const { return line() * burst; }
    };
    struct bucket {
        std::chrono::nanoseconds credit{};
        time_point last{};
        bool empty = false;  // and nothing is written yet
        std::uint64_t dropped = 0;
    };
    struct table {
        std::string_view field;  // that names one
        rate of_each;
        std::map<std::string, bucket, std::less<>> buckets{};
        std::string hand{};  // whose turn it is to be looked at
    };

    static void refill(const rate& of, bucket& b, time_point now);
    static bool take_line(table& t, std::string_view name, time_point now, decision& out);
    static void tell(const table& t, std::string_view name, bucket& b, decision& out);
    static void look_at_another(table& t, time_point now, decision& out);
    static void forget_quietest(table& t, time_point now, decision& out);

    table connections_{"peer",
                       {limits::log_connection_lines_max, limits::log_connection_lines_rate}};
    table sources_{"source", {limits::log_source_lines_max, limits::log_source_lines_rate}};
};

/// A sink that hands on to `write` what log_limits lets through: for a program whose log is kept.
/// Its records are counted when they get here, so those that are not kept are left out before.
/// `write` is called by one thread at a time, and may not log itself. Empty where `write` is.
log_sink limited_log(log_sink write);

}  // namespace sluice
