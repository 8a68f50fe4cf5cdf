#pragma once

#include "sluice/io/server.hpp"
#include "sluice/tools/sluiced_logins.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include <string>
#include <vector>

namespace sluice {

/// What is wrong with the settings, in words for an operator.
struct setup_error {
    std::string text;
};

template <class T>
using setup_result = boost::system::result<T, setup_error>;

/// The algorithms that settings may choose from, and the default offers of one side.
algorithm_choices sluiced_algorithms(role own = role::server);

/// Server options from settings: reads host keys and banners, opens the roots. Work that may wait
/// for a disk is given to `files`, logins to `logins`; all outlive the server.
setup_result<server_options> make_server_options(const sluiced_settings& settings, bool exec,
                                                 boost::asio::thread_pool& files,
                                                 login_pools logins);

/// The addresses to listen on; names are resolved.
setup_result<std::vector<boost::asio::ip::tcp::endpoint>> listen_endpoints(
    const sluiced_config& config);

}  // namespace sluice
