#include "sluice/sftp/server.hpp"
#include "sluice/tests/sftp/pair.hpp"
#include "sluice/wire/limits.hpp"

#include <functional>
#include <random>

namespace sluice::sftp {
namespace {

using test::extended_packet;
using test::joined;
using test::sftp_packet;
using test::sftp_pair;
using test::sftp_session;

constexpr std::uint32_t create = fxf_write | fxf_creat | fxf_trunc;
constexpr std::string_view draining = "server is draining";

TEST(CloseAndDrain, NewWorkIsRefusedAndWhatIsOpenGoesOn) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", bytes(10, 1));
    s.files.add_directory("/d");
    const bytes in = s.open("/f", fxf_read);
    const bytes out = s.open("/g", create);
    s.send(fxp_opendir{1, "/"});
    const bytes dir = to_bytes(s.only<fxp_handle>().handle);
    s.server.drain(drain_policy::finish_handles);
    s.pump();
    EXPECT_FALSE(s.server.finished());

    const bytes new_work[] = {
        sftp_packet(fxp_open{1, "/f", fxf_read, {}}),
        sftp_packet(fxp_opendir{1, "/"}),
        sftp_packet(fxp_stat{1, "/f"}),
        sftp_packet(fxp_lstat{1, "/f"}),
        sftp_packet(fxp_setstat{1, "/f", {}}),
        sftp_packet(fxp_remove{1, "/f"}),
        sftp_packet(fxp_mkdir{1, "/e", {}}),
        sftp_packet(fxp_rmdir{1, "/d"}),
        sftp_packet(fxp_realpath{1, "."}),
        sftp_packet(fxp_rename{1, "/f", "/h"}),
        sftp_packet(fxp_readlink{1, "/f"}),
        sftp_packet(fxp_symlink{1, "/f", "/l"}),
        extended_packet(1, ext_posix_rename{"/f", "/h"}),
        extended_packet(1, ext_statvfs{"/"}),
        extended_packet(1, ext_hardlink{"/f", "/h"}),
        extended_packet(1, ext_lsetstat{"/f", {}}),
        extended_packet(1, ext_limits{}),
        extended_packet(1, ext_expand_path{"~"}),
        extended_packet(1, ext_home_directory{""}),
        extended_packet(1, ext_users_groups_by_id{}),
    };
    const std::size_t before = s.files.log.size();
    for (const auto& request : new_work) {
        s.send(request);
        const auto status = s.only<fxp_status>();
        EXPECT_EQ(status.code, 4u);
        EXPECT_EQ(status.error_message, draining);
    }
    EXPECT_EQ(s.files.log.size(), before);
    EXPECT_EQ(s.server.report().requests_drained, std::size(new_work));
    EXPECT_EQ(s.server.report().requests_refused, std::size(new_work));

    struct {
        const char* name;
        bytes request;
        std::uint8_t type;  // of the reply
    } on_handles[] = {
        {"read", sftp_packet(fxp_read{1, in, 0, 5}), fxp_data::number},
        {"write", sftp_packet(fxp_write{1, out, 0, bytes(5)}), fxp_status::number},
        {"fstat", sftp_packet(fxp_fstat{1, in}), fxp_attrs::number},
        {"fsetstat", sftp_packet(fxp_fsetstat{1, out, {.permissions = 0600}}), fxp_status::number},
        {"readdir", sftp_packet(fxp_readdir{1, dir}), fxp_name::number},
        {"fsync", extended_packet(1, ext_fsync{out}), fxp_status::number},
        {"copy-data", extended_packet(1, ext_copy_data{in, 0, 5, out, 5}), fxp_status::number},
        {"close", sftp_packet(fxp_close{1, in}), fxp_status::number},
        {"close of the next", sftp_packet(fxp_close{1, out}), fxp_status::number},
    };
    for (const auto& c : on_handles) {
        SCOPED_TRACE(c.name);
        s.send(c.request);
        ASSERT_EQ(s.replies.size(), 1u);
        EXPECT_EQ(s.replies[0][0], c.type);
        if (c.type == fxp_status::number) {
            EXPECT_EQ(s.status(), 0u);
        }
        s.replies.clear();
        EXPECT_FALSE(s.server.finished());
    }
    // One that we do not know, and one that does not decode, get what they always get.
    s.send(bytes{0, 0, 0, 5, 99, 0, 0, 0, 1});
    EXPECT_EQ(s.status(), 8u);
    s.send(bytes{0, 0, 0, 5, 17, 0, 0, 0, 1});
    EXPECT_EQ(s.status(), 5u);
    s.send(fxp_close{1, dir});
    EXPECT_EQ(s.status(), 0u);
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.server.report().files_committed, 1u);
    EXPECT_EQ(s.server.report().handles_left_open, 0u);
    EXPECT_EQ(s.files.content("/g").size(), 10u);
    s.send(fxp_stat{1, "/"});  // behind the end: thrown away, credited
    EXPECT_TRUE(s.replies.empty());
    EXPECT_EQ(s.credited, s.sent);
}

TEST(CloseAndDrain, ASessionBetweenFilesEndsAtOnce) {
    sftp_session idle;
    idle.start();
    idle.server.drain(drain_policy::finish_handles);
    idle.pump();
    EXPECT_TRUE(idle.server.finished());

    sftp_session young;  // has not even said INIT
    young.server.drain(drain_policy::finish_handles);
    young.pump();
    EXPECT_TRUE(young.server.finished());
    EXPECT_FALSE(young.server.error());

    sftp_session busy;
    busy.start();
    busy.files.defer = true;
    busy.send(fxp_stat{1, "/"});
    busy.server.drain(drain_policy::finish_handles);
    busy.pump();
    EXPECT_FALSE(busy.server.finished());
    busy.files.run(0);
    EXPECT_TRUE(busy.server.finished());
    EXPECT_EQ(busy.only<fxp_attrs>().id, 1u);  // it was read before
}

TEST(CloseAndDrain, AnOpenThatWasReadBeforeIsServedToItsEnd) {
    sftp_session s;
    s.start();
    s.files.defer = true;
    s.send(fxp_open{1, "/f", create, {}});
    s.server.drain(drain_policy::finish_handles);
    s.pump();
    EXPECT_FALSE(s.server.finished());
    s.files.run(0);
    const bytes h = to_bytes(s.only<fxp_handle>().handle);
    EXPECT_FALSE(s.server.finished());
    s.files.defer = false;
    s.send(fxp_write{2, h, 0, bytes(5)});
    EXPECT_EQ(s.status(), 0u);
    s.send(fxp_close{3, h});
    EXPECT_EQ(s.status(), 0u);
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.server.report().files_committed, 1u);
}

TEST(CloseAndDrain, AnOpenThatFailsLeavesNothingToWaitFor) {
    sftp_session s;
    s.start();
    s.files.defer = true;
    s.send(fxp_open{1, "/none", fxf_read, {}});
    s.server.drain(drain_policy::finish_handles);
    s.pump();
    s.files.run(0);
    EXPECT_EQ(s.status(), 2u);
    EXPECT_TRUE(s.server.finished());
}

TEST(CloseAndDrain, DrainingNowAnswersWhatWasReadAndAbandonsFiles) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", create);
    s.files.defer = true;
    s.send(joined({sftp_packet(fxp_write{1, h, 0, bytes(10)}), sftp_packet(fxp_stat{2, "/"}),
                   sftp_packet(fxp_write{3, h, 10, bytes(5)})}));
    s.server.drain(drain_policy::now);
    s.pump();
    EXPECT_FALSE(s.server.finished());
    s.send(fxp_write{4, h, 15, bytes(5)});  // too late
    while (s.files.pending() != 0)
        s.files.run(s.files.pending() - 1);
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.replies.size(), 3u);
    EXPECT_EQ(s.credited, s.sent);
    ASSERT_EQ(s.files.endings.size(), 1u);
    EXPECT_EQ(s.files.endings[0].second.how, ending::kind::abandoned);
    EXPECT_EQ(s.files.endings[0].second.contiguous_end, 15u);
    EXPECT_EQ(s.server.report().handles_left_open, 1u);
    EXPECT_EQ(s.server.report().files_abandoned, 1u);
}

TEST(CloseAndDrain, DrainingNowRefusesNewWorkAmongWhatWasRead) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", create);
    s.files.defer = true;
    bytes all;
    for (std::uint32_t i = 0; i < limits::sftp_requests_max; ++i) {
        const bytes one = sftp_packet(fxp_write{i, h, i, bytes(1)});
        all.insert(all.end(), one.begin(), one.end());
    }
    const bytes late = joined({sftp_packet(fxp_write{1000, h, limits::sftp_requests_max, bytes(1)}),
                               sftp_packet(fxp_open{1001, "/g", create, {}})});
    s.send(joined({all, late}));  // the last two wait in the backlog
    s.server.drain(drain_policy::now);
    s.pump();
    while (s.files.pending() != 0)
        s.files.run(0);
    EXPECT_TRUE(s.server.finished());
    const auto statuses = s.statuses();
    ASSERT_EQ(statuses.size(), limits::sftp_requests_max + 2);
    for (const auto& [id, code] : statuses)
        EXPECT_EQ(code, id == 1001 ? 4u : 0u);
    EXPECT_FALSE(s.files.exists("/g"));
    EXPECT_EQ(s.server.report().requests_drained, 1u);
}

TEST(CloseAndDrain, FinishSessionServesEverythingUntilTheClientEndsIt) {
    sftp_session s;
    s.start();
    s.server.drain(drain_policy::finish_session);
    s.pump();
    EXPECT_FALSE(s.server.finished());
    const bytes h = s.open("/f", create);
    s.send(fxp_close{1, h});
    EXPECT_EQ(s.status(), 0u);
    s.send(fxp_mkdir{1, "/d", {}});
    EXPECT_EQ(s.status(), 0u);
    EXPECT_FALSE(s.server.finished());
    s.server.on_eof();
    s.pump();
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.server.report().requests_drained, 0u);
}

TEST(CloseAndDrain, ASecondDrainOnlyTightens) {
    sftp_session s;
    s.start();
    s.server.drain(drain_policy::finish_session);
    const bytes h = s.open("/f", create);
    s.server.drain(drain_policy::finish_handles);
    s.server.drain(drain_policy::finish_session);
    s.send(fxp_stat{1, "/"});
    EXPECT_EQ(s.status(), 4u);
    EXPECT_FALSE(s.server.finished());
    s.server.drain(drain_policy::now);
    s.server.drain(drain_policy::finish_handles);
    s.pump();
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.server.report().files_abandoned, 1u);
}

TEST(CloseAndDrain, AListingThatWasBegunIsFinished) {
    sftp_pair p;
    for (int i = 0; i < 1000; ++i)
        p.server_files().add_file("/f" + std::to_string(i), {});
    p.start();
    const auto dir = p.value<remote_handle>(p.client.opendir("/"));
    std::uint32_t listed = p.value<names_reply>(p.client.readdir(dir)).count();
    EXPECT_LT(listed, 1000u);
    p.server().drain(drain_policy::finish_handles);
    for (;;) {
        auto o = p.outcome_of(p.client.readdir(dir));
        if (o.error) {
            EXPECT_EQ(o.error, errc::sftp_eof);
            break;
        }
        listed += std::get<names_reply>(o.value).count();
    }
    EXPECT_EQ(listed, 1000u);
    EXPECT_FALSE(p.server().finished());
    EXPECT_FALSE(p.error(p.client.close(dir)));
    EXPECT_TRUE(p.server().finished());
}

// What OpenSSH's `sftp put` of two files sends. Drained at any point of it, with deliveries and
// completions in any order: each file is whole and committed, or was never touched.
TEST(CloseAndDrain, OpensshPutIsStoppedBetweenFilesOnly) {
    const bytes content(70'000, 5);
    std::size_t sessions[3] = {};  // by files that got through
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        sftp_pair p(seed);
        p.start();
        p.server_files().defer = true;
        std::uint64_t steps = 0;
        const std::uint64_t drain_at = random() % 120;
        const auto step = [&] {
            if (steps++ == drain_at) p.server().drain(drain_policy::finish_handles);
            return p.step();
        };
        // Waits for one answer; nothing when the session ends first.
        const auto answer = [&](const result<request_id>& id) -> std::optional<outcome> {
            EXPECT_TRUE(id);
            for (int idle = 0; idle < 200;) {
                if (auto o = p.client.next_outcome()) return o;
                idle = step() ? 0 : idle + 1;
            }
            EXPECT_TRUE(p.server().finished());
            return std::nullopt;
        };
        const auto put = [&](const std::string& name) {
            const auto stat = answer(p.client.stat(name));
            if (!stat) return false;
            const auto opened = answer(p.client.open(name, create, {.permissions = 0644}));
            if (!opened || opened->error) return false;
            const auto h = std::get<remote_handle>(opened->value);
            std::vector<request_id> writes;
            for (std::size_t at = 0; at < content.size(); at += 10'000)
                writes.push_back(
                    p.client.write(h, at, test::written(bytes_view(content).subspan(at, 10'000)))
                        .value());
            for (std::size_t i = 0; i < writes.size(); ++i) {
                const auto o = answer(writes[i]);
                EXPECT_TRUE(o && !o->error);  // once open, nothing fails
            }
            const auto attrs = answer(p.client.fsetstat(h, {.permissions = 0600}));
            EXPECT_TRUE(attrs && !attrs->error);
            const auto closed = answer(p.client.close(h));
            EXPECT_TRUE(closed && !closed->error);
            return true;
        };
        std::size_t whole = 0;
        for (const auto* name : {"/one", "/two"}) {
            if (!put(name)) break;
            ++whole;
        }
        for (int i = 0; i < 300; ++i)
            step();
        EXPECT_TRUE(p.server().finished());
        EXPECT_EQ(p.server().report().files_committed, whole);
        EXPECT_EQ(p.server().report().files_abandoned, 0u);
        EXPECT_EQ(p.server_files().exists("/one"), whole >= 1);
        EXPECT_EQ(p.server_files().exists("/two"), whole == 2);
        if (whole >= 1) {
            EXPECT_TRUE(p.server_files().content("/one") == content);
        }
        EXPECT_EQ(p.server_files().handles_open(), 0u);
        ++sessions[whole];
    }
    for (const auto n : sessions)
        EXPECT_NE(n, 0u);  // the seeds reach every case
}

}  // namespace
}  // namespace sluice::sftp
