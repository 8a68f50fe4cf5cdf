#pragma once

#include "sluice/io/byte_stream.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace sluice {

/// A command as what carries a connection (ProxyCommand): what it writes to its standard output is
/// read, what is written it reads on its standard input, both one socket. It is run by the user's
/// shell, in this process's group and on its terminal, so that it can ask for passwords.
///
/// When the stream is closed it gets SIGHUP, as by ssh(1), and SIGKILL two seconds later if it is
/// still there; it is waited for. `executor` runs one thing at a time. `ended` is called there with
/// the status of wait(2), unless the executor goes first. Errors: those of the system.
result<std::unique_ptr<byte_stream>> start_command_stream(
    boost::asio::any_io_executor executor, const std::string& command,
    std::function<void(int status)> ended = {});

}  // namespace sluice
