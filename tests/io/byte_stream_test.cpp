// What every stream that can carry a connection has in common.

#include "sluice/io/byte_stream.hpp"
#include "sluice/io/descriptor_stream.hpp"
#include "sluice/io/memory_stream.hpp"
#include "sluice/io/socket_stream.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

namespace sluice {
namespace {

namespace asio = boost::asio;
using stream_pair = std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>;

stream_pair make_socketpair(asio::io_context& context) {
    asio::local::stream_protocol::socket a(context), b(context);
    asio::local::connect_pair(a, b);
    return {std::make_unique<socket_stream>(std::move(a)),
            std::make_unique<socket_stream>(std::move(b))};
}

stream_pair make_pipes(asio::io_context& context) {
    std::signal(SIGPIPE, SIG_IGN);
    int there[2];
    int back[2];
    EXPECT_EQ(::pipe2(there, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(back, O_CLOEXEC), 0);
    return {make_descriptor_stream(context.get_executor(), file_descriptor(back[0]),
                                   file_descriptor(there[1]))
                .value(),
            make_descriptor_stream(context.get_executor(), file_descriptor(there[0]),
                                   file_descriptor(back[1]))
                .value()};
}

// As a super-server gives it: standard input and output are one socket.
stream_pair make_one_socket(asio::io_context& context) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const auto stream_of = [&](int end) {
        return make_descriptor_stream(context.get_executor(), file_descriptor(::dup(end)),
                                      file_descriptor(end))
            .value();
    };
    return {stream_of(ends[0]), stream_of(ends[1])};
}

stream_pair make_memory_pair(asio::io_context& context) {
    return make_memory_streams(context.get_executor(), context.get_executor());
}

constexpr struct {
    const char* name;
    stream_pair (*make)(asio::io_context&);
} kinds[] = {{"socketpair", make_socketpair},
             {"memory", make_memory_pair},
             {"pipes", make_pipes},
             {"one socket", make_one_socket}};

struct told final : byte_stream::observer {
    void on_readable() override { ++readable; }
    void on_writable() override { ++writable; }
    int readable = 0;
    int writable = 0;
};

std::string read(byte_stream& s, error_code& e) {
    std::array<std::uint8_t, 65536> space;
    return std::string(as_text({space.data(), s.read_some(space, e)}));
}

std::size_t fill(byte_stream& s) {
    const bytes chunk(10'000, 'x');
    std::size_t n = 0;
    for (error_code e; !e;)
        n += s.write_some(chunk, e);
    return n;
}

TEST(ByteStream, BytesComeThenTheEnd) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        asio::io_context context;
        auto [a, b] = kind.make(context);
        error_code e;
        EXPECT_EQ(read(*b, e), "");
        EXPECT_TRUE(would_block(e));
        EXPECT_TRUE(would_block(b->peek()));
        EXPECT_EQ(a->write_some(as_bytes("last"), e), 4u);
        EXPECT_FALSE(e);
        EXPECT_FALSE(a->shutdown_send());
        EXPECT_FALSE(b->peek());
        EXPECT_EQ(read(*b, e), "last");
        EXPECT_FALSE(e);
        EXPECT_EQ(b->peek(), asio::error::eof);
        EXPECT_EQ(read(*b, e), "");
        EXPECT_EQ(e, asio::error::eof);
        // The other direction goes on.
        EXPECT_EQ(b->write_some(as_bytes("reply"), e), 5u);
        EXPECT_EQ(read(*a, e), "reply");
        a->write_some(as_bytes("more"), e);
        EXPECT_EQ(e, asio::error::broken_pipe);
    }
}

TEST(ByteStream, WaitsAreToldOnceAndNeverFromWithin) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        asio::io_context context;
        auto [a, b] = kind.make(context);
        const auto ear = std::make_shared<told>();
        b->wait_readable(ear);
        context.poll();
        EXPECT_EQ(ear->readable, 0);
        error_code e;
        a->write_some(as_bytes("x"), e);
        EXPECT_EQ(ear->readable, 0);
        context.restart();
        // Where two descriptors are of one socket, the other one has an event too, of no wait.
        while (ear->readable == 0 && context.run_one_for(std::chrono::minutes(1)) != 0) {
        }
        EXPECT_EQ(ear->readable, 1);
        b->wait_readable(ear);  // there is something already
        EXPECT_EQ(ear->readable, 1);
        context.restart();
        context.run();
        EXPECT_EQ(ear->readable, 2);
        EXPECT_EQ(ear.use_count(), 1);
    }
}

TEST(ByteStream, WhatIsNotReadIsBounded) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        asio::io_context context;
        auto [a, b] = kind.make(context);
        const std::size_t written = fill(*a);
        const auto ear = std::make_shared<told>();
        a->wait_writable(ear);
        context.poll();
        EXPECT_EQ(ear->writable, 0);
        std::size_t n = 0;
        for (error_code e; !e;)
            n += read(*b, e).size();
        EXPECT_EQ(n, written);
        context.restart();
        context.run();
        EXPECT_EQ(ear->writable, 1);
        EXPECT_GT(fill(*a), 0u);
    }
}

TEST(ByteStream, CloseEndsWaitsAndIsSeenBehindTheData) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        asio::io_context context;
        auto [a, b] = kind.make(context);
        fill(*a);
        error_code e;
        const auto ear = std::make_shared<told>();
        a->wait_readable(ear);
        a->wait_writable(ear);
        a->close();
        EXPECT_EQ(ear->readable + ear->writable, 0);
        context.run();
        EXPECT_EQ(ear->readable, 1);
        EXPECT_EQ(ear->writable, 1);
        EXPECT_NE(read(*b, e), "");
        while (!e)
            read(*b, e);
        EXPECT_EQ(e, asio::error::eof);
        b->write_some(as_bytes("x"), e);
        EXPECT_EQ(e, asio::error::broken_pipe);
        EXPECT_TRUE(a->peek());
        EXPECT_FALSE(would_block(a->peek()));
    }
}

TEST(MemoryStream, DestroyingAnEndClosesIt) {
    asio::io_context context;
    auto [a, b] = make_memory_pair(context);
    error_code e;
    a->write_some(as_bytes("bye"), e);
    a.reset();
    EXPECT_EQ(read(*b, e), "bye");
    read(*b, e);
    EXPECT_EQ(e, asio::error::eof);
}

// One end reads as fast as it can, on its own thread.
struct sink final : byte_stream::observer, std::enable_shared_from_this<sink> {
    explicit sink(std::unique_ptr<byte_stream> from) : stream(std::move(from)) {}
    void on_readable() override {
        for (error_code e; !e;) {
            const std::string text = read(*stream, e);
            for (const char c : text)
                in_order = in_order && static_cast<std::uint8_t>(c) == (total++ % 251);
            if (would_block(e)) stream->wait_readable(shared_from_this());
            ended = e == asio::error::eof;
        }
    }
    void on_writable() override {}

    std::unique_ptr<byte_stream> stream;
    std::size_t total = 0;
    bool in_order = true;
    std::atomic<bool> ended = false;
};

struct source final : byte_stream::observer, std::enable_shared_from_this<source> {
    source(std::unique_ptr<byte_stream> to, std::size_t n) : stream(std::move(to)), left(n) {
        for (std::size_t i = 0; i < chunk.size(); ++i)
            chunk[i] = static_cast<std::uint8_t>(i % 251);
    }
    void on_readable() override {}
    void on_writable() override {
        while (left != 0) {
            error_code e;
            const std::size_t n = stream->write_some(
                bytes_view(chunk).subspan(at, std::min(left, chunk.size() - at)), e);
            at = (at + n) % chunk.size();
            left -= n;
            if (would_block(e)) return stream->wait_writable(shared_from_this());
            ASSERT_FALSE(e);
        }
        stream->close();
    }

    std::unique_ptr<byte_stream> stream;
    bytes chunk = bytes(251 * 37);
    std::size_t at = 0;
    std::size_t left;
};

TEST(MemoryStream, ItsEndsMayBeOnDifferentThreads) {
    asio::io_context here, there;
    auto [a, b] = make_memory_streams(here.get_executor(), there.get_executor(), 1000);
    const auto from = std::make_shared<source>(std::move(a), 3'000'000);
    const auto to = std::make_shared<sink>(std::move(b));
    from->stream->wait_writable(from);
    to->stream->wait_readable(to);
    auto guard = asio::make_work_guard(there);
    std::thread reader([&] { there.run(); });
    auto here_guard = asio::make_work_guard(here);
    while (!to->ended)
        here.run_one_for(std::chrono::milliseconds(10));
    guard.reset();
    reader.join();
    EXPECT_TRUE(to->in_order);
    EXPECT_EQ(to->total, 3'000'000u);
}

}  // namespace
}  // namespace sluice
