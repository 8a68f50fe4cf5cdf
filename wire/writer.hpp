#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/mpint.hpp"
#include "sluice/wire/name_list.hpp"
#include "sluice/wire/reader.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::wire {

/// Appends the data types of RFC 4251 §5 to a byte vector that the caller owns (and may reuse, so
/// that a steady path allocates nothing).
class writer {
public:
    explicit writer(bytes& out) : out_(out) {}

    void write(std::uint8_t value) { out_.push_back(value); }
    void write(bool value) { out_.push_back(value ? 1 : 0); }
    void write(std::uint32_t value);
    void write(std::uint64_t value);
    void write(bytes_view string);
    void write(std::string_view string) { write(as_bytes(string)); }
    void write(const char* string) { write(std::string_view(string)); }
    void write(const name_list& names) { write(names.text); }
    void write(const mpint& number);
    void write(const rest& raw) { append(raw.data); }
    template <std::size_t N>
    void write(const std::array<std::uint8_t, N>& raw) {
        append(raw);
    }

    /// Bytes as they are, without a length.
    void append(bytes_view raw) { out_.insert(out_.end(), raw.begin(), raw.end()); }

    /// Starts a string whose length is known later; `end_string` with the returned mark fills it
    /// in.
    std::size_t begin_string();
    void end_string(std::size_t mark);

private:
    bytes& out_;
};

}  // namespace sluice::wire
