#include "sluice/io/agent_service.hpp"

#include "sluice/io/clock.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/task_scope.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

using unix_socket = asio::local::stream_protocol::socket;

constexpr std::size_t path_length_max = 107;            // of sockaddr_un, without its zero
constexpr std::chrono::milliseconds accept_pause{100};  // after a failure, such as no descriptors

agent_time time_now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {now(), static_cast<std::uint64_t>(
                       std::chrono::duration_cast<std::chrono::seconds>(since).count())};
}

// Others might put a socket of theirs in place of ours, and be asked to lock it.
result<> check_folder(const std::string& socket_path) {
    std::filesystem::path folder = std::filesystem::path(socket_path).parent_path();
    if (folder.empty()) folder = ".";
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return last_system_error();
    const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
    const bool others_change = (status.st_mode & 022) != 0 && (status.st_mode & S_ISVTX) == 0;
    if (!ours || others_change) return make_error_code(boost::system::errc::permission_denied);
    return {};
}

bool is_of_our_user(unix_socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == ::geteuid() || peer.uid == 0);
}

}  // namespace

class agent_service::running : public std::enable_shared_from_this<running> {
public:
    running(asio::any_io_executor strand, agent_service_options options)
        : strand_(std::move(strand)),
          options_(std::move(options)),
          keyring_(crypto::system_random()),
          acceptor_(strand_),
          expiry_(strand_),
          tasks_(strand_) {}

    ~running() { take_away(); }

    result<> listen() {
        const std::string& path = options_.socket_path;
        if (path.empty() || path.size() > path_length_max) return errc::too_long;
        if (const auto good = check_folder(path); !good) return good.error();
        error_code e;
        acceptor_.open(asio::local::stream_protocol(), e);
        // On Linux the socket's own mode is that of its name.
        if (!e && ::fchmod(acceptor_.native_handle(), 0600) != 0) e = last_system_error();
        if (!e) acceptor_.bind(asio::local::stream_protocol::endpoint(path), e);
        if (e) return e;
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0) inode_ = status.st_ino;
        acceptor_.listen(asio::socket_base::max_listen_connections, e);
        if (e) {
            take_away();
            return e;
        }
        asio::dispatch(strand_, [self = shared_from_this()] {
            self->tasks_.spawn(self->accept(self));
            self->tasks_.spawn(self->expire(self));
        });
        return {};
    }

    void with_keys(std::function<void(agent_keyring&)> what) {
        asio::dispatch(strand_, [self = shared_from_this(), what = std::move(what)] {
            what(self->keyring_);
            self->expiry_.cancel();
        });
    }

    void close() {
        asio::dispatch(strand_, [self = shared_from_this()] {
            if (std::exchange(self->closed_, true)) return;
            self->take_away();
            error_code ignored;
            self->acceptor_.close(ignored);
            self->tasks_.cancel();
            self->expiry_.cancel();
            self->keyring_.remove_if([](const agent_key&) { return true; });
        });
    }

private:
    // Only what we made: another agent may have its socket there by now.
    void take_away() {
        struct stat status {};
        const char* path = options_.socket_path.c_str();
        const ino_t ours = std::exchange(inode_, 0);
        if (ours != 0 && ::lstat(path, &status) == 0 && status.st_ino == ours) ::unlink(path);
    }

    asio::awaitable<void> accept(std::shared_ptr<running> self) {
        while (!closed_) {
            auto [e, socket] = co_await acceptor_.async_accept(strand_, as_result);
            if (closed_) co_return;
            if (e) {
                asio::steady_timer pause(strand_, accept_pause);
                static_cast<void>(co_await pause.async_wait(as_result));
            } else if (!is_of_our_user(socket)) {
                log(log_severity::error, "agent_peer_refused", {});
            } else if (connections_ < limits::agent_connections_max) {
                ++connections_;
                tasks_.spawn(serve(self, std::move(socket)),
                             [self](std::exception_ptr) { --self->connections_; });
            }
        }
    }

    // Keys are wiped when they expire, not when somebody asks next.
    asio::awaitable<void> expire(std::shared_ptr<running>) {
        while (!closed_) {
            keyring_.expire(now());
            expiry_.expires_at(keyring_.next_expiry());
            static_cast<void>(co_await expiry_.async_wait(as_result));
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<running>, unix_socket socket) {
        agent_server conversation(keyring_, options_.lifetime);
        for (;;) {
            if (const bytes_view output = conversation.output(); !output.empty()) {
                const auto [e, n] = co_await socket.async_write_some(
                    asio::buffer(output.data(), output.size()), as_result);
                if (e) co_return;
                conversation.consume_output(n);
            } else if (conversation.question() != nullptr) {
                const agent_confirmation question = *conversation.question();
                const bool confirmed = co_await ask(question);
                conversation.answer(confirmed, time_now());
            } else {
                const mutable_bytes_view space = conversation.input_space();
                const auto [e, n] = co_await socket.async_read_some(
                    asio::buffer(space.data(), space.size()), as_result);
                if (e) co_return;
                if (!conversation.commit_input(n, time_now())) co_return;
            }
            if (const auto done = conversation.take_record()) {
                expiry_.cancel();  // there may be another key to wait for
                log(log_severity::verbose, "agent_request",
                    {{"number", std::to_string(done->request)},
                     {"granted", done->granted ? "yes" : "no"},
                     {"key", done->fingerprint}});
            }
        }
    }

    asio::awaitable<bool> ask(agent_confirmation question) {
        if (!options_.on_confirm) co_return false;
        try {
            const bool confirmed = co_await options_.on_confirm(std::move(question));
            co_return confirmed;
        } catch (const std::exception&) {
            co_return false;  // what throws has not said yes
        }
    }

    void log(log_severity level, std::string_view event,
             std::vector<std::pair<std::string_view, std::string>> fields) const {
        if (options_.log) options_.log({level, event, std::move(fields)});
    }

    const asio::any_io_executor strand_;
    const agent_service_options options_;
    agent_keyring keyring_;
    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer expiry_;
    task_scope tasks_;
    std::size_t connections_ = 0;
    ino_t inode_ = 0;  // of the socket's name, while it is ours
    bool closed_ = false;
};

agent_service::agent_service(asio::any_io_executor executor, agent_service_options options)
    : running_(std::make_shared<running>(asio::make_strand(executor), std::move(options))) {}

agent_service::~agent_service() { close(); }

result<> agent_service::listen() { return running_->listen(); }

void agent_service::with_keys(std::function<void(agent_keyring&)> what) {
    running_->with_keys(std::move(what));
}

void agent_service::close() { running_->close(); }

}  // namespace sluice
