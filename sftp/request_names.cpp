#include "sluice/sftp/request_names.hpp"

#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/requests.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <variant>

namespace sluice::sftp {
namespace {

struct named {
    std::uint8_t number;
    std::string_view name;
};

constexpr std::array requests{
    named{fxp_open::number, "open"},         named{fxp_close::number, "close"},
    named{fxp_read::number, "read"},         named{fxp_write::number, "write"},
    named{fxp_lstat::number, "lstat"},       named{fxp_fstat::number, "fstat"},
    named{fxp_setstat::number, "setstat"},   named{fxp_fsetstat::number, "fsetstat"},
    named{fxp_opendir::number, "opendir"},   named{fxp_readdir::number, "readdir"},
    named{fxp_remove::number, "remove"},     named{fxp_mkdir::number, "mkdir"},
    named{fxp_rmdir::number, "rmdir"},       named{fxp_realpath::number, "realpath"},
    named{fxp_stat::number, "stat"},         named{fxp_rename::number, "rename"},
    named{fxp_readlink::number, "readlink"}, named{fxp_symlink::number, "symlink"},
};

template <std::size_t... I>
void append_extended(std::vector<std::string_view>& names, std::index_sequence<I...>) {
    (names.push_back(request_name(std::variant_alternative_t<I, extension>::name)), ...);
}

}  // namespace

std::string_view request_name(std::uint8_t number) {
    const auto found = std::ranges::find(requests, number, &named::number);
    return found == requests.end() ? std::string_view() : found->name;
}

std::vector<std::string_view> request_names() {
    std::vector<std::string_view> names;
    for (const named& one : requests)
        names.push_back(one.name);
    append_extended(names, std::make_index_sequence<std::variant_size_v<extension>>());
    return names;
}

}  // namespace sluice::sftp
