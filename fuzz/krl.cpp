// Key revocation lists.

#include "sluice/crypto/krl.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

namespace {

// A fuzzer sees what it is compared with, and writes that into its input.
bool names(bytes_view list, const crypto::public_key& key) {
    const auto has = [list](const bytes& part) { return !std::ranges::search(list, part).empty(); };
    return has(key.blob()) || has(crypto::digest(crypto::hash_kind::sha1, key.blob())) ||
           has(crypto::digest(crypto::hash_kind::sha256, key.blob()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto key = crypto::private_key::generate("ssh-ed25519").value();
    static const auto cert =
        crypto::certificate::issue(key.public_half(), {.serial = 5}, key, crypto::system_random())
            .value();
    const auto list = crypto::krl::parse({data, size});
    if (!list) return 0;
    // A list that does not name the key says nothing of it; of its certificate's number it may.
    expects(!list->revokes(key.public_half()) || names({data, size}, key.public_half()));
    (void)list->revokes(cert);
    return 0;
}
