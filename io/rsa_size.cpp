#include "sluice/io/rsa_size.hpp"

namespace sluice {

std::string rsa_key_too_small(const crypto::public_key& key, unsigned bits_min) {
    if (key.type() != "ssh-rsa" || key.bits() >= bits_min) return {};
    return "RSA of " + std::to_string(key.bits()) + " bits, less than the " +
           std::to_string(bits_min) + " of RequiredRSASize";
}

}  // namespace sluice
