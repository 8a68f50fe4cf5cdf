#include "sluice/io/server.hpp"

#include "sluice/tests/support/transport_pair.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

namespace sluice {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class refuses_all final : public authenticator {
public:
    asio::awaitable<login_verdict> check(login_attempt) override { co_return login_verdict{}; }
};

TEST(Server, AStreamThatEndsWithoutAGoodbyeIsLost) {
    asio::io_context context(1);
    std::vector<std::string> reasons;
    server_options options;
    options.protocol.transport.host_keys = {test::test_host_key()};
    options.logins = std::make_shared<refuses_all>();
    options.log = [&](const log_record& record) {
        if (record.event != "closed") return;
        for (const auto& [name, value] : record.fields)
            if (name == "reason") reasons.push_back(value);
    };
    server s(context.get_executor(), std::move(options));
    const auto bound = s.listen({asio::ip::address_v4::loopback(), 0});
    ASSERT_TRUE(bound);

    tcp::socket socket(context);
    socket.connect(*bound);
    asio::write(socket, asio::buffer(std::string_view("SSH-2.0-test\r\n")));
    asio::streambuf greeting;
    asio::async_read_until(socket, greeting, '\n', [&](error_code e, std::size_t) {
        EXPECT_FALSE(e);
        EXPECT_EQ(s.connections(), 1u);
        socket.close();
    });
    while (reasons.empty() && context.run_one() != 0) {
    }
    EXPECT_EQ(reasons, std::vector{make_error_code(errc::connection_lost).message()});

    bool stopped = false;
    s.stop([&] { stopped = true; });
    context.run();
    EXPECT_TRUE(stopped);
    EXPECT_EQ(s.connections(), 0u);
}

}  // namespace
}  // namespace sluice
