// Every message of the transport layer.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/transport/extensions.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/transport/negotiation.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view payload{data, size};
    fuzz::round_trip<disconnect>(payload);
    fuzz::round_trip<ignore>(payload);
    fuzz::round_trip<unimplemented>(payload);
    fuzz::round_trip<debug>(payload);
    fuzz::round_trip<service_request>(payload);
    fuzz::round_trip<service_accept>(payload);
    fuzz::round_trip<ext_info>(payload);
    fuzz::round_trip<kexinit>(payload);
    fuzz::round_trip<newkeys>(payload);
    fuzz::round_trip<ping>(payload);
    fuzz::round_trip<pong>(payload);
    if (const auto m = wire::decode<ext_info>(payload)) {
        peer_extensions extensions;
        static_cast<void>(extensions.update(*m));
    }
    if (const auto m = wire::decode<kexinit>(payload)) {
        static_cast<void>(negotiate(*m, *m, role::client));
        static_cast<void>(negotiate(*m, *m, role::server));
    }
    return 0;
}
