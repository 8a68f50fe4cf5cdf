#include "sluice/io/descriptor_stream.hpp"

#include "sluice/io/readiness.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

// A descriptor that does not block while this owns it.
class not_blocking {
public:
    explicit not_blocking(asio::any_io_executor executor) : descriptor_(std::move(executor)) {}
    not_blocking(const not_blocking&) = delete;
    not_blocking& operator=(const not_blocking&) = delete;
    ~not_blocking() { close(); }

    error_code take(file_descriptor fd) {
        const int flags = ::fcntl(fd.get(), F_GETFL);
        if (flags < 0) return last_system_error();
        error_code e;
        descriptor_.assign(fd.get(), e);
        if (e) return e;
        fd.release();
        descriptor_.non_blocking(true, e);
        restores_ = !e && (flags & O_NONBLOCK) == 0;
        return e;
    }

    void close() {
        if (!descriptor_.is_open()) return;
        error_code ignored;
        if (std::exchange(restores_, false)) descriptor_.non_blocking(false, ignored);
        descriptor_.close(ignored);
    }

    asio::posix::stream_descriptor& operator*() { return descriptor_; }
    asio::posix::stream_descriptor* operator->() { return &descriptor_; }

private:
    asio::posix::stream_descriptor descriptor_;
    bool restores_ = false;
};

// SIGPIPE, which a write to a pipe raises in its thread where nobody reads any more, is kept from
// it: the error of the write says as much.
class sigpipe_withheld {
public:
    sigpipe_withheld() {
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        ::sigset_t pending;
        ::sigemptyset(&pending);
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    sigpipe_withheld(const sigpipe_withheld&) = delete;
    sigpipe_withheld& operator=(const sigpipe_withheld&) = delete;
    ~sigpipe_withheld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    /// Takes back the one that a failed write has raised.
    void forget() {
        if (was_pending_) return;  // that is of another
        const timespec no_time{};
        while (::sigtimedwait(&sigpipe_, nullptr, &no_time) < 0 && errno == EINTR) {
        }
    }

private:
    ::sigset_t sigpipe_;
    ::sigset_t before_;
    bool was_pending_ = false;
};

class descriptor_stream final : public byte_stream {
public:
    explicit descriptor_stream(const asio::any_io_executor& executor)
        : in_(executor), out_(executor) {}
    ~descriptor_stream() override { close(); }

    error_code take(file_descriptor in, file_descriptor out) {
        struct ::stat status {};
        to_pipe_ = ::fstat(out.get(), &status) == 0 && S_ISFIFO(status.st_mode);
        if (const auto e = in_.take(std::move(in))) return e;
        return out_.take(std::move(out));
    }

    asio::any_io_executor executor() override { return in_->get_executor(); }

    std::size_t read_some(mutable_bytes_view space, error_code& e) override {
        if (!in_->is_open()) {
            e = asio::error::bad_descriptor;
            return 0;
        }
        return in_->read_some(asio::buffer(space.data(), space.size()), e);
    }

    std::size_t write_some(bytes_view data, error_code& e) override {
        if (!out_->is_open()) {
            e = asio::error::broken_pipe;
            return 0;
        }
        if (!to_pipe_) return out_->write_some(asio::buffer(data.data(), data.size()), e);
        sigpipe_withheld guard;
        const std::size_t n = out_->write_some(asio::buffer(data.data(), data.size()), e);
        if (e == asio::error::broken_pipe) guard.forget();
        return n;
    }

    // Pipes cannot be peeked at, but tell how much they hold.
    error_code peek() override {
        if (!in_->is_open()) return asio::error::bad_descriptor;
        pollfd ready{in_->native_handle(), POLLIN, 0};
        if (::poll(&ready, 1, 0) < 0) return last_system_error();
        if (ready.revents == 0) return asio::error::would_block;
        int held = 0;
        if (::ioctl(in_->native_handle(), FIONREAD, &held) != 0) return last_system_error();
        return held > 0 ? error_code() : asio::error::eof;
    }

    // What cannot be waited for is a file: it is always ready, and the wait is over at once.
    void wait_readable(std::shared_ptr<observer> told) override {
        async_wait_readable(*in_, [told = std::move(told)](error_code) { told->on_readable(); });
    }
    void wait_writable(std::shared_ptr<observer> told) override {
        async_wait_writable(*out_, [told = std::move(told)](error_code) { told->on_writable(); });
    }

    error_code shutdown_send() override {
        if (!out_->is_open()) return {};
        if (::shutdown(out_->native_handle(), SHUT_WR) == 0) return {};
        const error_code e = last_system_error();
        if (e != boost::system::errc::not_a_socket) return e;
        out_.close();
        return {};
    }

    void close() override {
        in_.close();
        out_.close();
    }

private:
    not_blocking in_;
    not_blocking out_;
    bool to_pipe_ = false;
};

}  // namespace

result<std::unique_ptr<byte_stream>> make_descriptor_stream(asio::any_io_executor executor,
                                                            file_descriptor in,
                                                            file_descriptor out) {
    auto stream = std::make_unique<descriptor_stream>(executor);
    if (const auto e = stream->take(std::move(in), std::move(out))) return e;
    return stream;
}

result<std::unique_ptr<byte_stream>> take_standard_stream(asio::any_io_executor executor) {
    file_descriptor in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!in) return last_system_error();
    file_descriptor out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!out) return last_system_error();
    const file_descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!nowhere || ::dup2(nowhere.get(), STDIN_FILENO) < 0 ||
        ::dup2(nowhere.get(), STDOUT_FILENO) < 0)
        return last_system_error();
    return make_descriptor_stream(std::move(executor), std::move(in), std::move(out));
}

}  // namespace sluice
