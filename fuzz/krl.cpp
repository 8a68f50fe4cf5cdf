// Key revocation lists.

#include "sluice/crypto/krl.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto key = crypto::private_key::generate("ssh-ed25519").value();
    static const auto cert =
        crypto::certificate::issue(key.public_half(), {.serial = 5}, key, crypto::system_random())
            .value();
    const auto list = crypto::krl::parse({data, size});
    if (!list) return 0;
    // No list made by somebody else names this key; its certificate's number may stand in one.
    expects(!list->revokes(key.public_half()));
    (void)list->revokes(cert);
    return 0;
}
