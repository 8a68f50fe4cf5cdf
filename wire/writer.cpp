#include "sluice/wire/writer.hpp"

#include "sluice/wire/expects.hpp"

#include <limits>

namespace sluice::wire {

void writer::write(std::uint32_t value) {
    const std::uint8_t raw[4] = {
        static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
        static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    append(raw);
}

void writer::write(std::uint64_t value) {
    write(static_cast<std::uint32_t>(value >> 32));
    write(static_cast<std::uint32_t>(value));
}

void writer::write(bytes_view string) {
    expects(string.size() <= std::numeric_limits<std::uint32_t>::max());
    write(static_cast<std::uint32_t>(string.size()));
    append(string);
}

void writer::write(const mpint& number) {
    const mpint minimal = mpint::of(number.magnitude);
    const bytes_view m = minimal.magnitude;
    const bool sign_byte = !m.empty() && (m[0] & 0x80) != 0;
    write(static_cast<std::uint32_t>(m.size() + (sign_byte ? 1 : 0)));
    if (sign_byte) out_.push_back(0);
    append(m);
}

std::size_t writer::begin_string() {
    write(std::uint32_t{0});
    return out_.size();
}

void writer::end_string(std::size_t mark) {
    const auto size = static_cast<std::uint32_t>(out_.size() - mark);
    for (std::size_t i = 0; i < 4; ++i)
        out_[mark - 4 + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
}

}  // namespace sluice::wire
