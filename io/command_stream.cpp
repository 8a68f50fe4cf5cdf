#include "sluice/io/command_stream.hpp"

#include "sluice/io/descriptor_stream.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/readiness.hpp"
#include "sluice/io/shell_command.hpp"
#include "sluice/io/spawn_command.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

// It has no more input then, and mostly ends by itself, perhaps with some words about why.
constexpr std::chrono::seconds hang_up_grace{1};
constexpr std::chrono::seconds kill_grace{2};

// A process of ours. Whoever waits for its end keeps this alive; the last one to let go of it ends
// the process, so that none is left behind, whatever becomes of the executor.
class child : public std::enable_shared_from_this<child> {
public:
    child(asio::any_io_executor executor, pid_t pid, file_descriptor watch,
          std::function<void(int)> ended)
        : pid_(pid), ended_(std::move(ended)), watch_(executor), timer_(executor) {
        error_code e;  // without it the process is killed when its time is over
        watch_.assign(watch.get(), e);
        if (!e) watch.release();
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() {
        if (reaped_) return;
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    void end() {
        if (reap()) return;
        wait_end();
        signal_after(hang_up_grace, SIGHUP);
    }

private:
    void signal_after(std::chrono::seconds grace, int number) {
        timer_.expires_after(grace);
        timer_.async_wait([self = shared_from_this(), number](error_code cancelled) {
            if (cancelled || self->reaped_) return;
            ::kill(self->pid_, number);
            if (number == SIGHUP) self->signal_after(kill_grace, SIGKILL);
        });
    }

    void wait_end() {
        async_wait_readable(watch_, [self = shared_from_this()](error_code e) {
            if (self->reap())
                self->timer_.cancel();
            else if (!e)
                self->wait_end();
        });
    }

    bool reap() {
        if (reaped_) return true;
        const auto status = wait_status(pid_);
        if (!status) return false;
        reaped_ = true;
        if (ended_) ended_(*status);
        return true;
    }

    const pid_t pid_;
    const std::function<void(int)> ended_;
    bool reaped_ = false;
    asio::posix::stream_descriptor watch_;  // readable when the process has ended
    asio::steady_timer timer_;
};

class command_stream final : public byte_stream {
public:
    command_stream(std::unique_ptr<byte_stream> ours, std::shared_ptr<child> process)
        : stream_(std::move(ours)), process_(std::move(process)) {}
    ~command_stream() override { close(); }

    asio::any_io_executor executor() override { return stream_->executor(); }
    std::size_t read_some(mutable_bytes_view space, error_code& e) override {
        return stream_->read_some(space, e);
    }
    std::size_t write_some(bytes_view data, error_code& e) override {
        return stream_->write_some(data, e);
    }
    error_code peek() override { return stream_->peek(); }
    void wait_readable(std::shared_ptr<observer> told) override {
        stream_->wait_readable(std::move(told));
    }
    void wait_writable(std::shared_ptr<observer> told) override {
        stream_->wait_writable(std::move(told));
    }
    error_code shutdown_send() override { return stream_->shutdown_send(); }
    void close() override {
        stream_->close();
        if (const auto process = std::exchange(process_, nullptr)) process->end();
    }

private:
    std::unique_ptr<byte_stream> stream_;
    std::shared_ptr<child> process_;
};

struct pipe_ends {
    file_descriptor read;
    file_descriptor write;
};

result<pipe_ends> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return last_system_error();
    return pipe_ends{file_descriptor(ends[0]), file_descriptor(ends[1])};
}

}  // namespace

result<std::unique_ptr<byte_stream>> start_command_stream(asio::any_io_executor executor,
                                                          const std::string& command,
                                                          std::function<void(int status)> ended) {
    // Two pipes, as ssh(1): a program may open /dev/stdin, and does not take a socket for the way
    // to its peer, as `sshd -i` would.
    auto input = make_pipe();
    if (!input) return input.error();
    auto output = make_pipe();
    if (!output) return output.error();
    const auto pid =
        start_shell_command("exec " + command, {input->read.get(), output->write.get()});
    if (!pid) return pid.error();
    auto watch = open_process_descriptor(*pid);
    auto process = std::make_shared<child>(
        executor, *pid, watch ? std::move(*watch) : file_descriptor(), std::move(ended));
    if (!watch) return watch.error();  // it ends with this
    auto ours = make_descriptor_stream(executor, std::move(output->read), std::move(input->write));
    if (!ours) return ours.error();
    return std::make_unique<command_stream>(std::move(*ours), std::move(process));
}

}  // namespace sluice
