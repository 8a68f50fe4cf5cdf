#include "sluice/tools/sluice_stream.hpp"

#include "sluice/io/file_descriptor.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// So much goes into a pipe that poll(2) says is writable, without blocking: PIPE_BUF.
constexpr std::size_t ready_size = 4096;

}  // namespace

local_stream::local_stream(asio::any_io_executor executor, int fd)
    : descriptor_(std::move(executor)), number_(fd) {
    file_descriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    error_code e = asio::error::bad_descriptor;
    if (copy) descriptor_.assign(copy.get(), e);
    if (!e) copy.release();
    waits_ = !e;
}

asio::awaitable<std::size_t> local_stream::read(mutable_bytes_view space, error_code& e) {
    e = co_await wait(asio::posix::stream_descriptor::wait_read);
    if (e) co_return 0;
    const ssize_t n = ::read(number_, space.data(), space.size());
    if (n < 0) e = last_system_error();
    if (n == 0) e = asio::error::eof;
    co_return n > 0 ? static_cast<std::size_t>(n) : 0;
}

asio::awaitable<error_code> local_stream::write(bytes_view data) {
    while (!data.empty()) {
        const error_code e = co_await wait(asio::posix::stream_descriptor::wait_write);
        if (e) co_return e;
        const std::size_t size = waits_ ? std::min(data.size(), ready_size) : data.size();
        const ssize_t n = ::write(number_, data.data(), size);
        if (n < 0 && errno != EAGAIN && errno != EINTR) co_return last_system_error();
        if (n > 0) data = data.subspan(static_cast<std::size_t>(n));
    }
    co_return error_code();
}

void local_stream::cancel() {
    error_code ignored;
    descriptor_.cancel(ignored);
}

asio::awaitable<error_code> local_stream::wait(asio::posix::stream_descriptor::wait_type what) {
    if (!waits_) co_return error_code();
    const auto [e] = co_await descriptor_.async_wait(what, as_result);
    if (e != asio::error::operation_not_supported) co_return e;
    waits_ = false;
    co_return error_code();
}

}  // namespace sluice
