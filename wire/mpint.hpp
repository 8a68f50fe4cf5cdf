#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

namespace sluice::wire {

/// A non-negative multiple precision integer (RFC 4251 §5). SSH sends no negative ones.
struct mpint {
    /// Big-endian, without leading zeros; empty for zero. Points into the payload it was read from.
    bytes_view magnitude;

    /// Reads the content of an mpint's string. Errors: bad_mpint when it is negative or not in
    /// minimal form.
    static result<mpint> parse(bytes_view content);

    /// Of any big-endian number: leading zeros are left out of the view.
    static mpint of(bytes_view big_endian);

    bool operator==(const mpint& other) const {
        return as_text(magnitude) == as_text(other.magnitude);
    }
};

}  // namespace sluice::wire
