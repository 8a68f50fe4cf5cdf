#include "sluice/wire/reader.hpp"

namespace sluice::wire {

bytes_view reader::take(std::size_t n) {
    if (error_) return {};
    if (n > left_.size()) {
        fail(errc::truncated);
        return {};
    }
    const bytes_view taken = left_.first(n);
    left_ = left_.subspan(n);
    return taken;
}

void reader::read(std::uint8_t& value) {
    const bytes_view raw = take(1);
    if (!error_) value = raw[0];
}

void reader::read(bool& value) {
    const bytes_view raw = take(1);
    if (!error_) value = raw[0] != 0;
}

void reader::read(std::uint32_t& value) {
    const bytes_view raw = take(4);
    if (error_) return;
    value = std::uint32_t{raw[0]} << 24 | std::uint32_t{raw[1]} << 16 | std::uint32_t{raw[2]} << 8 |
            std::uint32_t{raw[3]};
}

void reader::read(std::uint64_t& value) {
    std::uint32_t high = 0;
    std::uint32_t low = 0;
    read(high);
    read(low);
    if (!error_) value = std::uint64_t{high} << 32 | low;
}

void reader::read(bytes_view& value) {
    std::uint32_t size = 0;
    read(size);
    const bytes_view raw = take(size);
    if (!error_) value = raw;
}

void reader::read(std::string_view& value) {
    bytes_view raw;
    read(raw);
    if (!error_) value = as_text(raw);
}

void reader::read(name_list& value) {
    std::string_view text;
    read(text);
    if (error_) return;
    const auto parsed = name_list::parse(text);
    if (!parsed)
        error_ = parsed.error();
    else
        value = *parsed;
}

void reader::read(mpint& value) {
    bytes_view raw;
    read(raw);
    if (error_) return;
    const auto parsed = mpint::parse(raw);
    if (!parsed)
        error_ = parsed.error();
    else
        value = *parsed;
}

void reader::read(rest& value) {
    if (!error_) value.data = take(left_.size());
}

}  // namespace sluice::wire
