#pragma once

#include "sluice/endpoint/close_report.hpp"
#include "sluice/io/byte_stream.hpp"
#include "sluice/io/connect_options.hpp"
#include "sluice/io/operation.hpp"
#include "sluice/io/session.hpp"
#include "sluice/io/sftp_client.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace sluice {

class client_connection;

struct run_options {
    std::string input = {};  // written to the command's standard input, then EOF

    /// Of standard output and standard error each. A command that writes more is cut off, and `run`
    /// fails with too_long.
    std::size_t output_max = 64 * 1024 * 1024;

    static run_options usual() { return {}; }
};

struct run_result {
    exit_result exit;
    std::string out;
    std::string err;

    /// The server ended its output by EOF. Some never do, asyncssh's among them: where it told how
    /// the command ended, that is no error.
    bool whole = true;
};

/// A client's connection, logged in.
///
/// All members may be called from any thread, an object from one at a time. Operations complete
/// with an error_code: their own, or what ended the connection; cancelling one, by any type, ends
/// the waiting for it. The connection lives on a strand of its own.
///
/// Destroying the handle admits nothing new and says goodbye as soon as every session is closed.
class connection {
public:
    using executor_type = boost::asio::any_io_executor;

    /// `close` waits for so long.
    static constexpr std::chrono::seconds close_deadline{30};

    /// Of no connection: may be assigned to and destroyed.
    connection() = default;
    explicit connection(std::shared_ptr<client_connection> open);
    connection(connection&& other) noexcept = default;
    connection& operator=(connection&& other) noexcept;
    ~connection();

    explicit operator bool() const { return shared_ != nullptr; }
    executor_type get_executor() const;

    /// Runs a command and collects what it writes. Cancelling it closes the channel at once; most
    /// servers hang up on the command then. Errors: open_refused, request_refused, too_long,
    /// channel_closed where the server ended neither the output nor the command.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto run(std::string command, run_options options = run_options::usual(), Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, run_result)>(
            [](auto handler, std::shared_ptr<client_connection> c, std::string what,
               run_options how) {
                start_run(std::move(c), std::move(what), std::move(how), std::move(handler));
            },
            token, shared_, std::move(command), std::move(options));
    }

    /// Opens a session channel: one command, shell or subsystem. Errors: open_refused; draining;
    /// too_many_channels.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto open_session(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, session)>(
            [](auto handler, std::shared_ptr<client_connection> c) {
                start_open_session(std::move(c), std::move(handler));
            },
            token, shared_);
    }

    /// Opens an SFTP session. Errors: those of open_session; request_refused by a server that has
    /// no SFTP; unsupported_version and what else is wrong with its first answer;
    /// bad_identification where that is a text, whose beginning is logged.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto open_sftp(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, sftp_client)>(
            [](auto handler, std::shared_ptr<client_connection> c) {
                start_open_sftp(std::move(c), std::move(handler));
            },
            token, shared_);
    }

    /// Has the server connect to `host` and `port` (RFC 4254 §7.2). Errors: connect_failed and
    /// those of open_session; host_key_rejected where host_key_policy::accept_any let in a server
    /// whose key has changed.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto open_direct_tcpip(std::string host, std::uint16_t port, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, session)>(
            [](auto handler, std::shared_ptr<client_connection> c, std::string to,
               std::uint16_t at) {
                start_open_direct_tcpip(std::move(c), std::move(to), at, std::move(handler));
            },
            token, shared_, std::move(host), port);
    }

    /// Completes when the server has taken all that was sent before.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto ping(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [](auto handler, std::shared_ptr<client_connection> c) {
                start_ping(std::move(c), std::move(handler));
            },
            token, shared_);
    }

    /// Completes when new keys are in use.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto rekey(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [](auto handler, std::shared_ptr<client_connection> c) {
                start_rekey(std::move(c), std::move(handler));
            },
            token, shared_);
    }

    // --- the end. Each may be waited for by several; cancelling a wait cancels only the wait ---

    /// Opens nothing new, waits until every session that somebody holds was closed and answered,
    /// says goodbye in protocol order, and tells what became of the connection. SFTP sessions are
    /// closed here, each when its operations are done and no remote_file is open. At the deadline
    /// what is left is cut.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto drain(duration deadline, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, close_report)>(
            [](auto handler, std::shared_ptr<client_connection> c, duration within) {
                start_drain(std::move(c), within, std::move(handler));
            },
            token, shared_, deadline);
    }

    /// `drain` within close_deadline.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto close(Token&& token = {}) {
        return drain(close_deadline, std::forward<Token>(token));
    }

    /// Waits until the connection has ended, by whatever.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto closed(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, close_report)>(
            [](auto handler, std::shared_ptr<client_connection> c) {
                start_closed(std::move(c), std::move(handler));
            },
            token, shared_);
    }

    /// Ends at once: CLOSE on every channel, DISCONNECT.
    void cut();

private:
    using shared = std::shared_ptr<client_connection>;
    static void start_run(shared c, std::string command, run_options options,
                          completion<run_result> done);
    static void start_open_session(shared c, completion<session> done);
    static void start_open_sftp(shared c, completion<sftp_client> done);
    static void start_open_direct_tcpip(shared c, std::string host, std::uint16_t port,
                                        completion<session> done);
    static void start_ping(shared c, completion<> done);
    static void start_rekey(shared c, completion<> done);
    static void start_drain(shared c, duration deadline, completion<close_report> done);
    static void start_closed(shared c, completion<close_report> done);

    shared shared_;
};

/// What `connect` does, for handlers of any type.
void start_connect(boost::asio::any_io_executor executor, connect_options options,
                   completion<connection> done);
void start_connect(std::unique_ptr<byte_stream> stream, connect_options options,
                   completion<connection> done);

/// What `connect` is: an object, since Asio would find a function of that name by its arguments and
/// take it for a customisation of its own.
class connect_function {
public:
    /// Resolves the host, connects to each of its addresses in turn until one takes it, checks the
    /// host key and logs in. The connection lives on a strand of `executor`.
    ///
    /// Errors: those of the resolver and the system; host_key_rejected; auth_denied,
    /// too_many_attempts; login_timeout; what else ended the connection.
    /// `connect_options::on_failure` has the words. Cancelling it, by any type, leaves nothing
    /// behind.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto operator()(boost::asio::any_io_executor executor, connect_options options,
                    Token&& token = {}) const {
        return boost::asio::async_initiate<Token, void(error_code, connection)>(
            [](auto handler, boost::asio::any_io_executor on, connect_options how) {
                start_connect(std::move(on), std::move(how),
                              completion<connection>(std::move(handler)));
            },
            token, std::move(executor), std::move(options));
    }

    /// The same on the executor of the caller: `co_await sluice::connect({.host =
    /// "files.example"})`.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto operator()(connect_options options, Token&& token = {}) const {
        return boost::asio::async_initiate<Token, void(error_code, connection)>(
            [](auto handler, connect_options how) {
                boost::asio::any_io_executor on = boost::asio::get_associated_executor(handler);
                start_connect(std::move(on), std::move(how),
                              completion<connection>(std::move(handler)));
            },
            token, std::move(options));
    }

    /// The same over a stream that is connected already: one end of a socketpair, a stream in
    /// memory, or a channel of another connection (make_channel_stream). `host` and `port` say
    /// whose key is expected. The connection lives on the executor of the stream.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto operator()(std::unique_ptr<byte_stream> stream, connect_options options,
                    Token&& token = {}) const {
        return boost::asio::async_initiate<Token, void(error_code, connection)>(
            [](auto handler, std::unique_ptr<byte_stream> over, connect_options how) {
                start_connect(std::move(over), std::move(how),
                              completion<connection>(std::move(handler)));
            },
            token, std::move(stream), std::move(options));
    }
};

inline constexpr connect_function connect{};

}  // namespace sluice
