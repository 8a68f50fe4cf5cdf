#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

class channel;

/// One channel's place in the order of sending. Lives in the channel; leaves the order with it.
struct turn {
    enum class place : std::uint8_t { none, fresh, waiting };

    channel* owner = nullptr;
    turn* previous = nullptr;
    turn* next = nullptr;
    std::int64_t credit = 0;  // bytes that may be sent before the next one's turn
    place where = place::none;
};

/// Who sends next when several channels have data: turns of bytes (deficit round robin), and a
/// channel that was silent and has little comes first, so an echoed key does not wait behind a bulk
/// transfer. Everything is O(1); a packet larger than the credit is paid for in later rounds.
class turn_order {
public:
    /// Bytes a round. A few packets of usual size: small enough to be fair, large enough to be
    /// rare.
    static constexpr std::int64_t quantum = 64 * 1024;

    bool empty() const { return fresh_.head == nullptr && waiting_.head == nullptr; }

    /// Has `t` wait for its turn, ahead of bulk when it has `little` to send. Without effect when
    /// it waits already.
    void add(turn& t, bool little);
    void remove(turn& t);

    /// Whose turn it is, with credit left; null when nobody waits.
    turn* next();

    /// `t`, just served, has nothing more to send now. One that was fresh goes through the round
    /// once more, so that coming and going cannot starve those who wait.
    void idle(turn& t);

private:
    struct list {
        turn* head = nullptr;
        turn* tail = nullptr;
    };
    list& list_of(turn::place where) { return where == turn::place::fresh ? fresh_ : waiting_; }
    void push(turn& t, turn::place where);

    list fresh_;
    list waiting_;
};

}  // namespace sluice
