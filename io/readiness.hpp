#pragma once

#include "sluice/wire/error.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <utility>

/// Waits for descriptors and sockets: all of io/ and of the programs, in one place.
///
/// That a wait has completed is a hint. It may complete though nothing is ready: Asio gives the
/// state of a closed descriptor, with an event that is still queued, to the next descriptor. So
/// look without blocking (a non-blocking read, waitpid(2) with WNOHANG, poll(2) without a timeout),
/// and wait again until there is what was waited for.
namespace sluice {

/// Decides whether the wait that begins now completes at once. Called on any thread.
using early_wake_up = bool (*)();

/// For tests, which so have waits complete while nothing is ready. Null is none, as it is at first.
/// The one variable of the library that is not an object's: waits of every io_context are meant.
void set_early_wake_up(early_wake_up decide);

namespace readiness {

extern std::atomic<early_wake_up> early;

inline bool is_early() {
    const early_wake_up decide = early.load(std::memory_order_relaxed);
    return decide != nullptr && decide();
}

template <class Waited, class Token>
auto wait(Waited& waited, typename Waited::wait_type what, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code)>(
        [](auto handler, Waited* on, typename Waited::wait_type kind) {
            if (!is_early()) return on->async_wait(kind, std::move(handler));
            auto executor = boost::asio::get_associated_executor(handler, on->get_executor());
            boost::asio::post(on->get_executor(), boost::asio::bind_executor(
                                                      executor, [h = std::move(handler)]() mutable {
                                                          std::move(h)(error_code());
                                                      }));
        },
        token, &waited, what);
}

}  // namespace readiness

/// Completes with an error_code when `waited`, a descriptor or socket of Asio, may be readable, has
/// ended or failed. Errors: operation_aborted when it is closed or cancelled;
/// operation_not_supported for a file, which is always ready.
template <class Waited, class Token>
auto async_wait_readable(Waited& waited, Token&& token) {
    return readiness::wait(waited, Waited::wait_read, std::forward<Token>(token));
}

/// Likewise when it may be writable.
template <class Waited, class Token>
auto async_wait_writable(Waited& waited, Token&& token) {
    return readiness::wait(waited, Waited::wait_write, std::forward<Token>(token));
}

}  // namespace sluice
