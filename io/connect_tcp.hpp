#pragma once

#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

/// Private to io/: resolves `host` and connects to each of its addresses in turn until one takes
/// it, with `timeout` for each (0: the system's). The error is that of the last; `what` says, for
/// people, what was tried then.
boost::asio::awaitable<result<boost::asio::ip::tcp::socket>> connect_tcp(
    boost::asio::any_io_executor executor, std::string host, std::uint16_t port,
    std::chrono::nanoseconds timeout, std::string& what);

}  // namespace sluice
