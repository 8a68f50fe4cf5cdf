#include "sluice/channel/window.hpp"

#include "sluice/wire/expects.hpp"

#include <limits>
#include <utility>

namespace sluice {

result<> send_window::add(std::uint32_t n) {
    if (n > std::numeric_limits<std::uint32_t>::max() - left_) return errc::window_overflow;
    left_ += n;
    return {};
}

void send_window::take(std::uint32_t n) {
    expects(n <= left_);
    left_ -= n;
}

result<> receive_window::take(std::size_t n) {
    if (n > left_) return errc::window_exceeded;
    left_ -= static_cast<std::uint32_t>(n);
    held_ += static_cast<std::uint32_t>(n);
    return {};
}

std::optional<std::uint32_t> receive_window::consumed(std::size_t n) {
    expects(n <= held_);
    held_ -= static_cast<std::uint32_t>(n);
    due_ += static_cast<std::uint32_t>(n);
    if (due_ == 0 || due_ < left_) return std::nullopt;
    left_ += due_;
    return std::exchange(due_, 0);
}

}  // namespace sluice
