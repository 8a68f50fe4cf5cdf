// Connections through a connection: a client's socket, a channel, the server's socket. Each end
// sees what the other one does to its own.

#include "sluice/io/forwarding.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tests/support/client_side.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

// gcc 12 does not see that Asio allocates coroutine frames with the function that it frees them by.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using test::as_values;
using test::carrier;
using test::run_to_end;
using test::served;

const std::string much(3'000'000, 'm');

asio::awaitable<std::pair<std::string, error_code>> read_all(tcp::socket& from) {
    std::string text;
    for (;;) {
        std::array<char, 10'000> space;
        const auto [e, n] = co_await from.async_read_some(asio::buffer(space), as_values);
        text.append(space.data(), n);
        if (e) co_return std::pair(text, e);
    }
}

asio::awaitable<void> write_all(tcp::socket& to, std::string_view text) {
    co_await asio::async_write(to, asio::buffer(text), asio::use_awaitable);
}

void reset(tcp::socket& s) {
    s.set_option(asio::socket_base::linger(true, 0));
    s.close();
}

// `near` is what a program has that goes through; `far` is where it gets to.
struct through {
    through() : target(s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        s.options.permit_connect = [this](const session_info& who, const std::string& host,
                                          std::uint16_t port) {
            asked.push_back(who.user + " " + host + " " + std::to_string(port));
            return permits ? connect_answer::permit : connect_answer::refuse;
        };
        s.options.on_closed = [this](const connection_info&, const close_report& r) {
            server_report = r;
        };
    }

    asio::awaitable<void> log_in() {
        s.start();
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, test::test_options());
        EXPECT_FALSE(e) << e.message();
        client = std::move(c);
    }
    std::uint16_t port() { return target.local_endpoint().port(); }

    asio::awaitable<session> open() {
        session channel = co_await client.open_direct_tcpip("127.0.0.1", port());
        far = co_await target.async_accept(asio::use_awaitable);
        co_return channel;
    }

    asio::awaitable<void> join() {
        session channel = co_await open();
        tcp::acceptor local(s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        near.connect(local.local_endpoint());
        asio::generic::stream_protocol::socket accepted(
            co_await local.async_accept(asio::use_awaitable));
        start_relay(std::move(accepted), std::move(channel), [this](error_code e, relay_report r) {
            ended = e;
            relayed = std::move(r);
        });
    }
    asio::awaitable<void> joined() {
        while (!relayed)
            co_await asio::post(s.context, asio::use_awaitable);
    }

    std::vector<std::string> asked;
    bool permits = true;
    std::optional<close_report> server_report;
    served s;
    tcp::acceptor target;
    connection client;
    tcp::socket near{s.context};
    tcp::socket far{s.context};
    error_code ended;
    std::optional<relay_report> relayed;
};

bool delays(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    return value == 0;
}

// Two small pieces would wait for each other's acknowledgement.
TEST(Forwarding, NeitherSocketOfARelayDelaysSmallPieces) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        session channel = co_await t.open();
        tcp::acceptor local(t.s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        t.near.connect(local.local_endpoint());
        tcp::socket accepted = co_await local.async_accept(asio::use_awaitable);
        const file_descriptor same(::dup(accepted.native_handle()));
        EXPECT_TRUE(delays(same.get()));
        asio::generic::stream_protocol::socket from(std::move(accepted));
        start_relay(std::move(from), std::move(channel),
                    [&t](error_code, relay_report r) { t.relayed = std::move(r); });
        co_await write_all(t.near, "x");
        std::array<char, 1> got{};
        co_await asio::async_read(t.far, asio::buffer(got), asio::use_awaitable);
        EXPECT_FALSE(delays(same.get()));
        t.near.shutdown(tcp::socket::shutdown_send);
        t.far.shutdown(tcp::socket::shutdown_send);
        co_await t.joined();
    }()));
}

// Each direction ends on its own, and behind its last byte.
TEST(Acceptance21, AFinIsAnEofAndBack) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.near, much);
        t.near.shutdown(tcp::socket::shutdown_send);
        const auto [there, far_end] = co_await read_all(t.far);
        EXPECT_TRUE(there == much);
        EXPECT_EQ(far_end, asio::error::eof);

        co_await write_all(t.far, "the answer to it");
        t.far.shutdown(tcp::socket::shutdown_send);
        const auto [back, near_end] = co_await read_all(t.near);
        EXPECT_EQ(back, "the answer to it");
        EXPECT_EQ(near_end, asio::error::eof);

        co_await t.joined();
        EXPECT_FALSE(t.ended);
        EXPECT_FALSE(t.relayed->socket_error);
        EXPECT_FALSE(t.relayed->channel_error);
        EXPECT_EQ(t.relayed->to_channel, much.size());
        EXPECT_EQ(t.relayed->to_socket, 16u);
        EXPECT_EQ(t.relayed->discarded, 0u);
        EXPECT_TRUE(t.relayed->channel.eof_sent && t.relayed->channel.eof_received);
        EXPECT_EQ(t.relayed->channel.bytes_undelivered, 0u);
        const close_report report = co_await t.client.close();
        EXPECT_TRUE(report.complete());
        EXPECT_EQ(report.total.channels, 1u);
    }()));
    ASSERT_TRUE(t.s.until([&] { return t.server_report.has_value(); }));
    EXPECT_TRUE(t.server_report->complete());
    EXPECT_EQ(t.server_report->channels.at(0).numbers.kind, "direct-tcpip");
    EXPECT_EQ(t.server_report->channels.at(0).numbers.exit_status, std::nullopt);
    EXPECT_EQ(t.asked.at(0), "ada 127.0.0.1 " + std::to_string(t.port()));
}

TEST(Acceptance21, AResetFarAwayIsCloseBehindTheLastByteAndResetsHere) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.far, "the last chunk");
        reset(t.far);
        const auto [back, near_end] = co_await read_all(t.near);
        EXPECT_EQ(back, "the last chunk");
        EXPECT_EQ(near_end, asio::error::connection_reset);
        co_await t.joined();
        EXPECT_EQ(t.relayed->channel_error, errc::channel_closed);
        EXPECT_FALSE(t.relayed->channel.eof_received);
        EXPECT_EQ(t.relayed->channel.bytes_received, 14u);
        // It was this connection alone.
        EXPECT_EQ((co_await t.client.run("echo still there")).out, "still there\n");
        co_await t.client.close();
    }()));
    ASSERT_TRUE(t.s.until([&] { return t.server_report.has_value(); }));
    EXPECT_EQ(t.server_report->total.bytes_undelivered, 0u);
    EXPECT_EQ(t.server_report->total.open, 0u);
}

TEST(Acceptance21, AResetHereIsCloseBehindTheLastByteAndResetsFarAway) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.near, "the last chunk");
        reset(t.near);
        const auto [there, far_end] = co_await read_all(t.far);
        EXPECT_EQ(there, "the last chunk");
        EXPECT_EQ(far_end, asio::error::connection_reset);
        co_await t.joined();
        EXPECT_EQ(t.relayed->socket_error, asio::error::connection_reset);
        EXPECT_FALSE(t.relayed->channel.eof_sent);
        EXPECT_EQ(t.relayed->channel.bytes_sent, 14u);
        co_await t.client.close();
    }()));
}

// What the far socket has not taken yet is not thrown away by the reset behind it, whatever else
// the far end does meanwhile.
TEST(Acceptance21, AResetWaitsForWhatIsOnItsWay) {
    through t;
    t.target.set_option(asio::socket_base::receive_buffer_size(4096));
    const std::string chunk(50'000, 'c');
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.near, chunk);
        reset(t.near);
        co_await t.joined();
        asio::steady_timer later(t.s.context, 100ms);
        co_await later.async_wait(asio::use_awaitable);
        t.far.shutdown(tcp::socket::shutdown_send);
        later.expires_after(100ms);
        co_await later.async_wait(asio::use_awaitable);
        const auto [there, far_end] = co_await read_all(t.far);
        EXPECT_EQ(there.size(), chunk.size());
        EXPECT_EQ(far_end, asio::error::connection_reset);
        co_await t.client.close();
    }()));
}

// Who writes meets the reset before who reads does.
TEST(Forwarding, AResetThatAWriteMeetsIsNoEndOfFile) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        session channel = co_await t.open();
        reset(t.far);
        error_code last;
        while (!last) {
            const auto [e, n] = co_await asio::async_write(channel, asio::buffer(much), as_values);
            last = e;
        }
        std::array<char, 10> space;
        const auto [e, n] = co_await channel.async_read_some(asio::buffer(space), as_values);
        EXPECT_EQ(e, errc::channel_closed);
        co_await t.client.close();
    }()));
}

// A peer that closes has its EOF delivered, and what comes for it is dropped, not reset.
TEST(Forwarding, WhatComesForAClosedChannelIsReadAndDropped) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        {
            session channel = co_await t.open();
            co_await asio::async_write(channel, asio::buffer(much), asio::use_awaitable);
            co_await channel.close();
        }
        co_await write_all(t.far, much);
        const auto [there, far_end] = co_await read_all(t.far);
        EXPECT_TRUE(there == much);
        EXPECT_EQ(far_end, asio::error::eof);
        t.far.close();
        co_await t.client.close();
    }()));
    ASSERT_TRUE(t.s.until([&] { return t.server_report.has_value(); }));
    EXPECT_EQ(t.server_report->total.open, 0u);
}

// --- who may, and what cannot be reached ---------------------------------------------------------

// As a line of authorized_keys with that permitopen, or with "no-port-forwarding".
class restricting final : public authenticator {
public:
    explicit restricting(std::optional<open_destination> only) : only_(std::move(only)) {}

    asio::awaitable<login_verdict> check(login_attempt) override {
        login_verdict verdict;
        verdict.answer = auth_answer::accept;
        verdict.rights.port_forwarding = only_.has_value();
        if (only_) verdict.rights.permit_open = {*only_};
        co_return verdict;
    }

private:
    const std::optional<open_destination> only_;
};

TEST(Forwarding, IsRefusedToWhomTheServerDoesNotPermitIt) {
    const auto attempt = [](through& t) {
        error_code got;
        EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
            co_await t.log_in();
            const auto [e, channel] =
                co_await t.client.open_direct_tcpip("127.0.0.1", t.port(), as_values);
            got = e;
            co_await t.client.close();
        }()));
        return got;
    };
    through no;
    no.permits = false;
    EXPECT_EQ(attempt(no), errc::open_refused);
    EXPECT_EQ(no.asked.size(), 1u);
    through never;
    never.s.options.permit_connect = {};
    EXPECT_EQ(attempt(never), errc::open_refused);
    through not_with_this_key;
    not_with_this_key.s.options.logins = std::make_shared<restricting>(std::nullopt);
    EXPECT_EQ(attempt(not_with_this_key), errc::open_refused);
    EXPECT_TRUE(not_with_this_key.asked.empty());
}

// How an attempt to go to a host ends, at the target's port.
error_code attempt(through& t, std::string host) {
    error_code got;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        auto [e, channel] =
            co_await t.client.open_direct_tcpip(std::move(host), t.port(), as_values);
        got = e;
        if (!e) channel.break_off();
        co_await t.client.close();
    }()));
    return got;
}

// The policy sees what is dialled: an address in one form only, and of a name each address it has.
TEST(Forwarding, IsJudgedByWhatIsDialled) {
    const auto only = [](through& t, std::string permitted, connect_answer otherwise) {
        t.s.options.permit_connect = [&t, permitted, otherwise](const session_info&,
                                                                const std::string& host,
                                                                std::uint16_t) {
            t.asked.push_back(host);
            return host == permitted ? connect_answer::permit : otherwise;
        };
    };
    for (const std::string same : {"127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1"}) {
        through t;
        only(t, "127.0.0.1", connect_answer::refuse);
        EXPECT_FALSE(attempt(t, same)) << same;
    }
    for (const std::string other : {"127.1", "0x7f000001", "0177.0.0.1", "2130706433"}) {
        through t;
        EXPECT_EQ(attempt(t, other), errc::open_refused) << other;
        EXPECT_TRUE(t.asked.empty()) << "not even asked about";
    }
    through by_name;
    only(by_name, "127.0.0.1", connect_answer::by_address);
    EXPECT_FALSE(attempt(by_name, "localhost"));
    EXPECT_EQ(by_name.asked.front(), "localhost");
    through elsewhere;
    only(elsewhere, "192.0.2.1", connect_answer::by_address);
    EXPECT_EQ(attempt(elsewhere, "localhost"), errc::open_refused);
}

// As with OpenSSH: what a key lists is literal, but for the form of an address.
TEST(Forwarding, AKeyThatListsAnAddressPermitsNoName) {
    const auto listing = [](std::string listed, std::string host) {
        through t;
        t.s.options.logins = std::make_shared<restricting>(open_destination{std::move(listed), {}});
        return attempt(t, std::move(host));
    };
    EXPECT_FALSE(listing("localhost", "localhost"));
    EXPECT_FALSE(listing("127.0.0.1", "127.0.0.1"));
    EXPECT_FALSE(listing("::ffff:127.0.0.1", "127.0.0.1"));
    EXPECT_EQ(listing("127.0.0.1", "localhost"), errc::open_refused);
    EXPECT_EQ(listing("localhost", "127.0.0.1"), errc::open_refused);
    EXPECT_EQ(listing("127.0.0.2", "127.0.0.1"), errc::open_refused);
}

TEST(Forwarding, SaysWhatCouldNotBeReached) {
    through t;
    const std::uint16_t port = t.port();
    t.target.close();
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        const auto [e, channel] = co_await t.client.open_direct_tcpip("127.0.0.1", port, as_values);
        EXPECT_EQ(e, errc::connect_failed);
        const close_report report = co_await t.client.close();
        EXPECT_TRUE(report.complete());
    }()));
    ASSERT_TRUE(t.s.until([&] { return t.server_report.has_value(); }));
    EXPECT_EQ(t.server_report->total.open, 0u);
    EXPECT_EQ(t.server_report->tasks_cancelled, 0u);
}

// --- the end ------------------------------------------------------------------------------------

TEST(Forwarding, ADrainWaitsForBothEnds) {
    through t;
    std::optional<server_report> drained;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.near, "before");
        t.s.drain({60s, {}}, [&](const server_report& r) { drained = r; });
        co_await write_all(t.near, ", after");
        t.near.shutdown(tcp::socket::shutdown_send);
        EXPECT_EQ((co_await read_all(t.far)).first, "before, after");
        EXPECT_FALSE(drained);
        co_await write_all(t.far, much);
        t.far.close();
        const auto [back, near_end] = co_await read_all(t.near);
        EXPECT_TRUE(back == much);
        EXPECT_EQ(near_end, asio::error::eof);
        co_await t.client.closed();
    }()));
    ASSERT_TRUE(t.s.until([&] { return drained.has_value(); }));
    EXPECT_EQ(drained->cut, 0u);
    EXPECT_TRUE(t.relayed->channel.eof_sent && t.relayed->channel.eof_received);
}

TEST(Forwarding, AtTheDeadlineTheSocketsAreReset) {
    through t;
    t.s.options.handler_grace = 50ms;
    std::optional<server_report> drained;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        co_await t.join();
        co_await write_all(t.near, "x");
        t.s.drain({100ms, {}}, [&](const server_report& r) { drained = r; });
        EXPECT_EQ((co_await read_all(t.far)).second, asio::error::connection_reset);
        EXPECT_EQ((co_await read_all(t.near)).second, asio::error::connection_reset);
    }()));
    ASSERT_TRUE(t.s.until([&] { return drained.has_value(); }));
    EXPECT_EQ(drained->cut, 1u);
    EXPECT_EQ(drained->tasks_not_returned, 0u);
}

// A connection that is being made when the server drains is given up.
TEST(Forwarding, ADrainDoesNotWaitForAConnectionThatIsNotThereYet) {
    through t;
    // A listener that takes nobody: its queue is full.
    tcp::acceptor full(t.s.context, tcp::v4());
    full.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    full.listen(0);
    tcp::socket first(t.s.context), second(t.s.context);
    first.connect(full.local_endpoint());
    second.async_connect(full.local_endpoint(), [](error_code) {});
    std::optional<server_report> drained;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        std::optional<error_code> opened;
        t.client.open_direct_tcpip("127.0.0.1", full.local_endpoint().port(),
                                   [&](error_code e, session) { opened = e; });
        while (t.asked.empty())
            co_await asio::post(t.s.context, asio::use_awaitable);
        t.s.drain({60s, {}}, [&](const server_report& r) { drained = r; });
        co_await t.client.closed();
        EXPECT_TRUE(opened && *opened);
    }()));
    ASSERT_TRUE(t.s.until([&] { return drained.has_value(); }));
    EXPECT_EQ(drained->cut, 0u);
    EXPECT_EQ(t.server_report->tasks_cancelled, 0u);
}

TEST(Forwarding, CancellingARelayEndsItAlone) {
    through t;
    EXPECT_TRUE(run_to_end(t.s, [&]() -> asio::awaitable<void> {
        co_await t.log_in();
        session channel = co_await t.open();
        tcp::acceptor local(t.s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        t.near.connect(local.local_endpoint());
        asio::generic::stream_protocol::socket accepted(
            co_await local.async_accept(asio::use_awaitable));
        asio::cancellation_signal stop;
        std::optional<error_code> ended;
        relay(std::move(accepted), std::move(channel),
              asio::bind_cancellation_slot(stop.slot(),
                                           [&](error_code e, const relay_report&) { ended = e; }));
        co_await write_all(t.near, "x");
        std::array<char, 1> space;
        co_await t.far.async_read_some(asio::buffer(space), asio::use_awaitable);
        stop.emit(asio::cancellation_type::total);
        EXPECT_EQ((co_await read_all(t.near)).second, asio::error::connection_reset);
        EXPECT_EQ((co_await read_all(t.far)).second, asio::error::connection_reset);
        while (!ended)
            co_await asio::post(t.s.context, asio::use_awaitable);
        EXPECT_EQ(*ended, asio::error::operation_aborted);
        EXPECT_EQ((co_await t.client.run("echo still there")).out, "still there\n");
        co_await t.client.close();
    }()));
}

}  // namespace
}  // namespace sluice
