// A server's transport before keys are in use, against packets of the fuzzer's making.

#include "sluice/fuzz/transport_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sluice::fuzz::drive_transport(sluice::role::server, {data, size});
    return 0;
}
