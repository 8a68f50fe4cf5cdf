// What a login may not do wins over every kind of forwarding there is, though the server permits
// all of it.

#include "sluice/tests/support/forwarding_gates.hpp"
#include "sluice/tests/support/ssh_client.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace sluice {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using test::gate;
using test::row;
using test::served;

session_rights without_any() {
    session_rights rights;
    for (const gate g : test::gates_that_open)
        rights.*test::keeper_of(g).right = false;
    return rights;
}

// A server that permits what can be permitted, and a client that has these rights.
struct permissive {
    explicit permissive(const session_rights& rights)
        : target(s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        s.options.permit_connect = [](const session_info&, const std::string&, std::uint16_t) {
            return connect_answer::permit;
        };
        s.options.logins = std::make_shared<test::test_logins>(
            [rights](login_attempt) -> asio::awaitable<login_verdict> {
                login_verdict verdict;
                verdict.answer = auth_answer::accept;
                verdict.rights = rights;
                co_return verdict;
            });
        s.start();
        client = test::ssh_client::connect(s);
        EXPECT_TRUE(client->log_in());
    }

    // Whether it is granted.
    bool open(const channel_open_type& type) {
        bytes specific;
        wire::writer w(specific);
        open_type_list::encode(type, w);
        const auto number = static_cast<std::uint32_t>(client->sessions.size());
        client->sessions.emplace_back();
        client->send(wire::encoded(
            channel_open{open_type_list::name_of(type), number, 1000, 1000, {specific}}));
        auto& channel = client->sessions[number];
        EXPECT_TRUE(
            s.until([&] { return channel.confirmed || channel.refused || client->ended(); }));
        return channel.confirmed;
    }
    bool ask(const global_request& request) {
        bytes payload;
        encode_global_request(request, true, payload);
        const std::size_t before = client->global_failures;
        client->send(payload);
        client->open();  // behind the reply, whatever it is
        return client->global_failures == before;
    }
    bool ask(const channel_request& request) { return client->request(client->open(), request); }

    served s;
    tcp::acceptor target;
    std::shared_ptr<test::ssh_client> client;
};

// What it takes for each to succeed, where it is served.
template <class T>
T example(permissive&) {
    return {};
}
template <>
direct_tcpip_channel example(permissive& p) {
    return {"127.0.0.1", p.target.local_endpoint().port(), "127.0.0.1", 1};
}

template <class T>
bool granted(permissive& p) {
    if constexpr (std::is_constructible_v<channel_open_type, T>)
        return p.open(example<T>(p));
    else if constexpr (std::is_constructible_v<global_request, T>)
        return p.ask(global_request(example<T>(p)));
    else
        return p.ask(channel_request(example<T>(p)));
}

template <class T>
void try_one() {
    constexpr gate g = test::gate_of(row<T>());
    if constexpr (g != gate::none) {
        SCOPED_TRACE(std::string(T::name));
        permissive all{session_rights()};
        EXPECT_EQ(granted<T>(all), g != gate::not_served);
        permissive nothing(without_any());
        EXPECT_FALSE(granted<T>(nothing));
        for (const gate other : test::gates_that_open) {
            session_rights rights;
            rights.*test::keeper_of(other).right = false;
            permissive one(rights);
            EXPECT_EQ(granted<T>(one), g != gate::not_served && g != other);
        }
    }
}

template <class... T>
void try_each(row<std::variant<T...>>) {
    (try_one<T>(), ...);
}

TEST(ForwardingRights, HoldForEveryChannelThatIsOpened) { try_each(row<channel_open_type>()); }

TEST(ForwardingRights, HoldForEveryRequestOfAConnection) { try_each(row<global_request>()); }

TEST(ForwardingRights, HoldForEveryRequestOfASession) { try_each(row<channel_request>()); }

}  // namespace
}  // namespace sluice
