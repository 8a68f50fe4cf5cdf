#pragma once

#include "sluice/io/byte_stream.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace sluice {

/// Two descriptors as what carries a connection: `in` is read, `out` is written to. Pipes, sockets,
/// terminals, and a file to read; both may be of one socket. They do not block while the stream
/// lives, which whoever shares them sees as well; then they are as they were. Nobody gets SIGPIPE
/// where the reader of a pipe has gone.
///
/// `executor` runs one thing at a time. Errors: those of the system.
result<std::unique_ptr<byte_stream>> make_descriptor_stream(boost::asio::any_io_executor executor,
                                                            file_descriptor in,
                                                            file_descriptor out);

/// Standard input and output, of which nobody else makes use from now on: both lead to /dev/null.
/// Errors: the same.
result<std::unique_ptr<byte_stream>> take_standard_stream(boost::asio::any_io_executor executor);

}  // namespace sluice
