#include "sluice/transport/kex.hpp"

#include "sluice/crypto/agreement.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/table.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

using crypto::curve;

template <curve Which>
std::unique_ptr<crypto::agreement> on(crypto::random_source& random) {
    return crypto::make_agreement(Which, random);
}

template <const crypto::dh_group& (*Group)()>
std::unique_ptr<crypto::agreement> in(crypto::random_source& random) {
    return crypto::make_agreement(Group(), random);
}

// The NIST curves and the 2048-bit group are known but not in the default offer: every current peer
// has something better, and auditors warn of them. Nor is what no peer needs, curve448 and groups
// 15 and 17. Clients offer the group exchange, as some servers have nothing else; our own server
// would only give out the groups that it offers by name.
constexpr std::array table{
    kex_info{"mlkem768x25519-sha256", crypto::hash_kind::sha256, true, make_kex_hybrid},
    kex_info{"sntrup761x25519-sha512", crypto::hash_kind::sha512, true, make_kex_hybrid},
    kex_info{"sntrup761x25519-sha512@openssh.com", crypto::hash_kind::sha512, true,
             make_kex_hybrid},
    kex_info{"curve25519-sha256", crypto::hash_kind::sha256, true, make_kex_ecdh,
             on<curve::x25519>},
    kex_info{"curve25519-sha256@libssh.org", crypto::hash_kind::sha256, true, make_kex_ecdh,
             on<curve::x25519>},
    kex_info{"diffie-hellman-group16-sha512", crypto::hash_kind::sha512, true, make_kex_dh,
             in<crypto::modp_group16>},
    kex_info{"diffie-hellman-group18-sha512", crypto::hash_kind::sha512, true, make_kex_dh,
             in<crypto::modp_group18>},
    kex_info{"diffie-hellman-group-exchange-sha256", crypto::hash_kind::sha256, true,
             make_kex_dh_gex, nullptr, true},
    kex_info{"mlkem1024nistp384-sha384", crypto::hash_kind::sha384, false, make_kex_hybrid},
    kex_info{"mlkem768nistp256-sha256", crypto::hash_kind::sha256, false, make_kex_hybrid},
    kex_info{"curve448-sha512", crypto::hash_kind::sha512, false, make_kex_ecdh, on<curve::x448>},
    kex_info{"ecdh-sha2-nistp256", crypto::hash_kind::sha256, false, make_kex_ecdh,
             on<curve::nistp256>},
    kex_info{"ecdh-sha2-nistp384", crypto::hash_kind::sha384, false, make_kex_ecdh,
             on<curve::nistp384>},
    kex_info{"ecdh-sha2-nistp521", crypto::hash_kind::sha512, false, make_kex_ecdh,
             on<curve::nistp521>},
    kex_info{"diffie-hellman-group15-sha512", crypto::hash_kind::sha512, false, make_kex_dh,
             in<crypto::modp_group15>},
    kex_info{"diffie-hellman-group17-sha512", crypto::hash_kind::sha512, false, make_kex_dh,
             in<crypto::modp_group17>},
    kex_info{"diffie-hellman-group14-sha256", crypto::hash_kind::sha256, false, make_kex_dh,
             in<crypto::modp_group14>},
};
static_assert(std::ranges::all_of(table, [](const kex_info& row) {
    return (row.agree != nullptr) == (row.make == make_kex_ecdh || row.make == make_kex_dh);
}));

class private_host_key final : public host_key {
public:
    private_host_key(crypto::private_key key, crypto::presented_key shown)
        : key_(std::move(key)), shown_(std::move(shown)) {}

    const bytes& blob() const override { return shown_.blob(); }
    bool signs(std::string_view algorithm) const override { return shown_.fits(algorithm); }
    result<bytes> sign(std::string_view algorithm, bytes_view data) const override {
        if (!signs(algorithm)) return errc::unknown_key_type;
        return key_.sign(crypto::find_signature_algorithm(algorithm)->signs_as, data);
    }

private:
    const crypto::private_key key_;
    const crypto::presented_key shown_;
};

}  // namespace

std::span<const kex_info> kex_methods() { return table; }
const kex_info* find_kex(std::string_view name) { return find_row(kex_methods(), name); }

std::vector<std::string> offered_kex_methods(role own) {
    std::vector<std::string> names;
    for (const auto& row : kex_methods())
        if (row.offered && (own == role::client || !row.by_clients_only))
            names.emplace_back(row.name);
    return names;
}

std::shared_ptr<const host_key> make_host_key(crypto::private_key key) {
    auto shown = crypto::presented_key(key.public_half());
    return std::make_shared<private_host_key>(std::move(key), std::move(shown));
}

result<std::shared_ptr<const host_key>> make_host_key(crypto::private_key key,
                                                      crypto::certificate cert) {
    if (cert.key() != key.public_half() || cert.fields().kind != crypto::certificate_kind::host)
        return errc::bad_value;
    return std::shared_ptr<const host_key>(
        std::make_shared<private_host_key>(std::move(key), std::move(cert)));
}

bytes exchange_hash(const kex_context& context, crypto::hash_kind hash, bytes_view host_key_blob,
                    bytes_view method_values, bytes_view encoded_secret) {
    bytes front;
    wire::writer w(front);
    w.write(context.client_identification);
    w.write(context.server_identification);
    w.write(bytes_view(context.client_kexinit));
    w.write(bytes_view(context.server_kexinit));
    w.write(host_key_blob);
    w.append(method_values);
    return crypto::hash(hash).update(front).update(encoded_secret).finish();
}

}  // namespace sluice
