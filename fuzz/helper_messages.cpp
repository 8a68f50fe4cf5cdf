// What a server and its command helper say to each other.

#include "sluice/io/command_helper_messages.hpp"

#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view message(data, size);
    fuzz::round_trip<helper::account>(message);
    fuzz::round_trip<helper::ready>(message);
    fuzz::round_trip<helper::start>(message);
    fuzz::round_trip<helper::signal>(message);
    fuzz::round_trip<helper::ended>(message);
    if (const auto m = wire::decode<helper::start>(message)) {
        expects(m->options.environment.size() <= limits::helper_variables_max);
        expects(m->options.command.find('\0') == std::string::npos);
    }
    return 0;
}
