// Logs in by "hostbased": hostbased_client PORT USER HOST_KEY, from the host "localhost" and its
// user "root". For tests/interop/hostbased.py. Prints nothing; status 0 says that it was let in.

#include "sluice/crypto/key_file.hpp"
#include "sluice/io/client.hpp"
#include "sluice/io/text_file.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace asio = boost::asio;
using namespace sluice;

namespace {

asio::awaitable<int> log_in(connect_options options) {
    auto connection = co_await sluice::connect(options);
    co_await connection.drain(std::chrono::seconds(30));
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: hostbased_client PORT USER HOST_KEY\n";
        return 2;
    }
    const auto text = read_text_file(argv[3], 64 * 1024);
    auto key = crypto::read_private_key(text ? *text : "");
    if (!key) {
        std::cerr << argv[3] << ": " << key.error().message() << '\n';
        return 2;
    }
    connect_options options;
    options.host = "127.0.0.1";
    options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    options.user = argv[2];
    options.known_hosts_files.emplace();
    options.host_keys = {key->key.public_half()};  // the server is of this host too
    options.identity_files.emplace();
    options.agent_socket = "";
    options.protocol.auth.methods = {"hostbased"};
    options.protocol.auth.host_based.client_host = "localhost.";
    options.protocol.auth.host_based.client_user = "root";
    options.host_based_keys = {std::move(key->key)};
    options.on_failure = [](const connect_failure& f) { std::cerr << f.text << '\n'; };

    asio::io_context context(1);
    int status = 1;
    asio::co_spawn(context, log_in(options), [&](std::exception_ptr thrown, int s) {
        if (!thrown) status = s;
    });
    context.run();
    return status;
}
