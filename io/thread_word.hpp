#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace sluice {

/// Private to io/: a coroutine waits for the word of a thread that is not its executor's. It may
/// end at any time, its io_context with it, and the thread is still free to say it: nothing hears
/// then.
class thread_word {
public:
    class state;

    /// What the thread has.
    class sender {
    public:
        /// From any thread, as often as it likes. What it wrote before, the coroutine then sees.
        void send() const;

        /// Whether the coroutine is still there, which may have changed by the time it is told.
        bool is_awaited() const;

    private:
        friend class thread_word;
        explicit sender(std::shared_ptr<state> s) : state_(std::move(s)) {}
        std::shared_ptr<state> state_;
    };

    /// Of the coroutine's executor, which runs one thing at a time.
    explicit thread_word(const boost::asio::any_io_executor& executor);
    ~thread_word();
    thread_word(const thread_word&) = delete;
    thread_word& operator=(const thread_word&) = delete;

    sender give() const { return sender(state_); }

    /// Until a word comes that none has waited for yet. Throws when it is cancelled.
    boost::asio::awaitable<void> wait();

private:
    boost::asio::steady_timer timer_;
    std::shared_ptr<state> state_;
};

}  // namespace sluice
