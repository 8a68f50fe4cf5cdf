#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/mpint.hpp"
#include "sluice/wire/name_list.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::wire {

/// What is left of a payload behind its last regular field.
struct rest {
    bytes_view data;
    bool operator==(const rest& other) const { return as_text(data) == as_text(other.data); }
};

/// A cursor over one payload that reads the data types of RFC 4251 §5.
///
/// The first failure sticks: later reads leave their argument as it was, so a codec reads as a list
/// of fields with one check at its end. Views that are read point into the payload.
class reader {
public:
    explicit reader(bytes_view payload) : left_(payload) {}

    void read(std::uint8_t& value);
    void read(bool& value);  ///< Any nonzero byte is TRUE.
    void read(std::uint32_t& value);
    void read(std::uint64_t& value);
    void read(bytes_view& value);        ///< string
    void read(std::string_view& value);  ///< string
    void read(name_list& value);         ///< Errors: bad_name_list, too_long.
    void read(mpint& value);             ///< Errors: bad_mpint.
    void read(rest& value);
    template <std::size_t N>
    void read(std::array<std::uint8_t, N>& value) {  ///< byte[N], no length in front
        const bytes_view raw = take(N);
        if (!error_) std::copy(raw.begin(), raw.end(), value.begin());
    }

    /// The next `n` bytes as they are. Empty after an error.
    bytes_view take(std::size_t n);

    /// Marks the payload as wrong; keeps an earlier error.
    void fail(errc e) {
        if (!error_) error_ = e;
    }

    bool at_end() const { return left_.empty(); }
    bytes_view left() const { return left_; }
    error_code error() const { return error_; }

private:
    bytes_view left_;
    error_code error_;
};

}  // namespace sluice::wire
