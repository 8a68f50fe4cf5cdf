#include "sluice/io/id_file.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

// The text up to `separator`, which is taken off `rest` with it.
std::string_view up_to(char separator, std::string_view& rest) {
    const auto end = std::min(rest.find(separator), rest.size());
    const auto field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return field;
}

// `+` and `-` begin the lines by which NIS was asked.
bool is_name(std::string_view name) {
    const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
    return !name.empty() && name.size() <= limits::user_name_length_max && name[0] != '+' &&
           name[0] != '-' && name[0] != '#' && std::ranges::all_of(name, printable);
}

}  // namespace

id_table parse_id_file(std::string_view text) {
    id_table names;
    while (!text.empty() && names.size() < limits::id_file_names_max) {
        std::string_view line = up_to('\n', text);
        const auto name = up_to(':', line);
        up_to(':', line);  // the password
        const auto number = up_to(':', line);
        std::uint32_t id = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), id);
        const bool whole = error == std::errc() && end == number.data() + number.size();
        if (whole && is_name(name)) names.try_emplace(id, name);
    }
    return names;
}

}  // namespace sluice
