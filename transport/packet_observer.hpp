#pragma once

#include "sluice/wire/bytes.hpp"

#include <cstdint>

namespace sluice {

enum class packet_direction : std::uint8_t { sent, received };

/// Sees the payload of every packet in the order of the wire, before encryption and compression and
/// behind them: for a trace, or for a test that watches the order. Passwords are among what it
/// sees.
class packet_observer {
public:
    virtual ~packet_observer() = default;

    /// One payload: `head` (message number included) followed by `bulk`; the views end with the
    /// call. `sequence_number` is the packet's (RFC 4253 §6.4). It must not call the transport.
    virtual void on_packet(packet_direction direction, std::uint32_t sequence_number,
                           bytes_view head, bytes_view bulk) = 0;
};

}  // namespace sluice
