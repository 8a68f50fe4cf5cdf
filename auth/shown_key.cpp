#include "sluice/auth/shown_key.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {

std::optional<crypto::presented_key> shown_key(std::string_view algorithm, bytes_view blob,
                                               std::span<const std::string> accepted,
                                               std::span<const crypto::public_key> used) {
    if (blob.size() > limits::public_key_blob_length_max) return std::nullopt;
    // Before the blob is looked into: a certificate costs the verification of its signature.
    if (std::ranges::find(accepted, algorithm) == accepted.end()) return std::nullopt;
    auto shown = crypto::presented_key::from_blob(blob);
    if (!shown || !shown->fits(algorithm)) return std::nullopt;
    if (std::ranges::find(used, shown->key) != used.end()) return std::nullopt;
    return std::move(*shown);
}

}  // namespace sluice
