#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

/// Requests that want a reply, oldest first: some wait for the application, some are decided but
/// wait for an older one, since replies carry no number and go out in order (RFC 4254 §4, §5.4).
class reply_order {
public:
    enum class reply : std::uint8_t { awaited, success, failure };

    std::size_t size() const { return replies_.size(); }
    bool empty() const { return replies_.empty(); }
    std::size_t awaited() const {
        return static_cast<std::size_t>(std::ranges::count(replies_, reply::awaited));
    }
    void add(reply r) { replies_.push_back(r); }

    /// The oldest is answered by the caller; calls `send(success)` for those behind it that are
    /// decided. False when none is awaited.
    template <class Send>
    bool answered(Send&& send) {
        if (replies_.empty()) return false;
        std::size_t n = 1;
        for (; n < replies_.size() && replies_[n] != reply::awaited; ++n)
            send(replies_[n] == reply::success);
        replies_.erase(replies_.begin(), replies_.begin() + static_cast<std::ptrdiff_t>(n));
        return true;
    }

private:
    std::vector<reply> replies_;  // the first is always awaited; the owner caps the number
};

}  // namespace sluice
