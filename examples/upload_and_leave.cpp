// A client that owns the close, while the server only serves: it uploads files side by side, and
// leaves when the server has taken every byte: upload_and_leave HOST PORT KNOWN_HOSTS KEY FILE...
#include "sluice/io/client.hpp"
#include "sluice/io/sftp_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <filesystem>

namespace asio = boost::asio;
using asio::use_awaitable;

asio::awaitable<void> upload(sluice::sftp_client& sftp, std::string file, std::size_t& failed) {
    const std::string name = std::filesystem::path(file).filename();
    try {
        const auto done = co_await sftp.put(file, name, sluice::transfer_options::usual());
        std::printf("%s: %ju bytes, acknowledged\n", name.c_str(), std::uintmax_t{done.bytes});
    } catch (const std::exception& e) {
        ++failed;
        std::printf("%s: %s\n", name.c_str(), e.what());
    }
}

asio::awaitable<int> run(sluice::connect_options to, std::vector<std::string> files) {
    auto connection = co_await sluice::connect(std::move(to), use_awaitable);
    auto sftp = co_await connection.open_sftp(use_awaitable);
    std::size_t failed = 0;
    const auto executor = co_await asio::this_coro::executor;
    for (const auto& file : files)
        asio::co_spawn(executor, upload(sftp, file, failed), asio::detached);
    co_await asio::post(use_awaitable);  // each has begun

    // Nothing new is admitted from here on. What was begun is finished: every reply comes, then
    // EOF, the server's exit status and CLOSE, DISCONNECT and FIN. At the deadline it is cut.
    const sluice::close_report report =
        co_await connection.drain(std::chrono::seconds(60), use_awaitable);
    std::printf("%s\n", to_text(report).c_str());
    co_return failed == 0 && report.complete() ? 0 : 1;
}

int main(int argc, char** argv) {
    if (argc < 6) return std::puts("usage: upload_and_leave HOST PORT KNOWN_HOSTS KEY FILE..."), 2;
    sluice::connect_options to;
    to.host = argv[1];
    to.port = static_cast<std::uint16_t>(std::stoi(argv[2]));
    to.known_hosts_files = {argv[3]};  // the default is what ssh has
    to.identity_files = {argv[4]};     // likewise
    to.agent_socket = "";
    asio::io_context context(1);
    int status = 1;
    asio::co_spawn(context, run(std::move(to), {argv + 5, argv + argc}),
                   [&](std::exception_ptr thrown, int code) {
                       status = code;
                       if (thrown) std::puts("the connection failed"), status = 1;
                   });
    context.run();
    return status;
}
