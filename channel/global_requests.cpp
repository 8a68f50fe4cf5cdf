#include "sluice/channel/global_requests.hpp"

#include "sluice/channel/messages.hpp"
#include "sluice/wire/limits.hpp"

namespace sluice {
namespace {

using request_list = named::list<global_request>;

void put_strings(const std::vector<bytes_view>& strings, wire::writer& w) {
    for (const bytes_view s : strings)
        w.write(s);
}

void get_strings(wire::reader& r, std::vector<bytes_view>& strings) {
    while (!r.error() && !r.at_end()) {
        if (strings.size() == limits::host_keys_max) return r.fail(errc::too_long);
        bytes_view s;
        r.read(s);
        strings.push_back(s);
    }
}

}  // namespace

void hostkeys_request::put(const hostkeys_request& m, wire::writer& w) {
    put_strings(m.host_keys, w);
}
void hostkeys_request::get(wire::reader& r, hostkeys_request& m) { get_strings(r, m.host_keys); }

void hostkeys_prove_request::put(const hostkeys_prove_request& m, wire::writer& w) {
    put_strings(m.host_keys, w);
}
void hostkeys_prove_request::get(wire::reader& r, hostkeys_prove_request& m) {
    get_strings(r, m.host_keys);
}

result<std::optional<global_request>> decode_global_request(std::string_view name,
                                                            bytes_view request_specific) {
    return request_list::decode(name, request_specific);
}

void encode_global_request(const global_request& request, bool want_reply, bytes& out) {
    wire::encode(global_request_message{request_list::name_of(request), want_reply, {}}, out);
    wire::writer w(out);
    request_list::encode(request, w);
}

}  // namespace sluice
