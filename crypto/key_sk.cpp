// Security keys (OpenSSH's PROTOCOL.u2f): sk-ssh-ed25519@openssh.com and
// sk-ecdsa-sha2-nistp256@openssh.com, whose signatures may come by way of a browser
// (webauthn-sk-ecdsa-sha2-nistp256@openssh.com). Verified only: the private half is in hardware.

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

constexpr std::string_view webauthn = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

// A security key signs with a key of another type.
struct sk_type {
    std::string_view name;
    std::string_view inner;
    result<public_key_ptr> (*parse_inner)(std::string_view name, bytes_view blob);
};

constexpr std::array types{
    sk_type{"sk-ssh-ed25519@openssh.com", "ssh-ed25519", parse_eddsa},
    sk_type{"sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sha2-nistp256", parse_ecdsa},
};

const sk_type& type_of(std::string_view name) {
    const auto found = std::ranges::find(types, name, &sk_type::name);
    expects(found != types.end());
    return *found;
}

// Flags of the authenticator data (WebAuthn §6.1).
constexpr std::uint8_t flag_user_present = 0x01;
constexpr std::uint8_t flag_user_verified = 0x04;
constexpr std::uint8_t flag_attested_data = 0x40;
constexpr std::uint8_t flag_extensions = 0x80;

// The fields behind the signature, and what only a browser adds.
struct sk_trailer {
    std::uint8_t flags = 0;
    std::uint32_t counter = 0;
    std::string_view origin;
    std::string_view client_data;
    bytes_view extensions;
};

// RFC 4648 §5, without padding.
std::string to_base64url(bytes_view data) {
    std::string text = to_base64(data);
    text.resize(std::min(text.find('='), text.size()));
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
}

// WebAuthn §5.8.1.1 fixes the order of the first members and how they are written, so that a
// verifier needs no parser: type, challenge (our data), origin.
bool client_data_is_ours(const sk_trailer& t, bytes_view data) {
    if (t.origin.find_first_of("\"\\") != std::string_view::npos) return false;
    const std::string start = R"({"type":"webauthn.get","challenge":")" + to_base64url(data) +
                              R"(","origin":")" + std::string(t.origin) + '"';
    if (!t.client_data.starts_with(start)) return false;
    const std::string_view rest = t.client_data.substr(start.size());
    return rest.starts_with(',') || rest.starts_with('}');
}

class sk_public_key final : public public_key_impl {
public:
    sk_public_key(const sk_type& type, bytes_view blob, std::string_view application,
                  public_key_ptr inner)
        : type_(type),
          blob_(to_bytes(blob)),
          application_hash_(digest(hash_kind::sha256, as_bytes(application))),
          inner_(std::move(inner)) {}

    const bytes& blob() const override { return blob_; }
    std::string_view type() const override { return type_.name; }
    unsigned bits() const override { return inner_->bits(); }

    result<std::optional<sk_assertion>> verify(std::string_view algorithm, bytes_view data,
                                               bytes_view signature,
                                               wire::reader& trailer) const override {
        sk_trailer t;
        trailer.read(t.flags);
        trailer.read(t.counter);
        const bool by_browser = algorithm == webauthn;
        if (by_browser) {
            trailer.read(t.origin);
            trailer.read(t.client_data);
            trailer.read(t.extensions);
        }
        // The flags say what else was signed. Only the browser's form has room for extensions.
        if (trailer.error() || (t.flags & flag_attested_data) != 0 ||
            ((t.flags & flag_extensions) != 0) == t.extensions.empty() ||
            (by_browser && !client_data_is_ours(t, data)))
            return errc::bad_signature;

        bytes covered = application_hash_;
        wire::writer w(covered);
        w.write(t.flags);
        w.write(t.counter);
        w.append(t.extensions);
        w.append(digest(hash_kind::sha256, by_browser ? as_bytes(t.client_data) : data));
        wire::reader nothing({});
        const auto verified = inner_->verify(type_.inner, covered, signature, nothing);
        if (!verified) return verified.error();
        return std::optional(sk_assertion{(t.flags & flag_user_present) != 0,
                                          (t.flags & flag_user_verified) != 0, t.counter});
    }

private:
    const sk_type& type_;
    bytes blob_;
    bytes application_hash_;
    public_key_ptr inner_;
};

}  // namespace

// The fields of the inner type, then string application.
result<public_key_ptr> parse_sk(std::string_view name, bytes_view blob) {
    const sk_type& type = type_of(name);
    wire::reader r(blob);
    std::string_view type_name;
    bytes_view curve;
    bytes_view point;
    std::string_view application;
    bytes inner_blob;
    wire::writer w(inner_blob);
    r.read(type_name);
    w.write(type.inner);
    if (type.inner != "ssh-ed25519") {
        r.read(curve);
        w.write(curve);
    }
    r.read(point);
    w.write(point);
    r.read(application);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (application.empty()) return errc::bad_key;
    auto inner = type.parse_inner(type.inner, inner_blob);
    if (!inner) return inner.error();
    return std::make_shared<sk_public_key>(type, blob, application, std::move(*inner));
}

}  // namespace sluice::crypto
