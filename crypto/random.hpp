#pragma once

#include "sluice/wire/bytes.hpp"

namespace sluice::crypto {

/// Where random bytes come from: an argument everywhere, so that tests can repeat a run exactly.
class random_source {
public:
    virtual ~random_source() = default;
    virtual void fill(mutable_bytes_view out) = 0;
};

/// The system's generator, by way of OpenSSL. Aborts if that fails: nothing safe can go on.
random_source& system_random();

}  // namespace sluice::crypto
