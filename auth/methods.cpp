#include "sluice/auth/methods.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::array methods{
    auth_method{"none", "none", make_server_none},
    auth_method{"publickey", "publickey", make_server_publickey},
    auth_method{publickey_hostbound, "publickey", make_server_publickey},
    auth_method{"password", "password", make_server_password},
};

}  // namespace

const auth_method* find_auth_method(std::string_view name) {
    const auto found = std::ranges::find(methods, name, &auth_method::name);
    return found == methods.end() ? nullptr : &*found;
}

}  // namespace sluice
