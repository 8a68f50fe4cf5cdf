#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>

namespace sluice {

/// A standard stream, or what else is read or written in order. It is waited for, but not made
/// non-blocking: whoever else has it open would see that. Files are always ready, and cannot be
/// waited for.
class local_stream {
public:
    /// Of a descriptor that stays open as long as this lives.
    local_stream(boost::asio::any_io_executor executor, int fd);

    /// Some bytes, or an error, which at the end is asio::error::eof.
    boost::asio::awaitable<std::size_t> read(mutable_bytes_view space, error_code& e);
    /// All of them.
    boost::asio::awaitable<error_code> write(bytes_view data);
    /// Who waits is told operation_aborted.
    void cancel();

private:
    boost::asio::awaitable<error_code> wait(short events);

    boost::asio::posix::stream_descriptor descriptor_;
    const int number_;
    bool waits_ = false;
};

}  // namespace sluice
