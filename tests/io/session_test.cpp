// One channel as an Asio stream: what is read and written, how it ends, what cancelling does.

#include "sluice/io/session.hpp"

#include "sluice/io/channel_stream.hpp"
#include "sluice/tests/support/client_side.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

// gcc 12 does not see that Asio allocates coroutine frames with the function that it frees them by.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::as_values;
using test::run_to_end;
using test::scripted;

static_assert(std::is_move_constructible_v<session> && !std::is_copy_constructible_v<session>);

void write(scripted& s, std::string_view text, std::uint32_t extended_type = 0) {
    s.server->channels().write(*s.server->opened, wire::buffer::copy_of(as_bytes(text)),
                               extended_type);
    s.server->run();
}

// Everything there is to read, and how it ended.
template <class Stream>
asio::awaitable<std::pair<std::string, error_code>> read_all(Stream& from) {
    std::string text;
    for (;;) {
        std::array<char, 1000> space;
        const auto [e, n] = co_await from.async_read_some(asio::buffer(space), as_values);
        text.append(space.data(), n);
        if (e) co_return std::pair(text, e);
    }
}

// Lets everything happen that can: far more turns of the one thread than any of it takes.
asio::awaitable<void> settle(scripted& s) {
    for (int i = 0; i < 500; ++i)
        co_await asio::post(s.context, asio::use_awaitable);
}

// close-and-drain.md, one channel, rules 4 and 9.
TEST(CloseAndDrain, WhatCameBeforeTheEndIsReadFirstAndOnlyAnEofIsAnEndOfFile) {
    const struct {
        const char* name;
        void (*end)(scripted&);
        error_code want;
    } cases[] = {
        {"EOF",
         [](scripted& s) {
             s.server->channels().send_eof(*s.server->opened);
             s.server->run();
         },
         asio::error::eof},
        {"EOF and CLOSE",
         [](scripted& s) {
             s.server->channels().close(*s.server->opened);
             s.server->run();
         },
         asio::error::eof},
        {"EOF and DISCONNECT",
         [](scripted& s) {
             s.server->channels().send_eof(*s.server->opened);
             s.server->end().cut(disconnect_reason::by_application, "bye", now());
             s.server->run();
         },
         asio::error::eof},
        {"CLOSE",
         [](scripted& s) {
             s.server->channels().cut(*s.server->opened);
             s.server->run();
         },
         errc::channel_closed},
        {"DISCONNECT", [](scripted& s) { s.server->disconnect_only(); }, errc::peer_disconnected},
        {"nothing", [](scripted& s) { s.server->lose(); }, errc::connection_lost},
    };
    const std::string text(100'000, 'x');
    for (const auto& c : cases) {
        for (const bool reads_late : {false, true}) {
            SCOPED_TRACE(c.name);
            SCOPED_TRACE(reads_late);
            scripted s;
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                connection connected = co_await s.connect();
                session one = co_await connected.open_session();
                std::optional<std::pair<std::string, error_code>> early;
                if (!reads_late)
                    asio::co_spawn(s.context, read_all(one),
                                   [&](std::exception_ptr, std::pair<std::string, error_code> got) {
                                       early = std::move(got);
                                   });
                co_await settle(s);
                write(s, text);
                write(s, "errors", 1);
                c.end(s);
                co_await settle(s);
                if (reads_late) early = co_await read_all(one);
                EXPECT_TRUE(early);
                EXPECT_EQ(early->first.size(), text.size());
                EXPECT_EQ(early->second, c.want) << early->second.message();
                auto errors = one.errors();
                const auto [rest, ended] = co_await read_all(errors);
                EXPECT_EQ(rest, "errors");
                EXPECT_EQ(ended, c.want);
                // It stays so.
                EXPECT_EQ((co_await read_all(one)).second, c.want);
            }()));
        }
    }
}

TEST(Session, IsAnAsioStreamForTokensOfEveryKind) {
    scripted s;
    bool done = false;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        session one = co_await connected.open_session();
        EXPECT_EQ(one.get_executor(), connected.get_executor());
        const std::string text(3'000'000, 'y');
        co_await asio::async_write(one, asio::buffer(text), asio::use_awaitable);
        one.send_eof();
        EXPECT_TRUE(co_await [&]() -> asio::awaitable<bool> {
            while (!s.server->eof)
                co_await settle(s);
            co_return s.server->received == text;
        }());
        write(s, "abcdef");
        std::string three(3, ' ');
        EXPECT_EQ(co_await asio::async_read(one, asio::buffer(three), asio::use_awaitable), 3u);
        EXPECT_EQ(three, "abc");
        one.async_read_some(asio::buffer(three), [&](error_code e, std::size_t n) {
            done = !e && n == 3 && three == "def";
        });
        EXPECT_FALSE(done);  // never from within
        auto future = one.async_write_some(asio::buffer("z", 1), asio::use_future);
        co_await settle(s);
        EXPECT_TRUE(done);
        EXPECT_THROW(future.get(), boost::system::system_error);  // behind our EOF
        std::string nothing;
        EXPECT_EQ(co_await one.async_read_some(asio::buffer(nothing)), 0u);
    }()));
}

TEST(Session, PacketsThatComeTogetherAreReadTogether) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        session one = co_await connected.open_session();
        std::string text(100, ' ');
        std::vector<std::size_t> reads;
        one.async_read_some(asio::buffer(text),
                            [&](error_code, std::size_t n) { reads.push_back(n); });
        co_await settle(s);
        for (const auto* piece : {"one", "two", "three"})
            s.server->channels().write(*s.server->opened, wire::buffer::copy_of(as_bytes(piece)));
        s.server->run();
        co_await settle(s);
        EXPECT_EQ(reads, std::vector<std::size_t>{11});
        EXPECT_EQ(text.substr(0, 11), "onetwothree");
    }()));
}

TEST(Session, ThePeerIsCreditedForWhatWasReadAndNoSooner) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connect_options options = test::test_options();
        options.protocol.channels.window_size = 1000;
        connection connected = co_await s.connect(options);
        session one = co_await connected.open_session();
        const std::string text(5000, 'x');
        write(s, text);
        co_await settle(s);
        const auto sent = [&] { return s.server->channels().report(*s.server->opened).bytes_sent; };
        EXPECT_EQ(sent(), 1000u);
        bytes space(600);
        co_await asio::async_read(one, asio::buffer(space), asio::use_awaitable);
        co_await settle(s);
        EXPECT_GT(sent(), 1000u);
        EXPECT_LE(sent(), 1600u);
        bytes rest(4400);
        co_await asio::async_read(one, asio::buffer(rest), asio::use_awaitable);
        EXPECT_EQ(sent(), 5000u);
    }()));
}

TEST(Session, StderrThatNobodyWantsDoesNotStopTheRest) {
    for (const bool before : {false, true}) {
        scripted s;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connect_options options = test::test_options();
            options.protocol.channels.window_size = 1000;
            connection connected = co_await s.connect(options);
            session one = co_await connected.open_session();
            if (before) one.discard_errors();
            write(s, std::string(5000, 'e'), 1);
            write(s, "data");
            co_await settle(s);
            if (!before) one.discard_errors();
            std::string text(4, ' ');
            co_await asio::async_read(one, asio::buffer(text), asio::use_awaitable);
            EXPECT_EQ(text, "data");
        }()));
    }
}

TEST(Session, AWriteWaitsWhileThePeerTakesNothing) {
    scripted s;
    s.config.channels.window_size = 1000;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        s.server->reads = false;
        session one = co_await connected.open_session();
        const std::string data(100'000, 'x');
        std::size_t accepted = 0;
        std::optional<error_code> stuck;
        for (int i = 0; i < 100 && !stuck; ++i) {
            bool done = false;
            asio::cancellation_signal cancel;
            one.async_write_some(
                asio::buffer(data),
                asio::bind_cancellation_slot(cancel.slot(), [&](error_code e, std::size_t n) {
                    accepted += n;
                    done = true;
                    if (e) stuck = e;
                }));
            co_await settle(s);
            if (done) continue;
            // What was not accepted is not sent.
            cancel.emit(asio::cancellation_type::total);
            co_await settle(s);
            EXPECT_TRUE(done);
        }
        EXPECT_EQ(stuck, error_code(asio::error::operation_aborted));
        EXPECT_GE(accepted, limits::channel_output_max / 2);
        EXPECT_LE(accepted, limits::channel_output_max + 1000);
        // Another write waits, and goes on as soon as the peer reads.
        bool done = false;
        one.async_write_some(asio::buffer("last", 4),
                             [&](error_code e, std::size_t n) { done = !e && n == 4; });
        s.server->reads = true;
        s.server->channels().consumed(*s.server->opened, s.server->received.size());
        s.server->run();
        for (int i = 0; i < 1000 && !done; ++i)
            co_await settle(s);
        EXPECT_TRUE(done);
        const channel_report report = co_await one.close();
        EXPECT_EQ(report.bytes_sent, accepted + 4);
        EXPECT_EQ(report.bytes_undelivered, 0u);
        EXPECT_TRUE(report.acknowledged);
        EXPECT_EQ(s.server->received.size(), accepted + 4);
        EXPECT_TRUE(s.server->received.ends_with("last"));
    }()));
}

TEST(Session, AWriteThatWaitsEndsWithTheChannel) {
    const struct {
        const char* name;
        void (*end)(scripted&, session&);
        error_code want;
    } cases[] = {
        {"our EOF", [](scripted&, session& one) { one.send_eof(); }, errc::channel_closed},
        {"the peer's CLOSE",
         [](scripted& s, session&) {
             s.server->channels().cut(*s.server->opened);
             s.server->run();
         },
         errc::channel_closed},
        {"cut", [](scripted&, session& one) { one.cut(); }, errc::channel_closed},
        {"the peer reads no more",
         [](scripted& s, session&) {
             s.server->channels().send_eow(*s.server->opened);
             s.server->run();
         },
         asio::error::broken_pipe},
        {"lost", [](scripted& s, session&) { s.server->lose(); }, errc::connection_lost},
        {"dropped", [](scripted&, session& one) { one = {}; }, asio::error::operation_aborted},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        scripted s;
        s.config.channels.window_size = 1000;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connect_options options = test::test_options();
            options.protocol.channels.channel_output_max = 2000;
            connection connected = co_await s.connect(options);
            s.server->reads = false;
            session one = co_await connected.open_session();
            const std::string data(4000, 'x');
            std::optional<error_code> ended;
            asio::async_write(one, asio::buffer(data),
                              [&](error_code e, std::size_t) { ended = e; });
            co_await settle(s);
            EXPECT_FALSE(ended);
            c.end(s, one);
            co_await settle(s);
            EXPECT_EQ(ended, c.want);
        }()));
    }
}

TEST(Session, AReadThatIsCancelledLosesNothing) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        session one = co_await connected.open_session();
        for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                asio::cancellation_type::total}) {
            asio::cancellation_signal cancel;
            bytes space(100);
            std::optional<error_code> ended;
            const auto read = [&] {
                ended.reset();
                one.async_read_some(
                    asio::buffer(space),
                    asio::bind_cancellation_slot(cancel.slot(),
                                                 [&](error_code e, std::size_t) { ended = e; }));
            };
            read();
            co_await settle(s);
            std::optional<error_code> second;
            one.async_read_some(asio::buffer(space),
                                [&](error_code e, std::size_t) { second = e; });
            co_await settle(s);
            EXPECT_EQ(second, error_code(asio::error::already_started));
            EXPECT_FALSE(ended);
            cancel.emit(type);
            co_await settle(s);
            EXPECT_EQ(ended, error_code(asio::error::operation_aborted));
            // What comes is there for the next.
            write(s, "abc");
            co_await settle(s);
            EXPECT_EQ(co_await one.async_read_some(asio::buffer(space)), 3u);
            // A signal that comes too late does nothing.
            read();
            co_await settle(s);
            write(s, "d");
            co_await settle(s);
            cancel.emit(type);
            EXPECT_EQ(ended, error_code());
        }
    }()));
}

TEST(Session, RepliesKeepTheirOrderWhoeverWaits) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        session one = co_await connected.open_session();
        asio::cancellation_signal cancel;
        std::vector<std::string> told;
        s.server->grants = false;
        const auto tell = [&](std::string name) {
            return [&told, name](error_code e) { told.push_back(name + ": " + e.message()); };
        };
        one.request_env("A", "1", asio::bind_cancellation_slot(cancel.slot(), tell("env")));
        one.request_pty({}, tell("pty"));
        cancel.emit(asio::cancellation_type::terminal);
        co_await settle(s);
        s.server->grants = true;
        one.request_shell(tell("shell"));
        co_await settle(s);
        EXPECT_EQ(s.server->requests, 3u);
        EXPECT_EQ(told, (std::vector<std::string>{
                            "env: " + error_code(asio::error::operation_aborted).message(),
                            "pty: " + make_error_code(errc::request_refused).message(),
                            "shell: " + error_code().message()}));
        one.send_signal("INT");
        one.send_window_change(100, 50);
        co_await settle(s);
        EXPECT_EQ(s.server->requests, 5u);
    }()));
}

TEST(Session, TellsHowTheCommandEnded) {
    const struct {
        const char* name;
        void (*end)(mux&, channel_id);
        std::optional<std::uint32_t> status;
        std::string signal;
    } cases[] = {
        {"status", [](mux& m, channel_id id) { m.exit_status(id, 3); }, 3u, ""},
        {"signal",
         [](mux& m, channel_id id) {
             m.exit_signal(id, {"SEGV", true, "oops", {}});
         },
         {},
         "SEGV"},
        {"neither", [](mux&, channel_id) {}, {}, ""},
    };
    for (const auto& c : cases) {
        for (const bool we_close_first : {false, true}) {
            SCOPED_TRACE(c.name);
            scripted s;
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                connection connected = co_await s.connect();
                session one = co_await connected.open_session();
                std::optional<exit_result> waited;
                one.wait_exit([&](error_code e, exit_result r) {
                    EXPECT_FALSE(e);
                    waited = std::move(r);
                });
                co_await settle(s);
                EXPECT_FALSE(waited);
                // It is on its way when we close.
                if (we_close_first) one.close([](error_code, channel_report) {});
                c.end(s.server->channels(), *s.server->opened);
                s.server->channels().close(*s.server->opened);
                s.server->run();
                const exit_result exit = co_await one.wait_exit();
                EXPECT_EQ(exit.status, c.status);
                EXPECT_EQ(exit.signal, c.signal);
                EXPECT_EQ(exit.core_dumped, !we_close_first && !c.signal.empty());
                EXPECT_TRUE(waited);
                const channel_report report = co_await one.close();
                EXPECT_TRUE(report.close_received);
            }()));
        }
    }
}

TEST(Session, CloseWaitsForThePeersAndSaysWhatItTook) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        session one = co_await connected.open_session();
        std::optional<error_code> first, second;
        asio::cancellation_signal cancel;
        s.server->go_silent();
        one.close(asio::bind_cancellation_slot(cancel.slot(),
                                               [&](error_code e, channel_report) { first = e; }));
        one.close([&](error_code e, channel_report r) {
            second = e;
            EXPECT_TRUE(r.close_sent);
            EXPECT_FALSE(r.acknowledged);
        });
        co_await settle(s);
        EXPECT_FALSE(first || second);
        cancel.emit(asio::cancellation_type::total);
        co_await settle(s);
        EXPECT_EQ(first, error_code(asio::error::operation_aborted));
        EXPECT_FALSE(second);
        connected.cut();
        co_await settle(s);
        EXPECT_EQ(second, make_error_code(errc::cancelled));
    }()));
}

TEST(Session, ARefusedOpenIsTold) {
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection connected = co_await s.connect();
        s.server->accepts_opens = false;
        std::optional<error_code> a, b;
        connected.open_session([&](error_code e, session) { a = e; });
        co_await settle(s);
        s.server->channels().refuse_open(*s.server->opened, open_failure::connect_failed, "no");
        s.server->run();
        connected.open_session([&](error_code e, session) { b = e; });
        co_await settle(s);
        s.server->channels().refuse_open(*s.server->opened, open_failure::resource_shortage, "");
        s.server->run();
        co_await settle(s);
        EXPECT_EQ(a, make_error_code(errc::connect_failed));
        EXPECT_EQ(b, make_error_code(errc::open_refused));
        // One that is cancelled is closed as soon as it is open.
        asio::cancellation_signal cancel;
        std::optional<error_code> c;
        connected.open_session(
            asio::bind_cancellation_slot(cancel.slot(), [&](error_code e, session) { c = e; }));
        co_await settle(s);
        cancel.emit(asio::cancellation_type::terminal);
        co_await settle(s);
        EXPECT_EQ(c, error_code(asio::error::operation_aborted));
        s.server->channels().accept_open(*s.server->opened);
        s.server->run();
        co_await settle(s);
        s.server->channels().close(*s.server->opened);
        s.server->run();
        co_await settle(s);
        EXPECT_TRUE(s.server->channel_closed);
        const close_report report = co_await connected.close();
        EXPECT_EQ(report.outcome, close_outcome::drained);
        EXPECT_EQ(report.total.channels, 3u);
    }()));
}

TEST(Session, CompletesOnTheExecutorOfItsHandler) {
    test::served s(2);
    s.start();
    asio::io_context other;
    auto guard = asio::make_work_guard(other);
    std::thread::id other_thread;
    std::thread runs([&] {
        other_thread = std::this_thread::get_id();
        other.run();
    });
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, test::carrier::memory, test::test_options());
        session one = co_await c.open_session();
        co_await one.request_exec("cat");
        // The whole conversation from another thread than the connection's.
        co_await asio::co_spawn(
            other,
            [&]() -> asio::awaitable<void> {
                for (int i = 0; i < 100; ++i) {
                    const std::string text(1 + static_cast<std::size_t>(i) * 100, 'x');
                    co_await asio::async_write(one, asio::buffer(text), asio::use_awaitable);
                    std::string back(text.size(), ' ');
                    co_await asio::async_read(one, asio::buffer(back), asio::use_awaitable);
                    EXPECT_EQ(back, text);
                    EXPECT_EQ(std::this_thread::get_id(), other_thread);
                }
                // And cancelled from there.
                asio::cancellation_signal cancel;
                std::optional<error_code> ended;
                bytes space(10);
                one.async_read_some(
                    asio::buffer(space),
                    asio::bind_cancellation_slot(
                        cancel.slot(), asio::bind_executor(other, [&](error_code got, std::size_t) {
                            ended = got;
                        })));
                cancel.emit(asio::cancellation_type::total);
                asio::steady_timer timer(other);
                while (!ended) {
                    timer.expires_after(1ms);
                    co_await timer.async_wait(asio::use_awaitable);
                }
                EXPECT_EQ(ended, error_code(asio::error::operation_aborted));
            },
            asio::use_awaitable);
        one = {};
        co_await c.close();
    }()));
    guard.reset();
    runs.join();
}

// Joins the channel of a scripted server to a real one.
class relay {
public:
    relay(scripted& s, test::served& to) : s_(s), socket_(s.context) {
        socket_.connect(to.address);
        s.server->on_data = [this](bytes_view data) {
            waiting_ += as_text(data);
            write();
        };
        s.server->on_eof = [this] {
            eof_ = true;
            write();
        };
        read();
    }

private:
    void write() {
        if (writing_) return;
        if (waiting_.empty()) {
            error_code ignored;
            if (eof_) socket_.shutdown(asio::socket_base::shutdown_send, ignored);
            return;
        }
        writing_ = true;
        sending_ = std::exchange(waiting_, {});
        asio::async_write(socket_, asio::buffer(sending_), [this](error_code, std::size_t) {
            writing_ = false;
            write();
        });
    }
    void read() {
        socket_.async_read_some(asio::buffer(space_), [this](error_code e, std::size_t n) {
            if (e == asio::error::operation_aborted) return;
            if (n != 0) sluice::write(s_, std::string_view(space_.data(), n));
            if (!e) return read();
            s_.server->channels().close(*s_.server->opened);
            s_.server->run();
        });
    }

    scripted& s_;
    asio::ip::tcp::socket socket_;
    std::string waiting_, sending_;
    std::array<char, 65536> space_;
    bool writing_ = false;
    bool eof_ = false;
};

// A connection inside another: through a command that joins it to a server.
TEST(ChannelStream, CarriesAnotherConnection) {
    test::served inner(1);
    inner.start();
    scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection outer = co_await s.connect();
        session hop = co_await outer.open_session();
        relay between(s, inner);
        connect_options options = test::test_options();
        connection through = co_await connect(make_channel_stream(std::move(hop)), options);
        const std::string data(3'000'000, 'z');
        run_options run;
        run.input = data;
        const run_result result = co_await through.run("cat", run);
        EXPECT_TRUE(result.out == data);
        // The outer one waits for what runs inside it.
        std::optional<close_report> outer_report;
        outer.drain(30s, [&](error_code, close_report r) { outer_report = std::move(r); });
        co_await settle(s);
        EXPECT_FALSE(outer_report);
        const close_report report = co_await through.close();
        EXPECT_EQ(report.outcome, close_outcome::drained);
        EXPECT_TRUE(report.complete());
        co_await outer.closed();
        EXPECT_TRUE(outer_report->complete());
    }()));
}

}  // namespace
}  // namespace sluice
