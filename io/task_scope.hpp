#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>

namespace sluice {

/// Owns coroutines: those of a connection, a channel or a request. What is started here ends before
/// the scope does; there is no other way to start what serves a connection.
///
/// All members are called on its executor, which runs one thing at a time (a strand).
class task_scope {
public:
    explicit task_scope(boost::asio::any_io_executor executor);
    /// What still runs goes on until it has ended, and keeps what it needs of the scope alive.
    ~task_scope();
    task_scope(const task_scope&) = delete;
    task_scope& operator=(const task_scope&) = delete;

    boost::asio::any_io_executor get_executor() const;

    /// Starts a coroutine. `ended` is called when it has returned, with what it threw. After
    /// `cancel` it is started all the same, and cancelled where it first waits.
    void spawn(boost::asio::awaitable<void> task,
               std::function<void(std::exception_ptr)> ended = {});

    /// Asks the tasks to come to an end: they see it at `stop_token`, nothing is interrupted.
    void request_stop();
    std::stop_token stop_token() const;

    /// Asks and interrupts: every task gets terminal cancellation, also those started later.
    void cancel();

    std::size_t running() const;
    /// Tasks that were running when they were cancelled.
    std::size_t cancelled() const;

    /// Completes when nothing runs. Cancelling the wait cancels only the wait; several may wait.
    boost::asio::awaitable<void> join();

    /// Waits until nothing runs, but at most for `grace`, then cancels and waits for as long again.
    /// Tells how many tasks have not returned: 0, unless one ignores its cancellation.
    boost::asio::awaitable<std::size_t> close(std::chrono::nanoseconds grace);

private:
    struct shared;
    std::shared_ptr<shared> shared_;
};

}  // namespace sluice
