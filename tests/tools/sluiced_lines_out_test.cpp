#include "sluice/tools/sluiced_lines_out.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;

struct pipe_ends {
    pipe_ends() { EXPECT_EQ(::pipe(ends.data()), 0); }
    std::array<int, 2> ends{};
};

std::string tell(std::uint64_t n) { return "dropped " + std::to_string(n); }

// The pipe is left open: the thread may hang in it to the end of the process.
TEST(LineWriter, NobodyReadsAndNobodyWaits) {
    const pipe_ends p;
    line_writer out(p.ends[1], 64 * 1024, tell);
    for (int i = 0; i < 10'000; ++i)
        out.write(std::string(1000, 'x'));
    EXPECT_GT(out.dropped(), 9'000u);
    EXPECT_FALSE(out.flush(milliseconds(1)));
}

TEST(LineWriter, DroppedLinesAreCountedAndSaid) {
    const pipe_ends p;
    constexpr std::size_t lines = 1000;
    std::string text;
    {
        line_writer out(p.ends[1], 64 * 1024, tell);
        for (std::size_t i = 0; i < lines; ++i)
            out.write(std::string(999, 'x'));
        const std::string said = tell(out.dropped()) + "\n";
        std::thread reader([&] {
            std::array<char, 4096> piece{};
            while (!text.ends_with(said)) {
                const ssize_t n = ::read(p.ends[0], piece.data(), piece.size());
                if (n <= 0) return;
                text.append(piece.data(), static_cast<std::size_t>(n));
            }
        });
        EXPECT_TRUE(out.flush(std::chrono::minutes(5)));
        reader.join();
        EXPECT_EQ((text.size() - said.size()) / 1000 + out.dropped(), lines);
        out.write("later");
        EXPECT_TRUE(out.flush(std::chrono::minutes(5)));
    }
    std::array<char, 16> piece{};
    const ssize_t n = ::read(p.ends[0], piece.data(), piece.size());
    EXPECT_EQ(std::string(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))),
              "later\n");
}

TEST(LineWriter, ALineThatNeverFitsIsCountedAndSaid) {
    const pipe_ends p;
    line_writer out(p.ends[1], 100, tell);
    out.write(std::string(100, 'x'));  // and its end
    EXPECT_TRUE(out.flush(std::chrono::minutes(5)));
    out.write("later");
    EXPECT_TRUE(out.flush(std::chrono::minutes(5)));
    std::array<char, 64> piece{};
    const ssize_t n = ::read(p.ends[0], piece.data(), piece.size());
    EXPECT_EQ(std::string(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))),
              "dropped 1\nlater\n");
}

// Many threads, lines of all lengths: each line comes whole, once, in the order of its thread.
TEST(LineWriter, LinesThatAreWrittenTogetherStayWhole) {
    const pipe_ends p;
    constexpr std::size_t threads = 4;
    constexpr std::size_t lines = 500;
    const auto line_of = [](std::size_t thread, std::size_t number) {
        return std::string(1 + number * 17 % 5000, static_cast<char>('a' + thread)) +
               std::to_string(number);
    };
    std::string text;
    std::thread reader([&] {
        std::array<char, 4096> piece{};
        for (std::size_t ends = 0; ends < threads * lines;) {
            const ssize_t n = ::read(p.ends[0], piece.data(), piece.size());
            if (n <= 0) return;
            const std::string_view more(piece.data(), static_cast<std::size_t>(n));
            ends += static_cast<std::size_t>(std::ranges::count(more, '\n'));
            text += more;
        }
    });
    line_writer out(p.ends[1], 64 << 20, tell);
    std::vector<std::thread> writers;
    for (std::size_t t = 0; t < threads; ++t)
        writers.emplace_back([&, t] {
            for (std::size_t i = 0; i < lines; ++i)
                out.write(line_of(t, i));
        });
    for (auto& w : writers)
        w.join();
    reader.join();
    std::array<std::size_t, threads> next{};
    std::istringstream all(text);
    for (std::string line; std::getline(all, line);) {
        for (std::size_t t = 0; t < threads; ++t) {
            const std::size_t i = next[t];
            if (line != line_of(t, i)) continue;
            ++next[t];
            line.clear();
            break;
        }
        ASSERT_EQ(line, "") << "no thread's next line";
    }
    EXPECT_EQ(next, (std::array<std::size_t, threads>{lines, lines, lines, lines}));
}

TEST(LineWriter, AClosedDescriptorStopsNobody) {
    line_writer out(-1, 1024, tell);
    for (int i = 0; i < 100; ++i)
        out.write("x");
    EXPECT_TRUE(out.flush(std::chrono::minutes(5)));
}

}  // namespace
}  // namespace sluice
