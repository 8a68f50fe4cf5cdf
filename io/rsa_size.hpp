#pragma once

#include "sluice/crypto/key.hpp"

#include <string>

namespace sluice {

/// What is wrong with an RSA key of fewer bits than that (RequiredRSASize), for
/// people; empty where nothing is.
std::string rsa_key_too_small(const crypto::public_key& key, unsigned bits_min);

}  // namespace sluice
