#include "sluice/wire/plain_names.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

bool begins_a_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= limits::host_name_length_max &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool is_variable_name(std::string_view text) {
    const auto goes_on = [](char c) { return begins_a_name(c) || (c >= '0' && c <= '9'); };
    return !text.empty() && begins_a_name(text.front()) && std::ranges::all_of(text, goes_on);
}

}  // namespace sluice
