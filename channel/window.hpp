#pragma once

#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

/// Flow-control arithmetic of RFC 4254 §5.2, one class a direction. Amounts are bytes of data.
namespace sluice {

/// What we may still send.
class send_window {
public:
    send_window() = default;
    explicit send_window(std::uint32_t initial) : left_(initial) {}

    std::uint32_t left() const { return left_; }

    /// The peer's WINDOW_ADJUST. Errors: window_overflow above 2^32 - 1; nothing changes then.
    result<> add(std::uint32_t n);

    /// Data goes out; `n` is at most `left()`.
    void take(std::uint32_t n);

private:
    std::uint32_t left_ = 0;
};

/// What the peer may still send. Every byte of the window is in one of three places: `left` with
/// the peer, `held` by the reader, or `due` back to the peer; their sum never changes.
class receive_window {
public:
    receive_window() = default;
    explicit receive_window(std::uint32_t size) : left_(size) {}

    std::uint32_t left() const { return left_; }
    std::uint32_t held() const { return held_; }
    std::uint32_t due() const { return due_; }

    /// Data came in. Errors: window_exceeded; nothing changes then.
    result<> take(std::size_t n);

    /// The reader is done with `n` bytes, at most `held()`. Returns what WINDOW_ADJUST is to carry,
    /// when it is time for one: as soon as it would at least double what the peer has left. So the
    /// peer never runs dry while somebody reads, and half a window is one message.
    std::optional<std::uint32_t> consumed(std::size_t n);

private:
    std::uint32_t left_ = 0;
    std::uint32_t held_ = 0;
    std::uint32_t due_ = 0;
};

}  // namespace sluice
