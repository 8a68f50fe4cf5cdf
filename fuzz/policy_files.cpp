// Files of principals, of revoked keys and of trusted hosts.

#include "sluice/auth/authorized_principals.hpp"
#include "sluice/auth/hosts_equiv.hpp"
#include "sluice/auth/revoked_keys.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto key = crypto::private_key::generate("ssh-ed25519").value().public_half();
    const std::string_view text = as_text({data, size});
    if (const auto names = parse_authorized_principals(text))
        for (const auto& one : *names)
            expects(crypto::is_certificate_principal(one.name) &&
                    one.name.find_first_of(" #") == std::string::npos);
    // Whoever has no name is trusted by no file.
    expects(!hosts_equiv_permits(text, "h", "", ""));
    expects(!hosts_equiv_permits(text, "", "u", "u"));
    // No file made by somebody else revokes this key.
    if (const auto revoked = revoked_keys::parse({data, size})) expects(!revoked->revokes(key));
    // A line in front decides, whatever follows.
    expects(hosts_equiv_permits("h u\n" + std::string(text), "h", "u", "x"));
    expects(!hosts_equiv_permits("-h\n" + std::string(text), "h", "u", "u"));
    (void)hosts_equiv_permits(text, "h", "u", "u");
    return 0;
}
