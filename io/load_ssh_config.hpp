#pragma once

#include "sluice/io/connect_options.hpp"
#include "sluice/io/ssh_config_resolve.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// What ssh_config(5) says about a host, as far as a program can use it.
struct ssh_client_settings {
    connect_options connect;
    ssh_config config;  // all of it, for what `connect` has no place for
    std::vector<std::pair<std::string, std::string>> environment;  // for sessions to request
    std::string local_command;  // to be run by the user's shell, once we are logged in; or empty
};

/// What `ssh host` would do: how to connect by ~/.ssh/config and /etc/ssh/ssh_config. `host` may be
/// "user@host".
///
///     auto options = sluice::load_ssh_config("build-server");
///     if (!options) return complain(options.error().message());
///     auto connection = co_await sluice::connect(std::move(*options));
///
/// Files and, for CanonicalizeHostname, name lookups: it blocks. A file with `Match exec` is
/// refused, unless the other function is given a system that runs commands. ProxyCommand is not
/// run here, but by `connect`.
boost::system::result<connect_options, ssh_config_error> load_ssh_config(const std::string& host);

/// The same with other files, settings that go first, and another system.
boost::system::result<ssh_client_settings, ssh_config_error> load_ssh_config(
    const ssh_config_query& query, const ssh_config_system& system);

/// Applies resolved values: a line a keyword. The servers of ProxyJump are not looked up.
///
/// Departures from ssh(1): a key that was revoked is refused whatever StrictHostKeyChecking says.
/// What else has no effect is told by `ssh_config::notes` and `ssh_config::warnings`.
boost::system::result<connect_options, ssh_config_error> connect_options_from(
    const ssh_config& config, const ssh_config_system& system);

}  // namespace sluice
