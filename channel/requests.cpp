#include "sluice/channel/requests.hpp"

#include "sluice/channel/messages.hpp"

namespace sluice {

using request_list = named::list<channel_request>;

result<std::optional<channel_request>> decode_channel_request(std::string_view name,
                                                              bytes_view type_specific) {
    return request_list::decode(name, type_specific);
}

void encode_channel_request(std::uint32_t recipient_channel, const channel_request& request,
                            bool want_reply, bytes& out) {
    wire::encode(
        channel_request_message{recipient_channel, request_list::name_of(request), want_reply, {}},
        out);
    wire::writer w(out);
    request_list::encode(request, w);
}

}  // namespace sluice
