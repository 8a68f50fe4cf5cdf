// Connects, logs in and closes, many times in a row: handshake PORT USER KEY KEX TIMES. The load
// for handshake.py, which measures the server.

#include "sluice/crypto/key.hpp"
#include "sluice/io/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

namespace asio = boost::asio;

namespace {

asio::awaitable<void> connect_often(const sluice::connect_options& options, int times) {
    for (int i = 0; i < times; ++i) {
        auto connection = co_await sluice::connect(options);
        co_await connection.close();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::cerr << "usage: handshake PORT USER KEY HOST_KEY.pub KEX TIMES\n";
        return 2;
    }
    sluice::connect_options options;
    options.host = "127.0.0.1";
    options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    options.user = argv[2];
    options.identity_files = {{argv[3]}};
    options.agent_socket = "";
    options.known_hosts_files.emplace();
    std::ifstream file(argv[4]);
    std::string line;
    std::getline(file, line);
    const auto host_key = sluice::crypto::public_key::from_line(line);
    if (!host_key) {
        std::cerr << argv[4] << ": " << host_key.error().message() << '\n';
        return 2;
    }
    options.host_keys = {*host_key};
    options.protocol.transport.kex_algorithms = {argv[5]};
    options.protocol.transport.host_key_algorithms = {"ssh-ed25519"};
    options.on_failure = [](const sluice::connect_failure& f) { std::cerr << f.text << '\n'; };

    asio::io_context context(1);
    bool good = false;
    asio::co_spawn(context, connect_often(options, std::atoi(argv[6])),
                   [&](std::exception_ptr thrown) { good = !thrown; });
    context.run();
    return good ? 0 : 1;
}
