// Our agent on its socket, and the connection to it, on one context.

#include "sluice/io/agent_service.hpp"

#include "sluice/io/agent_connection.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace asio = boost::asio;
using test::as_values;

secret_bytes secret(std::string_view text) { return secret_bytes(as_bytes(text)); }

struct AgentService : testing::Test {
    asio::io_context context;
    test::temp_dir dir;
    agent_service_options options{.socket_path = dir / "socket"};
    std::optional<agent_service> agent;

    result<> listen() {
        agent.emplace(context.get_executor(), options);
        return agent->listen();
    }
    // To its end, behind which the agent is closed and nothing runs.
    void run(asio::awaitable<void> conversation) {
        bool ended = false;
        asio::co_spawn(context, std::move(conversation), [&](std::exception_ptr thrown) {
            EXPECT_FALSE(thrown);
            ended = true;
            agent->close();
        });
        context.run_for(std::chrono::seconds(60));
        EXPECT_TRUE(ended);
        EXPECT_TRUE(context.stopped());
        EXPECT_FALSE(std::filesystem::exists(options.socket_path));
    }
};

TEST_F(AgentService, ServesAConnection) {
    ASSERT_TRUE(listen());
    struct stat status {};
    ASSERT_EQ(::stat(options.socket_path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    run([&]() -> asio::awaitable<void> {
        auto c = co_await connect_agent(options.socket_path);
        const auto key = crypto::private_key::generate("ssh-ed25519").value();
        const auto authority = crypto::private_key::generate("ssh-ed25519").value();
        const auto certificate =
            crypto::certificate::issue(key.public_half(), {}, authority, crypto::system_random())
                .value();
        co_await c.add(key, "plain");
        co_await c.add(key, certificate, "certified");
        const auto keys = co_await c.list();
        EXPECT_EQ(keys.size(), 2u);
        if (keys.size() != 2) co_return;
        EXPECT_EQ(keys[0].comment, "plain");
        EXPECT_EQ(keys[1].key_blob, certificate.blob());
        const bytes data{1, 2, 3};
        const bytes signature = co_await c.sign(key.public_half().blob(), "ssh-ed25519", data);
        EXPECT_TRUE(key.public_half().verify("ssh-ed25519", data, signature));
        const auto names = co_await c.query();
        EXPECT_EQ(names, (std::vector<std::string>{"query", "session-bind@openssh.com"}));
        const auto [unknown, none] = co_await c.extend("x@y", {}, as_values);
        EXPECT_EQ(unknown, errc::auth_denied);
        co_await c.lock(secret("word"));
        const auto [locked, no_signature] =
            co_await c.sign(key.public_half().blob(), "ssh-ed25519", data, as_values);
        EXPECT_EQ(locked, errc::auth_denied);
        co_await c.unlock(secret("word"));
        co_await c.remove(certificate.blob());
        EXPECT_EQ((co_await c.list()).size(), 1u);
        co_await c.remove_all();
        EXPECT_EQ((co_await c.list()).size(), 0u);
    }());
}

TEST_F(AgentService, KeysOfTheProgramItself) {
    ASSERT_TRUE(listen());
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    agent->with_keys([&](agent_keyring& keys) { EXPECT_TRUE(keys.add({.key = key})); });
    run([&]() -> asio::awaitable<void> {
        auto c = co_await connect_agent(options.socket_path);
        EXPECT_EQ((co_await c.list()).size(), 1u);
    }());
}

TEST_F(AgentService, ASocketThatCannotBeIsAnError) {
    EXPECT_TRUE(listen());
    agent_service second(context.get_executor(), options);
    EXPECT_EQ(second.listen().error(), asio::error::address_in_use);
    EXPECT_TRUE(std::filesystem::exists(options.socket_path)) << "it is another's";

    const auto open_to_all = dir / "open";
    std::filesystem::create_directory(open_to_all);
    std::filesystem::permissions(open_to_all, std::filesystem::perms::all);
    const struct {
        std::string path;
        error_code want;
    } cases[] = {
        {open_to_all / "socket", make_error_code(boost::system::errc::permission_denied)},
        {dir / "none/socket", error_code(ENOENT, boost::system::system_category())},
        {dir / std::string(200, 'x'), errc::too_long},
        {"", errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.path);
        agent_service other(context.get_executor(), {.socket_path = c.path});
        EXPECT_EQ(other.listen().error(), c.want);
    }
    agent.reset();
    context.run();
    EXPECT_FALSE(std::filesystem::exists(options.socket_path));
}

TEST_F(AgentService, TheSocketGoesWithTheContext) {
    auto own = std::make_unique<asio::io_context>();
    auto service = std::make_unique<agent_service>(own->get_executor(), options);
    ASSERT_TRUE(service->listen());
    service.reset();
    own.reset();
    EXPECT_FALSE(std::filesystem::exists(options.socket_path));
}

TEST_F(AgentService, TheUserIsAskedAndOthersAreServedMeanwhile) {
    bool answer = true;
    asio::steady_timer thinking(context, asio::steady_timer::time_point::max());
    options.on_confirm = [&](agent_confirmation asked) -> asio::awaitable<bool> {
        EXPECT_EQ(asked.comment, "careful");
        static_cast<void>(co_await thinking.async_wait(as_values));
        if (!answer) throw std::runtime_error("no answer");
        co_return true;
    };
    ASSERT_TRUE(listen());
    run([&]() -> asio::awaitable<void> {
        auto c = co_await connect_agent(options.socket_path);
        auto other = co_await connect_agent(options.socket_path);
        const auto key = crypto::private_key::generate("ssh-ed25519").value();
        agent_constraints constraints;
        constraints.confirm = true;
        co_await c.add(key, "careful", constraints);
        for (const bool yes : {true, false}) {
            answer = yes;
            std::optional<error_code> outcome;
            c.sign(key.public_half().blob(), "ssh-ed25519", bytes{1},
                   [&](error_code e, const bytes&) { outcome = e; });
            EXPECT_EQ((co_await other.list()).size(), 1u);
            EXPECT_FALSE(outcome);
            const auto [busy, nothing] = co_await c.list(as_values);
            EXPECT_EQ(busy, asio::error::already_started);
            thinking.cancel();
            while (!outcome)
                co_await asio::post(context, asio::use_awaitable);
            EXPECT_EQ(*outcome, yes ? error_code() : make_error_code(errc::auth_denied));
        }
    }());
}

TEST_F(AgentService, ARequestThatIsCancelledFinishesItsConnection) {
    bool cancelled = false;
    bool asked = false;
    options.on_confirm = [&](agent_confirmation) -> asio::awaitable<bool> {
        asked = true;
        asio::steady_timer never(context, asio::steady_timer::time_point::max());
        const auto [e] = co_await never.async_wait(as_values);
        cancelled = e == asio::error::operation_aborted;
        co_return true;
    };
    ASSERT_TRUE(listen());
    run([&]() -> asio::awaitable<void> {
        auto c = co_await connect_agent(options.socket_path);
        const auto key = crypto::private_key::generate("ssh-ed25519").value();
        agent_constraints constraints;
        constraints.confirm = true;
        co_await c.add(key, "careful", constraints);
        asio::cancellation_signal cancel;
        std::optional<error_code> outcome;
        c.sign(key.public_half().blob(), "ssh-ed25519", bytes{1},
               asio::bind_cancellation_slot(cancel.slot(),
                                            [&](error_code e, const bytes&) { outcome = e; }));
        while (!asked)
            co_await asio::post(context, asio::use_awaitable);
        cancel.emit(asio::cancellation_type::total);
        while (!outcome)
            co_await asio::post(context, asio::use_awaitable);
        EXPECT_EQ(*outcome, asio::error::operation_aborted);
        const auto [gone, nothing] = co_await c.list(as_values);
        EXPECT_EQ(gone, asio::error::not_connected);
    }());
    EXPECT_TRUE(cancelled) << "the question ends with the agent";
}

TEST_F(AgentService, MoreConnectionsThanItTakesAreEnded) {
    ASSERT_TRUE(listen());
    run([&]() -> asio::awaitable<void> {
        std::vector<agent_connection> taken;
        for (std::size_t i = 0; i < limits::agent_connections_max; ++i) {
            taken.push_back(co_await connect_agent(options.socket_path));
            co_await taken.back().list();
        }
        auto more = co_await connect_agent(options.socket_path);
        const auto [e, nothing] = co_await more.list(as_values);
        EXPECT_TRUE(e == asio::error::eof || e == asio::error::connection_reset ||
                    e == asio::error::broken_pipe)
            << e.message();
        taken.clear();
        // Room again, as soon as the agent has seen that they are gone.
        for (error_code refused = e; refused;) {
            auto next = co_await connect_agent(options.socket_path);
            const auto [outcome, keys] = co_await next.list(as_values);
            refused = outcome;
        }
    }());
}

TEST_F(AgentService, WhatIsNoAgentIsAnError) {
    ASSERT_TRUE(listen());
    run([&]() -> asio::awaitable<void> {
        const auto [e, none] = co_await connect_agent(dir / "nobody", as_values);
        EXPECT_EQ(e, boost::system::errc::no_such_file_or_directory);
        const auto [too_long, neither] = co_await connect_agent(std::string(200, 'x'), as_values);
        EXPECT_EQ(too_long, errc::too_long);
    }());
}

// --- forwarding, to a server that is scripted ---------------------------------------------------

struct AgentForwarding : testing::Test {
    test::scripted s;
    test::temp_dir dir;
    agent_service agent{s.context.get_executor(), {.socket_path = dir / "socket"}};
    connect_options options = test::test_options();

    // The server opens so many channels to the agent. How many of all were let in.
    std::size_t opened(std::size_t n) {
        const std::size_t answered = s.server->let_in.size() + s.server->refused;
        for (std::size_t i = 0; i < n; ++i)
            EXPECT_TRUE(s.server->channels().open(auth_agent_channel{}));
        s.server->run();
        EXPECT_TRUE(
            s.until([&] { return s.server->let_in.size() + s.server->refused == answered + n; }));
        return s.server->let_in.size();
    }
    void with_session(std::function<void()> then) {
        std::optional<connection> c;
        std::optional<session> open;
        asio::co_spawn(
            s.context,
            [&]() -> asio::awaitable<void> {
                c = co_await s.connect(options);
                open = co_await c->open_session();
            },
            [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); });
        EXPECT_TRUE(s.until([&] { return open.has_value(); }));
        then();
        open.reset();
        bool closed = false;
        c->close([&](error_code, const close_report& report) {
            EXPECT_EQ(report.outcome, close_outcome::drained);
            closed = true;
        });
        EXPECT_TRUE(s.until([&] { return closed; })) << "channels to the agent do not keep it";
        agent.close();
    }
};

TEST_F(AgentForwarding, NothingIsLetInThatWasNotAskedFor) {
    ASSERT_TRUE(agent.listen());
    options.agent_socket = dir / "socket";
    bool asked = false;
    with_session([&] {
        s.server->on_request = [&](const channel_request&) { asked = true; };
        EXPECT_EQ(opened(2), 0u);
    });
    EXPECT_FALSE(asked);
}

TEST_F(AgentForwarding, ChannelsReachTheAgentUpToACap) {
    ASSERT_TRUE(agent.listen());
    options.agent_socket = dir / "socket";
    options.forward_agent.emplace();
    with_session([&] {
        EXPECT_TRUE(s.until([&] { return s.server->requests == 1; }));
        EXPECT_EQ(opened(limits::agent_channels_max), limits::agent_channels_max);
        EXPECT_EQ(opened(1), limits::agent_channels_max);
        const bytes request{0, 0, 0, 1, 11};
        for (const channel_id id : s.server->let_in)
            s.server->channels().write(id, wire::buffer::copy_of(request));
        s.server->run();
        const std::string answer("\0\0\0\5\14\0\0\0\0", 9);
        EXPECT_TRUE(s.until([&] {
            return s.server->received.size() == answer.size() * limits::agent_channels_max;
        }));
        EXPECT_TRUE(s.server->received.starts_with(answer));
        // Another one, where one was given up.
        s.server->channels().close(s.server->let_in.front());
        s.server->run();
        EXPECT_TRUE(s.until([&] { return s.server->channel_closed.has_value(); }));
        EXPECT_EQ(opened(1), limits::agent_channels_max + 1);
    });
}

TEST_F(AgentForwarding, AnAgentThatIsNotThereIsTold) {
    options.forward_agent = dir / "nobody";
    with_session([&] {
        EXPECT_EQ(opened(limits::agent_channels_max), 0u);
        EXPECT_EQ(opened(1), 0u);
    });
}

}  // namespace
}  // namespace sluice
