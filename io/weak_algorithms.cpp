#include "sluice/io/weak_algorithms.hpp"

namespace sluice {

void warn_of_weak_algorithms(transport_config offer, std::vector<std::string> public_key_algorithms,
                             const log_sink& log) {
    if (!log) return;
    offer.public_key_algorithms = std::move(public_key_algorithms);
    for (const auto& name : weak_algorithms(offer))
        log({log_severity::error,
             "weak_algorithm",
             {{"algorithm", name}, {"reason", "switched on by the settings, and not secure"}}});
}

}  // namespace sluice
