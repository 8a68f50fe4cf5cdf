// Sessions and connections that are served by coroutines: who owns them, and how they end.

#include "sluice/tests/support/ssh_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::served;
using test::ssh_client;

struct coroutine_server {
    explicit coroutine_server(const std::function<void(server_options&)>& set) {
        s.options.protocol.end.linger = 200ms;
        s.options.handler_grace = 200ms;
        s.options.exec = false;
        s.options.on_closed = [this](const connection_info&, const close_report& r) {
            reports.push_back(r);
        };
        set(s.options);
        s.start();
        client = ssh_client::connect(s);
        expects(client->log_in());
    }
    std::uint32_t start(std::string_view command) {
        const auto number = client->open();
        EXPECT_TRUE(client->exec(number, command));
        return number;
    }
    void drain(std::chrono::nanoseconds deadline) {
        s.drain({deadline, {}}, [this](const server_report& r) { report = r; });
    }
    bool done() {
        return s.until([&] { return report.has_value(); });
    }

    served s;
    std::vector<close_report> reports;
    std::optional<server_report> report;
    std::shared_ptr<ssh_client> client;
};

asio::awaitable<std::uint32_t> shout(served_session& session) {
    std::string line;
    for (;;) {
        const auto [e, n] = co_await asio::async_read_until(
            session, asio::dynamic_buffer(line, 1000), '\n', asio::as_tuple(asio::use_awaitable));
        if (e) co_return e == asio::error::eof ? 7 : 8;
        std::string loud = session.what() + ": ";
        for (std::size_t i = 0; i < n; ++i)
            loud += static_cast<char>(std::toupper(line[i]));
        co_await asio::async_write(session, asio::buffer(loud), asio::use_awaitable);
        line.erase(0, n);
    }
}

// Waits to be told, and does not mind the time.
asio::awaitable<std::uint32_t> until_stopped(served_session& session) {
    asio::steady_timer timer(session.get_executor());
    while (!session.stop_requested()) {
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    co_await asio::async_write(session, asio::buffer("goodbye\n", 8), asio::use_awaitable);
    co_return 0;
}

TEST(CoroutineHandler, ServesASession) {
    coroutine_server c([](server_options& o) { o.on_exec = shout; });
    const auto number = c.start("say");
    c.client->write_data(number, "one\ntwo\n");
    c.client->send_eof(number);
    EXPECT_TRUE(c.client->finish(number));
    const auto& s = c.client->sessions[number];
    EXPECT_EQ(s.out, "say: ONE\nsay: TWO\n");
    EXPECT_TRUE(s.eof);
    EXPECT_EQ(s.exit_status, 7u);
}

TEST(CoroutineHandler, ServesShellsAndSubsystems) {
    const auto greet = [](std::uint32_t status) {
        return [status](served_session& session) -> asio::awaitable<std::uint32_t> {
            const std::string text = session.who().user + " " + session.what();
            co_await asio::async_write(session, asio::buffer(text), asio::use_awaitable);
            co_return status;
        };
    };
    coroutine_server c([&](server_options& o) {
        o.on_shell = greet(1);
        o.subsystems["echo"] = greet(2);
    });
    const auto shell = c.client->open();
    EXPECT_TRUE(c.client->request(shell, shell_request{}));
    EXPECT_TRUE(c.client->finish(shell));
    EXPECT_EQ(c.client->sessions[shell].exit_status, 1u);
    const auto echo = c.client->open();
    EXPECT_TRUE(c.client->request(echo, subsystem_request{"echo"}));
    EXPECT_TRUE(c.client->finish(echo));
    EXPECT_EQ(c.client->sessions[echo].exit_status, 2u);
    EXPECT_TRUE(c.client->sessions[echo].out.ends_with(" echo"));
    const auto other = c.client->open();
    EXPECT_FALSE(c.client->request(other, subsystem_request{"other"}));
    EXPECT_FALSE(c.client->exec(other, "true"));
}

// Nobody would hear of it: so success is not told.
TEST(CoroutineHandler, ASignalFails) {
    coroutine_server c([](server_options& o) { o.on_exec = shout; });
    const auto number = c.start("say");
    for (const char* name : {"TERM", "INT", ""})
        EXPECT_FALSE(c.client->request(number, signal_request{name})) << name;
    c.client->write_data(number, "one\n");
    c.client->send_eof(number);
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(c.client->sessions[number].out, "say: ONE\n");
}

// Close-and-drain, rule 8.
TEST(CoroutineHandler, OneThatThrowsEndsItsChannelAndNoOther) {
    coroutine_server c([](server_options& o) {
        o.on_exec = [](served_session& session) -> asio::awaitable<std::uint32_t> {
            if (session.what() == "whole") co_return co_await shout(session);
            co_await asio::async_write(session, asio::buffer("before", 6), asio::use_awaitable);
            throw std::runtime_error("no good");
        };
    });
    const auto whole = c.start("whole");
    const auto throws = c.start("throws");
    EXPECT_TRUE(c.client->finish(throws));
    EXPECT_EQ(c.client->sessions[throws].out, "before");
    EXPECT_EQ(c.client->sessions[throws].exit_status, 255u);
    EXPECT_TRUE(c.client->sessions[throws].eof);
    EXPECT_EQ(c.s.last("handler_failed", "reason"), "no good");
    c.client->write_data(whole, "on\n");
    c.client->send_eof(whole);
    EXPECT_TRUE(c.client->finish(whole));
    EXPECT_EQ(c.client->sessions[whole].out, "whole: ON\n");
}

TEST(CoroutineHandler, SeesThatTheServerDrains) {
    coroutine_server c([](server_options& o) { o.on_exec = until_stopped; });
    const auto number = c.start("serve");
    c.s.context.run_for(20ms);
    EXPECT_FALSE(c.client->sessions[number].eof);
    c.drain(60s);
    EXPECT_TRUE(c.client->finish(number));
    EXPECT_EQ(c.client->sessions[number].out, "goodbye\n");
    EXPECT_EQ(c.client->sessions[number].exit_status, 0u);
    ASSERT_TRUE(c.done());
    EXPECT_EQ(c.report->cut, 0u);
    EXPECT_EQ(c.reports.at(0).tasks_cancelled, 0u);
}

// The page: closed() does not come while a handler runs.
TEST(CoroutineHandler, IsAwaitedAfterItsChannelIsGone) {
    bool working = false;
    bool returned = false;
    coroutine_server c([&](server_options& o) {
        o.handler_grace = 60s;
        o.on_exec = [&](served_session& session) -> asio::awaitable<std::uint32_t> {
            working = true;
            asio::steady_timer timer(session.get_executor(), 300ms);
            co_await timer.async_wait(asio::use_awaitable);
            returned = true;
            co_return 0;
        };
    });
    c.start("work");
    ASSERT_TRUE(c.s.until([&] { return working; }));
    c.client->reset();
    ASSERT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
    EXPECT_TRUE(returned);
    EXPECT_EQ(c.reports.at(0).outcome, close_outcome::lost);
    EXPECT_EQ(c.reports.at(0).tasks_cancelled, 0u);
}

TEST(CoroutineHandler, IsCancelledAtTheDeadline) {
    bool cancelled = false;
    coroutine_server c([&](server_options& o) {
        o.on_exec = [&](served_session& session) -> asio::awaitable<std::uint32_t> {
            asio::steady_timer timer(session.get_executor(), asio::steady_timer::time_point::max());
            const auto [e] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            cancelled = e == asio::error::operation_aborted;
            co_return 0;
        };
    });
    c.start("wait");
    c.drain(100ms);
    ASSERT_TRUE(c.done());
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(c.report->cut, 1u);
    EXPECT_EQ(c.report->tasks_not_returned, 0u);
    EXPECT_EQ(c.reports.at(0).outcome, close_outcome::deadline);
    EXPECT_EQ(c.reports.at(0).tasks_cancelled, 1u);
}

TEST(CoroutineHandler, OneThatDoesNotReturnIsReported) {
    asio::io_context other;
    asio::steady_timer never(other, asio::steady_timer::time_point::max());
    bool release = false;
    coroutine_server c([&](server_options& o) {
        o.on_exec = [&](served_session& session) -> asio::awaitable<std::uint32_t> {
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
            asio::steady_timer timer(session.get_executor());
            while (!release) {
                timer.expires_after(5ms);
                co_await timer.async_wait(asio::use_awaitable);
            }
            co_return 0;
        };
    });
    c.start("stay");
    c.drain(50ms);
    ASSERT_TRUE(c.done());
    EXPECT_EQ(c.report->tasks_not_returned, 1u);
    EXPECT_EQ(c.reports.at(0).tasks_not_returned, 1u);
    release = true;  // it keeps what it needs until it does return
    EXPECT_TRUE(c.s.nothing_runs());
}

struct late_reader {
    bool go_on = false;
    std::size_t read = 0;
    error_code last;
};

asio::awaitable<std::uint32_t> read_late(served_session& session, late_reader& r) {
    asio::steady_timer timer(session.get_executor());
    while (!r.go_on) {
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    std::vector<char> space(10'000);
    error_code e;
    while (!e)
        r.read += co_await session.async_read_some(asio::buffer(space),
                                                   asio::redirect_error(asio::use_awaitable, e));
    r.last = e;
    co_return 0;
}

// Close-and-drain, rules 4 and 9: what was received is read however late, and how it ended is told.
TEST(CoroutineHandler, ReadsLateWhatCameBeforeTheEnd) {
    enum {
        eof_and_goodbye,
        goodbye,
        close_only,
        lost
    } const ends[] = {eof_and_goodbye, goodbye, close_only, lost};
    for (const auto end : ends) {
        SCOPED_TRACE(end);
        late_reader late;
        coroutine_server c([&](server_options& o) {
            o.handler_grace = 60s;
            o.on_exec = [&](served_session& session) { return read_late(session, late); };
        });
        const auto number = c.start("read");
        for (int i = 0; i < 50; ++i)
            c.client->write_data(number, std::string(30'000, 'x'));
        if (end == eof_and_goodbye) c.client->send_eof(number);
        if (end == close_only) c.client->send_close(c.client->sessions[number]);
        if (end == eof_and_goodbye || end == goodbye)
            c.client->send(wire::encoded(disconnect{11, "", {}}));
        c.s.context.run_for(50ms);
        if (end == lost) c.client->close();
        c.s.context.run_for(50ms);
        EXPECT_EQ(late.read, 0u);
        late.go_on = true;
        ASSERT_TRUE(c.s.until([&] { return bool(late.last); }));
        EXPECT_EQ(late.read, 1'500'000u);
        switch (end) {
        case eof_and_goodbye: EXPECT_EQ(late.last, asio::error::eof); break;
        case goodbye: EXPECT_EQ(late.last, errc::peer_disconnected); break;
        case close_only: EXPECT_EQ(late.last, errc::channel_closed); break;
        case lost: EXPECT_EQ(late.last, errc::connection_lost); break;
        }
    }
}

// --- following connections ----------------------------------------------------------------------

TEST(ConnectionHandler, EndsTheConnectionBehindItsLastSession) {
    std::string user;
    coroutine_server c([&](server_options& o) {
        o.on_exec = shout;
        o.on_login = [&](served_connection& connection) -> asio::awaitable<void> {
            user = connection.who().peer_address;
            co_await connection.sessions_ended();
            connection.drain({.deadline = 60s});
        };
    });
    const auto first = c.start("a");
    const auto second = c.start("b");
    c.client->send_eof(first);
    EXPECT_TRUE(c.client->finish(first));
    c.s.context.run_for(50ms);
    EXPECT_FALSE(c.client->ended()) << "one is left";
    c.client->write_data(second, "last\n");
    c.client->send_eof(second);
    EXPECT_TRUE(c.client->finish(second));
    EXPECT_TRUE(c.client->ends_with_fin());
    EXPECT_EQ(c.client->disconnected, 11u);
    EXPECT_EQ(user, "127.0.0.1");
    ASSERT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
    EXPECT_EQ(c.reports.at(0).outcome, close_outcome::drained);
    EXPECT_EQ(c.reports.at(0).tasks_cancelled, 0u);
}

TEST(ConnectionHandler, IsAwaitedAndCancelledLikeAnyOther) {
    bool stopped = false;
    coroutine_server c([&](server_options& o) {
        o.on_login = [&](served_connection& connection) -> asio::awaitable<void> {
            asio::steady_timer timer(connection.get_executor(),
                                     asio::steady_timer::time_point::max());
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            stopped = connection.stop_token().stop_requested();
        };
    });
    c.client->close();
    ASSERT_TRUE(c.s.until([&] { return c.s.connections() == 0; }));
    EXPECT_TRUE(stopped);
    EXPECT_EQ(c.reports.at(0).tasks_cancelled, 1u);
    EXPECT_EQ(c.reports.at(0).tasks_not_returned, 0u);
}

}  // namespace
}  // namespace sluice
