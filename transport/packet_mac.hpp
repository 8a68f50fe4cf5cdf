#pragma once

#include "sluice/crypto/hmac.hpp"
#include "sluice/crypto/umac.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>

namespace sluice {

/// The MAC of one direction: over a sequence number and what is said of the packet.
class packet_mac {
public:
    packet_mac(const mac_info& info, bytes_view key);

    void begin(std::uint32_t sequence_number);
    void update(bytes_view data);
    /// Writes the tag to the front of `tag`.
    void finish(mutable_bytes_view tag);
    /// Whether that is the tag; the time does not depend on it.
    bool matches(bytes_view tag);

private:
    std::variant<std::monostate, crypto::hmac, crypto::umac> mac_;
};

}  // namespace sluice
