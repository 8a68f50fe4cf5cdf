// A service of coroutines that shuts down and waits for all it has begun. It counts, a line every
// 100 ms, for whoever runs a command: orderly_service PORT HOST_KEY AUTHORIZED_KEYS
#include "sluice/crypto/key_file.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/server.hpp"
#include "sluice/io/text_file.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <cstdio>

namespace asio = boost::asio;
using asio::use_awaitable;

// What the client gets is whole lines, a last one that says so, and an exit status.
asio::awaitable<std::uint32_t> count(sluice::served_session& session) {
    asio::steady_timer timer(session.get_executor());
    for (int i = 1; i <= 100 && !session.stop_requested(); ++i) {
        co_await asio::async_write(session, asio::buffer(std::to_string(i) + "\n"), use_awaitable);
        timer.expires_after(std::chrono::milliseconds(100));
        co_await timer.async_wait(use_awaitable);
    }
    const std::string last = session.stop_requested() ? "to be continued\n" : "done\n";
    co_await asio::async_write(session, asio::buffer(last), use_awaitable);
    co_return session.stop_requested() ? 75 : 0;  // EX_TEMPFAIL: come again
}

// Nothing is left when this has returned: no handler, no byte that was written, no socket.
asio::awaitable<void> shut_down_on_signal(sluice::server& server, int& status) {
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    co_await signals.async_wait(use_awaitable);
    const sluice::server_report report =
        co_await server.drain({.deadline = std::chrono::seconds(30)}, use_awaitable);
    std::printf("%zu connections, %zu of them cut; %ju bytes sent, %ju undelivered\n",
                report.connections, report.cut, std::uintmax_t{report.total.bytes_sent},
                std::uintmax_t{report.total.bytes_undelivered});
    status = report.cut == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
    if (argc != 4) return std::puts("usage: orderly_service PORT HOST_KEY AUTHORIZED_KEYS"), 2;
    const auto text = sluice::read_text_file(argv[2], 64 * 1024);
    auto key = sluice::crypto::read_private_key(text ? *text : "");
    if (!key) return std::printf("%s: %s\n", argv[2], key.error().message().c_str()), 1;

    asio::io_context context(1);
    asio::thread_pool pool(1);
    sluice::server_options options;
    options.protocol.transport.host_keys = {sluice::make_host_key(std::move(key->key))};
    options.logins = std::make_shared<sluice::file_authenticator>(
        sluice::file_authenticator_options{.authorized_keys_files = {argv[3]}}, pool);
    options.on_exec = count;
    sluice::server server(context.get_executor(), std::move(options));
    const auto port = static_cast<unsigned short>(std::stoi(argv[1]));
    const auto bound = server.listen({asio::ip::make_address("127.0.0.1"), port});
    if (!bound) return std::printf("%s: %s\n", argv[1], bound.error().message().c_str()), 1;
    std::printf("listening on 127.0.0.1:%u\n", bound->port()), std::fflush(stdout);

    int status = 1;
    asio::co_spawn(context, shut_down_on_signal(server, status), asio::detached);
    context.run();
    return status;
}
