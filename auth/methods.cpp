#include "sluice/auth/methods.hpp"

#include "sluice/crypto/signature_algorithms.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::array methods{
    auth_method{"none", "none", make_server_none, make_client_none},
    auth_method{"publickey", "publickey", make_server_publickey, make_client_publickey},
    // A client chooses this form by itself, where the server announces it.
    auth_method{publickey_hostbound, "publickey", make_server_publickey, nullptr},
    auth_method{"password", "password", make_server_password, make_client_password},
    auth_method{"keyboard-interactive", "keyboard-interactive", make_server_keyboard_interactive,
                make_client_keyboard_interactive},
    auth_method{"hostbased", "hostbased", make_server_hostbased, make_client_hostbased},
};

const auth_method* find(std::string_view name) {
    const auto found = std::ranges::find(methods, name, &auth_method::name);
    return found == methods.end() ? nullptr : &*found;
}

}  // namespace

const auth_method* find_auth_method(std::string_view name) {
    const auth_method* method = find(name);
    return method != nullptr && method->make_server != nullptr ? method : nullptr;
}

std::unique_ptr<client_method> make_client_method(std::string_view name) {
    const auth_method* method = find(name);
    return method != nullptr && method->make_client != nullptr ? method->make_client() : nullptr;
}

std::vector<std::string> names_of_signature_algorithms() {
    std::vector<std::string> names;
    for (const auto& algorithm : crypto::signature_algorithms())
        names.emplace_back(algorithm.name);
    return names;
}

std::vector<std::string> names_of_host_key_algorithms() {
    std::vector<std::string> names;
    for (const auto& algorithm : crypto::signature_algorithms())
        if (algorithm.of_hosts) names.emplace_back(algorithm.name);
    return names;
}

}  // namespace sluice
