#pragma once

#include "sluice/io/log.hpp"
#include "sluice/transport/config.hpp"

#include <string>
#include <vector>

namespace sluice {

/// One line "weak_algorithm" for each weak name in what an end offers and, as user keys'
/// signatures, takes or makes.
void warn_of_weak_algorithms(transport_config offer, std::vector<std::string> public_key_algorithms,
                             const log_sink& log);

}  // namespace sluice
