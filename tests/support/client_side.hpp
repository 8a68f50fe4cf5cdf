#pragma once

#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/io/client.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/memory_stream.hpp"
#include "sluice/io/pump.hpp"
#include "sluice/io/socket_stream.hpp"
#include "sluice/tests/support/ssh_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sluice::test {

inline constexpr auto as_values = boost::asio::as_tuple(boost::asio::use_awaitable);

/// Runs a coroutine of a test on `on.context` to its end; false if it has none. What it throws is a
/// failure.
template <class Served>
bool run_to_end(Served& on, boost::asio::awaitable<void> task) {
    bool done = false;
    boost::asio::co_spawn(on.context, std::move(task), [&](std::exception_ptr thrown) {
        done = true;
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    });
    return on.until([&] { return done; });
}

/// What logs "ada" in where nothing but the host key of the tests is known.
inline connect_options test_options() {
    connect_options o;
    o.host = "files.example";
    o.user = "ada";
    o.known_hosts_files.emplace();
    o.host_keys = {crypto::public_key::from_blob(test_host_key()->blob()).value()};
    o.identity_files.emplace();
    o.agent_socket = "";
    return o;
}

/// What a connection runs over.
enum class carrier { tcp, socketpair, memory };

inline const char* name_of(carrier c) {
    switch (c) {
    case carrier::tcp: return "tcp";
    case carrier::socketpair: return "socketpair";
    case carrier::memory: return "memory";
    }
    return "";
}

/// Connects to a server of the test.
inline boost::asio::awaitable<std::tuple<error_code, connection>> connect_to(
    served& s, carrier over, connect_options options) {
    namespace asio = boost::asio;
    switch (over) {
    case carrier::tcp:
        options.host = s.address.address().to_string();
        options.port = s.address.port();
        co_return co_await connect(s.context.get_executor(), std::move(options), as_values);
    case carrier::socketpair: {
        asio::local::stream_protocol::socket a(asio::make_strand(s.context));
        asio::local::stream_protocol::socket b(s.new_server_strand());
        asio::local::connect_pair(a, b);
        s.serve(std::make_unique<socket_stream>(std::move(b)));
        std::unique_ptr<byte_stream> ours = std::make_unique<socket_stream>(std::move(a));
        co_return co_await connect(std::move(ours), std::move(options), as_values);
    }
    case carrier::memory: {
        auto [a, b] = make_memory_streams(asio::make_strand(s.context), s.new_server_strand());
        s.serve(std::move(b));
        co_return co_await connect(std::move(a), std::move(options), as_values);
    }
    }
    unreachable();
}

/// Connects and closes; gives what came of the login.
inline error_code log_in(served& s, const connect_options& options) {
    error_code outcome;
    EXPECT_TRUE(run_to_end(s, [&]() -> boost::asio::awaitable<void> {
        auto [e, c] = co_await connect_to(s, carrier::memory, options);
        outcome = e;
        if (!e) co_await c.close();
    }()));
    return outcome;
}

/// A server's end without a server: it lets everybody in and accepts channels; all else is done by
/// the test, through `channels()` and `run`.
class scripted_server final : public std::enable_shared_from_this<scripted_server>,
                              private pump::owner {
public:
    scripted_server(const server_config& config, std::unique_ptr<byte_stream> stream)
        : endpoint_(config, now()), stream_(*stream), pump_(std::move(stream), endpoint_, *this) {}

    /// The stream breaks off.
    void lose() { stream_.close(); }
    /// DISCONNECT and nothing else.
    void disconnect_only() {
        const_cast<transport&>(endpoint_.lower())
            .disconnect(disconnect_reason::by_application, "bye");
        run();
    }
    /// Without the EOF that our own servers send before it.
    void send_exit_status_now(std::uint32_t status) {
        channels().request(*opened, exit_status_request{status}, false);
    }
    /// Nothing is answered any more.
    void go_silent() { silent_ = true; }

    void run() { pump_.run(); }
    mux& channels() { return endpoint_.channels(); }
    server_endpoint& end() { return endpoint_; }
    bool closed() const { return pump_.stream_closed(); }

    bool accepts_opens = true;
    bool grants = true;
    bool reads = true;  // credits what comes
    std::optional<channel_id> opened;
    std::vector<channel_id> let_in;           // of those that the test opens
    std::size_t refused = 0;                  // likewise
    std::function<void(bytes_view)> on_data;  // instead of keeping it in `received`
    std::function<void()> on_eof;
    std::function<void(const channel_request&)> on_request;
    std::string received;
    std::size_t requests = 0;
    bool eof = false;
    std::optional<channel_report> channel_closed;
    bool ended = false;

private:
    void take_events() override {
        while (!silent_) {
            auto event = endpoint_.poll(now());
            if (!event || !*event) break;
            if (std::holds_alternative<auth_question_event>(**event))
                endpoint_.answer(auth_answer::accept, now());
            else if (auto* channel = std::get_if<channel_event>(&**event))
                on_channel_event(*channel);
        }
    }
    void on_channel_event(channel_event& event) {
        if (const auto* open = std::get_if<channel_open_event>(&event)) {
            opened = open->id;
            if (accepts_opens) channels().accept_open(open->id);
        } else if (const auto* ours = std::get_if<channel_opened_event>(&event)) {
            let_in.push_back(ours->id);
        } else if (std::holds_alternative<channel_open_failed_event>(event)) {
            ++refused;
        } else if (const auto* request = std::get_if<channel_request_event>(&event)) {
            ++requests;
            if (request->want_reply) channels().reply(request->id, grants);
            if (on_request) on_request(request->request);
        } else if (const auto* data = std::get_if<channel_data_event>(&event)) {
            if (on_data)
                on_data(data->data);
            else
                received += as_text(data->data);
            if (reads) channels().consumed(data->id, data->data.size());
        } else if (std::holds_alternative<channel_eof_event>(event)) {
            eof = true;
            if (on_eof) on_eof();
        } else if (const auto* closed_event = std::get_if<channel_closed_event>(&event)) {
            channel_closed = closed_event->report;
        }
    }
    void on_finished() override { ended = true; }
    void on_stream_closed() override {}
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

    server_endpoint endpoint_;
    byte_stream& stream_;
    pump pump_;
    bool silent_ = false;
};

/// One client and a scripted server over memory, on one context.
struct scripted {
    scripted() {
        config.transport.host_keys = {test_host_key()};
        config.auth.method_chains = {{"none"}};
    }

    boost::asio::awaitable<connection> connect(connect_options options = test_options()) {
        auto [a, b] = make_memory_streams(boost::asio::make_strand(context),
                                          boost::asio::make_strand(context));
        server = std::make_shared<scripted_server>(config, std::move(b));
        server->run();
        co_return co_await sluice::connect(std::move(a), std::move(options));
    }

    template <class Predicate>
    bool until(Predicate done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            context.run_one_for(std::chrono::milliseconds(10));
        }
        return true;
    }

    boost::asio::io_context context;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{
        boost::asio::make_work_guard(context)};
    server_config config;
    std::shared_ptr<scripted_server> server;
};

}  // namespace sluice::test
