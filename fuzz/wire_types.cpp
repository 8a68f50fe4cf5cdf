// Every data type of RFC 4251 §5 from hostile bytes; what parses is written back to the same bytes.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

using namespace sluice;

namespace {

template <class T>
void round_trip_type(bytes_view data) {
    wire::reader r(data);
    T value{};
    r.read(value);
    if (r.error()) return;
    bytes out;
    wire::writer(out).write(value);
    expects(std::ranges::equal(out, data.first(data.size() - r.left().size())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view all{data, size};
    round_trip_type<std::uint32_t>(all);
    round_trip_type<std::uint64_t>(all);
    round_trip_type<bytes_view>(all);
    round_trip_type<std::string_view>(all);
    round_trip_type<wire::name_list>(all);
    round_trip_type<wire::mpint>(all);
    const auto list = wire::name_list::parse(as_text(all));
    if (list) {
        const std::string names = wire::join(list->names());
        expects(list->text == names || list->text == names + ",");
        expects(list->empty() || first_common(*list, *list) == list->first());
    }
    return 0;
}
