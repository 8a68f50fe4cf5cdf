#include "sluice/sftp/names_reply.hpp"

#include "sluice/sftp/codec.hpp"
#include "sluice/wire/limits.hpp"

#include <utility>

namespace sluice::sftp {
namespace {

void get_entry(wire::reader& r, name_entry& entry) {
    name_entry::fields(entry, [&r](auto&... field) { (get(r, field), ...); });
}

bool names_an_entry(std::string_view name) {
    return !name.empty() && name.size() <= limits::sftp_name_length_max &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace

result<names_reply> names_reply::parse(wire::buffer packet) {
    const auto m = decode<fxp_name>(packet.view());
    if (!m) return m.error();
    if (m->count > limits::sftp_names_max) return errc::too_long;
    names_reply reply;
    wire::reader r(m->names.data);
    for (std::uint32_t i = 0; i < m->count; ++i) {
        name_entry entry;
        get_entry(r, entry);
        if (r.error()) return r.error() == errc::truncated ? errc::bad_value : r.error();
        if (names_an_entry(entry.filename))
            ++reply.count_;
        else
            ++reply.left_out_;
    }
    packet.keep(m->names.data.first(m->names.data.size() - r.left().size()));
    reply.packet_ = std::move(packet);
    return reply;
}

bool names_reply::next(name_entry& entry) {
    while (!packet_.empty()) {
        wire::reader r(packet_.view());
        entry = {};
        get_entry(r, entry);
        packet_.consume(packet_.size() - r.left().size());
        if (names_an_entry(entry.filename)) return true;
    }
    return false;
}

}  // namespace sluice::sftp
