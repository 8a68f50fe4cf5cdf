// Armoured signatures of messages.

#include "sluice/crypto/sshsig.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto s = crypto::sshsig::parse(as_text({data, size}));
    if (!s) return 0;
    expects(!s->name_space().empty());
    expects(!s->cert() || s->cert()->key() == s->key());
    (void)s->verify(as_bytes("fuzzing\n"), s->name_space());  // that of the seeds
    expects(!s->verify(as_bytes("fuzzing\n"), "another" + s->name_space()));
    return 0;
}
