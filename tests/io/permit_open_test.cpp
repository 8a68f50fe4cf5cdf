// permitopen: which destinations a login leaves open.

#include "sluice/tests/support/ssh_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <string>
#include <vector>

namespace sluice {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using destinations = std::optional<std::vector<open_destination>>;

struct two_targets {
    explicit two_targets(destinations permitted, bool port_forwarding = true) {
        s.options.permit_connect = [](const session_info&, const std::string&, std::uint16_t) {
            return connect_answer::permit;
        };
        s.options.logins = std::make_shared<test::test_logins>(
            [permitted, port_forwarding](login_attempt) -> asio::awaitable<login_verdict> {
                login_verdict verdict;
                verdict.answer = auth_answer::accept;
                verdict.rights.permit_open = permitted;
                verdict.rights.port_forwarding = port_forwarding;
                co_return verdict;
            });
        s.start();
        client = test::ssh_client::connect(s);
        EXPECT_TRUE(client->log_in());
    }

    bool opens(std::string_view host, std::uint32_t port) {
        bytes specific;
        wire::writer w(specific);
        open_type_list::encode(direct_tcpip_channel{host, port, "127.0.0.1", 1}, w);
        const auto number = static_cast<std::uint32_t>(client->sessions.size());
        client->sessions.emplace_back();
        client->send(wire::encoded(channel_open{"direct-tcpip", number, 1000, 1000, {specific}}));
        EXPECT_TRUE(s.until([&] {
            const auto& c = client->sessions[number];
            return c.confirmed || c.refused || client->ended();
        }));
        return client->sessions[number].confirmed;
    }

    test::served s;
    std::shared_ptr<test::ssh_client> client;
};

TEST(PermitOpen, HostAndPortMustBothBeListed) {
    asio::io_context context;
    const tcp::endpoint loopback(asio::ip::address_v4::loopback(), 0);
    const tcp::acceptor first(context, loopback);
    const tcp::acceptor second(context, loopback);
    const std::uint16_t one = first.local_endpoint().port();
    const std::uint16_t two = second.local_endpoint().port();
    using list = std::vector<open_destination>;
    const struct {
        const char* name;
        destinations permitted;
        bool of_one;
        bool of_two;
    } cases[] = {
        {"anywhere", std::nullopt, true, true},
        {"nowhere", list{}, false, false},
        {"one port", list{{"127.0.0.1", one}}, true, false},
        {"the other", list{{"127.0.0.1", two}}, false, true},
        {"each with a port", list{{"127.0.0.1", two}, {"127.0.0.1", one}}, true, true},
        {"any port", list{{"127.0.0.1", std::nullopt}}, true, true},
        {"another host's port", list{{"127.0.0.2", one}}, false, false},
        {"another host's ports", list{{"127.0.0.2", std::nullopt}}, false, false},
        {"a port of each", list{{"127.0.0.2", one}, {"127.0.0.1", two}}, false, true},
        {"no pattern", list{{"*", one}, {"127.0.0.*", two}}, false, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        two_targets server(c.permitted);
        EXPECT_EQ(server.opens("127.0.0.1", one), c.of_one);
        EXPECT_EQ(server.opens("127.0.0.1", two), c.of_two);
        EXPECT_FALSE(server.opens("127.0.0.1", one + 65'536u)) << "no port";
        two_targets without(c.permitted, false);
        EXPECT_FALSE(without.opens("127.0.0.1", one)) << "no forwarding, whatever is listed";
        EXPECT_FALSE(without.opens("127.0.0.1", two));
    }
}

}  // namespace
}  // namespace sluice
