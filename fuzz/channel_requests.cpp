// What follows the name of a channel type, a channel request or a global request. Input: the name,
// a line feed, what follows.

#include "sluice/channel/global_requests.hpp"
#include "sluice/channel/open_types.hpp"
#include "sluice/channel/requests.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

namespace {

template <class List>
void round_trip(std::string_view name, bytes_view specific) {
    const auto first = List::decode(name, specific);
    if (!first || !*first) return;
    expects(List::name_of(**first) == name);
    bytes once;
    wire::writer w(once);
    List::encode(**first, w);
    expects(once.size() == specific.size());
    const auto second = List::decode(name, once);
    expects(second.has_value() && second->has_value());
    bytes twice;
    wire::writer v(twice);
    List::encode(**second, v);
    expects(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view all{data, size};
    const auto end = static_cast<std::size_t>(std::ranges::find(all, '\n') - all.begin());
    if (end == size) return 0;
    const std::string_view name = as_text(all.first(end));
    const bytes_view specific = all.subspan(end + 1);
    round_trip<open_type_list>(name, specific);
    round_trip<named::list<channel_request>>(name, specific);
    round_trip<named::list<global_request>>(name, specific);
    return 0;
}
