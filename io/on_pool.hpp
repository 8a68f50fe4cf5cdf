#pragma once

#include "sluice/io/thread_word.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace sluice {

/// Private to io/: what `work()` returns, or throws, on a thread of `pool`. The coroutine may end
/// before that, cancelled or with its io_context: `work` is then not begun, or else runs to its end
/// all the same, so it holds what it needs. `pool` outlives it.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> on_pool(boost::asio::thread_pool& pool,
                                                            Work work) {
    struct outcome {
        std::optional<std::invoke_result_t<Work&>> value{};
        std::exception_ptr thrown{};
    };
    const auto done = std::make_shared<outcome>();
    thread_word word(co_await boost::asio::this_coro::executor);
    boost::asio::post(pool, [done, sender = word.give(), work = std::move(work)]() mutable {
        // Whoever leaves at once makes nobody work.
        if (!sender.is_awaited()) return;
        try {
            done->value = work();
        } catch (...) {
            done->thrown = std::current_exception();
        }
        sender.send();
    });
    co_await word.wait();
    if (done->thrown) std::rethrow_exception(done->thrown);
    co_return std::move(*done->value);
}

}  // namespace sluice
