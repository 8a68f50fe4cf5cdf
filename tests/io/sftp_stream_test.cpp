#include "sluice/io/sftp_stream.hpp"

#include "sluice/io/memory_filesystem.hpp"
#include "sluice/io/memory_stream.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace asio = boost::asio;

namespace sluice {
namespace {

// A client by hand, at the other end of a session that is served.
struct client {
    client() {
        auto [far, ours] = make_memory_streams(context.get_executor(), context.get_executor());
        near = std::move(ours);
        const auto tree = std::make_shared<memory_tree>();
        serve_sftp(std::move(far), std::make_unique<memory_filesystem>(tree), {},
                   [this](const sftp_stream_report& report) {
                       ++times_done;
                       done = report;
                   });
    }

    void run() {
        context.restart();
        context.poll();
    }

    // As much as the stream takes.
    std::size_t say(bytes_view data) {
        std::size_t said = 0;
        for (error_code e; said < data.size() && !e; run())
            said += near->write_some(data.subspan(said), e);
        return said;
    }

    bytes hear() {
        run();
        bytes heard(1 << 20);
        error_code e;
        heard.resize(near->read_some(heard, e));
        return heard;
    }

    asio::io_context context;
    std::unique_ptr<byte_stream> near;
    std::optional<sftp_stream_report> done;
    int times_done = 0;
};

bytes packet(bytes_view payload) {
    bytes out;
    wire::writer w(out);
    w.write(payload);
    return out;
}

const bytes init = packet(bytes{1, 0, 0, 0, 3});

bytes realpath(std::uint32_t id) {
    bytes payload{16};
    wire::writer w(payload);
    w.write(id);
    w.write(".");
    return packet(payload);
}

TEST(SftpStream, IsOverWhenAllIsAnswered) {
    client c;
    c.say(init);
    const bytes version = c.hear();
    ASSERT_GT(version.size(), 9U);
    EXPECT_EQ(version[4], 2);
    c.say(realpath(7));
    EXPECT_FALSE(c.near->shutdown_send());
    const bytes name = c.hear();
    ASSERT_GT(name.size(), 9U);
    EXPECT_EQ(name[4], 104) << "answered, though the end has come";
    EXPECT_EQ(name[8], 7);
    c.run();
    ASSERT_TRUE(c.done);
    EXPECT_EQ(c.times_done, 1);
    EXPECT_EQ(c.done->session.requests_answered, 2U);  // INIT as well
    EXPECT_FALSE(c.done->protocol);
    EXPECT_FALSE(c.done->stream);
    EXPECT_EQ(c.near->peek(), asio::error::eof) << "the stream is closed";
}

TEST(SftpStream, WhoNeitherSpeaksNorReadsCostsABound) {
    client c;
    c.say(init);
    const bytes one = realpath(1);
    std::size_t said = 0;
    while (said < 64 * (limits::sftp_input_max + limits::sftp_output_max)) {
        const std::size_t n = c.say(one);
        said += n;
        if (n < one.size()) break;
    }
    EXPECT_LT(said, 4 * (limits::sftp_input_max + limits::sftp_output_max));
    EXPECT_FALSE(c.done);
    c.near->close();
    c.run();
    EXPECT_EQ(c.times_done, 1);
}

TEST(SftpStream, ABreachEndsIt) {
    client c;
    c.say(packet(bytes{5, 0, 0, 0, 3}));  // not INIT
    c.run();
    ASSERT_TRUE(c.done);
    EXPECT_EQ(c.done->protocol, errc::unexpected_message);
}

TEST(SftpStream, APeerThatIsGoneEndsIt) {
    for (const bool spoke : {false, true}) {
        client c;
        if (spoke) c.say(init);
        c.near->close();
        c.run();
        EXPECT_EQ(c.times_done, 1);
    }
}

}  // namespace
}  // namespace sluice
