#include "sluice/tools/sluice_stream.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/readiness.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

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
    for (;;) {
        e = co_await wait(POLLIN);
        if (e) co_return 0;
        const ssize_t n = ::read(number_, space.data(), space.size());
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;  // somebody else was first
        if (n < 0) e = last_system_error();
        if (n == 0) e = asio::error::eof;
        co_return n > 0 ? static_cast<std::size_t>(n) : 0;
    }
}

asio::awaitable<error_code> local_stream::write(bytes_view data) {
    while (!data.empty()) {
        const error_code e = co_await wait(POLLOUT);
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

// Until poll(2) says so too: a call on what is not ready would block all else with it.
asio::awaitable<error_code> local_stream::wait(short events) {
    while (waits_) {
        auto waiting = events == POLLIN ? async_wait_readable(descriptor_, as_result)
                                        : async_wait_writable(descriptor_, as_result);
        const auto [e] = co_await std::move(waiting);
        if (e == asio::error::operation_not_supported)
            waits_ = false;
        else if (e)
            co_return e;
        pollfd one{number_, events, 0};
        if (::poll(&one, 1, 0) != 0) break;
    }
    co_return error_code();
}

}  // namespace sluice
