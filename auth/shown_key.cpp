#include "sluice/auth/shown_key.hpp"

#include "sluice/wire/limits.hpp"
#include "sluice/wire/mpint.hpp"
#include "sluice/wire/reader.hpp"

#include <algorithm>

namespace sluice {

namespace {

// Whoever made a key decides what its verification costs us, up to here.
bool is_cheap(const crypto::public_key& key) {
    if (key.type() != "ssh-rsa") return true;
    wire::reader r(key.blob());
    std::string_view type;
    wire::mpint e;
    r.read(type);
    r.read(e);
    return !r.error() && key.bits() <= limits::rsa_bits_of_strangers_max &&
           e.magnitude.size() * 8 <= limits::rsa_exponent_bits_of_strangers_max;
}

}  // namespace

std::optional<crypto::presented_key> shown_key(std::string_view algorithm, bytes_view blob,
                                               std::span<const std::string> accepted,
                                               std::span<const crypto::public_key> used) {
    if (blob.size() > limits::public_key_blob_length_max) return std::nullopt;
    if (std::ranges::find(accepted, algorithm) == accepted.end()) return std::nullopt;
    auto shown = crypto::presented_key::parse_claim(blob);
    if (!shown || !shown->fits(algorithm)) return std::nullopt;
    if (!is_cheap(shown->key) || (shown->cert && !is_cheap(shown->cert->signature_key())))
        return std::nullopt;
    if (std::ranges::find(used, shown->key) != used.end()) return std::nullopt;
    return std::move(*shown);
}

}  // namespace sluice
