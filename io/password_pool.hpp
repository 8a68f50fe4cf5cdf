#pragma once

#include "sluice/io/on_pool.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

namespace sluice {

/// Threads for what is made to take long, the hashing of passwords, so that nothing else waits
/// behind it. Each source has one piece of work done at a time; limits::passwords_waiting_max may
/// wait.
class password_pool {
public:
    explicit password_pool(std::size_t threads) : pool_(threads) {}

    /// What `work()` returns, or throws, on a thread of the pool; nothing where too much waits. The
    /// coroutine may end before that, as with on_pool. `work` must not own the pool.
    template <class Work>
    boost::asio::awaitable<std::optional<std::invoke_result_t<Work&>>> run(std::string source,
                                                                           Work work) {
        const auto to_pool = [this, &source](std::function<void()> task) {
            return submit(std::move(source), std::move(task));
        };
        auto value = co_await on_thread(to_pool, std::move(work));
        co_return std::move(value);
    }

private:
    struct job {
        std::string source;
        std::function<void()> work;
    };

    bool submit(std::string source, std::function<void()> work);
    void take_one();

    std::mutex mutex_;
    std::list<job> waiting_;
    std::set<std::string> busy_;     // sources
    boost::asio::thread_pool pool_;  // last: it ends before what its threads use
};

}  // namespace sluice
