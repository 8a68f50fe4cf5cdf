#include "sluice/io/command_helper.hpp"

#include "sluice/io/command_helper_messages.hpp"
#include "sluice/io/spawn_command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <vector>

namespace sluice {
namespace {

constexpr std::size_t descriptors_of_start = 4;
constexpr auto kill_grace = std::chrono::seconds(2);
constexpr int send_patience_ms = 100;          // while the helper is busy
constexpr int could_not_start = 127 << 8;      // a wait status: as a shell's for what it cannot run
constexpr std::size_t small_message_max = 64;  // bytes: all but account and start

struct descriptor_pair {
    file_descriptor ours;
    file_descriptor theirs;
};

result<descriptor_pair> make_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return last_system_error();
    return descriptor_pair{file_descriptor(ends[0]), file_descriptor(ends[1])};
}

// --- messages -----------------------------------------------------------------------------------

// Room for the descriptors of one message, aligned for its header.
union control_space {
    cmsghdr align;
    std::array<char, CMSG_SPACE(sizeof(int) * descriptors_of_start)> raw;
};

error_code send_message(int socket, bytes_view message, std::span<const int> descriptors = {}) {
    iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
    control_space space{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!descriptors.empty()) {
        header.msg_control = space.raw.data();
        header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* const control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(control), descriptors.data(), descriptors.size_bytes());
    }
    for (bool waited = false;;) {
        if (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
        if (errno == EINTR) continue;
        if ((errno != EAGAIN && errno != ENOBUFS) || std::exchange(waited, true))
            return last_system_error();
        pollfd writable{socket, POLLOUT, 0};
        ::poll(&writable, 1, send_patience_ms);
    }
}

struct received {
    bytes_view message;  // empty: the other end is gone
    std::vector<file_descriptor> descriptors;
};

// EAGAIN where there is nothing; bad_value for what did not come whole.
result<received> receive_message(int socket, std::span<std::uint8_t> memory, int flags) {
    iovec part{memory.data(), memory.size()};
    control_space space{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = space.raw.data();
    header.msg_controllen = space.raw.size();
    ssize_t n = -1;
    do {
        n = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return last_system_error();
    received got{bytes_view(memory).first(static_cast<std::size_t>(n)), {}};
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            got.descriptors.emplace_back(fd);
        }
    }
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return errc::bad_value;
    return got;
}

bool would_block(const error_code& e) {
    return e.value() == EAGAIN && e.category() == boost::system::system_category();
}

// --- the server's side --------------------------------------------------------------------------

class helped_command final : public started_command {
public:
    explicit helped_command(file_descriptor own) : own_(std::move(own)) {}
    // The helper hangs up on the command when this end is gone.

    int watch() const override { return own_.get(); }

    std::optional<int> status() override {
        if (ended_) return ended_;
        std::array<std::uint8_t, small_message_max> memory;
        const auto got = receive_message(own_.get(), memory, MSG_DONTWAIT);
        if (!got && would_block(got.error())) return std::nullopt;
        const auto m =
            got ? wire::decode<helper::ended>(got->message) : result<helper::ended>(got.error());
        // Without a status the helper is gone, and its commands with it.
        ended_ = m ? static_cast<int>(m->status) : SIGKILL;
        return ended_;
    }

    void signal(int number) override {
        if (ended_) return;
        static_cast<void>(send_message(
            own_.get(), wire::encoded(helper::signal{static_cast<std::uint32_t>(number)})));
    }

private:
    file_descriptor own_;
    std::optional<int> ended_;
};

class helper_launcher final : public command_launcher {
public:
    explicit helper_launcher(file_descriptor socket) : socket_(std::move(socket)) {}

    result<std::unique_ptr<started_command>> start(const process_options& options,
                                                   command_pipes pipes) override {
        if (options.environment.size() > limits::helper_variables_max) return errc::too_long;
        auto own = make_pair();
        if (!own) return own.error();
        const bytes message = wire::encoded(helper::start{options});
        if (message.size() > limits::helper_message_length_max) return errc::too_long;
        const std::array<int, descriptors_of_start> descriptors{
            own->theirs.get(), pipes.input.get(), pipes.output.get(), pipes.error.get()};
        if (const auto e = send_message(socket_.get(), message, descriptors)) return e;
        return std::make_unique<helped_command>(std::move(own->ours));
    }

private:
    const file_descriptor socket_;  // a message is sent whole, so threads need no lock
};

// --- the helper's side --------------------------------------------------------------------------

class helper_process {
public:
    explicit helper_process(file_descriptor socket) : server_(std::move(socket)) {}

    int run() {
        if (!begin()) return 1;
        while (server_ || !children_.empty())
            wait_and_serve();
        return 0;
    }

private:
    using clock = std::chrono::steady_clock;

    struct child {
        pid_t pid;
        file_descriptor watch;
        file_descriptor own;  // shut: the server has let go of the command
        bool ended = false;
    };

    bool begin() {
        const auto got = receive_message(server_.get(), memory_, 0);
        const auto m = got ? wire::decode<helper::account>(got->message)
                           : result<helper::account>(got.error());
        if (!m) return false;
        if (m->change && become({std::string(m->name), m->uid, m->gid})) return false;
        ::prctl(PR_SET_DUMPABLE, 0);
        return !send_message(server_.get(), wire::encoded(helper::ready{}));
    }

    void wait_and_serve() {
        std::vector<pollfd> waits{{server_.get(), POLLIN, 0}};  // a negative one is left out
        for (const child& c : children_) {
            waits.push_back({c.watch.get(), POLLIN, 0});
            waits.push_back({c.own.get(), POLLIN, 0});
        }
        const int ready = ::poll(waits.data(), waits.size(), milliseconds_left());
        if (kill_at_ && clock::now() >= *kill_at_) {
            for (const child& c : children_)
                ::kill(-c.pid, SIGKILL);
            kill_at_.reset();
        }
        if (ready <= 0) return;
        for (std::size_t i = 0; i < children_.size(); ++i) {
            child& c = children_[i];
            if (waits[2 + 2 * i].revents != 0) on_own(c);
            if (waits[1 + 2 * i].revents != 0) on_ended(c);
        }
        std::erase_if(children_, [](const child& c) { return c.ended; });
        if (waits[0].revents != 0) on_server();
    }

    int milliseconds_left() const {
        if (!kill_at_) return -1;
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(*kill_at_ - clock::now()).count();
        return static_cast<int>(std::max<std::int64_t>(left, 0));
    }

    void on_server() {
        auto got = receive_message(server_.get(), memory_, MSG_DONTWAIT);
        if (!got) {
            if (!would_block(got.error()) && got.error() != errc::bad_value) leave();
            return;
        }
        if (got->message.empty()) return leave();
        const auto m = wire::decode<helper::start>(got->message);
        if (!m || got->descriptors.size() != descriptors_of_start) return;
        auto& d = got->descriptors;
        file_descriptor own = std::move(d[0]);
        const command_pipes pipes{std::move(d[1]), std::move(d[2]), std::move(d[3])};
        const auto pid = spawn_command(m->options, pipes);
        auto watch = pid ? open_process_descriptor(*pid) : result<file_descriptor>(pid.error());
        if (!watch) {
            if (pid) {
                ::kill(-*pid, SIGKILL);
                static_cast<void>(wait_status(*pid));
            }
            return tell_ended(own, could_not_start);
        }
        children_.push_back({*pid, std::move(*watch), std::move(own)});
    }

    // The server is gone: nobody is left to report to.
    void leave() {
        server_.reset();
        for (child& c : children_) {
            c.own.reset();
            ::kill(-c.pid, SIGHUP);
        }
        kill_at_ = clock::now() + kill_grace;
    }

    static void on_own(child& c) {
        std::array<std::uint8_t, small_message_max> memory;
        const auto got = receive_message(c.own.get(), memory, MSG_DONTWAIT);
        if (!got && would_block(got.error())) return;
        const auto m =
            got ? wire::decode<helper::signal>(got->message) : result<helper::signal>(got.error());
        if (m) {
            ::kill(-c.pid, static_cast<int>(m->signal_number));
        } else {
            c.own.reset();
            ::kill(-c.pid, SIGHUP);
        }
    }

    static void on_ended(child& c) {
        const auto status = wait_status(c.pid);
        if (!status) return;
        c.ended = true;
        tell_ended(c.own, *status);
    }

    static void tell_ended(const file_descriptor& own, int status) {
        if (own)
            static_cast<void>(send_message(
                own.get(), wire::encoded(helper::ended{static_cast<std::uint32_t>(status)})));
    }

    file_descriptor server_;
    std::vector<child> children_;
    std::optional<clock::time_point> kill_at_;
    bytes memory_ = bytes(limits::helper_message_length_max);
};

}  // namespace

error_code become(const process_account& account) {
    if (::initgroups(account.name.c_str(), account.gid) != 0 ||
        ::setresgid(account.gid, account.gid, account.gid) != 0 ||
        ::setresuid(account.uid, account.uid, account.uid) != 0)
        return last_system_error();
    // What was left behind does not come back.
    if (account.uid != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0))
        return make_error_code(boost::system::errc::operation_not_permitted);
    return {};
}

result<command_helper> command_helper::fork() {
    auto pair = make_pair();
    if (!pair) return pair.error();
    const pid_t pid = ::fork();
    if (pid < 0) return last_system_error();
    if (pid != 0) return command_helper(std::move(pair->ours), pid);
    pair->ours.reset();
    ::_exit(run_command_helper(std::move(pair->theirs)));
}

result<std::shared_ptr<command_launcher>> command_helper::launcher(
    const std::optional<process_account>& account) && {
    helper::account m;
    if (account) m = {true, account->name, account->uid, account->gid};
    if (const auto e = send_message(socket_.get(), wire::encoded(m))) return e;
    std::array<std::uint8_t, small_message_max> memory;
    const auto got = receive_message(socket_.get(), memory, 0);
    if (!got) return got.error();
    if (!wire::decode<helper::ready>(got->message)) return errc::protocol_error;
    return std::make_shared<helper_launcher>(std::move(socket_));
}

int run_command_helper(file_descriptor socket) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE})
        ::signal(number, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    ::prctl(PR_SET_NAME, "sluiced-exec");
    // Nothing else of the program's: a socket that it was handed over, say.
    const auto own = static_cast<unsigned>(socket.get());
    if (own > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, own - 1, 0);
    ::close_range(own + 1, ~0u, 0);
    return helper_process(std::move(socket)).run();
}

}  // namespace sluice
