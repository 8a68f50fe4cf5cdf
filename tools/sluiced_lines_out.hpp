#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

/// Lines for a descriptor, written by a thread of its own: who says one never waits for who reads
/// it. What is not read is kept up to a bound; lines beyond it are dropped and counted, and one
/// line tells how many when there is room again.
class line_writer {
public:
    /// Makes the line, without its end, that says how many were dropped.
    using told_of_dropped = std::function<std::string(std::uint64_t count)>;

    /// The descriptor stays the caller's and outlives the process's last line.
    line_writer(int descriptor, std::size_t bytes_max, told_of_dropped tell);
    /// Gives each line alone, without its end, to `put`, on the thread of its own.
    line_writer(std::function<void(std::string_view)> put, std::size_t bytes_max,
                told_of_dropped tell);
    /// Waits for no reader: `flush` before, where one is to be waited for.
    ~line_writer();
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;

    /// Adds the end of the line. From any thread.
    void write(std::string line);

    /// Waits until all is written, `most` at the longest; whether it is.
    bool flush(std::chrono::milliseconds most);

    std::uint64_t dropped() const;

private:
    void start(std::function<void(std::string_view)> put, std::size_t most, told_of_dropped tell);

    struct state;
    std::shared_ptr<state> state_;  // the thread's as well: it may hang in a write
};

}  // namespace sluice
