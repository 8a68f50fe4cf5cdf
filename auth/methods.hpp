#pragma once

#include "sluice/auth/server_method.hpp"

#include <memory>
#include <string_view>

namespace sluice {

/// A way to authenticate, known by its name.
struct auth_method {
    std::string_view name;       // in requests
    std::string_view counts_as;  // in chains of methods and in FAILURE's list
    std::unique_ptr<server_method> (*make_server)();
};

/// Null when unknown.
const auth_method* find_auth_method(std::string_view name);

inline constexpr std::string_view publickey_hostbound = "publickey-hostbound-v00@openssh.com";

// method_none.cpp, method_password.cpp, method_publickey.cpp
std::unique_ptr<server_method> make_server_none();
std::unique_ptr<server_method> make_server_password();
std::unique_ptr<server_method> make_server_publickey();

}  // namespace sluice
