#pragma once

#include "sluice/io/connect_options.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <string>

namespace sluice {

/// Private to io/: connects to an address, for at most `timeout`; 0: as long as the system takes.
/// Errors: timed_out, those of the system.
boost::asio::awaitable<error_code> connect_socket(boost::asio::ip::tcp::socket& socket,
                                                  boost::asio::ip::tcp::endpoint address,
                                                  std::chrono::nanoseconds timeout);

/// Private to io/: resolves the host of `options` and connects to each of its addresses in turn
/// until one takes it, as family, bind_address, bind_interface, connect_timeout and
/// connection_attempts say. The error is that of the last; `what` says, for people, what was tried
/// then.
boost::asio::awaitable<result<boost::asio::ip::tcp::socket>> connect_tcp(
    boost::asio::any_io_executor executor, const connect_options& options, std::string& what);

}  // namespace sluice
