// Which requests run side by side, and what happens when the session is lost.

#include "sluice/tests/sftp/session.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <random>

namespace sluice::sftp {
namespace {

using test::extended_packet;
using test::sftp_packet;
using test::sftp_session;

constexpr std::uint32_t both_ways = fxf_read | fxf_write | fxf_creat;

std::vector<std::string> pending(const test::memory_filesystem& files) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < files.pending(); ++i)
        names.push_back(files.pending_name(i));
    return names;
}

// Clients in wide use wait for the answers to their WRITEs one after the other and throw away what
// comes ahead of its turn (paramiko), so answers keep the order though the work does not.
TEST(SftpServer, WritesAreAnsweredInTheirOrder) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", both_ways);
    s.files.defer = true;
    const bytes ten(10);
    for (std::uint32_t i = 0; i < 5; ++i)
        s.send(fxp_write{i, h, i * 10, ten});
    ASSERT_EQ(s.files.pending(), 5u);
    s.files.run(4);
    s.files.run(2);
    s.pump();
    EXPECT_TRUE(s.replies.empty());
    s.files.run(0);
    s.pump();
    EXPECT_EQ(s.statuses(), (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 0}}));
    s.files.run(0);
    s.files.run(0);
    s.pump();
    EXPECT_EQ(s.statuses(), (std::vector<std::pair<std::uint32_t, std::uint32_t>>{
                                {1, 0}, {2, 0}, {3, 0}, {4, 0}}));
}

TEST(FilexferDraft02s6_1, RequestsRunSideBySideUnlessTheirOrderShows) {
    const bytes ten(10);
    using b = const bytes&;
    struct {
        const char* name;
        std::vector<bytes> (*requests)(b h, b other, b data);
        std::size_t at_once;  // how many run before any has completed
    } cases[] = {
        {"reads of one range",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_read{1, h, 0, 10}),
                                sftp_packet(fxp_read{2, h, 0, 10})};
         },
         2},
        {"writes to different ranges",
         [](b h, b, b d) {
             return std::vector{
                 sftp_packet(fxp_write{1, h, 0, d}), sftp_packet(fxp_write{2, h, 10, d}),
                 sftp_packet(fxp_write{3, h, 30, d}), sftp_packet(fxp_write{4, h, 20, d})};
         },
         4},
        {"overlapping writes",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                sftp_packet(fxp_write{2, h, 9, d})};
         },
         1},
        {"a read of what is being written",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                sftp_packet(fxp_read{2, h, 5, 10})};
         },
         1},
        {"a write to what is being read",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_read{1, h, 0, 10}),
                                sftp_packet(fxp_write{2, h, 5, d})};
         },
         1},
        {"the same range of two handles",
         [](b h, b o, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                sftp_packet(fxp_write{2, o, 0, d})};
         },
         2},
        {"close behind a write",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}), sftp_packet(fxp_close{2, h})};
         },
         1},
        {"fsync behind a write, a write behind fsync",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                extended_packet(2, ext_fsync{h}),
                                sftp_packet(fxp_write{3, h, 50, d})};
         },
         1},
        {"fsetstat behind a read",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_read{1, h, 0, 10}),
                                sftp_packet(fxp_fsetstat{2, h, {.size = 0}})};
         },
         1},
        {"fstat behind a read",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_read{1, h, 0, 10}), sftp_packet(fxp_fstat{2, h})};
         },
         2},
        {"fstat behind a write",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}), sftp_packet(fxp_fstat{2, h})};
         },
         1},
        {"stats, reads and a listing",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_stat{1, "/f"}), sftp_packet(fxp_lstat{2, "/f"}),
                                sftp_packet(fxp_read{3, h, 0, 10}),
                                sftp_packet(fxp_opendir{4, "/"})};
         },
         4},
        {"changes of paths",
         [](b, b, b) {
             return std::vector{sftp_packet(fxp_mkdir{1, "/x", {}}),
                                sftp_packet(fxp_mkdir{2, "/y", {}})};
         },
         1},
        {"a stat behind a change",
         [](b, b, b) {
             return std::vector{sftp_packet(fxp_mkdir{1, "/x", {}}), sftp_packet(fxp_stat{2, "/"})};
         },
         1},
        {"a change behind a stat",
         [](b, b, b) {
             return std::vector{sftp_packet(fxp_stat{1, "/"}), sftp_packet(fxp_mkdir{2, "/x", {}})};
         },
         1},
        {"a change of paths beside reads and writes",
         [](b h, b o, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                sftp_packet(fxp_read{2, o, 0, 10}),
                                sftp_packet(fxp_mkdir{3, "/x", {}})};
         },
         3},
        {"a stat of the file that is being written",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                sftp_packet(fxp_stat{2, "./f"})};
         },
         1},
        {"a stat of another file",
         [](b h, b, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}), sftp_packet(fxp_stat{2, "/g"})};
         },
         2},
        {"setstat of the file that is being read",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_read{1, h, 0, 10}),
                                sftp_packet(fxp_setstat{2, "/f", {.size = 0}})};
         },
         1},
        {"rename behind the close of a written file",
         [](b h, b, b) {
             return std::vector{sftp_packet(fxp_close{1, h}),
                                sftp_packet(fxp_rename{2, "/f", "/z"})};
         },
         1},
        {"copy-data behind a write to its source",
         [](b h, b o, b d) {
             return std::vector{sftp_packet(fxp_write{1, h, 0, d}),
                                extended_packet(2, ext_copy_data{h, 0, 0, o, 0})};
         },
         1},
        {"a read of the target behind copy-data",
         [](b h, b o, b) {
             return std::vector{extended_packet(1, ext_copy_data{h, 0, 10, o, 0}),
                                sftp_packet(fxp_read{2, o, 5, 1}),
                                sftp_packet(fxp_read{3, o, 10, 1})};
         },
         2},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        sftp_session s;
        s.start();
        s.files.add_file("/f", bytes(100));
        s.files.add_file("/g", bytes(100));
        const bytes h = s.open("/f", both_ways);
        const bytes other = s.open("/g", both_ways);
        s.files.defer = true;
        s.files.log.clear();
        const auto requests = c.requests(h, other, ten);
        s.send(test::joined(requests));
        EXPECT_EQ(s.files.pending(), c.at_once) << testing::PrintToString(pending(s.files));
        while (s.files.pending() != 0)
            s.files.run(s.files.pending() - 1);
        EXPECT_EQ(s.replies.size(), requests.size());
        s.files.defer = false;
        s.server.abandon();
        s.pump();
        EXPECT_TRUE(s.server.finished());
    }
}

TEST(FilexferDraft02s6_1, AppendsKeepTheirOrder) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", fxf_write | fxf_creat | fxf_append);
    s.files.defer = true;
    s.send(fxp_write{1, h, 0, bytes{1}});
    s.send(fxp_write{2, h, 100, bytes{2}});
    EXPECT_EQ(s.files.pending(), 1u);
    while (s.files.pending() != 0)
        s.files.run(s.files.pending() - 1);
    EXPECT_EQ(s.files.content("/f"), (bytes{1, 2}));
    s.files.defer = false;
    s.server.abandon();
    s.pump();
}

// The answers in any order of completion are those of one request at a time. (Reads stay within the
// file: whether a write beyond its end turns a short read into one with zeros is left open, as
// "non-overlapping read/write requests" may run in parallel.)
TEST(FilexferDraft02s6_1, AnyOrderOfCompletionGivesTheSameAnswers) {
    const auto run = [](std::uint32_t seed, bool defer) {
        std::mt19937 script(seed);
        std::mt19937 order(seed * 7 + 1);
        sftp_session s;
        s.start();
        s.files.add_file("/f", bytes(100));
        const bytes h = s.open("/f", both_ways);
        s.files.defer = defer;
        bytes all;
        for (std::uint32_t id = 1; id <= 120; ++id) {
            bytes request;
            const std::uint64_t at = script() % 40;
            const auto n = static_cast<std::uint32_t>(script() % 20 + 1);
            switch (script() % 7) {
            case 0:
            case 1:
            case 2:
                request =
                    sftp_packet(fxp_write{id, h, at * 2, bytes(n, static_cast<std::uint8_t>(id))});
                break;
            case 3: request = sftp_packet(fxp_read{id, h, at, n}); break;
            case 4: request = sftp_packet(fxp_fstat{id, h}); break;
            case 5: request = sftp_packet(fxp_fsetstat{id, h, {.size = 60 + at}}); break;
            case 6: request = sftp_packet(fxp_stat{id, "/f"}); break;
            }
            all.insert(all.end(), request.begin(), request.end());
        }
        s.send(all);
        while (s.files.pending() != 0)
            s.files.run(order() % s.files.pending());
        std::ranges::sort(s.replies, {},
                          [](const bytes& r) { return bytes(r.begin() + 1, r.begin() + 5); });
        s.files.defer = false;
        s.server.on_eof();
        s.pump();
        EXPECT_TRUE(s.server.finished());
        return std::move(s.replies);
    };
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE(seed);
        EXPECT_EQ(run(seed, true), run(seed, false));
    }
}

TEST(CloseAndDrain, ALostSessionFinishesItsWritesAndClosesItsHandles) {
    sftp_session s;
    s.start();
    s.files.add_file("/r", bytes(10));
    const bytes written = s.open("/w", fxf_write | fxf_creat);
    const bytes read = s.open("/r", fxf_read);
    s.files.defer = true;
    s.send(fxp_write{1, written, 0, bytes(10)});
    s.send(fxp_write{2, written, 10, bytes(10)});
    s.send(fxp_write{3, written, 30, bytes(10)});  // a gap before it
    s.send(fxp_write{4, written, 30, bytes(5)});   // waits for the one before
    s.send(fxp_read{5, read, 0, 10});              // running: completes, unanswered
    s.send(fxp_mkdir{6, "/d", {}});
    s.send(fxp_stat{7, "/"});  // waiting: never run
    EXPECT_EQ(s.files.pending(), 5u);
    s.server.abandon();
    s.pump();
    EXPECT_FALSE(s.server.finished());
    while (s.files.pending() != 0)
        s.files.run(0);
    EXPECT_TRUE(s.server.finished());
    EXPECT_TRUE(s.replies.empty());
    EXPECT_TRUE(s.files.exists("/d"));
    EXPECT_EQ(s.files.content("/w").size(), 40u);
    EXPECT_TRUE(std::ranges::none_of(s.files.log, [](const auto& l) { return l == "stat /"; }));
    ASSERT_EQ(s.files.endings.size(), 2u);
    std::ranges::sort(s.files.endings, {}, [](const auto& e) { return e.first; });
    EXPECT_EQ(s.files.endings[0].second.how, ending::kind::read_only);
    EXPECT_EQ(s.files.endings[1].second.how, ending::kind::abandoned);
    EXPECT_EQ(s.files.endings[1].second.contiguous_end, 20u);
    const auto report = s.server.report();
    EXPECT_EQ(report.handles_left_open, 2u);
    EXPECT_EQ(report.files_abandoned, 1u);
    EXPECT_EQ(report.files_committed, 0u);
    EXPECT_EQ(report.requests_unanswered, 7u);
    EXPECT_EQ(report.bytes_written, 35u);
    EXPECT_EQ(report.bytes_read, 0u);
}

TEST(CloseAndDrain, AnOpenThatCrossesTheLossIsClosed) {
    for (const bool waiting : {false, true}) {
        SCOPED_TRACE(waiting ? "waiting" : "running");
        sftp_session s;
        s.start();
        s.files.add_file("/f", {});
        s.files.defer = true;
        if (waiting) s.send(fxp_mkdir{1, "/d", {}});
        s.send(fxp_open{2, "/f", fxf_read, {}});
        s.server.abandon();
        s.pump();
        while (s.files.pending() != 0)
            s.files.run(0);
        EXPECT_TRUE(s.server.finished());
        EXPECT_EQ(s.files.handles_open(), 0u);
        EXPECT_EQ(s.server.handles_open(), 0u);
    }
}

TEST(CloseAndDrain, AFailedWriteIsKnownWhenTheFileIsClosed) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", fxf_write | fxf_creat);
    s.files.write_error =
        boost::system::errc::make_error_code(boost::system::errc::no_space_on_device);
    s.send(fxp_write{1, h, 0, bytes(10)});
    EXPECT_EQ(s.status(), 4u);
    s.send(fxp_close{2, h});
    EXPECT_EQ(s.status(), 0u);
    ASSERT_EQ(s.files.endings.size(), 1u);
    EXPECT_EQ(s.files.endings[0].second.how, ending::kind::committed);
    EXPECT_TRUE(s.files.endings[0].second.write_failed);
    EXPECT_EQ(s.files.endings[0].second.contiguous_end, 0u);
}

TEST(SftpCompletion, OneThatIsDroppedFails) {
    sftp_session s;
    s.start();
    s.files.defer = true;
    s.send(fxp_stat{5, "/"});
    s.files.drop(0);
    const auto status = s.only<fxp_status>();
    EXPECT_EQ(status.id, 5u);
    EXPECT_EQ(status.code, 4u);
}

// 256 requests that all wait for one another, and a sequential transfer: comparisons are counted.
TEST(RequestOrder, CostIsBoundedByRequestsInFlight) {
    request_order order;
    std::vector<std::uint32_t> ready;
    const auto write = [](std::uint64_t begin, std::uint64_t end) {
        footprint f;
        f.parts[0] = {3, footprint::access::write, begin, end, 0};
        return f;
    };
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        EXPECT_TRUE(order.enter(i % 64, write(i * 10, i * 10 + 10)));
        if (i >= 63) order.leave((i + 1) % 64, ready);
    }
    EXPECT_EQ(order.comparisons(), 0u);

    request_order worst;
    constexpr auto n = static_cast<std::uint32_t>(limits::sftp_requests_max);
    for (std::uint32_t i = 0; i < n; ++i)
        EXPECT_EQ(worst.enter(i, write(0, 10)), i == 0);
    for (std::uint32_t i = 0; i < n; ++i) {
        ready.clear();
        worst.leave(i, ready);
        EXPECT_EQ(ready.size(), i + 1 < n ? 1u : 0u);
    }
    EXPECT_LE(worst.comparisons(), 2u * n * n);
}

TEST(WriteProgress, KnowsTheUnbrokenRunInAnyOrderOfCompletion) {
    std::mt19937 random(5);
    for (int round = 0; round < 100; ++round) {
        std::vector<std::uint64_t> blocks(60);
        for (std::size_t i = 0; i < blocks.size(); ++i)
            blocks[i] = 1000 + i * 10;
        std::ranges::shuffle(blocks, random);
        write_progress progress;
        progress.begin(1000);
        std::vector<bool> done(blocks.size());
        for (const auto at : blocks) {
            progress.completed(at, 10);
            done[(at - 1000) / 10] = true;
            const auto gap = std::ranges::find(done, false) - done.begin();
            ASSERT_EQ(progress.contiguous_end(), 1000 + 10 * static_cast<std::uint64_t>(gap));
        }
    }
    write_progress sparse;  // more gaps than are remembered: never too much, no growth
    sparse.begin(0);
    for (std::uint64_t i = 1; i < 2000; ++i)
        sparse.completed(i * 20, 10);
    EXPECT_EQ(sparse.contiguous_end(), 0u);
    sparse.completed(0, 20);
    EXPECT_EQ(sparse.contiguous_end(), 30u);
    sparse.completed(~std::uint64_t{0} - 5, 100);  // past the end of all offsets
    EXPECT_EQ(sparse.contiguous_end(), 30u);
}

}  // namespace
}  // namespace sluice::sftp
