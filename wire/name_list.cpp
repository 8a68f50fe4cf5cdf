#include "sluice/wire/name_list.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice::wire {

result<name_list> name_list::parse(std::string_view text) {
    if (text.empty()) return name_list{};
    if (text.size() > limits::name_list_length_max) return errc::too_long;
    std::size_t names = 1;
    std::size_t length = 0;
    for (const char c : text) {
        if (c == ',') {
            if (length == 0) return errc::bad_name_list;
            if (++names > limits::name_list_names_max) return errc::too_long;
            length = 0;
            continue;
        }
        if (c <= ' ' || c > '~') return errc::bad_name_list;
        if (++length > limits::name_length_max) return errc::bad_name_list;
    }
    // One comma at the end is forgiven, against RFC 4251 §5: libssh 0.10 sends one.
    if (length == 0 && names == 1) return errc::bad_name_list;
    return name_list{text};
}

bool name_list::contains(std::string_view name) const {
    return any_of([&](std::string_view n) { return n == name; });
}

std::vector<std::string_view> name_list::names() const {
    std::vector<std::string_view> all;
    any_of([&](std::string_view n) {
        all.push_back(n);
        return false;
    });
    return all;
}

std::string_view first_common(name_list ours, name_list theirs) {
    std::string_view found;
    ours.any_of([&](std::string_view n) {
        if (!theirs.contains(n)) return false;
        found = n;
        return true;
    });
    return found;
}

namespace {
template <class Names>
std::string join_any(const Names& names) {
    std::string text;
    for (const auto& n : names) {
        if (!text.empty()) text += ',';
        text += n;
    }
    return text;
}
}  // namespace

std::string join(const std::vector<std::string_view>& names) { return join_any(names); }
std::string join(const std::vector<std::string>& names) { return join_any(names); }

}  // namespace sluice::wire
