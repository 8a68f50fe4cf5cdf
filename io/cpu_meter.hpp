#pragma once

#include <chrono>
#include <ctime>

namespace sluice {

/// Private to io/: what the calling thread has used of a processor.
inline std::chrono::nanoseconds thread_cpu_time() {
    std::timespec t{};
    if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) return {};
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Private to io/: adds up what is used of a processor inside of spans, each of which begins and
/// ends on one thread. A span within another counts nothing; nor does any before `start`.
class cpu_meter {
public:
    class span {
    public:
        explicit span(cpu_meter& meter) : meter_(meter), counts_(meter.on_ && !meter.inside_) {
            if (!counts_) return;
            meter_.inside_ = true;
            begun_ = thread_cpu_time();
        }
        ~span() {
            if (!counts_) return;
            meter_.inside_ = false;
            meter_.spent_ += thread_cpu_time() - begun_;
        }
        span(const span&) = delete;
        span& operator=(const span&) = delete;

    private:
        cpu_meter& meter_;
        const bool counts_;
        std::chrono::nanoseconds begun_{};
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
