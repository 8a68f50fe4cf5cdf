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

/// Private to io/: what `work()` returns, or throws, on another thread, to which `submit` gives the
/// copyable `void()` that it is called with; nothing where `submit` says false: it did not take it.
/// The coroutine may end before that, cancelled or with its io_context: `work` is then not begun,
/// or else runs to its end all the same, so it holds what it needs.
template <class Submit, class Work>
boost::asio::awaitable<std::optional<std::invoke_result_t<Work&>>> on_thread(Submit submit,
                                                                             Work work) {
    struct outcome {
        std::optional<std::invoke_result_t<Work&>> value{};
        std::exception_ptr thrown{};
    };
    const auto done = std::make_shared<outcome>();
    thread_word word(co_await boost::asio::this_coro::executor);
    const auto kept = std::make_shared<Work>(std::move(work));
    const bool taken = submit([done, sender = word.give(), kept] {
        // Whoever leaves at once makes nobody work.
        if (!sender.is_awaited()) return;
        try {
            done->value = (*kept)();
        } catch (...) {
            done->thrown = std::current_exception();
        }
        sender.send();
    });
    if (!taken) co_return std::nullopt;
    co_await word.wait();
    if (done->thrown) std::rethrow_exception(done->thrown);
    co_return std::move(done->value);
}

/// The same on a thread of `pool`, which outlives it.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> on_pool(boost::asio::thread_pool& pool,
                                                            Work work) {
    const auto submit = [&pool](auto task) {
        boost::asio::post(pool, std::move(task));
        return true;
    };
    auto value = co_await on_thread(submit, std::move(work));
    co_return std::move(*value);
}

}  // namespace sluice
