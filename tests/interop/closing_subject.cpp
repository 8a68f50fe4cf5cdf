// One end, or both, of the scenarios of closing.py, made with sluice: closing_subject SCENARIO.
// It prints the port first, and at the end a line of JSON.

#include "sluice/crypto/key.hpp"
#include "sluice/io/client.hpp"
#include "sluice/io/memory_filesystem.hpp"
#include "sluice/io/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <cstdio>

namespace asio = boost::asio;
using namespace sluice;
using namespace std::chrono_literals;
using asio::use_awaitable;

namespace {

struct everybody final : authenticator {
    asio::awaitable<login_verdict> check(login_attempt) override {
        co_return login_verdict{auth_answer::accept, {}};
    }
};

// A store whose writes take their time.
class slow_filesystem final : public memory_filesystem {
public:
    slow_filesystem(asio::any_io_executor executor, bool& began, bool& finished)
        : memory_filesystem(std::make_shared<memory_tree>()),
          executor_(std::move(executor)),
          began_(began),
          finished_(finished) {}
    void write(sftp::op::write request, sftp::completion<> done) override {
        began_ = true;
        auto timer = std::make_shared<asio::steady_timer>(executor_, 500ms);
        timer->async_wait([this, timer, request = std::move(request),
                           done = std::move(done)](error_code) mutable {
            finished_ = true;
            memory_filesystem::write(std::move(request), std::move(done));
        });
    }

private:
    asio::any_io_executor executor_;
    bool& began_;
    bool& finished_;
};

asio::awaitable<void> sleep(std::chrono::nanoseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(use_awaitable);
}

struct subject {
    asio::io_context context{1};
    server_options options;
    std::optional<server> served;
    std::optional<close_report> server_end;

    subject() {
        options.protocol.transport.host_keys = {
            make_host_key(crypto::private_key::generate("ssh-ed25519").value())};
        options.protocol.auth.method_chains = {{"none"}};
        options.logins = std::make_shared<everybody>();
        options.on_closed = [this](const connection_info& who, const close_report& report) {
            if (!who.user.empty()) server_end = report;
        };
    }
    unsigned short start() {
        served.emplace(context.get_executor(), std::move(options));
        const auto bound = served->listen({asio::ip::address_v4::loopback(), 0});
        std::printf("%u\n", bound.value().port());
        std::fflush(stdout);
        return bound->port();
    }
    // Until the connection has gone; the server then ends too.
    void run_until_gone() {
        while (!server_end)
            context.run_one();
        served->stop();
        context.run();
    }
};

// The handler writes, and the server ends the connection right behind it.
void write_then_close(std::size_t bytes, bool rekey) {
    subject s;
    if (rekey) s.options.protocol.transport.rekey.bytes = 100'000;
    served_connection* connection = nullptr;
    s.options.on_login = [&](served_connection& c) -> asio::awaitable<void> {
        connection = &c;
        co_await c.sessions_ended();
    };
    s.options.on_exec = [&](served_session& session) -> asio::awaitable<std::uint32_t> {
        const std::string data(bytes, 'x');
        co_await asio::async_write(session, asio::buffer(data), use_awaitable);
        connection->drain({.deadline = 20s});
        co_return 0;
    };
    s.start();
    s.run_until_gone();
    std::printf("%s\n", to_json(*s.server_end).c_str());
}

// A write is being served when the server ends the connection.
void close_under_handler() {
    subject s;
    bool began = false;
    bool finished = false;
    bool finished_at_closed = false;
    s.options.filesystem = [&](const session_info&, asio::any_io_executor executor) {
        return std::make_unique<slow_filesystem>(std::move(executor), began, finished);
    };
    s.options.on_login = [&](served_connection& c) -> asio::awaitable<void> {
        while (!began)
            co_await sleep(5ms);
        c.drain({.deadline = 20s});
    };
    s.options.on_closed = [&](const connection_info&, const close_report& report) {
        finished_at_closed = finished;
        s.server_end = report;
    };
    s.start();
    s.run_until_gone();
    std::printf(
        "%s\n",
        to_json(*s.server_end, {{"handler_finished", finished_at_closed ? "yes" : "no"}}).c_str());
}

// Each end has written more than the other's window, reads nothing and closes.
void both_close() {
    constexpr std::size_t bytes = 1'000'000;
    subject s;
    s.options.protocol.channels.window_size = 256 * 1024;
    s.options.on_exec = [&](served_session& session) -> asio::awaitable<std::uint32_t> {
        const std::string data(bytes, 's');
        co_await asio::async_write(session, asio::buffer(data), use_awaitable);
        co_return 0;
    };
    const auto port = s.start();
    std::optional<close_report> client_end;
    const auto client = [&]() -> asio::awaitable<void> {
        connect_options to{.host = "127.0.0.1", .port = port, .user = "ada"};
        to.known_hosts_files.emplace();
        to.host_keys_unknown = host_key_policy::ask;
        to.on_unknown_host_key = [](host_key_question) { return host_key_answer::accept_once; };
        to.protocol.channels.window_size = 256 * 1024;
        auto connection = co_await sluice::connect(std::move(to), use_awaitable);
        auto session = co_await connection.open_session(use_awaitable);
        co_await session.request_exec("write", use_awaitable);
        const std::string data(bytes, 'c');
        co_await asio::async_write(session, asio::buffer(data), use_awaitable);
        co_await session.close(use_awaitable);
        client_end = co_await connection.drain(20s, use_awaitable);
    };
    asio::co_spawn(s.context, client(), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    });
    s.run_until_gone();
    std::printf("{\"client\":%s,\"server\":%s}\n", to_json(client_end.value()).c_str(),
                to_json(*s.server_end).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string scenario = argc == 2 ? argv[1] : "";
    if (scenario == "write_then_close")
        write_then_close(8 << 20, false);
    else if (scenario == "close_during_rekey")
        write_then_close(1'000'000, true);
    else if (scenario == "close_under_handler")
        close_under_handler();
    else if (scenario == "both_close")
        both_close();
    else
        return std::puts("usage: closing_subject SCENARIO"), 2;
}
