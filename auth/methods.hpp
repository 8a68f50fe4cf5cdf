#pragma once

#include "sluice/auth/client_method.hpp"
#include "sluice/auth/server_method.hpp"

#include <memory>
#include <string_view>

namespace sluice {

/// A way to authenticate, known by its name. A role that we do not play is null.
struct auth_method {
    std::string_view name;       // in requests
    std::string_view counts_as;  // in chains of methods and in FAILURE's list
    std::unique_ptr<server_method> (*make_server)();
    std::unique_ptr<client_method> (*make_client)();
};

/// Null when unknown, or when only a client can use it.
const auth_method* find_auth_method(std::string_view name);

/// The client's half of a method by the name it counts as; null when unknown.
std::unique_ptr<client_method> make_client_method(std::string_view name);

inline constexpr std::string_view publickey_hostbound = "publickey-hostbound-v00@openssh.com";
inline constexpr std::string_view connection_service = "ssh-connection";

// method_none.cpp, method_password.cpp, method_publickey.cpp
std::unique_ptr<server_method> make_server_none();
std::unique_ptr<server_method> make_server_password();
std::unique_ptr<server_method> make_server_publickey();

// The same, and method_keyboard_interactive.cpp
std::unique_ptr<client_method> make_client_none();
std::unique_ptr<client_method> make_client_password();
std::unique_ptr<client_method> make_client_publickey();
std::unique_ptr<client_method> make_client_keyboard_interactive();

}  // namespace sluice
