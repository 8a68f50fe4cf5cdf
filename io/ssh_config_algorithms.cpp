#include "sluice/io/ssh_config_algorithms.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/auth/client_auth.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/config.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/mac.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace sluice {
namespace {

using names = std::vector<std::string>;

// What OpenSSH 9.2 and later have and we might not: a file that names them for ssh(1) is no
// mistake (ssh -Q).
constexpr std::array<std::string_view, 10> other_ciphers{"3des-cbc",
                                                         "aes128-cbc",
                                                         "aes192-cbc",
                                                         "aes256-cbc",
                                                         "aes128-ctr",
                                                         "aes192-ctr",
                                                         "aes256-ctr",
                                                         "aes128-gcm@openssh.com",
                                                         "aes256-gcm@openssh.com",
                                                         "chacha20-poly1305@openssh.com"};
constexpr std::array<std::string_view, 16> other_macs{"hmac-sha1",
                                                      "hmac-sha1-96",
                                                      "hmac-sha2-256",
                                                      "hmac-sha2-512",
                                                      "hmac-md5",
                                                      "hmac-md5-96",
                                                      "umac-64@openssh.com",
                                                      "umac-128@openssh.com",
                                                      "hmac-sha1-etm@openssh.com",
                                                      "hmac-sha1-96-etm@openssh.com",
                                                      "hmac-sha2-256-etm@openssh.com",
                                                      "hmac-sha2-512-etm@openssh.com",
                                                      "hmac-md5-etm@openssh.com",
                                                      "hmac-md5-96-etm@openssh.com",
                                                      "umac-64-etm@openssh.com",
                                                      "umac-128-etm@openssh.com"};
constexpr std::array<std::string_view, 15> other_kex{"diffie-hellman-group1-sha1",
                                                     "diffie-hellman-group14-sha1",
                                                     "diffie-hellman-group14-sha256",
                                                     "diffie-hellman-group16-sha512",
                                                     "diffie-hellman-group18-sha512",
                                                     "diffie-hellman-group-exchange-sha1",
                                                     "diffie-hellman-group-exchange-sha256",
                                                     "ecdh-sha2-nistp256",
                                                     "ecdh-sha2-nistp384",
                                                     "ecdh-sha2-nistp521",
                                                     "curve25519-sha256",
                                                     "curve25519-sha256@libssh.org",
                                                     "sntrup761x25519-sha512",
                                                     "sntrup761x25519-sha512@openssh.com",
                                                     "mlkem768x25519-sha256"};
constexpr std::array<std::string_view, 24> other_signatures{
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com"};

template <class Row>
names names_of(std::span<const Row> rows) {
    names all;
    for (const Row& row : rows)
        all.emplace_back(row.name);
    return all;
}

names ours(algorithm_kind kind) {
    switch (kind) {
    case algorithm_kind::cipher: return names_of(sluice::ciphers());
    case algorithm_kind::mac: return names_of(sluice::macs());
    case algorithm_kind::kex: return names_of(kex_methods());
    case algorithm_kind::host_key:
    case algorithm_kind::public_key: return names_of(crypto::known_signature_algorithms());
    case algorithm_kind::ca_signature: return client_auth_config::all_public_key_algorithms();
    }
    return {};
}

std::span<const std::string_view> others(algorithm_kind kind) {
    switch (kind) {
    case algorithm_kind::cipher: return other_ciphers;
    case algorithm_kind::mac: return other_macs;
    case algorithm_kind::kex: return other_kex;
    case algorithm_kind::host_key:
    case algorithm_kind::public_key:
    case algorithm_kind::ca_signature: return other_signatures;
    }
    return {};
}

bool holds(const names& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

void append(names& list, std::string_view name) {
    if (!holds(list, name)) list.emplace_back(name);
}

names known(algorithm_kind kind) {
    names all = ours(kind);
    for (const std::string_view name : others(kind))
        append(all, name);
    return all;
}

names defaults(algorithm_kind kind) {
    const transport_config offered(role::client);
    switch (kind) {
    case algorithm_kind::cipher: return offered.ciphers;
    case algorithm_kind::mac: return offered.macs;
    case algorithm_kind::kex: return offered.kex_algorithms;
    case algorithm_kind::host_key: return offered.host_key_algorithms;
    case algorithm_kind::public_key:
    case algorithm_kind::ca_signature: return client_auth_config::all_public_key_algorithms();
    }
    return {};
}

bool patterns_allowed(algorithm_kind kind) {
    return kind == algorithm_kind::host_key || kind == algorithm_kind::public_key ||
           kind == algorithm_kind::ca_signature;
}

}  // namespace

std::vector<std::string> split_at_commas(std::string_view list) {
    names pieces;
    for (;;) {
        const auto comma = list.find(',');
        pieces.emplace_back(list.substr(0, comma));
        if (comma == list.npos) return pieces;
        list.remove_prefix(comma + 1);
    }
}

ssh_config_fault check_algorithms(algorithm_kind kind, std::string_view list) {
    if (list.starts_with('-')) return {};  // what is not there need not be removed
    if (list.starts_with('+') || list.starts_with('^')) list.remove_prefix(1);
    const names all = known(kind);
    for (const std::string& name : split_at_commas(list)) {
        const bool fits =
            patterns_allowed(kind)
                ? std::ranges::any_of(
                      all, [&](const std::string& one) { return matches_wildcards(one, name); })
                : holds(all, name);
        if (!fits) return "unknown algorithm '" + name + "'";
    }
    return {};
}

std::vector<std::string> resolve_algorithms(algorithm_kind kind, std::string_view list) {
    names usual = defaults(kind);
    if (list.empty()) return usual;
    const char change = list.front();
    const bool is_change = change == '+' || change == '-' || change == '^';
    names patterns = split_at_commas(is_change ? list.substr(1) : list);
    const auto listed = [&](const std::string& name) {
        return std::ranges::any_of(
            patterns, [&](const std::string& p) { return matches_wildcards(name, p); });
    };
    if (change == '-') {
        std::erase_if(usual, listed);
        return usual;
    }
    names out;
    if (change == '+') out = usual;
    const names all = known(kind);
    for (const std::string& pattern : patterns)
        for (const std::string& name : all)
            if (matches_wildcards(name, pattern)) append(out, name);
    if (change == '^')
        for (const std::string& name : usual)
            append(out, name);
    return out;
}

std::vector<std::string> usable_algorithms(algorithm_kind kind, std::string_view list) {
    names chosen = resolve_algorithms(kind, list);
    const names have = ours(kind);
    std::erase_if(chosen, [&](const std::string& name) { return !holds(have, name); });
    return chosen;
}

}  // namespace sluice
