// Close-and-drain, acceptance 27: connect, data each way, drain, over and over, on real sockets.
// SLUICE_CYCLES says how often; a hundred times by default.

#include "sluice/tests/support/client_side.hpp"

#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr std::size_t each_way = 1 << 20;

asio::awaitable<std::uint32_t> echo(served_session& session) {
    std::vector<char> space(64 * 1024);
    for (;;) {
        const auto [e, n] = co_await session.async_read_some(asio::buffer(space), test::as_values);
        if (n != 0) co_await asio::async_write(session, asio::buffer(space, n), test::as_values);
        if (e) break;
    }
    co_return 0;
}

std::size_t open_descriptors() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++n;
    return n;
}

TEST(Acceptance27, CyclesLoseNothingAndLeaveNothing) {
    const char* const wanted = std::getenv("SLUICE_CYCLES");
    const int cycles = wanted != nullptr ? std::atoi(wanted) : 100;
    ASSERT_GT(cycles, 0);
    test::served s;
    std::vector<close_report> ends;
    s.options.on_exec = echo;
    s.options.on_closed = [&](const connection_info&, const close_report& r) { ends.push_back(r); };
    s.start();

    const auto cycle = [&](int number) -> asio::awaitable<void> {
        connect_options to = test::test_options();
        to.host = "127.0.0.1";
        to.port = s.address.port();
        auto [refused, connection] = co_await sluice::connect(std::move(to), test::as_values);
        EXPECT_FALSE(refused) << refused.message();
        if (refused) co_return;
        const std::string data(each_way, static_cast<char>('a' + number % 26));
        run_options how;  // by name: gcc 12 destroys a braced one in a co_await expression twice
        how.input = data;
        auto [failed, result] = co_await connection.run("echo", std::move(how), test::as_values);
        EXPECT_FALSE(failed) << failed.message();
        EXPECT_TRUE(result.out == data);
        EXPECT_EQ(result.exit.status, 0u);
        auto [lost, report] = co_await connection.drain(60s, test::as_values);
        EXPECT_FALSE(lost) << lost.message();
        EXPECT_EQ(report.outcome, close_outcome::drained) << to_text(report);
        EXPECT_TRUE(report.complete()) << to_text(report);
        EXPECT_EQ(report.total.bytes_sent, each_way);
        EXPECT_EQ(report.total.bytes_received, each_way);
        EXPECT_EQ(report.total.bytes_unacknowledged, 0u);
    };
    std::size_t descriptors = 0;
    for (int i = 0; i < cycles && !HasFailure(); ++i) {
        ASSERT_TRUE(test::run_to_end(s, cycle(i)));
        ASSERT_TRUE(s.until([&] { return ends.size() == 1; }));
        // A FIN behind DISCONNECT; an RST would have been an error of the stream.
        EXPECT_EQ(ends[0].outcome, close_outcome::peer_closed) << to_text(ends[0]);
        EXPECT_EQ(ends[0].reason_code, 11u);
        EXPECT_EQ(ends[0].total.bytes_sent, each_way);
        EXPECT_EQ(ends[0].total.bytes_received, each_way);
        EXPECT_EQ(ends[0].total.open, 0u);
        ends.clear();
        if (i == 0) descriptors = open_descriptors();
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    s.stop();
    EXPECT_TRUE(s.until([&] { return s.stopped(); }));
    EXPECT_TRUE(s.nothing_runs());
}

}  // namespace
}  // namespace sluice
