// Serves a directory over SFTP: serve_directory PORT DIRECTORY HOST_KEY AUTHORIZED_KEYS
#include "sluice/crypto/key_file.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/io/server.hpp"
#include "sluice/io/text_file.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>

namespace asio = boost::asio;

int main(int argc, char** argv) {
    if (argc != 5) return std::puts("usage: serve_directory PORT DIR HOST_KEY AUTHORIZED_KEYS"), 2;
    const auto text = sluice::read_text_file(argv[3], 64 * 1024);
    auto key = sluice::crypto::read_private_key(text ? *text : "");
    if (!key) return std::printf("%s: %s\n", argv[3], key.error().message().c_str()), 1;

    asio::io_context context(1);
    asio::thread_pool pool(4);  // for what may wait for a disk
    sluice::server_options options;
    options.protocol.transport.host_keys = {sluice::make_host_key(std::move(key->key))};
    options.logins = std::make_shared<sluice::file_authenticator>(
        sluice::file_authenticator_options{.authorized_keys_files = {argv[4]}}, pool);
    options.filesystem = [&](const auto&, auto executor) {
        auto root = sluice::posix_filesystem::open({.root = argv[2]}, executor, pool);
        return root ? std::move(*root) : nullptr;
    };
    sluice::server server(context.get_executor(), std::move(options));
    const auto port = static_cast<unsigned short>(std::stoi(argv[1]));
    const auto bound = server.listen({asio::ip::make_address("127.0.0.1"), port});
    if (!bound) return std::printf("%s: %s\n", argv[1], bound.error().message().c_str()), 1;
    std::printf("listening on 127.0.0.1:%u\n", bound->port()), std::fflush(stdout);

    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { server.drain({}, [&](auto) { context.stop(); }); });
    context.run();
}
