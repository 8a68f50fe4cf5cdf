#include "sluice/auth/agent_bindings.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/auth/messages.hpp"
#include "sluice/auth/methods.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {

result<agent_login_data> agent_login_data::parse(bytes_view data, bytes_view key_blob) {
    agent_login_data login;
    wire::reader r(data);
    std::uint8_t number = 0;
    std::string_view service;
    std::string_view method;
    std::uint8_t has_signature = 0;
    std::string_view algorithm;
    bytes_view blob;
    r.read(login.session_id);
    r.read(number);
    r.read(login.user_name);
    r.read(service);
    r.read(method);
    r.read(has_signature);
    r.read(algorithm);
    r.read(blob);
    if (method == publickey_hostbound) r.read(login.host_key_blob.emplace());
    const bool known = method == "publickey" || method == publickey_hostbound;
    if (r.error() || !r.at_end() || number != userauth_request::number || !known ||
        service != connection_service || has_signature != 1 || !std::ranges::equal(blob, key_blob))
        return errc::bad_value;
    return login;
}

result<agent_bindings::host> agent_bindings::parse_host(bytes_view blob) {
    if (auto key = crypto::public_key::from_blob(blob))
        return host{to_bytes(blob), std::move(*key), std::nullopt};
    else if (key.error() != errc::unknown_key_type)
        return key.error();
    auto certificate = crypto::certificate::from_blob(blob);
    if (!certificate) return certificate.error();
    const crypto::public_key key = certificate->key();
    return host{to_bytes(blob), key, std::move(*certificate)};
}

result<> agent_bindings::add(const agent_session_binding& wanted) {
    failed_ = true;  // until it is not
    if (wanted.session_id.size() > limits::agent_session_id_length_max) return errc::too_long;
    auto server = parse_host(wanted.host_key_blob);
    if (!server) return server.error();
    // Its algorithm is what the two agreed upon: any that fits the key.
    wire::reader r(wanted.signature);
    std::string_view algorithm;
    r.read(algorithm);
    if (r.error()) return errc::bad_signature;
    const auto verified = server->key.verify(algorithm, wanted.session_id, wanted.signature);
    if (!verified) return verified.error();

    for (const binding& one : list_) {
        if (!one.is_forwarding) return errc::unexpected_message;
        if (!std::ranges::equal(one.session_id, wanted.session_id)) continue;
        // The same again changes nothing; OpenSSH's agent takes it too.
        const bool same = one.server.blob == server->blob;
        if (!same || !wanted.is_forwarding) return errc::protocol_error;
        failed_ = false;
        return {};
    }
    if (list_.size() == limits::agent_bindings_max) return errc::limit_reached;
    list_.push_back({std::move(*server), to_bytes(wanted.session_id), wanted.is_forwarding});
    failed_ = false;
    return {};
}

// --- what is permitted --------------------------------------------------------------------------

bool agent_bindings::is_at(const host& server, const agent_hop_end& end,
                           std::uint64_t system_seconds) {
    const auto fits = [&](const agent_host_key& one) {
        if (one.is_ca != server.certificate.has_value()) return false;
        if (!server.certificate) return one.key == server.key;
        if (one.key != server.certificate->signature_key()) return false;
        // Principals of hosts may be patterns; `judge` compares them as they are.
        const auto& names = server.certificate->fields().principals;
        const auto named = std::ranges::find_if(
            names, [&](const std::string& p) { return matches_wildcards(end.hostname, p); });
        const std::string_view principal = named == names.end() ? end.hostname : *named;
        return server.certificate->judge({crypto::certificate_kind::host, principal, system_seconds,
                                          true}) == crypto::certificate::verdict::good;
    };
    return std::ranges::any_of(end.host_keys, fits);
}

// No `from`: this machine. No `to`: wherever.
bool agent_bindings::permits(const std::vector<agent_hop>& hops, const host* from, const host* to,
                             std::optional<std::string_view> user_name,
                             std::uint64_t system_seconds) {
    return std::ranges::any_of(hops, [&](const agent_hop& hop) {
        const bool begins = from == nullptr
                                ? hop.from.hostname.empty() && hop.from.host_keys.empty()
                                : is_at(*from, hop.from, system_seconds);
        if (!begins || (to != nullptr && !is_at(*to, hop.to, system_seconds))) return false;
        return !user_name || hop.to.user_name.empty() ||
               matches_wildcards(*user_name, hop.to.user_name);
    });
}

// Every hop so far is permitted, and the last one to that user.
bool agent_bindings::leads_here(const std::vector<agent_hop>& hops,
                                std::optional<std::string_view> user_name,
                                std::uint64_t system_seconds) const {
    const host* from = nullptr;
    for (const binding& one : list_) {
        const bool last = &one == &list_.back();
        if (!permits(hops, from, &one.server, last ? user_name : std::nullopt, system_seconds))
            return false;
        from = &one.server;
    }
    return true;
}

bool agent_bindings::may_see(const std::vector<agent_hop>& hops,
                             std::uint64_t system_seconds) const {
    if (hops.empty()) return true;
    if (failed_) return false;
    if (list_.empty()) return true;  // a program of this machine
    if (!leads_here(hops, std::nullopt, system_seconds)) return false;
    // What may be used to log in at a host is no business of that host, unless it leads further.
    const binding& last = list_.back();
    return !last.is_forwarding ||
           permits(hops, &last.server, nullptr, std::nullopt, system_seconds);
}

bool agent_bindings::may_sign(const std::vector<agent_hop>& hops, bytes_view data,
                              bytes_view key_blob, std::uint64_t system_seconds) const {
    if (hops.empty()) return true;
    if (failed_ || list_.empty()) return false;
    const auto login = agent_login_data::parse(data, key_blob);
    if (!login) return false;
    const binding& last = list_.back();
    if (last.is_forwarding || !std::ranges::equal(login->session_id, last.session_id)) return false;
    // Behind a forwarding only the host key in what is signed says where it is for: the binding is
    // as the host in between has it.
    if (list_.size() > 1 && !login->host_key_blob) return false;
    if (login->host_key_blob && !std::ranges::equal(*login->host_key_blob, last.server.blob))
        return false;
    return leads_here(hops, login->user_name, system_seconds);
}

}  // namespace sluice
