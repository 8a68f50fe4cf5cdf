#include "sluice/sftp/attributes.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice::sftp {

void get(wire::reader& r, attributes& value) {
    std::uint32_t flags = 0;
    r.read(flags);
    constexpr std::uint32_t known =
        attr_size | attr_uidgid | attr_permissions | attr_acmodtime | attr_extended;
    value.unknown_flags = flags & ~known;

    if ((flags & attr_size) != 0) r.read(value.size.emplace());
    if ((flags & attr_uidgid) != 0) {
        auto& owner = value.owner.emplace();
        r.read(owner.uid);
        r.read(owner.gid);
    }
    if ((flags & attr_permissions) != 0) r.read(value.permissions.emplace());
    if ((flags & attr_acmodtime) != 0) {
        auto& times = value.times.emplace();
        r.read(times.atime);
        r.read(times.mtime);
    }
    if ((flags & attr_extended) == 0) return;
    std::uint32_t count = 0;
    r.read(count);
    if (count > limits::sftp_extended_attributes_max) return r.fail(errc::too_long);
    for (std::uint32_t i = 0; i < count; ++i) {
        bytes_view ignored;
        r.read(ignored);  // extended_type
        r.read(ignored);  // extended_data
    }
}

void put(wire::writer& w, const attributes& value) {
    w.write((value.size ? attr_size : 0) | (value.owner ? attr_uidgid : 0) |
            (value.permissions ? attr_permissions : 0) | (value.times ? attr_acmodtime : 0));
    if (value.size) w.write(*value.size);
    if (value.owner) {
        w.write(value.owner->uid);
        w.write(value.owner->gid);
    }
    if (value.permissions) w.write(*value.permissions);
    if (value.times) {
        w.write(value.times->atime);
        w.write(value.times->mtime);
    }
}

}  // namespace sluice::sftp
