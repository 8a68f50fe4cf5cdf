// Connections for users, with a resolver that takes as long as the test says.

#include "sluice/io/dialler.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

const asio::ip::address loopback = asio::ip::address_v4::loopback();

TEST(HostToDial, AddressesHaveOneFormAndNamesStandAsTheyAre) {
    const struct {
        std::string_view text;
        std::optional<std::string> want;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"::ffff:127.0.0.1", "127.0.0.1"},
        {"::FFFF:7F00:1", "127.0.0.1"},
        {"0:0::0001", "::1"},
        {"FE80::1", "fe80::1"},
        {"localhost", "localhost"},
        {"Db.Internal", "Db.Internal"},
        {"1.example", "1.example"},
        {"a.1b", "a.1b"},
        {"0xyz", "0xyz"},
        {"127.1", std::nullopt},
        {"127.0.0.1.", std::nullopt},
        {"0177.0.0.1", std::nullopt},
        {"127.0.0.0x1", std::nullopt},
        {"0x7f000001", std::nullopt},
        {"2130706433", std::nullopt},
        {"256.0.0.1", std::nullopt},
        {"a.1", std::nullopt},
        {"0", std::nullopt},
    };
    for (const auto& c : cases)
        EXPECT_EQ(host_to_dial(c.text), c.want) << c.text;
}

// (gcc 12 wants what is awaited bound to a name.)
asio::awaitable<void> dial(std::shared_ptr<dialler> by, dialler::request to,
                           std::function<void(result<tcp::socket>)> done) {
    const auto executor = co_await asio::this_coro::executor;
    result<tcp::socket> socket = co_await dialler::dial(std::move(by), executor, std::move(to));
    if (done) done(std::move(socket));
}

// Users who ask one dialler, and what came of it.
struct users {
    void ask(std::string user, std::string host, std::uint16_t port,
             std::function<bool(const std::string&)> permits = {}) {
        auto ends = [this, user](const result<tcp::socket>& socket) {
            ended[user].push_back(socket ? error_code() : socket.error());
            if (socket) to.push_back(socket->remote_endpoint().address());
        };
        asio::co_spawn(context,
                       dial(by, {user, std::move(host), port, std::move(permits)}, std::move(ends)),
                       asio::detached);
    }
    bool until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            context.restart();
            context.run_for(std::chrono::milliseconds(10));
        }
        return condition();
    }

    std::shared_ptr<dialler> by = std::make_shared<dialler>();
    asio::io_context context;
    std::map<std::string, std::vector<error_code>> ended;
    std::vector<asio::ip::address> to;
};

TEST(Dialler, NobodyWaitsForTheSlowNamesOfAnother) {
    std::latch slow_names(1);
    std::atomic<int> slow = 0;
    users u;
    tcp::acceptor there(u.context, tcp::endpoint(loopback, 0));
    const std::uint16_t port = there.local_endpoint().port();
    u.by = std::make_shared<dialler>([&](const std::string& host) {
        if (host == "slow") {
            ++slow;
            slow_names.wait();
        }
        return result<std::vector<asio::ip::address>>(std::vector{loopback});
    });
    u.ask("mallory", "slow", port);
    ASSERT_TRUE(u.until([&] { return slow == 1; }));
    for (std::size_t i = 1; i < limits::connects_of_user_max; ++i)
        u.ask("mallory", "slow", port);
    u.ask("alice", "fast", port);
    // But for the one under way and those that wait behind it, hers are refused at once.
    const std::size_t refused = limits::connects_of_user_max - 1 - limits::lookups_of_user_max;
    EXPECT_TRUE(
        u.until([&] { return !u.ended["alice"].empty() && u.ended["mallory"].size() == refused; }));
    EXPECT_EQ(u.ended["alice"], std::vector{error_code()});
    EXPECT_EQ(slow, 1) << "one thread for a user";
    for (const auto& e : u.ended["mallory"])
        EXPECT_EQ(e, errc::too_many_requests);
    slow_names.count_down();
    EXPECT_TRUE(u.until([&] { return u.ended["mallory"].size() == limits::connects_of_user_max; }));
}

TEST(Dialler, AUserHasSoManyUnderWay) {
    users u;
    // Whose queue is full does not answer.
    tcp::acceptor full(u.context, tcp::v4());
    full.bind(tcp::endpoint(loopback, 0));
    full.listen(0);
    tcp::acceptor there(u.context, tcp::endpoint(loopback, 0));
    for (std::size_t i = 0; i < limits::connects_of_user_max + 10; ++i)
        u.ask("mallory", "127.0.0.1", full.local_endpoint().port());
    EXPECT_TRUE(u.until(
        [&] { return std::ranges::count(u.ended["mallory"], errc::too_many_requests) >= 5; }));
    u.ask("alice", "127.0.0.1", there.local_endpoint().port());
    EXPECT_TRUE(u.until([&] { return !u.ended["alice"].empty(); }));
    EXPECT_EQ(u.ended["alice"], std::vector{error_code()});
    full.close();  // the kernel refuses those that are tried again
}

TEST(Dialler, AddressesAreNotLookedUp) {
    users u;
    tcp::acceptor there(u.context, tcp::endpoint(loopback, 0));
    u.by = std::make_shared<dialler>([](const std::string& host) {
        ADD_FAILURE() << host << " was looked up";
        return result<std::vector<asio::ip::address>>(error_code(asio::error::host_not_found));
    });
    u.ask("alice", "127.0.0.1", there.local_endpoint().port());
    EXPECT_TRUE(u.until([&] { return !u.ended["alice"].empty(); }));
    EXPECT_EQ(u.ended["alice"], std::vector{error_code()});
}

TEST(Dialler, TriesThePermittedAddressesInTurn) {
    users u;
    tcp::acceptor there(u.context, tcp::endpoint(loopback, 0));
    const auto second = asio::ip::make_address("127.0.0.2");  // where nobody listens
    u.by = std::make_shared<dialler>([&](const std::string&) {
        return result<std::vector<asio::ip::address>>(std::vector{second, loopback});
    });
    const std::uint16_t port = there.local_endpoint().port();
    const auto outcome = [&](std::string user, std::function<bool(const std::string&)> permits) {
        u.ask(user, "name", port, std::move(permits));
        EXPECT_TRUE(u.until([&] { return !u.ended[user].empty(); }));
        return u.ended[user].front();
    };
    EXPECT_FALSE(outcome("all", {}));
    EXPECT_FALSE(outcome("one", [](const std::string& a) { return a == "127.0.0.1"; }));
    EXPECT_EQ(u.to, (std::vector{loopback, loopback}));
    EXPECT_EQ(outcome("other", [](const std::string& a) { return a == "127.0.0.2"; }),
              asio::error::connection_refused);
    EXPECT_EQ(outcome("none", [](const std::string&) { return false; }),
              asio::error::no_permission);
}

TEST(Dialler, WhoIsCancelledGivesHisShareBack) {
    std::latch slow_names(1);
    users u;
    u.by = std::make_shared<dialler>([&](const std::string&) {
        slow_names.wait();
        return result<std::vector<asio::ip::address>>(error_code(asio::error::host_not_found));
    });
    std::list<asio::cancellation_signal> signals;
    std::size_t gone = 0;
    for (std::size_t i = 0; i < limits::lookups_of_user_max; ++i)
        asio::co_spawn(u.context, dial(u.by, {"alice", "slow", 1, {}}, {}),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(),
                                                    [&](std::exception_ptr) { ++gone; }));
    u.context.poll();
    for (auto& signal : signals)
        signal.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(u.until([&] { return gone == limits::lookups_of_user_max; }));
    tcp::acceptor there(u.context, tcp::endpoint(loopback, 0));
    u.ask("alice", "127.0.0.1", there.local_endpoint().port());
    EXPECT_TRUE(u.until([&] { return !u.ended["alice"].empty(); }));
    EXPECT_EQ(u.ended["alice"], std::vector{error_code()});
    slow_names.count_down();
}

}  // namespace
}  // namespace sluice
