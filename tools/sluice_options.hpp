#pragma once

#include "sluice/io/connect_options.hpp"
#include "sluice/io/load_ssh_config.hpp"

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The arguments of `sluice`, as ssh(1) has them, made into `connect_options`. Text in, structs
/// out.
namespace sluice {

/// What the command line said, before any of it is understood.
struct client_arguments {
    std::string host;                        // [user@]host
    std::string user;                        // -l
    std::optional<std::uint16_t> port;       // -p
    std::vector<std::string> identities;     // -i
    std::string jump;                        // -J
    std::optional<std::string> config_file;  // -F; "none": no file
    std::string command;                     // to be run, or a subsystem's name; for Match
    std::vector<std::string> settings;       // -o Keyword=value, as in ssh_config(5)
};

struct client_settings {
    connect_options connect;
    ssh_config config;
    std::vector<std::pair<std::string, std::string>> environment;  // for a command to have
    std::string local_command;  // to be run here when we are logged in; or empty
    bool batch_mode = false;    // nothing is asked
};

/// What to look up in the files of ssh_config(5). Arguments of their own come before -o.
ssh_config_query query_of(const client_arguments& arguments, const ssh_config_system& system);

/// What all of it comes to. The error is a text for people.
boost::system::result<client_settings, std::string> understand(const client_arguments& arguments,
                                                               const ssh_config_system& system);

}  // namespace sluice
