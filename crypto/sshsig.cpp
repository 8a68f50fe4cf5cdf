#include "sluice/crypto/sshsig.hpp"

#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>

namespace sluice::crypto {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view end_mark = "-----END SSH SIGNATURE-----";
constexpr std::string_view magic = "SSHSIG";
constexpr std::uint32_t version = 1;
constexpr std::size_t line_length = 70;  // as ssh-keygen breaks them

std::string_view name_of(hash_kind kind) { return kind == hash_kind::sha256 ? "sha256" : "sha512"; }

// PROTOCOL.sshsig §3
bytes signed_data(std::string_view name_space, bytes_view reserved, hash_kind kind,
                  bytes_view message) {
    bytes data;
    wire::writer w(data);
    w.append(as_bytes(magic));
    w.write(name_space);
    w.write(reserved);
    w.write(name_of(kind));
    w.write(bytes_view(digest(kind, message)));
    return data;
}

// The fields of PROTOCOL.sshsig §2, as views into the decoded text.
struct envelope {
    bytes_view public_key;
    std::string_view name_space;
    bytes_view reserved;
    std::string_view hash_algorithm;
    bytes_view signature;
};

result<envelope> parse_envelope(bytes_view data) {
    wire::reader r(data);
    if (as_text(r.take(magic.size())) != magic) return errc::bad_signature;
    std::uint32_t number = 0;
    envelope e;
    r.read(number);
    r.read(e.public_key);
    r.read(e.name_space);
    r.read(e.reserved);
    r.read(e.hash_algorithm);
    r.read(e.signature);
    if (r.error() || !r.at_end() || number != version || e.name_space.empty() ||
        (e.hash_algorithm != "sha256" && e.hash_algorithm != "sha512"))
        return errc::bad_signature;
    return e;
}

}  // namespace

result<sshsig> sshsig::parse(std::string_view text) {
    if (text.size() > limits::sshsig_length_max) return errc::too_long;
    if (!text.starts_with(begin_mark)) return errc::bad_signature;
    text.remove_prefix(begin_mark.size());
    const auto end = text.find(end_mark);
    if (end == std::string_view::npos || end == 0 || text[end - 1] != '\n')
        return errc::bad_signature;
    const auto data = from_base64_lines(text.substr(0, end));
    if (!data) return errc::bad_signature;
    const auto e = parse_envelope(*data);
    if (!e) return e.error();

    std::optional<certificate> cert;
    auto key = public_key::from_blob(e->public_key);
    if (!key && key.error() == errc::unknown_key_type) {
        auto certified = certificate::from_blob(e->public_key);
        if (!certified) return certified.error();
        key = certified->key();
        cert = std::move(*certified);
    }
    if (!key) return key.error();
    sshsig s(std::move(*key));
    s.cert_ = std::move(cert);
    s.name_space_ = e->name_space;
    s.reserved_ = to_bytes(e->reserved);
    s.hash_ = e->hash_algorithm == "sha256" ? hash_kind::sha256 : hash_kind::sha512;
    s.signature_ = to_bytes(e->signature);
    return s;
}

result<> sshsig::verify(bytes_view message, std::string_view name_space) const {
    if (name_space != name_space_) return errc::bad_signature;
    wire::reader r(signature_);
    std::string_view algorithm;
    r.read(algorithm);
    if (r.error()) return errc::bad_signature;
    if (!is_sound_signature_algorithm(algorithm)) return errc::unknown_key_type;
    return key_.verify(algorithm, signed_data(name_space_, reserved_, hash_, message), signature_);
}

result<std::string> sign_message(const private_key& key, std::string_view name_space,
                                 bytes_view message, const sshsig_options& options) {
    if (name_space.empty() || name_space.size() > limits::sshsig_namespace_length_max ||
        (options.hash != hash_kind::sha256 && options.hash != hash_kind::sha512) ||
        (options.cert != nullptr && options.cert->key() != key.public_half()))
        return errc::bad_value;
    const auto signature = key.sign(preferred_signature_algorithm(key.public_half().type()),
                                    signed_data(name_space, {}, options.hash, message));
    if (!signature) return signature.error();
    bytes data;
    wire::writer w(data);
    w.append(as_bytes(magic));
    w.write(version);
    w.write(bytes_view(options.cert != nullptr ? options.cert->blob() : key.public_half().blob()));
    w.write(name_space);
    w.write(std::string_view());
    w.write(name_of(options.hash));
    w.write(bytes_view(*signature));
    return armoured(begin_mark, data, end_mark, line_length);
}

}  // namespace sluice::crypto
