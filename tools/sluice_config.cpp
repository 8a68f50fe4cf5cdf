#include "sluice/tools/sluice_config.hpp"

#include "sluice/tools/sluice_connection.hpp"

#include <cstdio>

namespace sluice {

int print_config(const client_arguments& arguments, const ssh_config_system& system) {
    const auto config = resolve_ssh_config(query_of(arguments, system), system);
    if (!config) {
        complain(config.error().message());
        return exit_no_session;
    }
    for (const auto& [keyword, value] : ssh_config_lines(*config))
        std::printf("%s %s\n", keyword.c_str(), value.c_str());
    return 0;
}

}  // namespace sluice
