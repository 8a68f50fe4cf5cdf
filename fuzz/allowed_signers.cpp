// Files that say who may sign messages.

#include "sluice/auth/allowed_signers.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto key = crypto::private_key::generate("ssh-ed25519").value();
    static const auto signature =
        crypto::sshsig::parse(crypto::sign_message(key, "file", {}).value()).value();
    const auto list = allowed_signers::parse(as_text({data, size}));
    if (!list) return 0;
    // No file made by somebody else names this key.
    expects(!list->verify(signature, {}, "file", "ada", 1'700'000'000));
    for (const auto& signer : list->signers())
        expects(!signer.principals.empty() && signer.line > 0);
    // A line for it in front decides, whatever follows.
    const auto more = allowed_signers::parse("ada " + key.public_half().line() + '\n' +
                                             std::string(as_text({data, size})));
    if (more) expects(more->verify(signature, {}, "file", "ada", 1'700'000'000).has_value());
    return 0;
}
