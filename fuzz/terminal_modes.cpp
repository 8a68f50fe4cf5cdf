// Encoded terminal modes (RFC 4254 §8): what parses is written in a form that parses to the same.

#include "sluice/channel/terminal_modes.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto modes = terminal_modes::parse({data, size});
    if (!modes) return 0;
    const bytes once = modes->encode();
    expects(once.size() == 5 * modes->size() + 1);
    const auto again = terminal_modes::parse(once);
    expects(again.has_value() && *again == *modes);
    return 0;
}
