#include "sluice/transport/extensions.hpp"

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/name_list.hpp"

#include <algorithm>
#include <string_view>

namespace sluice {

result<> peer_extensions::update(const ext_info& message) {
    for (const auto& extension : message.extensions) {
        if (extension.name == "server-sig-algs") {
            const auto list = wire::name_list::parse(extension.value);
            if (!list) return list.error();
            server_sig_algs.clear();
            for (const auto name : list->names())
                server_sig_algs.emplace_back(name);
        } else if (extension.name == "ping@openssh.com") {
            ping = extension.value == "0";
        } else if (extension.name == "publickey-hostbound@openssh.com") {
            hostbound = extension.value == "0";
        }
    }
    seen = true;
    return {};
}

bytes server_ext_info(const std::vector<std::string>& public_key_algorithms,
                      const std::vector<std::pair<std::string, std::string>>& others) {
    // RFC 8308 §3.1: names of signatures, whether the key is shown in a certificate or not.
    std::vector<std::string_view> signatures;
    for (const std::string& name : public_key_algorithms) {
        const auto* known = crypto::find_signature_algorithm(name);
        const std::string_view signature = known != nullptr ? known->signs_as : name;
        if (std::ranges::find(signatures, signature) == signatures.end())
            signatures.push_back(signature);
    }
    const std::string sig_algs = wire::join(signatures);
    ext_info message;
    message.extensions.push_back({"server-sig-algs", sig_algs});
    for (const auto& [name, value] : others)
        message.extensions.push_back({name, value});
    return wire::encoded(message);
}

}  // namespace sluice
