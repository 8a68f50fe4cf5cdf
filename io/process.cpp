#include "sluice/io/process.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/readiness.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/expects.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::size_t read_size = 64 * 1024;  // a pipe holds no more
constexpr auto kill_grace = std::chrono::seconds(2);
constexpr auto look_interval = std::chrono::milliseconds(100);
constexpr auto end_wait = std::chrono::seconds(5);  // for a wake-up, once there is no more output

// The signals of RFC 4254 §6.10 by their names there.
struct signal_name {
    int number;
    std::string_view name;
};
constexpr std::array signal_names{
    signal_name{SIGABRT, "ABRT"}, signal_name{SIGALRM, "ALRM"}, signal_name{SIGFPE, "FPE"},
    signal_name{SIGHUP, "HUP"},   signal_name{SIGILL, "ILL"},   signal_name{SIGINT, "INT"},
    signal_name{SIGKILL, "KILL"}, signal_name{SIGPIPE, "PIPE"}, signal_name{SIGQUIT, "QUIT"},
    signal_name{SIGSEGV, "SEGV"}, signal_name{SIGTERM, "TERM"}, signal_name{SIGUSR1, "USR1"},
    signal_name{SIGUSR2, "USR2"},
};
// As sshd tells of any signal that has no name there.
constexpr std::string_view other_signal = "SIG@openssh.com";

result<std::pair<file_descriptor, file_descriptor>> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return last_system_error();
    return std::pair(file_descriptor(ends[0]), file_descriptor(ends[1]));
}

result<asio::posix::stream_descriptor> our_end(const asio::any_io_executor& executor,
                                               file_descriptor fd) {
    asio::posix::stream_descriptor end(executor);
    error_code e;
    end.assign(fd.get(), e);
    if (e) return e;
    fd.release();
    end.non_blocking(true, e);
    if (e) return e;
    return end;
}

// Writing to a pipe that nobody reads raises SIGPIPE, which ends a program that does not expect it;
// this thread takes it back instead.
class sigpipe_guard {
public:
    sigpipe_guard() {
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    sigpipe_guard(const sigpipe_guard&) = delete;
    sigpipe_guard& operator=(const sigpipe_guard&) = delete;
    ~sigpipe_guard() {
        const timespec at_once{};
        if (raised_ && ::sigismember(&before_, SIGPIPE) == 0)
            ::sigtimedwait(&sigpipe_, nullptr, &at_once);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    void raised() { raised_ = true; }

private:
    sigset_t sigpipe_;
    sigset_t before_;
    bool raised_ = false;
};

class running_process final : public process_handler {
public:
    using pipe_end = asio::posix::stream_descriptor;

    running_process(channel_port& port, std::unique_ptr<started_command> command, pipe_end in,
                    pipe_end out, pipe_end err)
        : port_(port),
          command_(std::move(command)),
          watch_(port.executor()),
          in_(std::move(in)),
          grace_(port.executor()),
          look_again_(port.executor()),
          end_check_(port.executor()),
          outputs_{{output{std::move(out), 0}, output{std::move(err), 1}}} {
        error_code shows_again_at_the_wait;
        watch_.assign(command_->watch(), shows_again_at_the_wait);
        wait_end();
        for (auto& o : outputs_)
            wait_output(o);
    }

    running_process(const running_process&) = delete;
    running_process& operator=(const running_process&) = delete;

    // With the whole program, as it may be: nobody is left to wait for the command, which is hung
    // up on as it is dropped.
    ~running_process() override { release_watch(); }

    void on_data(bytes_view data, std::uint32_t) override {
        if (!in_.is_open()) return port_.consumed(data.size());  // nobody reads it any more
        if (unwritten_.empty()) {
            const std::size_t n = write_input(data);
            data = data.subspan(n);
        }
        if (data.empty()) return;
        if (!in_.is_open()) return port_.consumed(data.size());
        unwritten_.append(data);  // bounded by the window: it is not credited yet
        wait_input();
    }

    void on_eof() override {
        eof_ = true;
        if (unwritten_.empty()) close_input();
    }

    void on_writable() override {
        for (auto& o : outputs_)
            if (o.blocked) read_output(o);
    }

    // As if the pipe had no reader: what it writes next ends it with SIGPIPE.
    void on_eow() override {
        close_output(outputs_[0]);
        advance();
    }

    bool on_signal(std::string_view name) override {
        const auto known = std::ranges::find(signal_names, name, &signal_name::name);
        if (known == signal_names.end() || status_) return false;
        command_->signal(known->number);
        return true;
    }

    void on_drain(const drain_policy& policy) override {
        if (policy.hang_up_commands && !status_) command_->signal(SIGHUP);
    }

    // What the client sent is the process's all the same, as if it read from a file.
    void on_closed() override {
        closed_ = true;
        eof_ = true;
        if (unwritten_.empty()) close_input();
        for (auto& o : outputs_)
            close_output(o);
        advance();
    }

    void cancel() override {
        close_input();
        if (!status_) {
            command_->signal(SIGHUP);
            grace_.expires_after(kill_grace);
            ++waits_;
            grace_.async_wait([this](error_code e) {
                --waits_;
                if (!e && !status_) command_->signal(SIGKILL);
                advance();
            });
        }
        advance();
    }

private:
    struct output {
        pipe_end pipe;
        std::uint32_t extended_type;
        bool blocked = false;  // the channel has no room
    };

    // --- its output ---

    void wait_output(output& o) {
        ++waits_;
        async_wait_readable(o.pipe, [this, &o](error_code e) {
            --waits_;
            if (!e) read_output(o);
            advance();
        });
    }

    void read_output(output& o) {
        if (!o.pipe.is_open()) return;
        const std::size_t room = port_.writable();
        o.blocked = room == 0;
        if (o.blocked) return;
        wire::buffer chunk(std::min(room, read_size));
        error_code e;
        const auto n =
            o.pipe.read_some(asio::buffer(chunk.space().data(), chunk.space().size()), e);
        if (n > 0) {
            chunk.commit(n);
            port_.write(std::move(chunk), o.extended_type);
        }
        if (e && e != asio::error::would_block) close_output(o);
        if (o.pipe.is_open()) wait_output(o);
        advance();
    }

    void close_output(output& o) {
        o.blocked = false;
        error_code ignored;
        if (o.pipe.is_open()) o.pipe.close(ignored);
    }

    // --- its input ---

    // Bytes written and credited; closes the pipe when the process reads no more.
    std::size_t write_input(bytes_view data) {
        sigpipe_guard guard;
        std::size_t written = 0;
        while (written < data.size()) {
            error_code e;
            written +=
                in_.write_some(asio::buffer(data.data() + written, data.size() - written), e);
            if (e == asio::error::would_block) break;
            if (e) {
                guard.raised();
                if (!closed_) port_.send_eow();
                close_input();
                break;
            }
        }
        if (!closed_) port_.consumed(written);
        return written;
    }

    void wait_input() {
        if (input_waits_ || !in_.is_open()) return;
        input_waits_ = true;
        ++waits_;
        async_wait_writable(in_, [this](error_code) {
            --waits_;
            input_waits_ = false;
            if (in_.is_open()) {
                unwritten_.consume(write_input(unwritten_.view()));
                if (!unwritten_.empty())
                    wait_input();
                else if (eof_)
                    close_input();
            }
            advance();
        });
    }

    void close_input() {
        error_code ignored;
        if (in_.is_open()) in_.close(ignored);
        if (!unwritten_.empty()) {
            if (!closed_) port_.consumed(unwritten_.size());
            unwritten_.consume(unwritten_.size());
        }
        unwritten_.release_if_empty();
    }

    // --- its end ---

    // That the descriptor is readable is a hint: it is waited for until there is a status. Where it
    // cannot be waited for, the command is looked at again and again.
    void wait_end() {
        ++waits_;
        async_wait_readable(watch_, [this](error_code e) {
            --waits_;
            if (!take_status()) e ? wait_to_look_again() : wait_end();
            advance();
        });
    }

    void wait_to_look_again() {
        ++waits_;
        look_again_.expires_after(look_interval);
        look_again_.async_wait([this](error_code) {
            --waits_;
            if (!take_status()) wait_to_look_again();
            advance();
        });
    }

    bool take_status() {
        status_ = command_->status();
        if (!status_) return false;
        grace_.cancel();
        end_check_.cancel();
        release_watch();
        return true;
    }

    // No session hangs because a wake-up was lost: a command whose output is at its end is looked
    // at now and then. That it had ended a while before is our own mistake, which tests are to find
    // and users are not to feel.
    void check_end(bool had_ended) {
        ++waits_;
        end_check_.expires_after(end_wait);
        end_check_.async_wait([this, had_ended](error_code e) {
            --waits_;
            if (!e && !status_) {
                const bool ended = command_->status().has_value();
                if (ended && had_ended) on_lost_wake_up();
                if (!status_) check_end(ended);
            }
            advance();
        });
    }

    void on_lost_wake_up() {
#ifndef NDEBUG
        expects(false);
#endif
        take_status();
    }

    // The descriptor is the command's.
    void release_watch() {
        if (watch_.is_open()) watch_.release();
    }

    // Output that background processes still hold open is waited for, as sshd does.
    void advance() {
        const bool output_done = !outputs_[0].pipe.is_open() && !outputs_[1].pipe.is_open();
        if (!status_ && output_done && !std::exchange(checks_end_, true)) check_end(false);
        if (!status_ || !output_done || over_) return;
        if (!exit_told_ && !closed_) {
            exit_told_ = true;
            tell_exit();
        }
        close_input();
        if (waits_ > 0) return;
        over_ = true;
        port_.finished();
    }

    void tell_exit() {
        const int status = *status_;
        if (!WIFSIGNALED(status))
            return port_.exit(static_cast<std::uint32_t>(WEXITSTATUS(status)));
        const auto known = std::ranges::find(signal_names, WTERMSIG(status), &signal_name::number);
        port_.exit_signal(known == signal_names.end() ? other_signal : known->name,
                          WCOREDUMP(status) != 0, {});
    }

    channel_port& port_;
    std::unique_ptr<started_command> command_;
    asio::posix::stream_descriptor watch_;  // of the command; readable when it may have ended
    pipe_end in_;
    asio::steady_timer grace_;
    asio::steady_timer look_again_;
    asio::steady_timer end_check_;
    std::array<output, 2> outputs_;
    wire::byte_queue unwritten_;
    int waits_ = 0;              // outstanding; the object stays until there are none
    std::optional<int> status_;  // as of waitpid(2), once it has ended
    bool checks_end_ = false;
    bool input_waits_ = false;
    bool eof_ = false;
    bool closed_ = false;
    bool exit_told_ = false;
    bool over_ = false;
};

}  // namespace

result<std::unique_ptr<channel_handler>> process_handler::start(channel_port& port,
                                                                command_launcher& launcher,
                                                                const process_options& options) {
    auto in = make_pipe();
    if (!in) return in.error();
    auto out = make_pipe();
    if (!out) return out.error();
    auto err = make_pipe();
    if (!err) return err.error();
    auto our_in = our_end(port.executor(), std::move(in->second));
    if (!our_in) return our_in.error();
    auto our_out = our_end(port.executor(), std::move(out->first));
    if (!our_out) return our_out.error();
    auto our_err = our_end(port.executor(), std::move(err->first));
    if (!our_err) return our_err.error();
    auto command = launcher.start(
        options, {std::move(in->first), std::move(out->second), std::move(err->second)});
    if (!command) return command.error();
    return std::unique_ptr<channel_handler>(std::make_unique<running_process>(
        port, std::move(*command), std::move(*our_in), std::move(*our_out), std::move(*our_err)));
}

}  // namespace sluice
