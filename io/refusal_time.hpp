#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"

#include <chrono>
#include <string_view>

namespace sluice {

/// Private to io/: when a refused login is answered, so that the time tells neither whether the
/// user exists nor how long his files are. Each name has a time of its own, which nobody can know
/// beforehand and which is the same each time, as in OpenSSH.
class refusal_time {
public:
    using duration = time_point::duration;

    explicit refusal_time(bytes secret) : secret_(std::move(secret)) {}

    /// With a secret of this process.
    static const refusal_time& of_process();

    /// From limits::refusal_time_min on, by the name.
    duration of_user(std::string_view name) const;

    /// How long a refusal takes whose work took that long: the user's time, doubled until it is
    /// longer than the work.
    duration whole(std::string_view name, duration work) const;

private:
    bytes secret_;
};

}  // namespace sluice
