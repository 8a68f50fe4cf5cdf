#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice::wire {

/// Where a layer puts the payloads it wants sent. `endpoint` implements it with `transport`.
class payload_sink {
public:
    virtual ~payload_sink() = default;

    /// Sends one payload: `head` (message number included) followed by `bulk`. Both views are done
    /// with on return, so bulk data goes from its owner's buffer through the cipher with no copy.
    ///
    /// Always takes the payload: during a key exchange it is kept until NEWKEYS. Whoever sends bulk
    /// data asks `room()` first; replies and control messages, whose number is capped, need not.
    virtual void send(bytes_view head, bytes_view bulk = {}) = 0;

    /// Bytes of bulk data that are welcome now. 0 while a key exchange is under way or the output
    /// buffer is full; the owner of the sink tells the layer when that has changed.
    virtual std::size_t room() const = 0;

    /// A mark behind the payload that was sent last, and whether all up to a mark has left us: what
    /// the peer said before that cannot be an answer. A sink that keeps nothing has let all go.
    virtual std::uint64_t mark() const { return 0; }
    virtual bool has_left(std::uint64_t mark) const { return mark == 0; }
};

}  // namespace sluice::wire
