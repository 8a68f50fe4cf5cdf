#pragma once

#include "sluice/io/on_pool.hpp"
#include "sluice/wire/limits.hpp"

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

/// How much a source_pool does and keeps.
struct source_pool_size {
    std::size_t threads = 1;
    std::size_t waiting_max = limits::passwords_waiting_max;    // pieces of work, of all
    std::size_t of_source_max = limits::passwords_waiting_max;  // that wait for one source
};

/// Threads for what takes long, the hashing of passwords and the looking up of names, so that
/// nothing else waits behind it, and nobody's behind that of one source: each has one piece of work
/// done at a time.
class source_pool {
public:
    explicit source_pool(source_pool_size size) : size_(size), pool_(size.threads) {}

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

    const source_pool_size size_;
    std::mutex mutex_;
    std::list<job> waiting_;
    std::set<std::string> busy_;     // sources
    boost::asio::thread_pool pool_;  // last: it ends before what its threads use
};

}  // namespace sluice
