#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

namespace sluice {

/// Private to io/: counts the tasks of an object that other threads have. A thread that has told an
/// io_context of what it did still holds the context's executor for a moment, and the context may
/// be at its end by then: the owner of the executor holds this, whose destructor waits for those
/// threads.
class pending_tasks {
public:
    /// One task. What touches the owner's executor goes before it.
    class token {
    public:
        token(token&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
        token& operator=(token&&) = delete;
        ~token() {
            if (of_ != nullptr) of_->count_.fetch_sub(1, std::memory_order_release);
        }

    private:
        friend class pending_tasks;
        explicit token(pending_tasks& of) : of_(&of) {
            of.count_.fetch_add(1, std::memory_order_relaxed);
        }
        pending_tasks* of_;
    };

    pending_tasks() = default;
    pending_tasks(const pending_tasks&) = delete;
    pending_tasks& operator=(const pending_tasks&) = delete;
    ~pending_tasks() {
        // Some instructions of another thread, as a rule; it may have lost its processor.
        for (int looks = 0; count_.load(std::memory_order_acquire) != 0; ++looks)
            if (looks < 100)
                std::this_thread::yield();
            else
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    token add() { return token(*this); }

private:
    std::atomic<std::size_t> count_ = 0;
};

}  // namespace sluice
