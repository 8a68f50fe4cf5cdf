// Files of a server in the same process, by way of the client's handles.

#include "sluice/io/sftp_client.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/memory_filesystem.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/read_at.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write_at.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using sftp::attributes;
using test::as_values;
using test::carrier;
using test::run_to_end;
using test::served;

constexpr std::uint32_t create = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc;

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

// No two blocks are alike, and none begins where one of the other would.
std::string content(std::size_t size) {
    std::string s(size, '\0');
    std::uint32_t x = 1;
    for (char& c : s) {
        x = x * 1664525 + 1013904223;
        c = static_cast<char>(x >> 24);
    }
    return s;
}

// Keeps back what it is asked while `hold`, for as long as the test likes.
class holding_filesystem final : public memory_filesystem {
public:
    struct control {
        bool hold = false;
        std::vector<sftp::completion<attributes>> stats;
        std::vector<std::function<void()>> writes;
    };
    holding_filesystem(std::shared_ptr<memory_tree> tree, std::shared_ptr<control> c)
        : memory_filesystem(std::move(tree)), control_(std::move(c)) {}

    void stat(sftp::op::stat o, sftp::completion<attributes> done) override {
        if (control_->hold) return control_->stats.push_back(std::move(done));
        memory_filesystem::stat(o, std::move(done));
    }
    void write(sftp::op::write o, sftp::completion<> done) override {
        if (!control_->hold) return memory_filesystem::write(std::move(o), std::move(done));
        struct kept {
            sftp::op::write o;
            sftp::completion<> done;
        };
        const auto k = std::make_shared<kept>(kept{std::move(o), std::move(done)});
        control_->writes.push_back(
            [this, k] { memory_filesystem::write(std::move(k->o), std::move(k->done)); });
    }

private:
    std::shared_ptr<control> control_;
};

// A server with a tree in memory, and a directory of ours.
struct files : served {
    files() {
        options.filesystem = [this](const session_info&, const asio::any_io_executor&) {
            return std::make_unique<holding_filesystem>(tree, control);
        };
    }

    std::string remote(std::string_view path) const {
        const auto found = tree->get(path);
        return found ? std::string(as_text(*found)) : "(none)";
    }

    std::shared_ptr<memory_tree> tree = std::make_shared<memory_tree>();
    std::shared_ptr<holding_filesystem::control> control =
        std::make_shared<holding_filesystem::control>();
    test::temp_dir local;
};

// Serves a directory of the system; both outlive the server.
void serve_folder(served& s, const test::temp_dir& root, asio::thread_pool& pool) {
    s.options.filesystem =
        [&](const session_info&,
            const asio::any_io_executor& executor) -> std::unique_ptr<sftp::filesystem> {
        auto opened = posix_filesystem::open({root.path().string()}, executor, pool);
        return opened ? std::move(*opened) : nullptr;
    };
}

struct open_session {
    connection link;
    sftp_client sftp;
};

asio::awaitable<open_session> open_sftp(served& s, carrier over = carrier::memory) {
    auto [e, c] = co_await test::connect_to(s, over, test::test_options());
    EXPECT_FALSE(e) << e.message();
    auto [refused, sftp] = co_await c.open_sftp(as_values);
    EXPECT_FALSE(refused) << refused.message();
    co_return open_session{std::move(c), std::move(sftp)};
}

asio::awaitable<void> wait_until(std::function<bool()> what) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!what()) {
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> end_well(open_session& o) {
    const sftp_session_report report = co_await o.sftp.close();
    EXPECT_EQ(report.exit.status, 0u);
    EXPECT_EQ(report.numbers.requests_unanswered, 0u);
    EXPECT_EQ(report.numbers.handles_left_open, 0u);
    EXPECT_TRUE(report.channel.acknowledged || report.channel.close_received);
    const close_report closed = co_await o.link.close();
    EXPECT_EQ(closed.outcome, close_outcome::drained);
    EXPECT_TRUE(closed.complete());
    EXPECT_EQ(closed.total.sftp_sessions, 1u);
}

attributes with_permissions(std::uint32_t mode) {
    attributes a;
    a.permissions = mode;
    return a;
}

transfer_options telling(std::function<void(const transfer_progress&)> told) {
    transfer_options o;
    o.on_progress = std::move(told);
    return o;
}

// --- operations ---------------------------------------------------------------------------------

asio::awaitable<void> use_everything(sftp_client& sftp) {
    co_await sftp.mkdir("/d", with_permissions(0750));
    EXPECT_EQ(*(co_await sftp.stat("/d")).permissions & 07777, 0750u);

    remote_file file = co_await sftp.open("/d/f", create | sftp::fxf_read);
    const std::string hello = "hello, world";
    EXPECT_EQ(co_await file.async_write_some_at(0, asio::buffer(hello)), hello.size());
    EXPECT_EQ(co_await asio::async_write_at(file, 100, asio::buffer(hello), asio::use_awaitable),
              hello.size());
    EXPECT_EQ((co_await file.stat()).size, 112u);
    std::string space(200, '-');
    EXPECT_EQ(co_await file.async_read_some_at(7, asio::buffer(space.data(), 5)), 5u);
    EXPECT_EQ(space.substr(0, 6), "world-");
    const auto [eof, all] = co_await asio::async_read_at(file, 100, asio::buffer(space), as_values);
    EXPECT_EQ(eof, asio::error::eof);
    EXPECT_EQ(all, 12u);
    EXPECT_EQ(co_await file.async_read_some_at(0, asio::mutable_buffer()), 0u);
    EXPECT_EQ(co_await file.async_write_some_at(0, asio::const_buffer()), 0u);
    co_await file.set_stat(with_permissions(0600));
    EXPECT_EQ(*(co_await file.stat()).permissions & 07777, 0600u);
    co_await file.sync();
    EXPECT_NE((co_await file.statvfs()).f_bsize, 0u);
    co_await file.close();
    const auto [gone, n] = co_await file.async_read_some_at(0, asio::buffer(space), as_values);
    EXPECT_EQ(gone, errc::bad_value);

    EXPECT_NE((co_await sftp.statvfs("/d")).f_bsize, 0u);
    co_await sftp.set_stat("/d/f", with_permissions(0640));
    EXPECT_EQ(*(co_await sftp.lstat("/d/f")).permissions & 07777, 0640u);
    co_await sftp.symlink("f", "/d/link");
    EXPECT_EQ(co_await sftp.readlink("/d/link"), "f");
    EXPECT_EQ(*(co_await sftp.lstat("/d/link")).permissions & sftp::type_mask, sftp::type_symlink);
    EXPECT_EQ((co_await sftp.stat("/d/link")).size, 112u);
    EXPECT_EQ(co_await sftp.realpath("/d/../d/f"), "/d/f");
    co_await sftp.hardlink("/d/f", "/d/second");

    auto entries = co_await sftp.list("/d");
    std::vector<std::string> names;
    for (const auto& entry : entries)
        names.push_back(entry.name);
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"f", "link", "second"}));

    co_await sftp.rename("/d/f", "/d/link");
    const auto [exists] =
        co_await sftp.rename("/d/second", "/d/link", rename_target::keep, as_values);
    EXPECT_TRUE(exists);
    EXPECT_EQ((co_await sftp.lstat("/d/link")).size, 112u);
    co_await sftp.remove("/d/link");
    co_await sftp.remove("/d/second");
    co_await sftp.rmdir("/d");
    const auto [missing, none] = co_await sftp.stat("/d", as_values);
    EXPECT_EQ(missing, errc::sftp_no_such_file);
    const auto [nothing, list] = co_await sftp.list("/d", as_values);
    EXPECT_EQ(nothing, errc::sftp_no_such_file);
    const auto [no, unopened] = co_await sftp.open("/d", sftp::fxf_read, attributes(), as_values);
    EXPECT_EQ(no, errc::sftp_no_such_file);
    EXPECT_GE((co_await sftp.limits()).write_length_max, 32768u);
}

TEST(SftpClient, DoesEveryOperationInMemory) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        co_await use_everything(o.sftp);
        co_await end_well(o);
    }()));
}

TEST(SftpClient, DoesEveryOperationOnADirectory) {
    test::temp_dir root;
    for (const unsigned threads : {0u, 2u}) {
        SCOPED_TRACE(threads);
        asio::thread_pool pool(1);
        served s(threads);
        serve_folder(s, root, pool);
        s.start();
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            auto o = co_await open_sftp(s, carrier::tcp);
            co_await use_everything(o.sftp);
            co_await end_well(o);
        }()));
    }
}

TEST(SftpClient, ListsADirectoryOfManyAnswers) {
    files s;
    for (int i = 0; i < 1000; ++i)
        ASSERT_TRUE(s.tree->put("/many/" + std::to_string(i), {}));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        EXPECT_EQ((co_await o.sftp.list("/many")).size(), 1000u);
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ReadsADirectoryBatchByBatch) {
    files s;
    for (int i = 0; i < 1000; ++i)
        ASSERT_TRUE(s.tree->put("/many/" + std::to_string(i), {}));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const auto [missing, none] = co_await o.sftp.open_directory("/none", as_values);
        EXPECT_EQ(missing, errc::sftp_no_such_file);
        remote_directory directory = co_await o.sftp.open_directory("/many");
        std::size_t entries = 0;
        std::size_t batches = 0;
        for (;;) {
            const auto [ended, batch] = co_await directory.next(as_values);
            EXPECT_EQ(batch.names_left_out, 0u);
            EXPECT_LE(batch.entries.size(), limits::sftp_directory_batch_max);
            entries += batch.entries.size();
            if (ended) {
                EXPECT_EQ(ended, asio::error::eof);
                break;
            }
            ++batches;
        }
        EXPECT_EQ(entries, 1000u);
        EXPECT_GT(batches, 1u);
        // One that is left in the middle is closed, and keeps nobody waiting.
        remote_directory left = co_await o.sftp.open_directory("/many");
        co_await left.next();
        left = {};
        directory = {};
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ManyMoreOperationsThanTheSessionTakesAtOnceAllComplete) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        std::size_t done = 0;
        for (std::size_t i = 0; i < 3 * limits::sftp_client_requests_max; ++i)
            o.sftp.stat("/", [&](error_code e, const attributes&) { done += e ? 0 : 1; });
        co_await wait_until([&] { return done == 3 * limits::sftp_client_requests_max; });
        co_await end_well(o);
    }()));
}

TEST(SftpClient, AServerWithoutItIsAnErrorAndTheConnectionGoesOn) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        auto [refused, none] = co_await c.open_sftp(as_values);
        EXPECT_EQ(refused, errc::request_refused);
        EXPECT_FALSE(none);
        EXPECT_EQ((co_await c.run("echo fine")).out, "fine\n");
        EXPECT_EQ((co_await c.close()).outcome, close_outcome::drained);
    }()));
}

// A startup file there that prints, say: its words are shown to the user.
TEST(SftpClient, AServerThatSpeaksSomethingElseIsAnError) {
    served s;
    s.options.subsystems["sftp"] = [](served_session& session) -> asio::awaitable<std::uint32_t> {
        co_await session.async_write_some(asio::buffer("Welcome to\x1b[2J this machine!\n", 29));
        co_return 0;
    };
    s.start();
    std::vector<std::string> said;
    connect_options options = test::test_options();
    options.log = [&](const log_record& r) {
        if (r.event == "not_sftp") said.emplace_back(r.fields.begin()->second);
    };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, options);
        auto [wrong, none] = co_await c.open_sftp(as_values);
        EXPECT_EQ(wrong, errc::bad_identification) << wrong.message();
        EXPECT_EQ(said, std::vector<std::string>{"Welcome to?[2J this machine!?"});
        EXPECT_EQ((co_await c.close()).outcome, close_outcome::drained);
    }()));
}

// --- whole files --------------------------------------------------------------------------------

TEST(SftpClient, CarriesFilesOfAnySizeByteForByte) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        constexpr std::size_t chunk = 252 * 1024;
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4096},
              std::size_t{32767}, std::size_t{32768}, std::size_t{32769}, chunk - 1, chunk,
              chunk + 1, 2 * chunk, 255 * std::size_t{1024}, 10 * chunk + 17,
              std::size_t{20} << 20}) {
            SCOPED_TRACE(size);
            const std::string data = content(size);
            write_text(s.local / "up", data);
            std::vector<transfer_progress> told;
            const auto sent = co_await o.sftp.put(s.local / "up", "/f",
                                                  telling([&](auto p) { told.push_back(p); }));
            EXPECT_EQ(sent.bytes, size);
            EXPECT_TRUE(s.remote("/f") == data);
            EXPECT_TRUE(std::ranges::is_sorted(told, {}, &transfer_progress::bytes));
            EXPECT_EQ(told.empty() ? 0 : told.back().bytes, size);
            EXPECT_EQ(told.empty() ? 0 : told.back().total, size);

            told.clear();
            const auto got = co_await o.sftp.get("/f", s.local / "down",
                                                 telling([&](auto p) { told.push_back(p); }));
            EXPECT_EQ(got.bytes, size);
            EXPECT_TRUE(text_of(s.local / "down") == data);
            EXPECT_EQ(told.empty() ? 0 : told.back().bytes, size);
            EXPECT_EQ(told.empty() ? 0 : told.back().total, size);
        }
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ManyFilesAtOnce) {
    files s;
    const std::string data = content(70'000);
    for (int i = 0; i < 200; ++i)
        ASSERT_TRUE(s.tree->put("/" + std::to_string(i),
                                as_bytes(data).first(data.size() - static_cast<std::size_t>(i))));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        std::size_t done = 0;
        for (int i = 0; i < 200; ++i) {
            const std::string name = std::to_string(i);
            o.sftp.get("/" + name, s.local / name, transfer_options::usual(),
                       [&, name](error_code e, transfer_result r) {
                           EXPECT_FALSE(e) << e.message();
                           EXPECT_EQ(r.bytes, std::filesystem::file_size(s.local / name));
                           ++done;
                       });
        }
        co_await wait_until([&] { return done == 200; });
        for (int i = 0; i < 200; ++i)
            EXPECT_TRUE(text_of(s.local / std::to_string(i)) ==
                        data.substr(0, data.size() - static_cast<std::size_t>(i)));
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ResumesAtAnOffset) {
    files s;
    const std::string data = content(600'000);
    ASSERT_TRUE(s.tree->put("/whole", as_bytes(data)));
    ASSERT_TRUE(s.tree->put("/half", as_bytes(data).first(300'000)));
    write_text(s.local / "whole", data);
    write_text(s.local / "half", data.substr(0, 300'000));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        transfer_options rest;
        rest.offset = 300'000;
        EXPECT_EQ((co_await o.sftp.get("/whole", s.local / "half", rest)).bytes, 300'000u);
        EXPECT_TRUE(text_of(s.local / "half") == data);
        EXPECT_EQ((co_await o.sftp.put(s.local / "whole", "/half", rest)).bytes, 300'000u);
        EXPECT_TRUE(s.remote("/half") == data);
        transfer_options part;
        part.length_max = 5;
        EXPECT_EQ((co_await o.sftp.get("/whole", s.local / "part", part)).bytes, 5u);
        EXPECT_EQ(text_of(s.local / "part"), data.substr(0, 5));
        EXPECT_EQ((co_await o.sftp.put(s.local / "whole", "/part", part)).bytes, 5u);
        EXPECT_EQ(s.remote("/part"), data.substr(0, 5));
        co_await end_well(o);
    }()));
}

// Of a file with a hole, whose offsets need more than 32 bits.
TEST(SftpClient, FilesOfMoreThan4GiBAreReadAndWrittenWhereTheyShould) {
    constexpr std::uint64_t far = (std::uint64_t{5} << 30) + 12345;
    test::temp_dir root;
    test::temp_dir local;
    asio::thread_pool pool(1);
    served s;
    serve_folder(s, root, pool);
    s.start();
    const auto piece_of = [](const std::filesystem::path& path) {
        std::string piece(9, '\0');
        const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        const auto n = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(far) - 3);
        return piece.substr(0, n < 0 ? 0 : static_cast<std::size_t>(n));
    };
    const std::string want("\0\0\0beyond", 9);
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        remote_file file = co_await o.sftp.open("/f", create | sftp::fxf_read);
        const std::string text = "beyond";
        EXPECT_EQ(co_await file.async_write_some_at(far, asio::buffer(text)), text.size());
        EXPECT_EQ((co_await file.stat()).size, far + text.size());
        std::string back(20, '-');
        EXPECT_EQ(co_await file.async_read_some_at(far, asio::buffer(back)), text.size());
        EXPECT_EQ(back.substr(0, 7), "beyond-");
        co_await file.close();
        EXPECT_EQ(piece_of(root / "f"), want);
        struct ::stat status {};
        EXPECT_EQ(::stat((root / "f").c_str(), &status), 0);
        EXPECT_LT(status.st_blocks, 4096) << "and nowhere else";

        transfer_options how;
        how.offset = far;
        EXPECT_EQ((co_await o.sftp.get("/f", local / "got", how)).bytes, text.size());
        EXPECT_EQ(piece_of(local / "got"), want);
        EXPECT_EQ((co_await o.sftp.put(local / "got", "/put", how)).bytes, text.size());
        EXPECT_EQ(piece_of(root / "put"), want);
        EXPECT_EQ(std::filesystem::file_size(root / "put"), far + text.size());
        co_await end_well(o);
    }()));
}

TEST(SftpClient, PreservesModeAndTimes) {
    files s;
    write_text(s.local / "f", "text");
    std::filesystem::permissions(s.local / "f", std::filesystem::perms(0640));
    const timespec times[2] = {{1'000'000'000, 0}, {1'100'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (s.local / "f").c_str(), times, 0), 0);
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        transfer_options preserve;
        preserve.preserve = true;
        co_await o.sftp.put(s.local / "f", "/f", preserve);
        const attributes there = co_await o.sftp.stat("/f");
        EXPECT_EQ(*there.permissions & 07777, 0640u);
        EXPECT_EQ(there.times, (sftp::file_times{1'000'000'000, 1'100'000'000}));
        co_await o.sftp.get("/f", s.local / "g", preserve);
        struct ::stat here {};
        EXPECT_EQ(::stat((s.local / "g").c_str(), &here), 0);
        EXPECT_EQ(here.st_mode & 07777, 0640u);
        EXPECT_EQ(here.st_mtim.tv_sec, 1'100'000'000);
        EXPECT_EQ(here.st_atim.tv_sec, 1'000'000'000);
        co_await end_well(o);
    }()));
}

// SFTP of version 3 has seconds from 1970 to 2106.
TEST(SftpClient, TimesThatCannotBeToldAreTheNearestAndThatIsSaid) {
    files s;
    s.start();
    const struct {
        std::int64_t seconds;
        std::uint32_t want;
    } cases[] = {{-315'619'200, 0},
                 {-1, 0},
                 {0, 0},
                 {4'294'967'295, 4'294'967'295},
                 {4'294'967'296, 4'294'967'295},
                 {7'258'118'400, 4'294'967'295}};
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        transfer_options preserve;
        preserve.preserve = true;
        for (const auto& c : cases) {
            SCOPED_TRACE(c.seconds);
            write_text(s.local / "f", "text");
            const timespec times[2] = {{1'000'000'000, 0}, {c.seconds, 0}};
            EXPECT_EQ(::utimensat(AT_FDCWD, (s.local / "f").c_str(), times, 0), 0);
            struct ::stat here {};
            EXPECT_EQ(::stat((s.local / "f").c_str(), &here), 0);
            EXPECT_EQ(here.st_mtim.tv_sec, c.seconds) << "this file system has no such times";
            const transfer_result went = co_await o.sftp.put(s.local / "f", "/f", preserve);
            EXPECT_EQ(went.times_clamped, c.seconds != c.want);
            const attributes there = co_await o.sftp.stat("/f");
            EXPECT_EQ(there.times, (sftp::file_times{1'000'000'000, c.want}));
        }
        co_await end_well(o);
    }()));
}

// Says of each file what the test likes.
class lying_filesystem final : public memory_filesystem {
public:
    lying_filesystem(std::shared_ptr<memory_tree> tree, const attributes& told)
        : memory_filesystem(std::move(tree)), told_(told) {}
    void fstat(sftp::op::fstat, sftp::completion<attributes> done) override {
        done(attributes(told_));
    }

private:
    const attributes& told_;
};

TEST(SftpClient, AServerDoesNotDecideWhatRunsWithOurRights) {
    const auto us = static_cast<std::uint32_t>(::geteuid());
    const struct {
        const char* name;
        bool special;
        std::optional<sftp::owner_ids> owner;
        mode_t want;
    } cases[] = {
        {"not asked for", false, sftp::owner_ids{us, 0}, 0755},
        {"asked for, of ours", true, sftp::owner_ids{us, 0}, 07755},
        {"asked for, of another", true, sftp::owner_ids{us + 1, 0}, 0755},
        {"asked for, of nobody knows whom", true, std::nullopt, 0755},
    };
    attributes told;
    told.permissions = sftp::type_regular | 07755;
    files s;
    s.options.filesystem = [&](const session_info&, const asio::any_io_executor&) {
        return std::make_unique<lying_filesystem>(s.tree, told);
    };
    ASSERT_TRUE(s.tree->put("/f", as_bytes("text")));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        for (const auto& c : cases) {
            SCOPED_TRACE(c.name);
            told.owner = c.owner;
            transfer_options how;
            how.preserve = true;
            how.preserve_special = c.special;
            const std::filesystem::path path = s.local / c.name;
            co_await o.sftp.get("/f", path, how);
            struct ::stat here {};
            EXPECT_EQ(::stat(path.c_str(), &here), 0);
            EXPECT_EQ(here.st_mode & 07777, c.want);
        }
        co_await end_well(o);
    }()));
}

TEST(SftpClient, SpecialBitsOfAServedFileGoBothWaysOnlyWhereTheyAreAskedFor) {
    test::temp_dir root;
    write_text(root / "f", "text");
    ASSERT_EQ(::chmod((root / "f").c_str(), 06755), 0);
    asio::thread_pool pool(1);
    served s;
    serve_folder(s, root, pool);
    s.start();
    test::temp_dir local;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const auto mode_of = [](const std::filesystem::path& path) {
            struct ::stat status {};
            EXPECT_EQ(::stat(path.c_str(), &status), 0);
            return status.st_mode & 07777;
        };
        transfer_options how;
        how.preserve = true;
        co_await o.sftp.get("/f", local / "plain", how);
        EXPECT_EQ(mode_of(local / "plain"), 0755u);
        co_await o.sftp.put(root / "f", "/plain", how);
        EXPECT_EQ(mode_of(root / "plain"), 0755u);
        how.preserve_special = true;
        co_await o.sftp.get("/f", local / "special", how);
        EXPECT_EQ(mode_of(local / "special"), 06755u);
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ATransferThatCannotBeginLeavesNothingBehind) {
    files s;
    ASSERT_TRUE(s.tree->put("/f", as_bytes("text")));
    write_text(s.local / "f", "text");
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const auto usual = transfer_options::usual();
        auto [missing, a] = co_await o.sftp.get("/missing", s.local / "g", usual, as_values);
        EXPECT_EQ(missing, errc::sftp_no_such_file);
        EXPECT_FALSE(std::filesystem::exists(s.local / "g"));
        auto [no_place, b] = co_await o.sftp.get("/f", s.local / "no/where", usual, as_values);
        EXPECT_EQ(no_place, boost::system::errc::no_such_file_or_directory);
        auto [directory, c] = co_await o.sftp.get("/f", s.local.path(), usual, as_values);
        EXPECT_EQ(directory, boost::system::errc::is_a_directory);
        auto [nothing, d] = co_await o.sftp.put(s.local / "missing", "/g", usual, as_values);
        EXPECT_EQ(nothing, boost::system::errc::no_such_file_or_directory);
        EXPECT_EQ(s.remote("/g"), "(none)");
        auto [folder, e] = co_await o.sftp.put(s.local.path(), "/g", usual, as_values);
        EXPECT_EQ(folder, boost::system::errc::is_a_directory);
        auto [nowhere, f] = co_await o.sftp.put(s.local / "f", "/no/where", usual, as_values);
        EXPECT_EQ(nowhere, errc::sftp_no_such_file);
        // Not a regular file: written to, and not removed.
        co_await o.sftp.get("/f", "/dev/null");
        auto [full, g] = co_await o.sftp.get("/f", "/dev/full", usual, as_values);
        EXPECT_TRUE(full);
        EXPECT_TRUE(std::filesystem::exists("/dev/full"));
        co_await end_well(o);
    }()));
}

TEST(SftpClient, ATransferThatFailsSaysOnWhichSideAndAtWhat) {
    files s;
    ASSERT_TRUE(s.tree->put("/f", as_bytes("text")));
    write_text(s.local / "f", "text");
    s.start();
    const std::string here = s.local / "f";
    const std::string nowhere_here = s.local / "no/where";
    using side = transfer_fault::side;
    const auto expect = [](const transfer_result& r, side where, const std::string& path,
                           std::string_view operation) {
        EXPECT_TRUE(r.fault.has_value());
        if (!r.fault) return;
        EXPECT_EQ(r.fault->where, where);
        EXPECT_EQ(r.fault->path, path);
        EXPECT_EQ(r.fault->operation, operation);
        EXPECT_EQ(r.fault->text.empty(), where == side::here) << r.fault->text;
    };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const auto usual = transfer_options::usual();
        auto [a, missing] = co_await o.sftp.get("/missing", here, usual, as_values);
        EXPECT_TRUE(a);
        expect(missing, side::there, "/missing", "open");
        auto [b, no_place] = co_await o.sftp.get("/f", nowhere_here, usual, as_values);
        EXPECT_TRUE(b);
        expect(no_place, side::here, nowhere_here, "open");
        auto [c, full] = co_await o.sftp.get("/f", "/dev/full", usual, as_values);
        EXPECT_TRUE(c);
        expect(full, side::here, "/dev/full", "write");
        auto [d, nothing] = co_await o.sftp.put(nowhere_here, "/g", usual, as_values);
        EXPECT_TRUE(d);
        expect(nothing, side::here, nowhere_here, "open");
        auto [e, nowhere] = co_await o.sftp.put(here, "/no/where", usual, as_values);
        EXPECT_TRUE(e);
        expect(nowhere, side::there, "/no/where", "open");
        auto [f, fine] = co_await o.sftp.put(here, "/g", usual, as_values);
        EXPECT_FALSE(f);
        EXPECT_FALSE(fine.fault);
        // What the server says to a single request.
        const auto [g, unknown] = co_await o.sftp.stat("/missing", as_values);
        EXPECT_TRUE(g);
        EXPECT_FALSE(o.sftp.error_text().empty());
        co_await o.sftp.stat("/f");
        EXPECT_TRUE(o.sftp.error_text().empty());
        co_await end_well(o);
    }()));
}

// Pieces of a file have places in it. What has none is refused before anything is changed.
TEST(SftpClient, WhatCannotSeekIsRefusedBeforeAnythingIsTouched) {
    files s;
    ASSERT_TRUE(s.tree->put("/f", as_bytes("text")));
    const std::string fifo = s.local / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const file_descriptor both_ends(::open(fifo.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const auto usual = transfer_options::usual();
        auto [put, a] = co_await o.sftp.put(fifo, "/f", usual, as_values);
        EXPECT_EQ(put, boost::system::errc::invalid_seek);
        EXPECT_EQ(s.remote("/f"), "text");
        auto [got, b] = co_await o.sftp.get("/f", fifo, usual, as_values);
        EXPECT_EQ(got, boost::system::errc::invalid_seek);
        EXPECT_TRUE(std::filesystem::is_fifo(fifo));
        co_await end_well(o);
    }()));
}

// --- cancelling ---------------------------------------------------------------------------------

TEST(SftpClient, CancellingATransferEndsItAloneAndClosesTheFile) {
    for (const bool keep : {false, true}) {
        for (const bool upload : {false, true}) {
            SCOPED_TRACE(keep);
            SCOPED_TRACE(upload);
            files s;
            const std::string data = content(40 << 20);
            ASSERT_TRUE(s.tree->put("/f", as_bytes(data)));
            write_text(s.local / "f", data);
            s.start();
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                auto o = co_await open_sftp(s);
                asio::cancellation_signal stop;
                std::optional<error_code> ended;
                transfer_result came;
                transfer_options how;
                how.keep_partial = keep;
                how.on_progress = [&](const transfer_progress& p) {
                    if (p.bytes > 1 << 20) stop.emit(asio::cancellation_type::total);
                };
                auto done =
                    asio::bind_cancellation_slot(stop.slot(), [&](error_code e, transfer_result r) {
                        ended = e;
                        came = r;
                    });
                if (upload)
                    o.sftp.put(s.local / "f", "/copy", how, std::move(done));
                else
                    o.sftp.get("/f", s.local / "copy", how, std::move(done));
                co_await wait_until([&] { return ended.has_value(); });
                EXPECT_EQ(*ended, asio::error::operation_aborted);
                EXPECT_GT(came.bytes, 1u << 20);
                EXPECT_LT(came.bytes, data.size());
                EXPECT_EQ(came.error_offset, came.bytes);
                if (!upload) {
                    EXPECT_EQ(std::filesystem::exists(s.local / "copy"), keep);
                    if (keep) {
                        EXPECT_TRUE(text_of(s.local / "copy") == data.substr(0, came.bytes));
                    }
                }
                // Everything else goes on.
                const auto again = co_await o.sftp.get("/f", s.local / "again");
                EXPECT_EQ(again.bytes, data.size());
                EXPECT_TRUE(text_of(s.local / "again") == data);
                co_await end_well(o);
            }()));
        }
    }
}

TEST(SftpClient, CancellingOneOperationLeavesTheOthers) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        s.control->hold = true;
        asio::cancellation_signal stop;
        std::optional<error_code> first;
        std::optional<error_code> second;
        o.sftp.stat("/", asio::bind_cancellation_slot(
                             stop.slot(), [&](error_code e, const attributes&) { first = e; }));
        o.sftp.stat("/", [&](error_code e, const attributes&) { second = e; });
        co_await wait_until([&] { return s.control->stats.size() == 2; });
        stop.emit(asio::cancellation_type::terminal);
        co_await wait_until([&] { return first.has_value(); });
        EXPECT_EQ(*first, asio::error::operation_aborted);
        EXPECT_FALSE(second);
        for (auto& held : std::exchange(s.control->stats, {}))
            held(attributes{});
        co_await wait_until([&] { return second.has_value(); });
        EXPECT_FALSE(*second);
        s.control->hold = false;
        co_await end_well(o);
    }()));
}

TEST(SftpClient, CancellingTheOpeningClosesTheChannel) {
    served s;
    s.options.subsystems["sftp"] = [](served_session& session) -> asio::awaitable<std::uint32_t> {
        bytes space(100);
        for (;;) {
            const auto [e, n] = co_await session.async_read_some(asio::buffer(space), as_values);
            if (e) co_return 0;
        }
    };
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        asio::cancellation_signal stop;
        std::optional<error_code> ended;
        c.open_sftp(asio::bind_cancellation_slot(
            stop.slot(), [&](error_code why, sftp_client) { ended = why; }));
        co_await c.ping();
        co_await c.ping();
        EXPECT_FALSE(ended);
        stop.emit(asio::cancellation_type::partial);
        co_await wait_until([&] { return ended.has_value(); });
        EXPECT_EQ(*ended, asio::error::operation_aborted);
        EXPECT_EQ((co_await c.close()).outcome, close_outcome::drained);
    }()));
}

// --- the end ------------------------------------------------------------------------------------

// What was begun ends with an error of its own, when the channel is closed under it and when the
// stream breaks.
void end_under_operations(bool stream_breaks, error_code want) {
    files s;
    write_text(s.local / "up", content(4 << 20));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        asio::local::stream_protocol::socket a(asio::make_strand(s.context));
        asio::local::stream_protocol::socket b(s.new_server_strand());
        asio::local::connect_pair(a, b);
        const file_descriptor other_end(::dup(b.native_handle()));
        s.serve(std::make_unique<socket_stream>(std::move(b)));
        std::unique_ptr<byte_stream> ours = std::make_unique<socket_stream>(std::move(a));
        connection c = co_await connect(std::move(ours), test::test_options());
        sftp_client sftp = co_await c.open_sftp();
        remote_file file = co_await sftp.open("/w", create);
        s.control->hold = true;
        std::vector<error_code> ended;
        const auto note = [&](error_code e, auto&&...) { ended.push_back(e); };
        sftp.stat("/", note);
        file.async_write_some_at(0, asio::buffer("text", 4), note);
        file.async_write_some_at(4, asio::buffer("more", 4), note);
        sftp.put(s.local / "up", "/up", transfer_options::usual(), note);
        co_await wait_until(
            [&] { return !s.control->writes.empty() && !s.control->stats.empty(); });
        EXPECT_TRUE(ended.empty());
        if (stream_breaks)
            ::shutdown(other_end.get(), SHUT_RDWR);
        else
            s.stop();
        const close_report closed = co_await c.closed();
        co_await wait_until([&] { return ended.size() == 4; });
        for (const error_code e : ended)
            EXPECT_EQ(e, want) << e.message();
        EXPECT_GE(closed.total.sftp_requests_unanswered, 3u);
        EXPECT_FALSE(closed.complete());

        ended.clear();
        sftp.stat("/", note);
        file.close(note);
        co_await wait_until([&] { return ended.size() == 2; });
        for (const error_code e : ended)
            EXPECT_EQ(e, want) << e.message();
        s.control->hold = false;
        for (auto& write : std::exchange(s.control->writes, {}))
            write();
        for (auto& held : std::exchange(s.control->stats, {}))
            held(attributes{});
        co_await wait_until([&] { return s.connections() == 0; });
    }()));
}

TEST(SftpClient, WhatIsPendingWhenTheStreamBreaksSaysSo) {
    end_under_operations(true, errc::connection_lost);
}

TEST(SftpClient, WhatIsPendingWhenTheServerClosesTheChannelSaysSo) {
    end_under_operations(false, errc::channel_closed);
}

TEST(SftpClient, AGetThatIsCutOffSaysWhereAndLeavesNoFile) {
    files s;
    const std::string data = content(40 << 20);
    ASSERT_TRUE(s.tree->put("/f", as_bytes(data)));
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        bool stopped = false;
        auto [e, r] =
            co_await o.sftp.get("/f", s.local / "f", telling([&](auto p) {
                                    if (p.bytes > 2 << 20 && !std::exchange(stopped, true))
                                        o.link.cut();
                                }),
                                as_values);
        EXPECT_TRUE(e);
        EXPECT_GT(r.bytes, 2u << 20);
        EXPECT_EQ(r.error_offset, r.bytes);
        EXPECT_FALSE(std::filesystem::exists(s.local / "f"));
        co_await o.link.closed();
    }()));
}

TEST(SftpClient, DrainLetsATransferFinish) {
    for (const bool upload : {false, true}) {
        SCOPED_TRACE(upload);
        files s;
        const std::string data = content(30 << 20);
        ASSERT_TRUE(s.tree->put("/f", as_bytes(data)));
        write_text(s.local / "f", data);
        s.start();
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            auto o = co_await open_sftp(s);
            std::optional<close_report> closed;
            std::optional<error_code> refused;
            auto how = telling([&](auto p) {
                if (p.bytes < 1 << 20 || refused) return;
                refused.emplace();
                o.link.drain(1h, [&](error_code, const close_report& r) { closed = r; });
                o.sftp.stat("/", [&](error_code e, const attributes&) { refused = e; });
            });
            std::optional<error_code> ended;
            const auto done = [&](error_code e, transfer_result) {
                EXPECT_FALSE(closed);
                ended = e;
            };
            if (upload)
                o.sftp.put(s.local / "f", "/copy", how, done);
            else
                o.sftp.get("/f", s.local / "copy", how, done);
            co_await wait_until([&] { return closed.has_value() && ended.has_value(); });
            EXPECT_FALSE(*ended) << ended->message();
            EXPECT_EQ(*refused, errc::draining);
            EXPECT_TRUE((upload ? s.remote("/copy") : text_of(s.local / "copy")) == data);
            EXPECT_EQ(closed->outcome, close_outcome::drained);
            EXPECT_TRUE(closed->complete());
        }()));
    }
}

TEST(SftpClient, DrainAcknowledgesEveryWriteInFlight) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        const std::string data = content(400 * 1000);
        std::size_t acknowledged = 0;
        std::optional<close_report> closed;
        {
            remote_file file = co_await o.sftp.open("/f", create);
            for (std::size_t i = 0; i < 400; ++i)
                file.async_write_some_at(i * 1000, asio::buffer(data.data() + i * 1000, 1000),
                                         [&](error_code e, std::size_t n) {
                                             EXPECT_EQ(n, 1000u);
                                             acknowledged += e ? 0 : 1;
                                         });
            o.link.drain(1h, [&](error_code, const close_report& r) { closed = r; });
        }
        co_await wait_until([&] { return closed.has_value(); });
        EXPECT_EQ(acknowledged, 400u);
        EXPECT_TRUE(s.remote("/f") == data);
        EXPECT_EQ(closed->outcome, close_outcome::drained);
        EXPECT_EQ(closed->total.sftp_requests_unanswered, 0u);
        EXPECT_EQ(closed->sftp_sessions.at(0).bytes_written, 400'000u);
    }()));
}

TEST(SftpClient, DrainWaitsForAFileThatIsOpen) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        remote_file file = co_await o.sftp.open("/f", create);
        std::optional<close_report> closed;
        o.link.drain(1h, [&](error_code, const close_report& r) { closed = r; });
        const auto [refused, none] = co_await o.sftp.stat("/f", as_values);
        EXPECT_EQ(refused, errc::draining);
        co_await file.async_write_some_at(0, asio::buffer("text", 4));
        EXPECT_EQ((co_await file.stat()).size, 4u);
        EXPECT_FALSE(closed);
        co_await file.close();
        co_await wait_until([&] { return closed.has_value(); });
        EXPECT_EQ(s.remote("/f"), "text");
        EXPECT_EQ(closed->outcome, close_outcome::drained);
        EXPECT_TRUE(closed->complete());
    }()));
}

TEST(SftpClient, ADrainEndsAtItsDeadlineUnderAFileThatStaysOpen) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        remote_file file = co_await o.sftp.open("/f", create);
        const close_report closed = co_await o.link.drain(20ms);
        EXPECT_EQ(closed.outcome, close_outcome::deadline);
        EXPECT_EQ(closed.sftp_sessions.at(0).handles_left_open, 1u);
    }()));
}

TEST(SftpClient, CloseTakesNothingNewAndFinishesWhatWasBegun) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        remote_file file = co_await o.sftp.open("/f", create);
        std::optional<error_code> written;
        file.async_write_some_at(0, asio::buffer("text", 4),
                                 [&](error_code e, std::size_t) { written = e; });
        std::optional<error_code> refused;
        std::size_t told = 0;
        for (int i = 0; i < 2; ++i)
            o.sftp.close([&](error_code, const sftp_session_report& r) {
                EXPECT_EQ(r.exit.status, 0u);
                EXPECT_EQ(r.numbers.bytes_written, 4u);
                EXPECT_EQ(r.numbers.handles_left_open, 1u);
                ++told;
            });
        o.sftp.stat("/", [&](error_code e, const attributes&) { refused = e; });
        co_await wait_until([&] { return told == 2 && refused.has_value(); });
        EXPECT_EQ(written, error_code());
        EXPECT_EQ(*refused, errc::channel_closed);
        EXPECT_EQ((co_await o.sftp.close()).exit.status, 0u);
        EXPECT_EQ((co_await o.link.close()).outcome, close_outcome::drained);
    }()));
}

TEST(SftpClient, TheSessionOutlivesItsHandleForAsLongAsAFileIsOpen) {
    files s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto o = co_await open_sftp(s);
        std::optional<close_report> closed;
        o.link.closed([&](error_code, const close_report& r) { closed = r; });
        remote_file file = co_await o.sftp.open("/f", create);
        o.sftp = {};
        o.link = {};
        co_await file.async_write_some_at(0, asio::buffer("text", 4));
        EXPECT_FALSE(closed);
        file = {};
        co_await wait_until([&] { return closed.has_value(); });
        EXPECT_EQ(s.remote("/f"), "text");
        EXPECT_EQ(closed->outcome, close_outcome::drained);
        EXPECT_TRUE(closed->complete());
    }()));
}

// Our client sends OpenSSH's order whatever it is called; libssh would have sent the draft's.
TEST(SftpClient, AServerReadsALinkAsTheClientsProgramMeansIt) {
    for (const bool as_libssh : {false, true}) {
        SCOPED_TRACE(as_libssh);
        files s;
        s.start();
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connect_options options = test::test_options();
            if (as_libssh) options.protocol.transport.identification = "SSH-2.0-libssh_0.10.4";
            auto [e, c] = co_await test::connect_to(s, carrier::memory, options);
            EXPECT_FALSE(e) << e.message();
            open_session o{std::move(c), {}};
            o.sftp = co_await o.link.open_sftp();
            co_await o.sftp.symlink("/first", "/second");
            const std::string link = as_libssh ? "/first" : "/second";
            EXPECT_EQ(co_await o.sftp.readlink(link), as_libssh ? "/second" : "/first");
            co_await end_well(o);
        }()));
    }
}

}  // namespace
}  // namespace sluice
