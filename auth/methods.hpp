#pragma once

#include "sluice/auth/client_method.hpp"
#include "sluice/auth/server_method.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A way to authenticate, known by its name. A role that nobody plays by that name is null.
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

/// All that we know: of users, and of hosts.
std::vector<std::string> names_of_signature_algorithms();
std::vector<std::string> names_of_host_key_algorithms();

inline constexpr std::string_view publickey_hostbound = "publickey-hostbound-v00@openssh.com";
inline constexpr std::string_view connection_service = "ssh-connection";

// method_<name>.cpp, both
std::unique_ptr<server_method> make_server_none();
std::unique_ptr<server_method> make_server_password();
std::unique_ptr<server_method> make_server_publickey();
std::unique_ptr<server_method> make_server_keyboard_interactive();
std::unique_ptr<server_method> make_server_hostbased();

std::unique_ptr<client_method> make_client_none();
std::unique_ptr<client_method> make_client_password();
std::unique_ptr<client_method> make_client_publickey();
std::unique_ptr<client_method> make_client_keyboard_interactive();
std::unique_ptr<client_method> make_client_hostbased();

}  // namespace sluice
