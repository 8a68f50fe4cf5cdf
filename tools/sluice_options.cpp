#include "sluice/tools/sluice_options.hpp"

namespace sluice {

ssh_config_query query_of(const client_arguments& a, const ssh_config_system& system) {
    ssh_config_query query;
    const auto at = a.host.rfind('@');
    query.host = at == std::string::npos ? a.host : a.host.substr(at + 1);
    query.command = a.command;
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
    s.local_command = std::move(loaded->local_command);
    return s;
}

}  // namespace sluice
