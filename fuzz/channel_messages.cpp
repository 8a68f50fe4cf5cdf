// Messages 80 to 100 of RFC 4254 from hostile bytes.

#include "sluice/channel/messages.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

namespace {

template <class... M>
void round_trips(bytes_view payload) {
    (fuzz::round_trip<M>(payload), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    round_trips<global_request_message, request_success, request_failure, channel_open,
                channel_open_confirmation, channel_open_failure, channel_window_adjust,
                channel_data, channel_extended_data, channel_eof, channel_close,
                channel_request_message, channel_success, channel_failure>({data, size});
    return 0;
}
