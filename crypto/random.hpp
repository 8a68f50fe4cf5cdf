#pragma once

#include "sluice/wire/bytes.hpp"

namespace sluice::crypto {

/// Where random bytes come from: an argument everywhere, so that tests can repeat a run exactly.
class random_source {
public:
    virtual ~random_source() = default;

    /// For keys, cookies and nonces.
    virtual void fill(mutable_bytes_view out) = 0;

    /// For padding, which is many small draws and no secret: may come from a stock.
    virtual void fill_padding(mutable_bytes_view out) { fill(out); }
};

/// The system's generator, by way of OpenSSL. Aborts if that fails: nothing safe can go on.
random_source& system_random();

}  // namespace sluice::crypto
