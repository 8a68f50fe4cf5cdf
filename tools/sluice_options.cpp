#include "sluice/tools/sluice_options.hpp"

#include <cstdio>

namespace sluice {
namespace {

// Bytes of the character at the front if it does a terminal no harm: neither a control character,
// of ASCII or of C1, nor a piece of UTF-8 that is none.
std::size_t shown_as_is(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return first == '\n' || first == '\t' || (first >= 0x20 && first != 0x7f);
    const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
    for (std::size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return first == 0xc2 && byte(1) < 0xa0 ? 0 : n;
}

}  // namespace

ssh_config_query query_of(const client_arguments& a, const ssh_config_system& system) {
    ssh_config_query query;
    const auto at = a.host.rfind('@');
    query.host = at == std::string::npos ? a.host : a.host.substr(at + 1);
    query.user = at == std::string::npos ? "" : a.host.substr(0, at);
    if (!a.user.empty()) query.user = a.user;
    if (a.port) query.settings.push_back("Port=" + std::to_string(*a.port));
    for (const auto& file : a.identities)
        query.settings.push_back(ssh_config_setting("IdentityFile", file));
    if (!a.jump.empty()) query.settings.push_back("ProxyJump=" + a.jump);
    query.settings.insert(query.settings.end(), a.settings.begin(), a.settings.end());
    if (!a.config_file)
        query.files = ssh_config_query::usual_files(system);
    else if (*a.config_file != "none")
        query.files = {{*a.config_file, true, true, false}};
    return query;
}

boost::system::result<client_settings, std::string> understand(const client_arguments& a,
                                                               const ssh_config_system& system) {
    auto loaded = load_ssh_config(query_of(a, system), system);
    if (!loaded) return loaded.error().message();
    client_settings s;
    s.batch_mode = *loaded->config.batch_mode;
    s.connect = std::move(loaded->connect);
    s.config = std::move(loaded->config);
    s.environment = std::move(loaded->environment);
    return s;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t n = shown_as_is(text);
        if (n != 0) {
            out += text.substr(0, n);
            text.remove_prefix(n);
            continue;
        }
        char escaped[5];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(text.front()));
        if (text.front() != '\r') out += escaped;
        text.remove_prefix(1);
    }
    return out;
}

}  // namespace sluice
