#include "sluice/io/task_scope.hpp"

#include "sluice/wire/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <list>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

using clock = std::chrono::steady_clock;

// A coroutine of ours around the application's: `task` is moved into a frame that is ours to keep.
asio::awaitable<void> run(asio::awaitable<void> task) { co_await std::move(task); }

}  // namespace

struct task_scope::shared : std::enable_shared_from_this<shared> {
    explicit shared(asio::any_io_executor executor) : idle(std::move(executor)) {
        idle.expires_at(clock::time_point::max());
    }

    // Every waiter waits on this timer, which never fires: it is cancelled when nothing runs.
    asio::steady_timer idle;
    struct task {
        asio::cancellation_signal signal;
        bool cancelled = false;
    };
    void cancel_all() {
        if (std::exchange(cancelling, true)) return;
        stop.request_stop();
        cancelled = tasks.size();
        // A task may end within `emit`, and take itself, or others, off the list.
        const auto is_due = [](const task& t) { return !t.cancelled; };
        for (auto t = std::ranges::find_if(tasks, is_due); t != tasks.end();
             t = std::ranges::find_if(tasks, is_due)) {
            t->cancelled = true;
            t->signal.emit(asio::cancellation_type::terminal);
        }
    }

    std::list<task> tasks;
    std::stop_source stop;
    std::size_t cancelled = 0;
    bool cancelling = false;
};

task_scope::task_scope(asio::any_io_executor executor)
    : shared_(std::make_shared<shared>(std::move(executor))) {}

task_scope::~task_scope() = default;

asio::any_io_executor task_scope::get_executor() const { return shared_->idle.get_executor(); }

void task_scope::spawn(asio::awaitable<void> task, std::function<void(std::exception_ptr)> ended) {
    shared_->tasks.emplace_back();
    const auto place = std::prev(shared_->tasks.end());
    auto done = [s = shared_, place, ended = std::move(ended)](std::exception_ptr thrown) {
        s->tasks.erase(place);
        if (ended) ended(thrown);
        if (s->tasks.empty()) s->idle.cancel();
    };
    asio::co_spawn(get_executor(), run(std::move(task)),
                   asio::bind_cancellation_slot(place->signal.slot(), std::move(done)));
    if (!shared_->cancelling) return;
    ++shared_->cancelled;
    place->cancelled = true;
    place->signal.emit(asio::cancellation_type::terminal);
}

void task_scope::request_stop() { shared_->stop.request_stop(); }

std::stop_token task_scope::stop_token() const { return shared_->stop.get_token(); }

void task_scope::cancel() {
    const auto keep = shared_;
    keep->cancel_all();
}

std::size_t task_scope::running() const { return shared_->tasks.size(); }

std::size_t task_scope::cancelled() const { return shared_->cancelled; }

asio::awaitable<void> task_scope::join() {
    const auto s = shared_;
    while (!s->tasks.empty()) {
        error_code e;
        co_await s->idle.async_wait(asio::redirect_error(asio::use_awaitable, e));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

asio::awaitable<std::size_t> task_scope::close(std::chrono::nanoseconds grace) {
    const auto s = shared_;
    for (const bool last : {false, true}) {
        asio::steady_timer time(s->idle.get_executor(), grace);
        const auto over = std::make_shared<bool>(false);
        time.async_wait([s, over](error_code e) {
            if (e) return;
            *over = true;
            s->idle.cancel();
        });
        while (!s->tasks.empty() && !*over) {
            error_code e;
            co_await s->idle.async_wait(asio::redirect_error(asio::use_awaitable, e));
        }
        if (s->tasks.empty() || last) break;
        s->cancel_all();
    }
    co_return s->tasks.size();
}

}  // namespace sluice
