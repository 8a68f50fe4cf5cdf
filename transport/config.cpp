#include "sluice/transport/config.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/compression.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/table.hpp"

#include <algorithm>

namespace sluice {

transport_config::transport_config(role own)
    : kex_algorithms(offered_kex_methods(own)),
      ciphers(offered_names(sluice::ciphers())),
      macs(offered_names(sluice::macs())),
      compressions(offered_names(sluice::compressions())) {
    for (const auto& algorithm : crypto::signature_algorithms()) {
        if (algorithm.of_hosts) host_key_algorithms.emplace_back(algorithm.name);
        public_key_algorithms.emplace_back(algorithm.name);
    }
}

old_program_offer old_program_offer::best() {
    return {.kex_algorithms = {"ecdh-sha2-nistp256"},
            .host_key_algorithms = {"ecdsa-sha2-nistp256"},
            .macs = {"hmac-sha2-256"}};
}

std::vector<std::string> weak_algorithms(const transport_config& config) {
    std::vector<std::string> names;
    const auto add = [&names](const std::vector<std::string>& from, auto&& find) {
        for (const auto& name : from)
            if (const auto* known = find(name);
                known != nullptr && known->weak && std::ranges::find(names, name) == names.end())
                names.push_back(name);
    };
    add(config.host_key_algorithms, crypto::find_signature_algorithm);
    add(config.public_key_algorithms, crypto::find_signature_algorithm);
    add(config.ciphers, find_cipher);
    add(config.macs, find_mac);
    add(config.to_old_programs.macs, find_mac);
    add(config.to_old_programs.host_key_algorithms, crypto::find_signature_algorithm);
    return names;
}

}  // namespace sluice
