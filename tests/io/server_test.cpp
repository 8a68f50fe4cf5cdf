// Connections: who gets in, how many, and what happens when they are stopped or break.

#include "sluice/tests/support/ssh_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stdexcept>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using test::served;
using test::ssh_client;

constexpr auto by_application = static_cast<std::uint32_t>(disconnect_reason::by_application);

bool gone(served& s) {
    return s.until([&] { return s.connections() == 0; });
}

// Decides never, but notices that it is cancelled.
struct never_decides {
    std::size_t asked = 0;
    std::size_t cancelled = 0;

    test::test_logins::decision decision() {
        return [this](login_attempt) -> asio::awaitable<login_verdict> {
            ++asked;
            const auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
            const auto [e] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            cancelled += e == asio::error::operation_aborted;
            co_return login_verdict{auth_answer::accept, {}};
        };
    }
};

// --- one connection -----------------------------------------------------------------------------

// Off and loud: a weak algorithm is used only where the settings name it, and then the log says so.
TEST(Server, WarnsOfWeakAlgorithms) {
    served sound;
    sound.start();
    EXPECT_EQ(sound.logged("weak_algorithm"), 0u);

    served s;
    s.options.protocol.transport.macs = {"hmac-sha2-256", "hmac-sha1"};
    s.options.protocol.auth.public_key_algorithms.emplace_back("ssh-rsa");
    s.start();
    EXPECT_EQ(s.logged("weak_algorithm"), 2u);
    EXPECT_EQ(s.last("weak_algorithm", "algorithm"), "hmac-sha1");
}

TEST(Server, LogsALoginAndItsEnd) {
    served s;
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->log_in());
    EXPECT_EQ(s.connections(), 1u);
    EXPECT_EQ(s.logged("connection"), 1u);
    EXPECT_EQ(s.last("login", "user"), "ada");
    EXPECT_EQ(s.last("login", "method"), "none");
    client->send(wire::encoded(disconnect{11, "so long", {}}));
    EXPECT_TRUE(client->ends_with_fin());
    client->close();
    EXPECT_TRUE(gone(s));
    EXPECT_EQ(s.last("closed", "user"), "ada");
    EXPECT_EQ(s.last("closed", "reason"), "peer disconnected");
    EXPECT_EQ(s.last("closed", "detail"), "so long");
    EXPECT_EQ(s.logged("closed"), 1u);
}

TEST(Server, AStreamThatEndsWithoutAGoodbyeIsLost) {
    enum { greeting, keys, login } const stages[] = {greeting, keys, login};
    for (const auto stage : stages) {
        SCOPED_TRACE(stage);
        served s;
        s.start();
        auto client = ssh_client::connect(s);
        const bool there = stage == greeting ? s.until([&] { return s.connections() == 1; })
                           : stage == keys   ? client->exchange_keys()
                                             : client->log_in();
        EXPECT_TRUE(there);
        client->close();
        EXPECT_TRUE(gone(s));
        EXPECT_EQ(s.last("closed", "reason"), make_error_code(errc::connection_lost).message());
    }
}

TEST(Server, WhatIsNotSshIsSentAway) {
    served s;
    s.start();
    tcp::socket socket(s.context);
    socket.connect(s.address);
    socket.write_some(asio::buffer(std::string_view("GET / HTTP/1.1\r\n\r\n")));
    EXPECT_TRUE(s.until([&] { return s.logged("connection") == 1; }));
    std::array<char, 4096> greeting;
    std::optional<error_code> end;
    const std::function<void()> read = [&] {
        socket.async_read_some(asio::buffer(greeting), [&](error_code e, std::size_t) {
            if (e) {
                end = e;
                socket.close();
            } else {
                read();
            }
        });
    };
    read();
    EXPECT_TRUE(s.until([&] { return end.has_value(); }));
    EXPECT_EQ(end, error_code(asio::error::eof));
    EXPECT_TRUE(gone(s));
    EXPECT_EQ(s.last("closed", "reason"), make_error_code(errc::bad_identification).message());
}

TEST(Server, TheLoginGraceEndsWhoDoesNotLogIn) {
    served s;
    s.options.protocol.login_grace = 100ms;
    s.start();
    auto client = ssh_client::connect(s);
    EXPECT_TRUE(client->ask_service());
    EXPECT_TRUE(client->ends_with_fin());
    EXPECT_EQ(client->disconnected, by_application);
    client->close();
    EXPECT_TRUE(gone(s));
    EXPECT_EQ(s.last("closed", "reason"), make_error_code(errc::login_timeout).message());
}

// --- authenticators -----------------------------------------------------------------------------

TEST(Server, AnAuthenticatorThatThrowsRefuses) {
    const struct {
        const char* name;
        test::test_logins::decision decide;
    } cases[] = {
        {"in the coroutine",
         [](login_attempt a) -> asio::awaitable<login_verdict> {
             if (a.question.user == "eve") throw std::runtime_error("database");
             co_return login_verdict{auth_answer::accept, {}};
         }},
        {"before there is one",
         [](login_attempt a) -> asio::awaitable<login_verdict> {
             if (a.question.user == "eve") throw std::runtime_error("database");
             return [](login_attempt) -> asio::awaitable<login_verdict> {
                 co_return login_verdict{auth_answer::accept, {}};
             }(std::move(a));
         }},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        served s;
        s.options.logins = std::make_shared<test::test_logins>(c.decide);
        s.start();
        auto eve = ssh_client::connect(s);
        EXPECT_FALSE(eve->log_in(test::none_request("eve")));
        EXPECT_EQ(eve->failures, 1u);
        EXPECT_FALSE(eve->ended()) << "another try is free";
        auto ada = ssh_client::connect(s);
        EXPECT_TRUE(ada->log_in(test::none_request("ada")));
    }
}

TEST(Server, AnAuthenticatorThatNeverAnswersIsCancelled) {
    enum {
        grace,
        client_leaves,
        client_resets,
        stop
    } const ends[] = {grace, client_leaves, client_resets, stop};
    for (const auto end : ends) {
        SCOPED_TRACE(end);
        never_decides logins;
        served s;
        s.options.protocol.login_grace = end == grace ? 200ms : 1h;
        s.options.protocol.end.linger = 100ms;
        s.options.logins = std::make_shared<test::test_logins>(logins.decision());
        s.start();
        auto client = ssh_client::connect(s);
        ASSERT_TRUE(client->ask_service());
        client->send(test::none_request());
        ASSERT_TRUE(s.until([&] { return logins.asked == 1; }));
        if (end == client_leaves) client->close();
        if (end == client_resets) client->reset();
        if (end == stop) s.stop();
        EXPECT_TRUE(gone(s));
        EXPECT_EQ(logins.cancelled, 1u);
        EXPECT_FALSE(client->logged_in);
        if (end == grace || end == stop) {
            EXPECT_TRUE(client->ends_with_fin());
            EXPECT_EQ(client->disconnected, by_application);
        }
    }
}

// A client that has more to say already is served on after the answer.
TEST(Server, WhatComesWhileALoginIsDecidedWaits) {
    served s;
    asio::steady_timer decided(s.context, asio::steady_timer::time_point::max());
    s.options.logins =
        std::make_shared<test::test_logins>([&](login_attempt) -> asio::awaitable<login_verdict> {
            co_await decided.async_wait(asio::as_tuple(asio::use_awaitable));
            co_return login_verdict{auth_answer::accept, {}};
        });
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->ask_service());
    client->send(test::none_request());
    client->send(test::global("keepalive@openssh.com", true));
    s.context.run_for(50ms);
    EXPECT_FALSE(client->logged_in);
    decided.cancel();
    EXPECT_TRUE(s.until([&] { return client->global_failures == 1; }));
    EXPECT_TRUE(client->logged_in);
}

// In a chain of methods, what the first key of them forces holds for the session.
TEST(Server, EveryStepOfALoginRestrictsIt) {
    served s;
    s.options.protocol.auth.method_chains = {{"none", "password"}};
    s.options.logins =
        std::make_shared<test::test_logins>([](login_attempt a) -> asio::awaitable<login_verdict> {
            login_verdict verdict{auth_answer::accept, {}};
            const bool first = a.question.what == auth_question::kind::none;
            if (first && a.question.user != "free") verdict.rights.forced_command = "echo forced";
            if (!first && a.question.user == "torn") verdict.rights.forced_command = "echo other";
            verdict.rights.environment.emplace_back(first ? "FIRST" : "SECOND", "1");
            co_return verdict;
        });
    s.start();
    const struct {
        const char* user;
        bool admitted;
        const char* output;
    } cases[] = {{"free", true, "asked 11\n"}, {"ada", true, "forced\n"}, {"torn", false, ""}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.user);
        auto client = ssh_client::connect(s);
        ASSERT_TRUE(client->ask_service());
        client->send(test::none_request(c.user));
        client->send(test::password_request("pw", c.user));
        ASSERT_TRUE(s.until([&] { return client->logged_in || client->failures == 2; }));
        ASSERT_EQ(client->logged_in, c.admitted);
        if (!c.admitted) continue;
        const auto number = client->open();
        EXPECT_TRUE(client->exec(number, "echo asked $FIRST$SECOND"));
        EXPECT_TRUE(client->finish(number));
        EXPECT_EQ(client->sessions[number].out, c.output);
    }
}

TEST(Server, SecretsAreNotLogged) {
    served s;
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins =
        std::make_shared<test::test_logins>([](login_attempt a) -> asio::awaitable<login_verdict> {
            const bool right = as_text(a.question.password.view()) == "right-password";
            co_return login_verdict{right ? auth_answer::accept : auth_answer::refuse, {}};
        });
    s.start();
    auto client = ssh_client::connect(s);
    EXPECT_FALSE(client->log_in(test::password_request("wrong-password")));
    EXPECT_EQ(s.last("login_failed", "method"), "password");
    client->send(test::password_request("right-password"));
    EXPECT_TRUE(s.until([&] { return client->logged_in; }));
    client->close();
    EXPECT_TRUE(gone(s));
    EXPECT_TRUE(s.log_holds("ada"));
    EXPECT_FALSE(s.log_holds("-password"));
}

// --- how many -----------------------------------------------------------------------------------

TEST(Server, ThoseWhoHaveNotLoggedInAreLimited) {
    served s;
    s.options.startups = {2, 100, 2};
    s.start();
    auto first = ssh_client::connect(s);
    auto second = ssh_client::connect(s);
    EXPECT_TRUE(first->exchange_keys());
    EXPECT_TRUE(second->exchange_keys());
    auto third = ssh_client::connect(s);
    EXPECT_TRUE(s.until([&] { return third->ended(); }));
    EXPECT_EQ(s.logged("refused"), 1u);
    EXPECT_EQ(s.connections(), 2u);

    EXPECT_TRUE(first->log_in()) << "who has logged in counts no more";
    EXPECT_TRUE(s.until([&] {
        auto fourth = ssh_client::connect(s);
        return fourth->exchange_keys();
    }));
    second->close();
    EXPECT_TRUE(s.until([&] { return s.connections() == 2; }));
    auto fifth = ssh_client::connect(s);
    EXPECT_FALSE(fifth->ended());
}

TEST(Server, ConnectionsAreLimited) {
    served s;
    s.options.connections_max = 2;
    s.start();
    auto first = ssh_client::connect(s);
    auto second = ssh_client::connect(s);
    EXPECT_TRUE(first->log_in());
    EXPECT_TRUE(second->log_in());
    auto third = ssh_client::connect(s);
    EXPECT_TRUE(s.until([&] { return third->ended(); }));
    EXPECT_EQ(s.logged("refused"), 1u);
    first->close();
    EXPECT_TRUE(s.until([&] { return s.connections() == 1; }));
    auto fourth = ssh_client::connect(s);
    EXPECT_TRUE(fourth->log_in());
}

// With no descriptor left, accepting pauses: the connection waits, and nothing spins.
// Not under UBSan: its check of virtual calls opens a pipe to look at memory, and takes the memory
// for bad where no descriptor is left.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define SLUICE_CHECKS_NEED_DESCRIPTORS
#endif
#endif
#ifndef SLUICE_CHECKS_NEED_DESCRIPTORS
TEST(Server, AcceptingPausesWhenDescriptorsHaveRunOut) {
    served s;
    s.start();
    auto client = ssh_client::connect(s);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(next_free, 0);
    ::close(next_free);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next_free);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    s.handlers_run = 0;
    EXPECT_TRUE(s.until([&] { return s.logged("accept_failed") >= 3; }));
    EXPECT_LE(s.handlers_run, 20u);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(client->log_in()) << "it waited for its turn";
}
#endif

// --- stopping -----------------------------------------------------------------------------------

TEST(Server, StopsInProtocolOrder) {
    served s;
    s.start();
    auto greeted = ssh_client::connect(s);
    auto idle = ssh_client::connect(s);
    auto busy = ssh_client::connect(s);
    ASSERT_TRUE(greeted->exchange_keys());
    ASSERT_TRUE(idle->log_in());
    ASSERT_TRUE(busy->log_in());
    const auto cat = busy->open();
    ASSERT_TRUE(busy->exec(cat, "cat"));
    const auto zeros = busy->open(1000);
    ASSERT_TRUE(busy->exec(zeros, "cat /dev/zero"));
    ASSERT_TRUE(s.until([&] { return busy->sessions[zeros].out.size() > 10'000; }));
    const auto unused = busy->open();

    s.stop();
    for (const auto& client : {greeted, idle, busy}) {
        EXPECT_TRUE(client->ends_with_fin()) << "not torn: " << client->end->message();
        EXPECT_EQ(client->disconnected, by_application);
        client->close();
    }
    for (const auto number : {cat, zeros, unused})
        EXPECT_TRUE(busy->sessions[number].closed);
    EXPECT_TRUE(s.until([&] { return s.stopped(); }));
    EXPECT_EQ(s.connections(), 0u);
    EXPECT_EQ(s.logged("closed"), 3u);
    EXPECT_EQ(s.last("closed", "reason"), make_error_code(errc::cancelled).message());
    tcp::socket late(s.context);
    error_code e;
    late.connect(s.address, e);
    EXPECT_EQ(e, error_code(asio::error::connection_refused));
    EXPECT_TRUE(s.nothing_runs());
}

TEST(Server, StopsAtOnceWhenNobodyIsThere) {
    served s;
    s.start();
    s.stop();
    EXPECT_TRUE(s.until([&] { return s.stopped(); }));
    EXPECT_TRUE(s.nothing_runs());
}

// What a client still sends is read and thrown away: closing on it would tear what we said.
TEST(Server, AClientThatIsSendingHearsTheGoodbye) {
    served s;
    s.start();
    auto client = ssh_client::connect(s);
    ASSERT_TRUE(client->log_in());
    for (int i = 0; i < 15; ++i)
        client->send(wire::encoded(ignore{bytes(64 * 1024)}));
    s.stop();
    EXPECT_TRUE(client->ends_with_fin()) << client->end->message();
    EXPECT_EQ(client->disconnected, by_application);
    client->close();
    EXPECT_TRUE(s.until([&] { return s.stopped(); }));
}

TEST(Server, AClientThatStaysIsLeftAfterTheLinger) {
    for (const bool reads : {true, false}) {
        SCOPED_TRACE(reads);
        served s;
        s.options.protocol.end.linger = 100ms;
        s.start();
        auto client = ssh_client::connect(s);
        ASSERT_TRUE(client->log_in());
        client->reads = reads;
        s.stop();
        EXPECT_TRUE(s.until([&] { return s.stopped(); }));
        EXPECT_EQ(s.connections(), 0u);
    }
}

TEST(Server, CanBeDestroyedWithConnectionsOpen) {
    for (const bool runs_on : {true, false}) {
        SCOPED_TRACE(runs_on);
        never_decides logins;
        served s;
        s.options.logins = std::make_shared<test::test_logins>(
            [&](login_attempt a) -> asio::awaitable<login_verdict> {
                if (a.question.user == "undecided") co_return co_await logins.decision()(a);
                co_return login_verdict{auth_answer::accept, {}};
            });
        s.start();
        auto greeted = ssh_client::connect(s);
        auto undecided = ssh_client::connect(s);
        auto busy = ssh_client::connect(s);
        ASSERT_TRUE(greeted->exchange_keys());
        ASSERT_TRUE(undecided->ask_service());
        undecided->send(test::none_request("undecided"));
        ASSERT_TRUE(busy->log_in());
        ASSERT_TRUE(busy->exec(busy->open(), "cat /dev/zero"));
        ASSERT_TRUE(s.until([&] { return logins.asked == 1; }));
        s.drop();
        // Either the context goes on, or all that is there is destroyed with it.
        if (!runs_on) continue;
        for (const auto& client : {greeted, undecided, busy}) {
            EXPECT_TRUE(client->ends_with_fin());
            client->close();
        }
        EXPECT_TRUE(s.nothing_runs());
        EXPECT_EQ(logins.cancelled, 1u);
    }
}

// --- more threads -------------------------------------------------------------------------------

TEST(Server, ServesOnSeveralThreads) {
    served s(2);
    s.options.filesystem = {};
    s.start();
    std::vector<std::shared_ptr<ssh_client>> clients;
    for (int i = 0; i < 6; ++i)
        clients.push_back(ssh_client::connect(s));
    const std::string data(100'000, 'x');
    for (const auto& client : clients) {
        ASSERT_TRUE(client->log_in());
        for (int i = 0; i < 3; ++i) {
            const auto number = client->open();
            ASSERT_TRUE(client->exec(number, "cat"));
            for (std::size_t at = 0; at < data.size(); at += 25'000)
                client->write_data(number, std::string_view(data).substr(at, 25'000));
            if (i != 0) client->send_eof(number);
        }
    }
    for (const auto& client : clients) {
        for (std::uint32_t number : {1u, 2u}) {
            EXPECT_TRUE(client->finish(number));
            EXPECT_EQ(client->sessions[number].exit_status, 0u);
            EXPECT_EQ(client->sessions[number].out, data);
        }
    }
    EXPECT_EQ(s.connections(), clients.size());
    clients[0]->close();
    clients[1]->reset();
    s.stop();
    for (std::size_t i = 2; i < clients.size(); ++i) {
        EXPECT_TRUE(clients[i]->ends_with_fin());
        EXPECT_EQ(clients[i]->disconnected, by_application);
        EXPECT_TRUE(clients[i]->sessions[0].closed);
        clients[i]->close();
    }
    EXPECT_TRUE(s.until([&] { return s.stopped(); }));
    EXPECT_EQ(s.connections(), 0u);
}

TEST(Server, CanBeDestroyedWhileThreadsServe) {
    served s(2);
    s.start();
    std::vector<std::shared_ptr<ssh_client>> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(ssh_client::connect(s));
        ASSERT_TRUE(clients.back()->log_in());
        ASSERT_TRUE(clients.back()->exec(clients.back()->open(), "cat /dev/zero"));
    }
    s.drop();
    EXPECT_TRUE(clients[0]->ends_with_fin());
}

}  // namespace
}  // namespace sluice
