#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>

#include <cstddef>
#include <memory>

namespace sluice {

/// What carries a connection: a reliable stream of bytes in both directions. Used on `executor()`
/// only, which runs one thing at a time.
class byte_stream {
public:
    /// Told of readiness on the executor, never within the call that asked.
    class observer {
    public:
        virtual ~observer() = default;
        virtual void on_readable() = 0;
        virtual void on_writable() = 0;
    };

    virtual ~byte_stream() = default;

    virtual boost::asio::any_io_executor executor() = 0;

    /// Neither waits: asio::error::would_block tells that there is nothing to be had now. Reading
    /// gives asio::error::eof behind the last byte. `e` is cleared where nothing failed.
    virtual std::size_t read_some(mutable_bytes_view space, error_code& e) = 0;
    virtual std::size_t write_some(bytes_view data, error_code& e) = 0;

    /// What `read_some` would say: no error where bytes wait. Takes nothing.
    virtual error_code peek() = 0;

    /// Tells `told` once that reading, or writing, may get somewhere: there is something, the
    /// stream has ended, broken or was closed. One of each outstanding; `told` is kept until then.
    virtual void wait_readable(std::shared_ptr<observer> told) = 0;
    virtual void wait_writable(std::shared_ptr<observer> told) = 0;

    /// The peer reads the end of the stream behind what was written; reading goes on.
    virtual error_code shutdown_send() = 0;

    /// Ends both directions and whatever is waited for. What is unread is lost.
    virtual void close() = 0;
};

inline bool would_block(const error_code& e) {
    return e == boost::asio::error::would_block || e == boost::asio::error::try_again;
}

}  // namespace sluice
