#include "sluice/io/thread_word.hpp"

#include "sluice/wire/error.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace sluice {

// Under the mutex the executor is good, and the timer there, as long as there is a pointer to it.
class thread_word::state : public std::enable_shared_from_this<state> {
public:
    explicit state(asio::steady_timer& heard) : executor_(heard.get_executor()), heard_(&heard) {}

    void send() {
        const std::lock_guard lock(mutex_);
        if (heard_ == nullptr) return;
        asio::post(executor_, [self = shared_from_this()] { self->hear(); });
    }

    bool is_awaited() {
        const std::lock_guard lock(mutex_);
        return heard_ != nullptr;
    }

    bool take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(said_, false);
    }

    void close() {
        const std::lock_guard lock(mutex_);
        heard_ = nullptr;
        executor_ = {};  // the thread may outlive its context
    }

private:
    void hear() {
        const std::lock_guard lock(mutex_);
        if (heard_ == nullptr) return;
        said_ = true;
        heard_->cancel();
    }

    std::mutex mutex_;
    asio::any_io_executor executor_;
    asio::steady_timer* heard_;
    bool said_ = false;
};

void thread_word::sender::send() const { state_->send(); }

bool thread_word::sender::is_awaited() const { return state_->is_awaited(); }

thread_word::thread_word(const asio::any_io_executor& executor)
    : timer_(executor, asio::steady_timer::time_point::max()),
      state_(std::make_shared<state>(timer_)) {}

thread_word::~thread_word() { state_->close(); }

asio::awaitable<void> thread_word::wait() {
    while (!state_->take()) {
        error_code woken;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
}

}  // namespace sluice
