#include "sluice/crypto/private_key_fields.hpp"

#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/limits.hpp"

namespace sluice::crypto {
namespace {

constexpr std::size_t fields_size_max = 32 * 1024;  // above any key's

// The public fields that come before the private ones, in the order of the file, and that a
// certificate makes superfluous. Those of EdDSA keys stay (OpenSSH's PROTOCOL.agent of 2017).
bytes public_fields(const public_key& key) {
    wire::reader r(key.blob());
    std::string_view type;
    bytes_view first;
    bytes_view second;
    r.read(type);
    r.read(first);
    r.read(second);
    bytes fields;
    wire::writer w(fields);
    if (type == "ssh-rsa") {
        w.write(second);  // n
        w.write(first);   // e
    } else if (type.starts_with("ecdsa-")) {
        w.write(first);  // curve
        w.write(second);
    }
    return fields;
}

}  // namespace

result<private_key> read_private_fields(std::string_view type, wire::reader& in) {
    const key_type* known = find_key_type(type);
    if (known == nullptr || known->read_fields == nullptr) return errc::unknown_key_type;
    auto impl = known->read_fields(known->name, in);
    if (!impl) return impl.error();
    return private_key_access::make(std::move(*impl));
}

result<private_key> read_private_fields(const certificate& of, wire::reader& in) {
    const bytes known = public_fields(of.key());
    const bytes_view left = in.left();
    if (left.size() > limits::agent_message_length_max) return errc::too_long;
    wiped_buffer whole(known.size() + left.size());
    wire::writer w(whole.data);
    w.append(known);
    w.append(left);
    wire::reader r(whole.data);
    auto key = read_private_fields(of.key().type(), r);
    if (!key) return key.error();
    in.take(left.size() - r.left().size());
    if (key->public_half() != of.key()) return errc::bad_key;
    return key;
}

result<> write_private_fields(const private_key& key, wire::writer& out) {
    return private_key_access::parts(key).write_fields(out);
}

result<> write_private_fields(const private_key& key, const certificate& of, wire::writer& out) {
    if (key.public_half() != of.key()) return errc::bad_key;
    wiped_buffer whole(fields_size_max);
    wire::writer w(whole.data);
    const auto written = write_private_fields(key, w);
    if (!written) return written.error();
    out.append(bytes_view(whole.data).subspan(public_fields(of.key()).size()));
    return {};
}

}  // namespace sluice::crypto
