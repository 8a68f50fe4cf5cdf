#include "sluice/wire/mpint.hpp"

namespace sluice::wire {

result<mpint> mpint::parse(bytes_view content) {
    if (content.empty()) return mpint{};
    if ((content[0] & 0x80) != 0) return errc::bad_mpint;
    if (content[0] != 0) return mpint{content};
    // A leading zero byte is there only to keep the sign bit clear.
    if (content.size() == 1 || (content[1] & 0x80) == 0) return errc::bad_mpint;
    return mpint{content.subspan(1)};
}

mpint mpint::of(bytes_view big_endian) {
    while (!big_endian.empty() && big_endian[0] == 0)
        big_endian = big_endian.subspan(1);
    return mpint{big_endian};
}

}  // namespace sluice::wire
