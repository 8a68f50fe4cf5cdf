#pragma once

#include "sluice/tests/sim/random.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace sluice::sim {

/// How one direction of a connection treats what is sent over it.
struct pipe_settings {
    duration latency{};                  // of every segment
    duration jitter{};                   // at most so much more; order is kept
    std::size_t segment = 64 * 1024;     // bytes that travel together, at most
    bool uneven = false;                 // segments of any length up to that
    std::size_t capacity = 256 * 1024;   // bytes under way and unread, then the sender waits
    std::uint64_t bytes_per_second = 0;  // 0: no bound
    std::size_t read = 64 * 1024;        // bytes the receiver takes at once, at most
    std::uint64_t fin_behind = ~0ULL;    // the stream ends behind so many bytes, whatever follows
    std::uint64_t reset_behind = ~0ULL;  // or breaks
};

/// One direction of a TCP connection: bytes in order, late, in pieces; then FIN or RST. What has
/// arrived and is not read takes room, so a receiver that does not read stops the sender.
class pipe {
public:
    pipe(const pipe_settings& settings, std::uint64_t seed) : settings_(settings), random_(seed) {}

    // --- the sender ---

    /// Takes what there is room for; tells how much.
    std::size_t write(bytes_view data, time_point now);
    /// FIN, behind what was written.
    void shut(time_point now);
    /// RST: what the receiver has not read when it arrives is lost to it.
    void reset(time_point now);
    bool was_reset() const { return reset_at_ != time_point::max(); }
    bool shut_or_reset() const { return shut_ || reset_at_ != time_point::max(); }

    // --- the receiver ---

    enum class end { none, fin, reset };

    /// Lets arrive what is due.
    void advance(time_point now);
    bytes_view readable() const { return queue_.view().first(arrived_); }
    void consume(std::size_t n);
    /// Behind the last byte; a reset at once.
    end ended() const;
    std::size_t read_size() const { return settings_.read; }

    // --- what can go wrong ---

    /// FIN behind some part of what is under way: a middlebox, or a process that was killed.
    void cut(time_point now);
    /// Nothing arrives any more, and nobody is told.
    void silence();

    /// When something arrives next.
    time_point next_arrival() const;
    bool idle() const { return queue_.empty(); }

private:
    struct segment {
        time_point arrival;
        std::size_t size;
    };

    time_point arrival_of(std::size_t n, time_point now);
    void drop_under_way();

    pipe_settings settings_;
    random random_;
    wire::byte_queue queue_;  // arrived, then under way
    std::size_t arrived_ = 0;
    std::uint64_t taken_ = 0;  // ever
    std::deque<segment> under_way_;
    time_point last_arrival_{};
    time_point line_free_{};  // with a bound on the rate: when the last byte was on the line
    bool shut_ = false;
    time_point fin_at_ = time_point::max();
    time_point reset_at_ = time_point::max();
    bool fin_arrived_ = false;
    bool reset_arrived_ = false;
    bool silent_ = false;
};

}  // namespace sluice::sim
