#pragma once

#include "sluice/io/operation.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <utility>

/// Private to io/: operations that are coroutines.
namespace sluice {

/// Errors are values in our coroutines.
inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

/// Until a timer fires or is cancelled: the other side of `task() || pass(timer)`.
inline boost::asio::awaitable<void> pass(boost::asio::steady_timer& timer) {
    static_cast<void>(co_await timer.async_wait(as_result));
}

/// Runs `task` on `strand` and completes `done` with its outcome. Cancellation of any type ends the
/// task, whose own operations see it as terminal.
template <class T>
void run_as_operation(const boost::asio::any_io_executor& strand,
                      boost::asio::awaitable<result<T>> task, completion<T> done) {
    struct running {
        void cancel_operation(operation_number) {
            signal.emit(boost::asio::cancellation_type::terminal);
        }
        boost::asio::cancellation_signal signal;
        pending_operation<T> operation;
    };
    const auto state = std::make_shared<running>();
    cancel_by_slot(state, strand, 0, done);
    state->operation = {0, std::move(done), strand};
    boost::asio::dispatch(strand, [strand, state, task = std::move(task)]() mutable {
        auto ended = [state](std::exception_ptr thrown, result<T> outcome) {
            if (thrown) {
                try {
                    std::rethrow_exception(thrown);
                } catch (const boost::system::system_error& e) {
                    outcome = e.code();  // cancelled where it would have waited
                }
            }
            if (outcome)
                state->operation.post({}, std::move(*outcome));
            else
                state->operation.post(outcome.error(), T{});
        };
        boost::asio::co_spawn(
            strand, std::move(task),
            boost::asio::bind_cancellation_slot(state->signal.slot(), std::move(ended)));
    });
}

}  // namespace sluice
