// Serves files, keeps count of each connection's sessions, and ends the connection behind its last
// one: sftp_sessions PORT DIRECTORY HOST_KEY AUTHORIZED_KEYS
#include "sluice/crypto/key_file.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/io/server.hpp"
#include "sluice/io/text_file.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>

namespace asio = boost::asio;

// Runs from the login on; the connection does not end before it has returned.
asio::awaitable<void> follow(sluice::served_connection& connection) {
    std::printf("%s is there\n", connection.who().user.c_str());
    co_await connection.sessions_ended();  // at least one was opened, and none is left
    std::printf("%s has no session left\n", connection.who().user.c_str());
    connection.drain({.deadline = std::chrono::seconds(10)});
}

// Every file that was written is one or the other.
void tell(const sluice::connection_info& who, const sluice::close_report& report) {
    std::printf("%s has gone: %s\n", who.user.c_str(), to_text(report).c_str());
    for (const auto& session : report.sftp_sessions)
        std::printf("  SFTP session %u: %ju files committed, %ju abandoned\n", session.channel,
                    std::uintmax_t{session.files_committed},
                    std::uintmax_t{session.files_abandoned});
    std::fflush(stdout);
}

int main(int argc, char** argv) {
    if (argc != 5) return std::puts("usage: sftp_sessions PORT DIR HOST_KEY AUTHORIZED_KEYS"), 2;
    const auto text = sluice::read_text_file(argv[3], 64 * 1024);
    auto key = sluice::crypto::read_private_key(text ? *text : "");
    if (!key) return std::printf("%s: %s\n", argv[3], key.error().message().c_str()), 1;

    asio::io_context context(1);
    asio::thread_pool pool(4);
    sluice::server_options options;
    options.protocol.transport.host_keys = {sluice::make_host_key(std::move(key->key))};
    options.logins = std::make_shared<sluice::file_authenticator>(
        sluice::file_authenticator_options{.authorized_keys_files = {argv[4]}}, pool);
    options.filesystem = [&](const auto&, auto executor) {
        auto root = sluice::posix_filesystem::open({.root = argv[2]}, executor, pool);
        return root ? std::move(*root) : nullptr;
    };
    options.on_login = follow;
    options.on_closed = tell;
    sluice::server server(context.get_executor(), std::move(options));
    const auto port = static_cast<unsigned short>(std::stoi(argv[1]));
    const auto bound = server.listen({asio::ip::make_address("127.0.0.1"), port});
    if (!bound) return std::printf("%s: %s\n", argv[1], bound.error().message().c_str()), 1;
    std::printf("listening on 127.0.0.1:%u\n", bound->port()), std::fflush(stdout);

    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { server.drain({}, [&](auto) { context.stop(); }); });
    context.run();
}
