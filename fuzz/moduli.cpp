// Files of moduli(5).

#include "sluice/crypto/moduli.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto groups = crypto::parse_moduli(as_text({data, size}));
    if (!groups) return 0;
    for (const auto& group : *groups) {
        expects(group.prime.size() >= 256 && group.prime.size() <= 1024);
        expects(group.prime.front() != 0 && group.prime.back() % 2 == 1);
        expects(group.generator.size() == 1 && group.generator[0] > 1);
    }
    return 0;
}
