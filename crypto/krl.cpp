#include "sluice/crypto/krl.hpp"

#include "sluice/crypto/hash.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"

#include <algorithm>

namespace sluice::crypto {
namespace {

constexpr std::uint64_t magic = 0x5353484b524c0a00;  // "SSHKRL\n\0"
constexpr std::uint32_t format_version = 1;

// PROTOCOL.krl §1 and §2
enum section : std::uint8_t {
    certificates = 1,
    explicit_key = 2,
    fingerprint_sha1 = 3,
    fingerprint_sha256 = 5,
    extension = 255,
};
enum certificate_section : std::uint8_t {
    serial_list = 0x20,
    serial_range = 0x21,
    serial_bitmap = 0x22,
    key_id = 0x23,
    certificate_extension = 0x39,
};

// Strings to the end; of `size` bytes each where that is not 0.
result<> read_strings(bytes_view data, std::size_t size, std::vector<bytes>& out) {
    wire::reader r(data);
    while (!r.at_end()) {
        bytes_view one;
        r.read(one);
        if (r.error() || one.empty() || (size != 0 && one.size() != size)) return errc::bad_value;
        out.push_back(to_bytes(one));
    }
    return {};
}

// We know none: one that is critical makes the list unusable.
result<> read_extension(bytes_view data) {
    wire::reader r(data);
    std::string_view name;
    bool critical = false;
    bytes_view contents;
    r.read(name);
    r.read(critical);
    r.read(contents);
    if (r.error() || !r.at_end() || critical) return errc::bad_value;
    return {};
}

bool contains(const std::vector<bytes>& sorted, const bytes& one) {
    return std::ranges::binary_search(sorted, one);
}

}  // namespace

result<krl> krl::parse(bytes_view data) {
    if (data.size() > limits::krl_length_max) return errc::too_long;
    wire::reader r(data);
    std::uint64_t mark = 0;
    std::uint32_t format = 0;
    std::uint64_t flags = 0;  // none is defined
    bytes_view reserved;
    std::string_view comment;
    krl list;
    r.read(mark);
    r.read(format);
    r.read(list.version_);
    r.read(list.generated_);
    r.read(flags);
    r.read(reserved);
    r.read(comment);
    if (r.error() || mark != magic || format != format_version) return errc::bad_value;
    list.comment_ = comment;
    while (!r.at_end()) {
        std::uint8_t type = 0;
        bytes_view section;
        r.read(type);
        r.read(section);
        if (r.error()) return errc::bad_value;
        const auto read = list.read_section(type, section);
        if (!read) return read.error();
    }
    for (auto* sorted : {&list.keys_, &list.sha1_hashes_, &list.sha256_hashes_})
        std::ranges::sort(*sorted);
    return list;
}

result<> krl::read_section(std::uint8_t type, bytes_view section) {
    switch (type) {
    case certificates: {
        auto revoked = read_certificates(section);
        if (!revoked) return revoked.error();
        certificates_.push_back(std::move(*revoked));
        return {};
    }
    case explicit_key: return read_strings(section, 0, keys_);
    case fingerprint_sha1: return read_strings(section, hash_size(hash_kind::sha1), sha1_hashes_);
    case fingerprint_sha256:
        return read_strings(section, hash_size(hash_kind::sha256), sha256_hashes_);
    case extension: return read_extension(section);
    }
    return errc::bad_value;
}

result<krl::revoked_certificates> krl::read_certificates(bytes_view section) {
    wire::reader r(section);
    bytes_view authority;
    bytes_view reserved;
    r.read(authority);
    r.read(reserved);
    revoked_certificates out;
    out.authority = to_bytes(authority);
    while (!r.at_end() && !r.error()) {
        std::uint8_t type = 0;
        bytes_view part;
        r.read(type);
        r.read(part);
        if (r.error()) break;
        const auto read = read_certificate_section(type, part, out);
        if (!read) return read.error();
    }
    if (r.error()) return errc::bad_value;
    return out;
}

result<> krl::read_certificate_section(std::uint8_t type, bytes_view section,
                                       revoked_certificates& out) {
    wire::reader r(section);
    switch (type) {
    case serial_list:
        while (!r.at_end() && !r.error()) {
            std::uint64_t serial = 0;
            r.read(serial);
            out.ranges.emplace_back(serial, serial);
        }
        break;
    case serial_range: {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        r.read(first);
        r.read(last);
        if (first > last) return errc::bad_value;
        out.ranges.emplace_back(first, last);
        break;
    }
    case serial_bitmap: {
        bitmap map;
        wire::mpint bits;
        r.read(map.offset);
        r.read(bits);
        map.magnitude = to_bytes(bits.magnitude);
        out.bitmaps.push_back(std::move(map));
        break;
    }
    case key_id:
        while (!r.at_end() && !r.error()) {
            std::string_view id;
            r.read(id);
            out.key_ids.emplace_back(id);
        }
        break;
    case certificate_extension: return read_extension(section);
    default: return errc::bad_value;
    }
    if (r.error() || !r.at_end()) return errc::bad_value;
    return {};
}

bool krl::revoked_certificates::contains(const certificate& cert) const {
    if (!authority.empty() && authority != cert.signature_key().blob()) return false;
    const std::uint64_t serial = cert.fields().serial;
    const auto in_range = [serial](const auto& range) {
        return range.first <= serial && serial <= range.second;
    };
    const auto in_bitmap = [serial](const bitmap& map) {
        if (serial < map.offset) return false;
        const std::uint64_t bit = serial - map.offset;
        const std::uint64_t byte = bit / 8;  // from the end
        return byte < map.magnitude.size() &&
               (map.magnitude[map.magnitude.size() - 1 - byte] >> (bit % 8) & 1) != 0;
    };
    return std::ranges::any_of(ranges, in_range) || std::ranges::any_of(bitmaps, in_bitmap) ||
           std::ranges::find(key_ids, cert.fields().key_id) != key_ids.end();
}

bool krl::revokes(const public_key& key) const {
    return contains(keys_, key.blob()) ||
           (!sha1_hashes_.empty() && contains(sha1_hashes_, digest(hash_kind::sha1, key.blob()))) ||
           (!sha256_hashes_.empty() &&
            contains(sha256_hashes_, digest(hash_kind::sha256, key.blob())));
}

bool krl::revokes(const certificate& cert) const {
    return revokes(cert.key()) || revokes(cert.signature_key()) ||
           std::ranges::any_of(certificates_,
                               [&](const auto& revoked) { return revoked.contains(cert); });
}

}  // namespace sluice::crypto
