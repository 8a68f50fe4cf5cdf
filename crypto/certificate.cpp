#include "sluice/crypto/certificate.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

constexpr std::string_view vendor = "@openssh.com";
constexpr std::string_view suffix = "-cert-v01@openssh.com";
constexpr std::size_t nonce_size = 32;  // as ssh-keygen

// --- options ----------------------------------------------------------------------------------

// PROTOCOL.certkeys: in lexical order, each once.
bool are_in_order(const std::vector<certificate_option>& options) {
    return std::ranges::adjacent_find(options, std::ranges::greater_equal{},
                                      &certificate_option::name) == options.end();
}

void read_options(wire::reader& in, std::vector<certificate_option>& out) {
    bytes_view packed;
    in.read(packed);
    wire::reader r(packed);
    while (!r.at_end() && !r.error()) {
        std::string_view name;
        bytes_view data;
        r.read(name);
        r.read(data);
        if (out.size() == limits::certificate_options_max) return in.fail(errc::too_long);
        out.push_back({std::string(name), to_bytes(data)});
    }
    if (r.error() || !are_in_order(out)) in.fail(errc::bad_value);
}

void write_options(wire::writer& out, const std::vector<certificate_option>& options) {
    const auto mark = out.begin_string();
    for (const certificate_option& option : options) {
        out.write(option.name);
        out.write(bytes_view(option.data));
    }
    out.end_string(mark);
}

bool take_text(const certificate_option& option, std::optional<std::string>& out) {
    wire::reader r(option.data);
    std::string_view text;
    r.read(text);
    // No text at all is no command and no address, and a NUL would cut one short.
    if (r.error() || !r.at_end() || text.empty() || text.find('\0') != std::string_view::npos)
        return false;
    out = text;
    return true;
}

bool take_flag(const certificate_option& option, bool& out, bool value) {
    out = value;
    return option.data.empty();
}

struct known_option {
    std::string_view name;
    bool (*apply)(const certificate_option&, certificate_rights&);  // false for data it cannot have
};

using rights = certificate_rights;
using option = certificate_option;

constexpr std::array critical_options{
    known_option{"force-command",
                 [](const option& o, rights& r) { return take_text(o, r.force_command); }},
    known_option{"source-address",
                 [](const option& o, rights& r) { return take_text(o, r.source_address); }},
    known_option{
        "verify-required",
        [](const option& o, rights& r) { return take_flag(o, r.verification_required, true); }},
};

constexpr std::array extensions{
    known_option{
        "no-touch-required",
        [](const option& o, rights& r) { return take_flag(o, r.presence_required, false); }},
    known_option{
        "permit-X11-forwarding",
        [](const option& o, rights& r) { return take_flag(o, r.permits_x11_forwarding, true); }},
    known_option{
        "permit-agent-forwarding",
        [](const option& o, rights& r) { return take_flag(o, r.permits_agent_forwarding, true); }},
    known_option{
        "permit-port-forwarding",
        [](const option& o, rights& r) { return take_flag(o, r.permits_port_forwarding, true); }},
    known_option{"permit-pty",
                 [](const option& o, rights& r) { return take_flag(o, r.permits_pty, true); }},
    known_option{"permit-user-rc",
                 [](const option& o, rights& r) { return take_flag(o, r.permits_user_rc, true); }},
};

// --- fields -----------------------------------------------------------------------------------

void read_principals(wire::reader& in, std::vector<std::string>& out) {
    bytes_view packed;
    in.read(packed);
    wire::reader r(packed);
    while (!r.at_end() && !r.error()) {
        std::string_view name;
        r.read(name);
        if (out.size() == limits::certificate_principals_max) return in.fail(errc::too_long);
        if (!is_certificate_principal(name)) return in.fail(errc::bad_value);
        out.emplace_back(name);
    }
    if (r.error()) in.fail(errc::bad_value);
}

// From the serial number to the extensions; the reserved string behind them is ignored.
void read_fields(wire::reader& in, certificate_fields& f) {
    std::uint32_t kind = 0;
    std::string_view key_id;
    bytes_view reserved;
    in.read(f.serial);
    in.read(kind);
    in.read(key_id);
    read_principals(in, f.principals);
    in.read(f.valid_after);
    in.read(f.valid_before);
    read_options(in, f.critical_options);
    read_options(in, f.extensions);
    in.read(reserved);
    f.key_id = key_id;
    f.kind = static_cast<certificate_kind>(kind);
    if (f.kind != certificate_kind::user && f.kind != certificate_kind::host)
        in.fail(errc::bad_value);
}

void write_fields(wire::writer& out, const certificate_fields& f) {
    out.write(f.serial);
    out.write(static_cast<std::uint32_t>(f.kind));
    out.write(f.key_id);
    const auto mark = out.begin_string();
    for (const std::string& name : f.principals)
        out.write(name);
    out.end_string(mark);
    out.write(f.valid_after);
    out.write(f.valid_before);
    write_options(out, f.critical_options);
    write_options(out, f.extensions);
    out.write(std::string_view());
}

// The key's fields stand in a certificate as in its own blob, behind the nonce.
result<public_key> read_key(wire::reader& in, std::string_view certificate_type) {
    const key_type* type = find_key_type(key_type_of_certificate(certificate_type));
    if (type == nullptr) return errc::unknown_key_type;
    bytes_view nonce;
    in.read(nonce);
    bytes blob;
    wire::writer w(blob);
    w.write(type->name);
    for (unsigned i = 0; i < type->field_count; ++i) {
        bytes_view field;  // a string, or an mpint, which looks the same from outside
        in.read(field);
        w.write(field);
    }
    if (in.error()) return in.error();
    return public_key::from_blob(blob);
}

}  // namespace

bool is_certificate_principal(std::string_view name) {
    return !name.empty() && std::ranges::none_of(name, [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
}

std::string certificate_type_of(std::string_view key_type) {
    if (key_type.ends_with(vendor)) key_type.remove_suffix(vendor.size());
    return std::string(key_type) + std::string(suffix);
}

std::string_view key_type_of_certificate(std::string_view certificate_type) {
    for (const key_type& type : key_types())
        if (certificate_type_of(type.name) == certificate_type) return type.name;
    return {};
}

certificate_option certificate::text_option(std::string name, std::string_view text) {
    bytes data;
    wire::writer(data).write(text);
    return {std::move(name), std::move(data)};
}

result<certificate> certificate::from_blob(bytes_view blob) {
    auto c = parse_claim(blob);
    if (!c) return c;
    if (const auto verified = c->verify(); !verified) return verified.error();
    return c;
}

result<> certificate::verify() const {
    const bytes_view whole = blob_;
    wire::reader r(whole.subspan(covered_));
    bytes_view signature;
    r.read(signature);
    if (r.error()) return r.error();
    return signature_key_.verify(signature_algorithm_, whole.first(covered_), signature);
}

result<certificate> certificate::parse_claim(bytes_view blob) {
    if (blob.size() > limits::public_key_blob_length_max) return errc::too_long;
    wire::reader r(blob);
    std::string_view type;
    r.read(type);
    if (r.error()) return r.error();
    auto key = read_key(r, type);
    if (!key) return key.error();
    certificate_fields fields;
    bytes_view authority;
    bytes_view signature;
    read_fields(r, fields);
    r.read(authority);
    const std::size_t covered = blob.size() - r.left().size();
    r.read(signature);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;

    auto signature_key = public_key::from_blob(authority);
    if (!signature_key) return signature_key.error();
    wire::reader s(signature);
    std::string_view algorithm;
    s.read(algorithm);
    if (s.error()) return errc::bad_signature;
    if (!is_sound_signature_algorithm(algorithm)) return errc::unknown_key_type;
    certificate c(std::move(*key), std::move(*signature_key));
    c.blob_ = to_bytes(blob);
    c.covered_ = covered;
    c.type_ = type;
    c.signature_algorithm_ = algorithm;
    c.fields_ = std::move(fields);
    const auto interpreted = c.interpret_options();
    if (!interpreted) return interpreted.error();
    return c;
}

result<certificate> certificate::from_line(std::string_view line) {
    const auto parts = split_key_line(line);
    if (!parts) return parts.error();
    auto c = from_blob(parts->blob);
    if (c && c->type() != parts->type) return errc::bad_key_file;
    return c;
}

result<> certificate::interpret_options() {
    // None is defined for hosts.
    const bool user = fields_.kind == certificate_kind::user;
    for (const certificate_option& o : fields_.critical_options) {
        const auto known = std::ranges::find(critical_options, o.name, &known_option::name);
        if (!user || known == critical_options.end())
            has_unknown_option_ = true;
        else if (!known->apply(o, rights_))
            return errc::bad_value;
    }
    for (const certificate_option& o : fields_.extensions) {
        const auto known = std::ranges::find(extensions, o.name, &known_option::name);
        if (user && known != extensions.end() && !known->apply(o, rights_)) return errc::bad_value;
    }
    return {};
}

result<certificate> certificate::issue(const public_key& key, certificate_fields fields,
                                       const private_key& authority, random_source& random) {
    std::ranges::sort(fields.critical_options, {}, &certificate_option::name);
    std::ranges::sort(fields.extensions, {}, &certificate_option::name);
    if (fields.valid_after >= fields.valid_before) return errc::bad_value;
    if (!std::ranges::all_of(fields.principals, is_certificate_principal)) return errc::bad_value;

    std::array<std::uint8_t, nonce_size> nonce{};
    random.fill(nonce);
    bytes blob;
    wire::writer w(blob);
    w.write(certificate_type_of(key.type()));
    w.write(bytes_view(nonce));
    wire::reader parts(key.blob());
    std::string_view name;
    parts.read(name);
    w.append(parts.left());
    write_fields(w, fields);
    w.write(bytes_view(authority.public_half().blob()));
    const auto signature =
        authority.sign(preferred_signature_algorithm(authority.public_half().type()), blob);
    if (!signature) return signature.error();
    w.write(bytes_view(*signature));
    return from_blob(blob);  // what we would refuse is not issued
}

std::string certificate::line() const { return type_ + ' ' + to_base64(blob_); }

certificate::verdict certificate::judge(const use& wanted) const {
    if (fields_.kind != wanted.kind) return verdict::wrong_kind;
    if (wanted.system_seconds < fields_.valid_after) return verdict::not_yet_valid;
    if (wanted.system_seconds >= fields_.valid_before) return verdict::expired;
    if (has_unknown_option_) return verdict::unknown_option;
    const auto& allowed = wanted.signature_algorithms;
    if (!allowed.empty() && std::ranges::find(allowed, signature_algorithm_) == allowed.end())
        return verdict::weak_signature;
    if (fields_.principals.empty())
        return wanted.for_all_is_enough ? verdict::good : verdict::no_principals;
    if (!wanted.principal || wanted.principal->empty() ||
        std::ranges::find(fields_.principals, *wanted.principal) == fields_.principals.end())
        return verdict::wrong_principal;
    return verdict::good;
}

std::string_view to_text(certificate::verdict verdict) {
    switch (verdict) {
    case certificate::verdict::good: return "good";
    case certificate::verdict::wrong_kind: return "certificate of the wrong kind";
    case certificate::verdict::not_yet_valid: return "certificate is not yet valid";
    case certificate::verdict::expired: return "certificate has expired";
    case certificate::verdict::wrong_principal: return "certificate is for others";
    case certificate::verdict::no_principals: return "certificate lists no principals";
    case certificate::verdict::unknown_option:
        return "certificate has a critical option that is not known";
    case certificate::verdict::weak_signature:
        return "certificate is signed by an algorithm that is not accepted";
    }
    unreachable();
}

// --- what is shown ------------------------------------------------------------------------------

result<presented_key> presented_key::from_blob(bytes_view blob) {
    auto shown = parse_claim(blob);
    if (!shown || !shown->cert) return shown;
    if (const auto verified = shown->cert->verify(); !verified) return verified.error();
    return shown;
}

result<presented_key> presented_key::parse_claim(bytes_view blob) {
    wire::reader r(blob);
    std::string_view type;
    r.read(type);
    if (r.error()) return r.error();
    if (key_type_of_certificate(type).empty()) {
        auto key = public_key::from_blob(blob);
        if (!key) return key.error();
        return presented_key(std::move(*key));
    }
    auto c = certificate::parse_claim(blob);
    if (!c) return c.error();
    return presented_key(std::move(*c));
}

bool presented_key::fits(std::string_view algorithm) const {
    const auto* known = find_signature_algorithm(algorithm);
    return known != nullptr && known->key_type == key.type() &&
           known->certified() == cert.has_value();
}

result<std::optional<sk_assertion>> presented_key::verify(std::string_view algorithm,
                                                          bytes_view data,
                                                          bytes_view signature) const {
    if (!fits(algorithm)) return errc::unknown_key_type;
    std::string_view signs_as = find_signature_algorithm(algorithm)->signs_as;
    if (algorithm == "ssh-rsa-cert-v01@openssh.com") {
        // All certified RSA keys had this name alone once, and some peers sign by SHA-2 under it.
        std::string_view named;
        wire::reader(signature).read(named);
        if (named != signs_as && is_sound_signature_algorithm(named)) signs_as = named;
    }
    return key.verify_assertion(signs_as, data, signature);
}

}  // namespace sluice::crypto
