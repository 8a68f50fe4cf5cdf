#include "sluice/io/source_pool.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace sluice {

bool source_pool::submit(std::string source, std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        const auto of_source = std::ranges::count(waiting_, source, &job::source);
        if (waiting_.size() >= size_.waiting_max ||
            static_cast<std::size_t>(of_source) >= size_.of_source_max)
            return false;
        waiting_.push_back({std::move(source), std::move(work)});
    }
    asio::post(pool_, [this] { take_one(); });
    return true;
}

// The first whose source has nothing under way. Where there is none, whoever ends tries again.
void source_pool::take_one() {
    job next;
    {
        const std::lock_guard lock(mutex_);
        const auto free =
            std::ranges::find_if(waiting_, [&](const job& j) { return !busy_.contains(j.source); });
        if (free == waiting_.end()) return;
        next = std::move(*free);
        waiting_.erase(free);
        busy_.insert(next.source);
    }
    next.work();
    const std::lock_guard lock(mutex_);
    busy_.erase(next.source);
    if (std::ranges::find(waiting_, next.source, &job::source) != waiting_.end())
        asio::post(pool_, [this] { take_one(); });
}

}  // namespace sluice
