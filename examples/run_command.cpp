// Runs a command on a server: run_command USER HOST PORT COMMAND. Who the server is stands in
// known_hosts, who we are in the agent or in ~/.ssh, as for ssh(1).

#include "sluice/io/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

namespace {

asio::awaitable<int> run(sluice::connect_options options, std::string command) {
    auto connection = co_await sluice::connect(options);
    const auto result = co_await connection.run(command);
    std::cout << result.out;
    std::cerr << result.err;
    const auto report = co_await connection.drain(std::chrono::seconds(30));
    std::cerr << sluice::to_text(report) << '\n';
    co_return result.exit.status ? static_cast<int>(*result.exit.status) : 255;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: run_command USER HOST PORT COMMAND\n";
        return 2;
    }
    sluice::connect_options options;
    options.user = argv[1];
    options.host = argv[2];
    options.port = static_cast<std::uint16_t>(std::atoi(argv[3]));
    // `f.text` says more, but quotes the server, whose words a terminal must not get as they are.
    options.on_failure = [](const sluice::connect_failure& f) {
        std::cerr << f.error.message() << '\n';
    };

    asio::io_context context(1);
    int status = 255;
    asio::co_spawn(context, run(options, argv[4]), [&](std::exception_ptr thrown, int s) {
        if (!thrown) status = s;
    });
    context.run();
    return status;
}
