// Our client against OpenSSH's sftp-server, by two pipes.

#include "sluice/sftp/client.hpp"
#include "sluice/sftp/transfer.hpp"
#include "sluice/tests/sftp/pair.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::sftp {
namespace {

constexpr const char* program = "/usr/lib/openssh/sftp-server";
constexpr std::uint32_t create = fxf_write | fxf_creat | fxf_trunc;

bytes content_of(std::size_t n) {
    bytes out(n);
    for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::uint8_t>(i * 2654435761u >> 11);
    return out;
}

// The server as a child, and the bytes between it and the client.
class OpensshServer : public testing::Test {
protected:
    void SetUp() override {
        if (::access(program, X_OK) != 0)
            FAIL() << program << " is not installed (package openssh-sftp-server)";
        std::signal(SIGPIPE, SIG_IGN);
        int in[2];
        int out[2];
        ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
        ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
        child_ = ::fork();
        ASSERT_GE(child_, 0);
        if (child_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            if (::chdir(dir.path().c_str()) == 0) ::execl(program, program, nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        to_child_ = in[1];
        from_child_ = out[0];
        ::fcntl(to_child_, F_SETFL, O_NONBLOCK);
        while (!client.ready())
            ASSERT_TRUE(step());
    }
    void TearDown() override {
        if (to_child_ >= 0) ::close(to_child_);
        if (from_child_ >= 0) ::close(from_child_);
        if (child_ > 0) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
        }
    }

    // Waits until bytes can move in some direction, and moves them; false at the end, or when
    // nothing has moved for long.
    bool step() {
        if (unsent_.empty()) unsent_ = client.next_output();
        std::array<pollfd, 2> fds{pollfd{from_child_, POLLIN, 0},
                                  pollfd{unsent_.empty() ? -1 : to_child_, POLLOUT, 0}};
        if (::poll(fds.data(), fds.size(), 20'000) <= 0) return false;
        if (fds[1].revents != 0) {
            const ssize_t n = ::write(to_child_, unsent_.view().data(), unsent_.size());
            if (n > 0) unsent_.consume(static_cast<std::size_t>(n));
            if (n < 0) return false;
        }
        if (fds[0].revents == 0) return true;
        std::array<std::uint8_t, 100'000> input;
        const ssize_t n = ::read(from_child_, input.data(), input.size());
        if (n <= 0) {
            client.on_stream_end({});
            return false;
        }
        client.receive(bytes_view(input.data(), static_cast<std::size_t>(n)));
        return !client.error();
    }
    outcome answer(const result<request_id>& id) {
        EXPECT_TRUE(id.has_value());
        for (;;) {
            if (auto o = client.next_outcome()) return std::move(*o);
            if (step()) continue;
            ADD_FAILURE() << "no answer; " << client.error().message();
            return {};
        }
    }
    template <class T>
    T value(const result<request_id>& id) {
        auto o = answer(id);
        EXPECT_FALSE(o.error) << o.error.message() << ": " << o.text;
        auto* v = std::get_if<T>(&o.value);
        EXPECT_NE(v, nullptr);
        return v != nullptr ? std::move(*v) : T{};
    }
    error_code error(const result<request_id>& id) { return answer(id).error; }

    // Ends the session in protocol order; gives the server's exit status.
    int finish() {
        client.end();
        while (!client.may_send_eof() || !unsent_.empty())
            if (!step()) return -1;
        ::close(std::exchange(to_child_, -1));
        while (step()) {
        }
        EXPECT_TRUE(client.over());
        EXPECT_FALSE(client.error());
        int status = -1;
        ::waitpid(std::exchange(child_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    bytes on_disk(std::string_view name) {
        std::ifstream in(dir / name, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        return to_bytes(as_bytes(text));
    }

    test::temp_dir dir;
    sftp::client client;

private:
    pid_t child_ = 0;
    int to_child_ = -1;
    int from_child_ = -1;
    wire::buffer unsent_;
};

TEST_F(OpensshServer, KnowsWhatWeAskItFor) {
    EXPECT_TRUE(client.supports<ext_posix_rename>());
    EXPECT_TRUE(client.supports<ext_limits>());
    EXPECT_TRUE(client.supports<ext_fsync>());
    const std::string home = value<std::string>(client.realpath("."));
    EXPECT_EQ(home, std::filesystem::canonical(dir.path()).string());
    EXPECT_EQ(client.read_length_max(), 255u * 1024);  // limits@ is answered by now
    EXPECT_EQ(client.write_length_max(), 255u * 1024);

    EXPECT_FALSE(error(client.mkdir("d")));
    EXPECT_EQ(error(client.mkdir("d")), errc::sftp_failure);
    const auto h = value<remote_handle>(client.open("d/f", create, {.permissions = 0640}));
    EXPECT_FALSE(error(client.write(h, 0, test::written(bytes(100, 3)))));
    EXPECT_FALSE(error(client.fsync(h)));
    EXPECT_FALSE(error(client.fsetstat(h, {.times = file_times{1000, 2000}})));
    EXPECT_EQ(value<attributes>(client.fstat(h)).times, (file_times{1000, 2000}));
    EXPECT_NE(value<statvfs_reply>(client.fstatvfs(h)).f_bsize, 0u);
    EXPECT_EQ(error(client.read(h, 0, 10)), errc::sftp_no_such_file);  // its word for EBADF
    EXPECT_FALSE(error(client.close(h)));
    EXPECT_EQ(value<attributes>(client.stat("d/f")).size, 100u);
    EXPECT_FALSE(error(client.symlink("f", "d/l")));
    EXPECT_EQ(value<std::string>(client.readlink("d/l")), "f");
    EXPECT_EQ(*value<attributes>(client.lstat("d/l")).permissions & type_mask, type_symlink);
    EXPECT_FALSE(error(client.hardlink("d/f", "d/h")));
    EXPECT_EQ(error(client.rename("d/f", "d/h")), errc::sftp_failure);
    EXPECT_FALSE(error(client.posix_rename("d/f", "d/g")));
    EXPECT_FALSE(error(client.setstat("d/g", {.size = 5})));
    EXPECT_FALSE(error(client.lsetstat("d/l", {.times = file_times{3, 4}})));
    EXPECT_NE(value<statvfs_reply>(client.statvfs("/")).f_namemax, 0u);
    const auto a = error(client.stat("none"));
    EXPECT_EQ(a, errc::sftp_no_such_file);
    if (client.supports<ext_expand_path>()) {
        EXPECT_EQ(value<std::string>(client.expand_path("d")), home + "/d");
    }
    if (client.supports<ext_users_groups_by_id>()) {
        const std::array<std::uint32_t, 1> root{0};
        EXPECT_EQ(value<id_names>(client.users_groups(root, {})).users.at(0), "root");
    }

    const auto listing = value<remote_handle>(client.opendir("d"));
    std::set<std::string> names;
    for (;;) {
        auto o = answer(client.readdir(listing));
        if (o.error) {
            EXPECT_EQ(o.error, errc::sftp_eof);
            break;
        }
        name_entry entry;
        for (auto& batch = std::get<names_reply>(o.value); batch.next(entry);)
            names.emplace(entry.filename);
    }
    EXPECT_EQ(names, (std::set<std::string>{".", "..", "g", "h", "l"}));
    EXPECT_FALSE(error(client.close(listing)));
    for (const auto* name : {"d/g", "d/h", "d/l"})
        EXPECT_FALSE(error(client.remove(name)));
    EXPECT_FALSE(error(client.rmdir("d")));
    EXPECT_EQ(finish(), 0);
    EXPECT_EQ(client.report().requests_unanswered, 0u);
    EXPECT_EQ(client.report().handles_left_open, 0u);
}

TEST_F(OpensshServer, TransfersAreWhole) {
    const bytes content = content_of(20'000'000);
    const auto out = value<remote_handle>(client.open("f", create));
    upload up(client, out, {});
    std::size_t at = 0;
    while (!up.finished()) {
        while (const auto n = std::min(up.wanted(), content.size() - at)) {
            auto piece = test::written(bytes_view(content).subspan(at, n));
            ASSERT_TRUE(up.write(piece));
            at += n;
        }
        if (at == content.size()) up.finish();
        ASSERT_TRUE(step());
        while (auto o = client.next_outcome())
            ASSERT_TRUE(up.take(*o));
    }
    EXPECT_FALSE(up.error());
    EXPECT_EQ(up.acknowledged_bytes(), content.size());
    EXPECT_FALSE(error(client.close(out)));
    EXPECT_TRUE(on_disk("f") == content);

    for (const bool hint : {false, true}) {
        const auto in = value<remote_handle>(client.open("f", fxf_read));
        download down(
            client, in,
            {.size_hint = hint ? std::optional<std::uint64_t>(content.size()) : std::nullopt});
        bytes got;
        while (!down.finished()) {
            down.ask();
            ASSERT_TRUE(step());
            while (auto o = client.next_outcome())
                ASSERT_TRUE(down.take(*o));
            while (auto piece = down.next_piece())
                got.insert(got.end(), piece->data.view().begin(), piece->data.view().end());
        }
        EXPECT_FALSE(down.error());
        EXPECT_TRUE(got == content);
        auto closed = client.close(in);
        for (auto o = answer(closed); o.id != *closed; o = answer(closed))
            ADD_FAILURE() << "what was forgotten came";
    }
    EXPECT_EQ(finish(), 0);
}

// OpenSSH's server answers what it has read when EOF comes, and drops the rest.
TEST_F(OpensshServer, FourHundredWritesInFlightAreAllAcknowledgedBeforeTheEnd) {
    const auto h = value<remote_handle>(client.open("f", create));
    const bytes piece(1000, 7);
    std::set<request_id> writes;
    for (std::uint64_t i = 0; i < 400; ++i)
        writes.insert(client.write(h, i * piece.size(), test::written(piece)).value());
    EXPECT_EQ(finish(), 0);
    std::size_t acknowledged = 0;
    while (const auto o = client.next_outcome())
        acknowledged += writes.erase(o->id) == 1 && !o->error;
    EXPECT_EQ(acknowledged, 400u);
    EXPECT_EQ(client.report().bytes_written, 400'000u);
    EXPECT_EQ(client.report().handles_left_open, 1u);
    EXPECT_EQ(on_disk("f"), bytes(400'000, 7));
}

TEST_F(OpensshServer, AForgottenOpenIsClosed) {
    // More than the descriptors that a process usually may have, were they left open.
    for (int i = 0; i < 1100; ++i) {
        const auto id = client.open("f" + std::to_string(i), create);
        ASSERT_TRUE(id);
        client.forget(*id);
        while (client.requests_in_flight() != 0)
            ASSERT_TRUE(step());
    }
    EXPECT_FALSE(client.next_outcome());
    EXPECT_EQ(client.handles_open(), 0u);
    const auto h = value<remote_handle>(client.open("last", create));
    EXPECT_FALSE(error(client.close(h)));
    EXPECT_EQ(finish(), 0);
}

}  // namespace
}  // namespace sluice::sftp
