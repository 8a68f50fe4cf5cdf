#pragma once

#include "sluice/transport/config.hpp"
#include "sluice/transport/packet.hpp"
#include "sluice/wire/clock.hpp"

namespace sluice {

/// Decides when keys have served long enough (RFC 4253 §9, RFC 4344 §3).
class rekey_policy {
public:
    explicit rekey_policy(const rekey_limits& limits) : limits_(limits) {}

    void keys_changed(time_point now) { deadline_ = now + limits_.interval; }

    bool due(const packet_sealer& sealer, const packet_opener& opener) const {
        return sealer.sealed_bytes() >= limits_.bytes || opener.opened_bytes() >= limits_.bytes ||
               sealer.packets() >= limits_.packets || opener.packets() >= limits_.packets;
    }
    time_point deadline() const { return deadline_; }

private:
    rekey_limits limits_;
    time_point deadline_ = time_point::max();
};

}  // namespace sluice
