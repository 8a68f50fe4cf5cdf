#include "sluice/transport/key_exchange_run.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/name_list.hpp"

#include <algorithm>

namespace sluice {
namespace {

void add_new(std::vector<std::string>& names, const std::vector<std::string>& more) {
    for (const auto& name : more)
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

}  // namespace

key_exchange_run::key_exchange_run(const transport_config& config, role own, bool first,
                                   peer_habits habits)
    : config_(config) {
    context_.own = own;
    context_.random = config.random;
    if (config.exchange_groups) context_.exchange_groups = *config.exchange_groups;
    (own == role::client ? context_.client_kexinit : context_.server_kexinit) =
        make_kexinit(config, first, habits);
}

const bytes& key_exchange_run::own_kexinit() const {
    return context_.own == role::client ? context_.client_kexinit : context_.server_kexinit;
}

bytes key_exchange_run::make_kexinit(const transport_config& config, bool first,
                                     peer_habits habits) const {
    std::vector<std::string> kex = config.kex_algorithms;
    std::vector<std::string> host_key_algorithms = config.host_key_algorithms;
    std::vector<std::string> macs = config.macs;
    if (context_.own == role::server && habits.has(peer_habit::nist_curves_only)) {
        add_new(kex, config.to_old_programs.kex_algorithms);
        add_new(host_key_algorithms, config.to_old_programs.host_key_algorithms);
    }
    if (context_.own == role::server && habits.has(peer_habit::plaintext_macs_only))
        add_new(macs, config.to_old_programs.macs);
    // The marks are only for the first exchange, and last so that they are never a guess.
    if (first && context_.own == role::client) kex.emplace_back(ext_info_c);
    if (first) kex.emplace_back(context_.own == role::client ? kex_strict_c : kex_strict_s);

    std::vector<std::string> host_keys;
    for (const auto& algorithm : host_key_algorithms) {
        const auto signs = [&](const auto& key) { return key->signs(algorithm); };
        if (context_.own == role::client || std::ranges::any_of(config.host_keys, signs))
            host_keys.push_back(algorithm);
    }

    const std::string kex_list = wire::join(kex);
    const std::string host_key_list = wire::join(host_keys);
    const std::string ciphers = wire::join(config.ciphers);
    const std::string mac_list = wire::join(macs);
    const std::string compressions = wire::join(config.compressions);
    kexinit m;
    config.random->fill(m.cookie);
    m.kex_algorithms = {kex_list};
    m.server_host_key_algorithms = {host_key_list};
    m.encryption_algorithms_client_to_server = m.encryption_algorithms_server_to_client = {ciphers};
    m.mac_algorithms_client_to_server = m.mac_algorithms_server_to_client = {mac_list};
    m.compression_algorithms_client_to_server =
        m.compression_algorithms_server_to_client = {compressions};
    return wire::encoded(m);
}

result<> key_exchange_run::on_kexinit(bytes_view payload, const std::string& peer_identification,
                                      std::vector<bytes>& replies) {
    if (state_ != state::awaiting_kexinit) return errc::unexpected_message;
    const bool server = context_.own == role::server;
    context_.client_identification = server ? peer_identification : config_.identification;
    context_.server_identification = server ? config_.identification : peer_identification;
    bytes& peer_payload = server ? context_.client_kexinit : context_.server_kexinit;
    peer_payload = to_bytes(payload);
    const auto peer = wire::decode<kexinit>(peer_payload);
    if (!peer) return peer.error();
    const auto own = wire::decode<kexinit>(own_kexinit());
    expects(own.has_value());

    const auto chosen = negotiate(server ? *peer : *own, server ? *own : *peer, context_.own);
    if (!chosen) return chosen.error();
    chosen_ = *chosen;
    peer_wants_ext_info_ = server && peer->kex_algorithms.contains(ext_info_c);
    peer_is_strict_ = peer->kex_algorithms.contains(server ? kex_strict_c : kex_strict_s);
    discard_guess_ = chosen_.guess_is_wrong;

    context_.host_key_algorithm = chosen_.host_key_algorithm;
    for (const auto& key : config_.host_keys)
        if (server && context_.key == nullptr && key->signs(chosen_.host_key_algorithm))
            context_.key = key.get();
    if (server && context_.key == nullptr) return errc::no_common_host_key;

    method_ = chosen_.kex->make(*chosen_.kex, context_);
    if (auto first = method_->begin()) replies.push_back(std::move(*first));
    state_ = state::awaiting_method;
    return {};
}

result<> key_exchange_run::on_message(bytes_view payload, std::vector<bytes>& replies) {
    if (state_ != state::awaiting_method) return errc::unexpected_message;
    if (discard_guess_) {
        discard_guess_ = false;  // RFC 4253 §7: a packet sent on a wrong guess is ignored
        return {};
    }
    auto outcome = method_->on_message(payload, replies);
    if (!outcome) return outcome.error();
    if (!*outcome) return {};
    outcome_ = std::move(**outcome);
    if (context_.own == role::server) {
        state_ = state::agreed;
        return {};
    }
    if (const auto checked = check_host_key(); !checked) return checked.error();
    state_ = state::awaiting_trust;
    return {};
}

result<> key_exchange_run::check_host_key() const {
    const auto shown = crypto::presented_key::from_blob(outcome_.host_key_blob);
    if (!shown) return errc::host_key_rejected;
    if (!shown->verify(chosen_.host_key_algorithm, outcome_.exchange_hash, outcome_.signature))
        return errc::host_key_rejected;
    return {};
}

void key_exchange_run::accept_host_key() {
    expects(state_ == state::awaiting_trust);
    state_ = state::agreed;
}

}  // namespace sluice
