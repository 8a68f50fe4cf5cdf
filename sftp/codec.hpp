#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <concepts>
#include <cstdint>

// The codec of SFTP packets: wire::codec with one more data type, ATTRS, and another rule of what
// lies behind the last field: it is ignored, in requests and replies alike. Widely used programs
// send some: Go's pkg/sftp and rclone 1.60 the rest of a buffer behind the data of a WRITE, others
// the flags of version 4 behind a STAT. OpenSSH reads past it too.
namespace sluice::sftp {

/// A list of fields in wire order: `fields(m, visit)` calls `visit(m.a, m.b…)`.
template <class M>
concept field_list = requires(M& m) {
    M::fields(m, [](auto&...) {});
};

/// A packet: its type byte and its fields, `id` first where it has one.
template <class M>
concept packet = field_list<M> && requires {
    { M::number } -> std::convertible_to<std::uint8_t>;
};

template <class T>
void get(wire::reader& r, T& value) {
    r.read(value);
}

template <class T>
void put(wire::writer& w, const T& value) {
    w.write(value);
}

template <field_list M>
void put_fields(const M& m, wire::writer& w) {
    M::fields(m, [&w](const auto&... field) { (put(w, field), ...); });
}

/// Reads the fields of `m` from the front of `data`. Errors: truncated and those of the fields.
template <field_list M>
error_code get_fields(bytes_view data, M& m) {
    wire::reader r(data);
    M::fields(m, [&r](auto&... field) { (get(r, field), ...); });
    return r.error();
}

/// Appends one packet without its length: type byte, fields.
template <packet M>
void encode(const M& m, bytes& out) {
    wire::writer w(out);
    w.write(std::uint8_t{M::number});
    put_fields(m, w);
}

/// Decodes one packet without its length. Views in the result point into `data`.
///
/// Errors: truncated and those of the fields; unexpected_message when the type is not M's.
template <packet M>
result<M> decode(bytes_view data) {
    if (data.empty()) return errc::truncated;
    if (data.front() != M::number) return errc::unexpected_message;
    M m;
    if (const error_code error = get_fields(data.subspan(1), m)) return error;
    return m;
}

}  // namespace sluice::sftp
