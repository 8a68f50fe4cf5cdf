#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

namespace sluice {

/// Private to io/: what the calling thread has used of a processor.
inline std::chrono::nanoseconds thread_cpu_time() {
    std::timespec t{};
    if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) return {};
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Private to io/: adds up what is used of a processor inside of spans, each of which begins and
/// ends on one thread. A span within another counts nothing; nor does any before `start`.
///
/// The thread's own clock costs a system call, so a span that is shorter than `exact_from` counts
/// what passed. A longer one, which may have waited for its processor, counts no more than its
/// thread has used since the last that was so long. No span counts for less than it used, and all
/// of a thread together, short ones aside, for no more than the thread used.
class cpu_meter {
public:
    static constexpr std::chrono::nanoseconds exact_from = std::chrono::milliseconds(1);

    class span {
    public:
        explicit span(cpu_meter& meter) : meter_(meter), counts_(meter.on_ && !meter.inside_) {
            if (!counts_) return;
            meter_.inside_ = true;
            begun_ = std::chrono::steady_clock::now();
        }
        ~span() {
            if (!counts_) return;
            meter_.inside_ = false;
            meter_.spent_ += used_since(begun_);
        }
        span(const span&) = delete;
        span& operator=(const span&) = delete;

    private:
        static std::chrono::nanoseconds used_since(std::chrono::steady_clock::time_point begun) {
            thread_local std::chrono::nanoseconds read_before{};
            const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - begun;
            if (passed < exact_from) return passed;
            const std::chrono::nanoseconds read = thread_cpu_time();
            return std::min(passed, read - std::exchange(read_before, read));
        }

        cpu_meter& meter_;
        const bool counts_;
        std::chrono::steady_clock::time_point begun_{};
    };

    void start() { on_ = true; }
    void stop() { on_ = false; }
    /// Work that was done elsewhere.
    void add(std::chrono::nanoseconds spent) { spent_ += spent; }
    std::chrono::nanoseconds spent() const { return spent_; }

private:
    bool on_ = false;
    bool inside_ = false;
    std::chrono::nanoseconds spent_{};
};

}  // namespace sluice
