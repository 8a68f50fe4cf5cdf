#pragma once

#include "sluice/io/source_pool.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A host that a peer names, as policy is to see it and as it is then dialled: an address in its
/// usual form (RFC 5952; of IPv4 in IPv6, the IPv4 address), or a name as it stands. Nothing for
/// what is neither: "127.1", "0177.0.0.1" and "0x7f000001" are addresses to some functions of the
/// system, and names to who reads them.
std::optional<std::string> host_to_dial(std::string_view host);

/// What looks up a name, on a thread that may wait. Errors: those of the resolver.
using host_lookup =
    std::function<result<std::vector<boost::asio::ip::address>>(const std::string& host)>;

/// getaddrinfo(3): addresses in the order that the system prefers.
host_lookup system_lookup();

/// Connects to where users ask to go, for all connections of a server, from any of
/// its threads. Names are looked up on threads of their own, one at a time for a user, and a user
/// has limits::connects_of_user_max under way: nobody waits behind the slow names of another.
class dialler {
public:
    explicit dialler(host_lookup lookup = system_lookup());

    struct request {
        std::string user;
        std::string host;  // as host_to_dial gives it
        std::uint16_t port = 0;
        std::function<bool(const std::string& address)> permits;  // those to try; empty: all
    };

    /// Tries the host's addresses in turn, each for limits::connect_time_max. Errors:
    /// too_many_requests where the user has too much under way; asio::error::no_permission where no
    /// address is permitted; timed_out; those of the resolver and the system. Keeps this alive.
    static boost::asio::awaitable<result<boost::asio::ip::tcp::socket>> dial(
        std::shared_ptr<dialler> by, boost::asio::any_io_executor executor, request to);

private:
    class share;

    boost::asio::awaitable<result<std::vector<boost::asio::ip::address>>> addresses_of(
        boost::asio::any_io_executor executor, const request& to);

    const host_lookup lookup_;
    std::mutex mutex_;
    std::map<std::string, std::size_t> under_way_;  // by user
    source_pool lookups_;
};

}  // namespace sluice
