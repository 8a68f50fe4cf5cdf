#include "sluice/transport/config.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/compression.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/table.hpp"

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

}  // namespace sluice
