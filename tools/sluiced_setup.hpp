#pragma once

#include "sluice/io/server.hpp"
#include "sluice/tools/sluiced_landlock.hpp"
#include "sluice/tools/sluiced_logins.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include <map>
#include <string>
#include <vector>

namespace sluice {

/// What is wrong with the settings, in words for an operator.
struct setup_error {
    std::string text;
    bool only_unfinished = false;  // nothing is wrong, but there is nothing to serve, or nobody
};

template <class T>
using setup_result = boost::system::result<T, setup_error>;

/// The algorithms that settings may choose from, and the default offers of one side.
algorithm_choices sluiced_algorithms(role own = role::server);

/// What settings name that is read once, and that the server need not be able to read again: host
/// keys and their certificates, groups, banners.
struct server_material {
    server_config protocol;
    std::map<std::string, std::string> banners;  // text by file name
    std::vector<setting_note> notes;             // files that it does without
};

/// Reads it, after a look at whether the settings go together. `exec`: commands are to run, which
/// is refused `as_root`. As for sshd, a host key that is not there or of an unknown type is left
/// out where another is left, and a banner that is not there: both are noted.
setup_result<server_material> read_material(const sluiced_settings& settings, bool exec,
                                            bool as_root);

/// How many threads that pool has, which are for files.
inline constexpr std::size_t file_threads = 8;

/// Server options: opens the roots, as whoever we are by then. Work that may wait for a disk is
/// given to `files`, logins to `logins`; all outlive the server. `log` is that of the server.
setup_result<server_options> make_server_options(const sluiced_settings& settings,
                                                 server_material material, bool exec,
                                                 boost::asio::thread_pool& files,
                                                 login_pools logins, log_sink log = {});

/// What the server, as it is set, has to do with the file system and with others; for the kernel to
/// hold it to. The NSS modules of libc and the files that they read are among it.
landlock_rules rules_for(const sluiced_settings& settings);

/// The addresses to listen on; names are resolved.
setup_result<std::vector<boost::asio::ip::tcp::endpoint>> listen_endpoints(
    const sluiced_config& config);

}  // namespace sluice
