#pragma once

#include "sluice/crypto/dh_groups.hpp"
#include "sluice/wire/error.hpp"

#include <string_view>
#include <vector>

namespace sluice::crypto {

/// The groups of a moduli(5) file, which ssh-keygen -M makes: safe primes of 2048 to 8192 bits that
/// tests have shown to be prime; lines of others are left out. Errors: bad_value for a line that is
/// none, too_long above limits::moduli_max groups.
result<std::vector<dh_group>> parse_moduli(std::string_view text);

}  // namespace sluice::crypto
