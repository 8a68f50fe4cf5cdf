#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <concepts>
#include <cstdint>

namespace sluice::wire {

/// A message whose fields are one list, in wire order: `fields(m, visit)` calls `visit(m.a, m.b…)`.
template <class M>
concept regular_message = requires(M& m) {
    { M::number } -> std::convertible_to<std::uint8_t>;
    M::fields(m, [](auto&...) {});
};

/// A message that writes `put(const M&, writer&)` and `get(reader&, M&)` by hand, side by side.
template <class M>
concept irregular_message = requires(const M& m, M& n, writer& w, reader& r) {
    { M::number } -> std::convertible_to<std::uint8_t>;
    M::put(m, w);
    M::get(r, n);
};

template <class M>
concept message = regular_message<M> || irregular_message<M>;

/// Appends the payload of one packet, message number included.
template <message M>
void encode(const M& m, bytes& out) {
    writer w(out);
    w.write(std::uint8_t{M::number});
    if constexpr (irregular_message<M>)
        M::put(m, w);
    else
        M::fields(m, [&w](const auto&... field) { (w.write(field), ...); });
}

template <message M>
bytes encoded(const M& m) {
    bytes out;
    encode(m, out);
    return out;
}

/// Decodes the payload of one packet, message number included.
///
/// Views in the result point into `payload` and live as long as it does.
/// Errors: truncated, trailing_bytes and those of the fields; unexpected_message when the number is
/// not M's.
template <message M>
result<M> decode(bytes_view payload) {
    reader r(payload);
    std::uint8_t number = 0;
    r.read(number);
    if (r.error()) return r.error();
    if (number != M::number) return errc::unexpected_message;

    M m;
    if constexpr (irregular_message<M>)
        M::get(r, m);
    else
        M::fields(m, [&r](auto&... field) { (r.read(field), ...); });
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    return m;
}

}  // namespace sluice::wire
