#include "sluice/io/sftp_service.hpp"

#include "sluice/io/posix_filesystem.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/tests/sftp/session.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <fstream>
#include <iterator>

namespace sluice {
namespace {

namespace asio = boost::asio;
using test::sftp_packet;

constexpr std::uint32_t create = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc;

// The server's side of a channel: takes so much output, remembers what it was told.
class memory_port final : public channel_port {
public:
    explicit memory_port(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    asio::any_io_executor executor() const override { return executor_; }
    std::size_t writable() const override {
        return room > output.size() ? room - output.size() : 0;
    }
    void write(wire::buffer chunk, std::uint32_t extended_type) override {
        EXPECT_EQ(extended_type, 0u);
        EXPECT_FALSE(chunk.empty());
        EXPECT_FALSE(status.has_value()) << "after exit";
        const auto view = chunk.view();
        output.insert(output.end(), view.begin(), view.end());
    }
    void consumed(std::size_t n) override { credited += n; }
    void send_eow() override {}
    void send_eof() override {}
    void exit(std::uint32_t s) override {
        EXPECT_FALSE(status.has_value());
        status = s;
    }
    void exit_signal(std::string_view, bool, std::string_view) override { ADD_FAILURE(); }
    void finished() override { ++finished_calls; }

    std::vector<bytes> replies() {
        std::vector<bytes> packets;
        wire::reader r(output);
        while (!r.at_end() && !r.error()) {
            bytes_view packet;
            r.read(packet);
            packets.push_back(to_bytes(packet));
        }
        EXPECT_FALSE(r.error());
        output.clear();
        return packets;
    }

    std::size_t room = 1024 * 1024;
    bytes output;
    std::size_t credited = 0;
    std::optional<std::uint32_t> status;
    int finished_calls = 0;

private:
    asio::any_io_executor executor_;
};

struct over_memory {
    over_memory() {
        auto owned = std::make_unique<test::memory_filesystem>();
        files = owned.get();
        service =
            std::make_unique<sftp_service>(port, std::move(owned), sftp::server_config{},
                                           [this](const sftp::session_report& r, error_code e) {
                                               EXPECT_EQ(port.finished_calls, 0);
                                               report = r;
                                               error = e;
                                           });
        send(sftp_packet(sftp::fxp_init{3, {}}));
        port.output.clear();
    }
    void send(bytes_view data) {
        sent += data.size();
        service->on_data(data, 0);
    }

    asio::io_context io;
    memory_port port{io.get_executor()};
    test::memory_filesystem* files = nullptr;
    std::unique_ptr<sftp_service> service;
    std::optional<sftp::session_report> report;
    error_code error;
    std::size_t sent = 0;
};

TEST(SftpService, EofEndsTheChannelWhenAllIsAnswered) {
    over_memory s;
    s.files->defer = true;
    s.send(sftp_packet(sftp::fxp_stat{1, "/"}));
    s.service->on_eof();
    EXPECT_FALSE(s.port.status.has_value());
    s.files->run(0);
    EXPECT_EQ(s.port.replies().size(), 1u);
    EXPECT_EQ(s.port.status, 0u);
    EXPECT_EQ(s.port.credited, s.sent);
    EXPECT_EQ(s.port.finished_calls, 0);
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 1);
    ASSERT_TRUE(s.report.has_value());
    EXPECT_EQ(s.report->requests_answered, 2u);
    s.service->on_closed();
    s.service->on_writable();
    EXPECT_EQ(s.port.finished_calls, 1);
}

TEST(SftpService, ABreachOfTheProtocolEndsWithStatus1) {
    over_memory s;
    s.send(bytes{0, 0, 0, 0});
    EXPECT_EQ(s.port.status, 1u);
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 1);
    EXPECT_EQ(s.error, errc::bad_value);
}

TEST(SftpService, AShutWindowHoldsOutputUntilThereIsRoom) {
    over_memory s;
    s.files->add_file("/f", bytes(4 * 1024 * 1024, 3));
    s.send(sftp_packet(sftp::fxp_open{1, "/f", sftp::fxf_read, {}}));
    const auto opened = s.port.replies();
    const auto handle = to_bytes(sftp::decode<sftp::fxp_handle>(opened.at(0))->handle);
    s.port.room = 0;
    for (std::uint32_t i = 0; i < 40; ++i)
        s.send(sftp_packet(sftp::fxp_read{i, handle, i * 100'000, 100'000}));
    s.service->on_eof();
    EXPECT_TRUE(s.port.output.empty());
    EXPECT_FALSE(s.port.status.has_value());
    std::size_t replies = 0;
    for (int i = 0; i < 100 && !s.port.status; ++i) {
        s.port.room = 1;  // one chunk is taken, however large
        s.service->on_writable();
        replies += s.port.replies().size();
    }
    EXPECT_EQ(replies, 40u);
    EXPECT_EQ(s.port.status, 0u);
    EXPECT_EQ(s.port.credited, s.sent);
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 1);
}

TEST(CloseAndDrain, ALostChannelIsFinishedWhenItsOperationsAre) {
    over_memory s;
    s.send(sftp_packet(sftp::fxp_open{1, "/f", create, {}}));
    const auto opened = s.port.replies();
    const auto handle = sftp::decode<sftp::fxp_handle>(opened.at(0))->handle;
    s.files->defer = true;
    s.send(sftp_packet(sftp::fxp_write{2, handle, 0, bytes(10)}));
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 0);
    s.files->run(0);  // the write
    EXPECT_EQ(s.port.finished_calls, 0);
    s.files->run(0);  // the close
    EXPECT_EQ(s.port.finished_calls, 1);
    EXPECT_TRUE(s.port.output.empty());
    EXPECT_FALSE(s.port.status.has_value());
    ASSERT_EQ(s.files->endings.size(), 1u);
    EXPECT_EQ(s.files->endings[0].second.how, sftp::ending::kind::abandoned);
    EXPECT_EQ(s.files->endings[0].second.contiguous_end, 10u);
    EXPECT_EQ(s.report->files_abandoned, 1u);
}

TEST(CloseAndDrain, ADrainedSessionEndsItsChannelWhenTheLastHandleIsClosed) {
    over_memory s;
    s.send(sftp_packet(sftp::fxp_open{1, "/f", create, {}}));
    const auto opened = s.port.replies();
    const auto handle = to_bytes(sftp::decode<sftp::fxp_handle>(opened.at(0))->handle);
    s.service->drain(sftp::drain_policy::finish_handles);
    EXPECT_FALSE(s.port.status.has_value());
    s.send(sftp_packet(sftp::fxp_stat{2, "/"}));
    const auto refused = s.port.replies();
    EXPECT_EQ(sftp::decode<sftp::fxp_status>(refused.at(0))->error_message, "server is draining");
    s.send(sftp_packet(sftp::fxp_close{3, handle}));
    EXPECT_EQ(s.port.replies().size(), 1u);
    EXPECT_EQ(s.port.status, 0u);
    EXPECT_EQ(s.port.credited, s.sent);
    s.service->drain(sftp::drain_policy::now);  // changes nothing any more
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 1);
    EXPECT_EQ(s.report->requests_drained, 1u);
    EXPECT_EQ(s.report->files_committed, 1u);
}

TEST(CloseAndDrain, DrainingNowEndsTheChannelWhenAllIsAnswered) {
    over_memory s;
    s.send(sftp_packet(sftp::fxp_open{1, "/f", create, {}}));
    s.files->defer = true;
    s.send(sftp_packet(sftp::fxp_stat{2, "/"}));
    s.service->drain(sftp::drain_policy::now);
    EXPECT_FALSE(s.port.status.has_value());
    while (s.files->pending() != 0)
        s.files->run(0);
    EXPECT_EQ(s.port.replies().size(), 2u);
    EXPECT_EQ(s.port.status, 0u);
    s.service->on_closed();
    EXPECT_EQ(s.port.finished_calls, 1);
    EXPECT_EQ(s.report->files_abandoned, 1u);
}

TEST(SftpService, StderrOfAClientIsDroppedAndCredited) {
    over_memory s;
    const std::size_t before = s.port.credited;
    s.service->on_data(bytes(100), 1);
    EXPECT_EQ(s.port.credited - before, 100u);
    EXPECT_FALSE(s.port.status.has_value());
    s.service->on_closed();
}

// The real file system, its pool and a loop: an upload and a download, pipelined.
TEST(SftpService, TransfersOverTheRealFilesystem) {
    for (const auto& base :
         {std::filesystem::temp_directory_path(), std::filesystem::path("/dev/shm")}) {
        SCOPED_TRACE(base.string());
        test::temp_dir dir(base);
        asio::io_context io;
        asio::thread_pool pool(2);
        memory_port port(io.get_executor());
        port.room = 64 * 1024 * 1024;
        auto files = posix_filesystem::open({.root = dir.path().string()}, io.get_executor(), pool);
        ASSERT_TRUE(files.has_value());
        sftp_service service(port, std::move(*files));
        std::size_t sent = 0;
        const auto send = [&](const bytes& data) {
            sent += data.size();
            service.on_data(data, 0);
        };
        const auto answers = [&] {
            io.restart();
            io.run();  // until nothing is under way
            return port.replies();
        };
        const auto handle_in = [](const std::vector<bytes>& replies) {
            const auto m = sftp::decode<sftp::fxp_handle>(replies.at(0));
            EXPECT_TRUE(m.has_value());
            return to_bytes(m->handle);
        };
        send(sftp_packet(sftp::fxp_init{3, {}}));
        EXPECT_EQ(answers().size(), 1u);

        bytes content(10'000'000);
        for (std::size_t i = 0; i < content.size(); ++i)
            content[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
        send(sftp_packet(sftp::fxp_open{1, "/up", create, {}}));
        const bytes out = handle_in(answers());
        constexpr std::size_t piece = 100'000;
        for (std::size_t at = 0; at < content.size(); at += piece)
            send(sftp_packet(sftp::fxp_write{1, out, at, bytes_view(content).subspan(at, piece)}));
        send(sftp_packet(sftp::fxp_close{2, out}));
        const auto written = answers();
        ASSERT_EQ(written.size(), 101u);
        for (const auto& r : written)
            EXPECT_EQ(sftp::decode<sftp::fxp_status>(r)->code, 0u);
        std::ifstream file(dir / "up", std::ios::binary);
        const std::string on_disk{std::istreambuf_iterator<char>(file), {}};
        EXPECT_TRUE(on_disk == as_text(content));

        send(sftp_packet(sftp::fxp_open{1, "/up", sftp::fxf_read, {}}));
        const bytes in = handle_in(answers());
        for (std::uint32_t i = 0; i < 100; ++i)
            send(sftp_packet(sftp::fxp_read{i, in, i * piece, piece}));
        bytes back(content.size());
        for (const auto& r : answers()) {
            const auto m = sftp::decode<sftp::fxp_data>(r);
            ASSERT_TRUE(m.has_value());
            ASSERT_EQ(m->data.size(), piece);
            std::ranges::copy(m->data, back.begin() + static_cast<std::ptrdiff_t>(m->id * piece));
        }
        EXPECT_TRUE(back == content);
        service.on_eof();
        EXPECT_TRUE(answers().empty());
        EXPECT_EQ(port.status, 0u);
        EXPECT_EQ(port.credited, sent);
        service.on_closed();
        EXPECT_EQ(port.finished_calls, 1);
        pool.join();
    }
}

}  // namespace
}  // namespace sluice
