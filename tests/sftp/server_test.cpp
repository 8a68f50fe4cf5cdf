#include "sluice/sftp/server.hpp"

#include "sluice/sftp/request_names.hpp"
#include "sluice/tests/sftp/session.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <variant>

namespace sluice::sftp {
namespace {

using test::extended_packet;
using test::joined;
using test::sftp_packet;
using test::sftp_session;
using statuses = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

constexpr std::uint32_t ok = 0;
constexpr std::uint32_t write_create = fxf_write | fxf_creat | fxf_trunc;

bytes pattern(std::size_t n, std::uint8_t first = 0) {
    bytes out(n);
    std::iota(out.begin(), out.end(), first);
    return out;
}

TEST(FilexferDraft02s4, InitIsAnsweredWithVersion3AndTheExtensions) {
    sftp_session s;
    s.send(fxp_init{6, {}});
    const auto version = s.only<fxp_version>();
    EXPECT_EQ(version.version, 3u);
    std::vector<std::string> names;
    wire::reader r(version.extensions.data);
    while (!r.at_end() && !r.error()) {
        std::string_view name;
        std::string_view number;
        r.read(name);
        r.read(number);
        names.push_back(std::string(name) + " " + std::string(number));
    }
    EXPECT_FALSE(r.error());
    const std::vector<std::string> want{"posix-rename@openssh.com 1",
                                        "statvfs@openssh.com 2",
                                        "fstatvfs@openssh.com 2",
                                        "hardlink@openssh.com 1",
                                        "fsync@openssh.com 1",
                                        "lsetstat@openssh.com 1",
                                        "limits@openssh.com 1",
                                        "expand-path@openssh.com 1",
                                        "copy-data 1",
                                        "home-directory 1",
                                        "users-groups-by-id@openssh.com 1"};
    EXPECT_EQ(names, want);
}

TEST(FilexferDraft02s4, NothingButInitComesFirstAndInitOnlyOnce) {
    sftp_session early;
    early.send(fxp_stat{1, "/"});
    EXPECT_EQ(early.server.error(), errc::unexpected_message);
    EXPECT_TRUE(early.server.finished());
    EXPECT_TRUE(early.replies.empty());

    sftp_session twice;
    twice.start();
    twice.send(fxp_init{3, {}});
    EXPECT_EQ(twice.server.error(), errc::unexpected_message);
    EXPECT_TRUE(twice.server.finished());
}

TEST(SftpServer, AFileIsWrittenReadAndListed) {
    sftp_session s;
    s.start();
    s.send(fxp_mkdir{1, "/d", {}});
    EXPECT_EQ(s.status(), ok);
    const bytes out = s.open("d/f", write_create);
    const bytes data = pattern(1000);
    s.send(fxp_write{2, out, 0, data});
    EXPECT_EQ(s.status(), ok);
    s.send(fxp_close{3, out});
    EXPECT_EQ(s.status(), ok);
    EXPECT_EQ(s.files.content("/d/f"), data);

    const bytes in = s.open("/d/f", fxf_read);
    s.send(fxp_read{4, in, 990, 100});
    const auto got = s.only<fxp_data>();
    EXPECT_EQ(got.id, 4u);
    EXPECT_EQ(to_bytes(got.data), bytes(data.begin() + 990, data.end()));
    s.send(fxp_read{5, in, 1000, 100});
    EXPECT_EQ(s.status(), 1u);  // EOF
    s.send(fxp_fstat{6, in});
    EXPECT_EQ(s.only<fxp_attrs>().attrs.size, 1000u);
    s.send(fxp_close{7, in});
    EXPECT_EQ(s.status(), ok);

    s.send(fxp_opendir{8, "/d"});
    const bytes dir = to_bytes(s.only<fxp_handle>().handle);
    s.send(fxp_readdir{9, dir});
    const auto names = s.only<fxp_name>();
    ASSERT_EQ(names.count, 1u);
    const auto entry = [&] {
        name_entry e;
        EXPECT_FALSE(get_fields(names.names.data, e));
        return e;
    }();
    EXPECT_EQ(entry.filename, "f");
    EXPECT_TRUE(entry.longname.ends_with(" f"));
    EXPECT_EQ(entry.attrs.size, 1000u);
    s.send(fxp_readdir{10, dir});
    EXPECT_EQ(s.status(), 1u);
    s.send(fxp_close{11, dir});
    EXPECT_EQ(s.status(), ok);

    s.server.on_eof();
    s.pump();
    EXPECT_TRUE(s.server.finished());
    const auto report = s.server.report();
    EXPECT_EQ(report.files_committed, 1u);
    EXPECT_EQ(report.files_abandoned, 0u);
    EXPECT_EQ(report.handles_left_open, 0u);
    EXPECT_EQ(report.bytes_written, 1000u);
    EXPECT_EQ(report.bytes_read, 10u);
    EXPECT_EQ(report.requests_answered, 14u);
    EXPECT_EQ(report.requests_refused, 0u);
}

// rclone 1.60 and Go's pkg/sftp send the whole of a buffer, and say how much of it is data.
TEST(SftpServer, BytesBehindTheLastFieldAreIgnored) {
    const auto longer = [](bytes packet) {
        packet.insert(packet.end(), 7, 0xee);
        const std::size_t n = packet.size() - 4;
        packet[2] = static_cast<std::uint8_t>(n >> 8);
        packet[3] = static_cast<std::uint8_t>(n);
        return packet;
    };
    sftp_session s;
    s.start();
    const bytes file = s.open("/f", write_create | fxf_read);
    const bytes data = pattern(1000);
    s.send(longer(sftp_packet(fxp_write{1, file, 0, data})));
    EXPECT_EQ(s.status(), ok);
    s.send(longer(sftp_packet(fxp_write{2, file, 1000, {}})));
    EXPECT_EQ(s.status(), ok);
    EXPECT_EQ(s.files.content("/f"), data);
    EXPECT_EQ(s.server.report().bytes_written, 1000u);
    s.send(longer(sftp_packet(fxp_stat{3, "/f"})));  // the flags of version 4 stand there
    EXPECT_EQ(s.only<fxp_attrs>().attrs.size, 1000u);
    s.send(longer(sftp_packet(fxp_setstat{4, "/f", {.size = 10}})));
    EXPECT_EQ(s.status(), ok);
    s.send(longer(extended_packet(5, ext_posix_rename{"/f", "/g"})));
    EXPECT_EQ(s.status(), ok);
    s.send(longer(sftp_packet(fxp_close{6, file})));
    EXPECT_EQ(s.status(), ok);
    EXPECT_EQ(s.files.content("/g"), bytes(data.begin(), data.begin() + 10));
}

// It would say that it had done what it does not know.
TEST(SftpServer, FlagsOfLaterVersionsAreRefusedInRequests) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", pattern(3));
    const bytes file = s.open("/f", fxf_read | fxf_write);
    bytes requests[] = {sftp_packet(fxp_setstat{1, "/f", {}}),
                        sftp_packet(fxp_fsetstat{1, file, {}}), sftp_packet(fxp_mkdir{1, "/d", {}}),
                        sftp_packet(fxp_open{1, "/g", write_create, {}}),
                        extended_packet(1, ext_lsetstat{"/f", {}})};
    for (bytes& request : requests) {
        request[request.size() - 4] = 0x10;
        s.send(request);
        EXPECT_EQ(s.status(), 5u);  // BAD_MESSAGE
    }
}

TEST(SftpServer, EveryPathRequestReachesTheFilesystem) {
    sftp_session s;
    s.start();
    s.files.add_file("/a", pattern(3));
    struct {
        const char* name;
        bytes request;
        std::uint32_t code;
    } cases[] = {
        {"rename", sftp_packet(fxp_rename{1, "/a", "/b"}), ok},
        {"rename onto itself", sftp_packet(fxp_rename{1, "/b", "/b"}), 4},
        {"posix-rename", extended_packet(1, ext_posix_rename{"/b", "/c"}), ok},
        {"rename of nothing", sftp_packet(fxp_rename{1, "/a", "/b"}), 2},
        {"setstat", sftp_packet(fxp_setstat{1, "/c", {.size = 1}}), ok},
        {"lsetstat", extended_packet(1, ext_lsetstat{"/c", {.permissions = 0600}}), ok},
        {"symlink", sftp_packet(fxp_symlink{1, "/c", "/l"}), ok},
        {"hardlink unsupported here", extended_packet(1, ext_hardlink{"/c", "/h"}), 8},
        {"mkdir", sftp_packet(fxp_mkdir{1, "/d", {}}), ok},
        {"mkdir again", sftp_packet(fxp_mkdir{1, "/d", {}}), 4},
        {"rmdir", sftp_packet(fxp_rmdir{1, "/d"}), ok},
        {"remove", sftp_packet(fxp_remove{1, "/c"}), ok},
        {"remove of nothing", sftp_packet(fxp_remove{1, "/c"}), 2},
        {"NUL in a path", sftp_packet(fxp_remove{1, std::string_view("/c\0d", 4)}), 2},
        {"too long a path", sftp_packet(fxp_remove{1, std::string(4097, 'x')}), 5},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        s.send(c.request);
        EXPECT_EQ(s.status(), c.code);
    }
    s.send(fxp_readlink{1, "/l"});
    const auto name = s.only<fxp_name>();
    EXPECT_EQ(name.count, 1u);
    name_entry entry;
    ASSERT_FALSE(get_fields(name.names.data, entry));
    EXPECT_EQ(entry.filename, "/c");  // OpenSSH's order: the target came first
    s.send(fxp_realpath{2, "x/./y/../z"});
    ASSERT_FALSE(get_fields(s.only<fxp_name>().names.data, entry));
    EXPECT_EQ(entry.filename, "/x/z");
}

TEST(SftpServer, FailuresAreSaidInTheSystemsWords) {
    sftp_session s;
    s.start();
    const bytes file = s.open("/f", write_create);
    const auto fails = [&](int number, const auto& request) {
        s.files.write_error = {number, boost::system::system_category()};
        s.send(request);
        const auto reply = s.only<fxp_status>();
        return std::to_string(reply.code) + " " + std::string(reply.error_message);
    };
    EXPECT_EQ(fails(ENOSPC, fxp_write{1, file, 0, as_bytes("a")}), "4 No space left on device");
    EXPECT_EQ(fails(EDQUOT, fxp_write{2, file, 0, as_bytes("a")}), "4 Disk quota exceeded");
    EXPECT_EQ(fails(0, fxp_write{3, file, 0, as_bytes("a")}), "0 Success");
    EXPECT_EQ(fails(0, fxp_read{4, file, 0, 1}), "3 Not open for reading");
    EXPECT_EQ(fails(0, fxp_close{5, as_bytes("x")}), "4 No such handle");
    EXPECT_EQ(fails(0, fxp_remove{6, "/g"}), "2 No such file");

    sftp_session r({.read_only = true});
    r.start();
    r.send(fxp_mkdir{1, "/d", {}});
    const auto refused = r.only<fxp_status>();
    EXPECT_EQ(refused.code, 3u);
    EXPECT_EQ(refused.error_message, "Read-only file system");
}

TEST(SftpServer, SymlinksAreMadeInTheOrderOfTheirClient) {
    const struct {
        const char* identification;
        bool link_first;
    } cases[] = {
        {"SSH-2.0-AsyncSSH_2.10.1", true},
        {"SSH-2.0-AsyncSSH_2.21.0", true},
        {"SSH-2.0-libssh_0.10.4", true},
        {"SSH-2.0-libssh-0.6.3", true},
        {"SSH-2.0-phpseclib_3.0 (libsodium, openssl, gmp)", true},
        {"SSH-2.0-phpseclib_1.0 (openssl)", true},
        {"SSH-2.0-phpseclib_0.3", false},
        {"SSH-2.0-ssh2js1.17.0", true},
        {"SSH-2.0-WinSCP_release_6.1", true},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", false},
        {"SSH-2.0-paramiko_2.12.0", false},
        {"SSH-2.0-libssh2_1.10.0", false},
        {"SSH-2.0-Go", false},
        {"SSH-2.0-sluice_0.1.0", false},
        {"", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.identification);
        sftp_session s({.habits = client_habits(c.identification)});
        s.start();
        const char* const first = c.link_first ? "/link" : "/target";
        const char* const second = c.link_first ? "/target" : "/link";
        s.send(fxp_symlink{1, first, second});
        EXPECT_EQ(s.status(), ok);
        s.send(fxp_readlink{2, "/link"});
        name_entry entry;
        ASSERT_FALSE(get_fields(s.only<fxp_name>().names.data, entry));
        EXPECT_EQ(entry.filename, "/target");
        // The path that is changed is the one that is looked at.
        s.send(fxp_symlink{3, std::string_view("/a\0", 3), "/b"});
        EXPECT_EQ(s.status(), 2u);
    }
}

TEST(OpensshProtocol4, ExtensionsAnswerInTheirFormats) {
    sftp_session s;
    s.start();
    const auto reply_fields = [&s]<class R>(R r, const bytes& request) {
        s.send(request);
        const auto reply = s.only<fxp_extended_reply>();
        EXPECT_FALSE(get_fields(reply.data.data, r));
        return r;
    };
    const auto vfs = reply_fields(statvfs_reply{}, extended_packet(1, ext_statvfs{"/"}));
    EXPECT_EQ(vfs.f_bsize, 1u);
    EXPECT_EQ(vfs.f_namemax, 11u);
    const auto limit = reply_fields(limits_reply{}, extended_packet(1, ext_limits{}));
    EXPECT_EQ(limit.max_packet_length, 256u * 1024);
    EXPECT_EQ(limit.max_read_length, 255u * 1024);
    EXPECT_EQ(limit.max_write_length, 255u * 1024);
    EXPECT_EQ(limit.max_open_handles, 1024u);

    const bytes ids{0, 0, 0, 0, 0, 0, 0, 9};
    s.send(extended_packet(1, ext_users_groups_by_id{ids, bytes_view(ids).first(4)}));
    users_groups_reply names;
    ASSERT_FALSE(get_fields(s.only<fxp_extended_reply>().data.data, names));
    EXPECT_EQ(as_text(names.usernames), std::string_view("\0\0\0\4root\0\0\0\0", 12));
    EXPECT_EQ(as_text(names.groupnames), std::string_view("\0\0\0\5wheel", 9));
    s.send(extended_packet(1, ext_users_groups_by_id{bytes_view(ids).first(3), {}}));
    EXPECT_EQ(s.status(), 5u);
    const bytes many(4 * (limits::sftp_ids_max + 1));
    s.send(extended_packet(1, ext_users_groups_by_id{many, {}}));
    EXPECT_EQ(s.status(), 5u);

    struct {
        const char* path;
        const char* want;
    } homes[] = {{"~", "/"}, {"~/x", "/x"}, {"y/~", "/y/~"}};
    for (const auto& c : homes) {
        SCOPED_TRACE(c.path);
        s.send(extended_packet(1, ext_expand_path{c.path}));
        name_entry entry;
        ASSERT_FALSE(get_fields(s.only<fxp_name>().names.data, entry));
        EXPECT_EQ(entry.filename, c.want);
    }
    s.send(extended_packet(1, ext_expand_path{"~ada/x"}));
    EXPECT_EQ(s.status(), 4u);
    name_entry home;
    s.send(extended_packet(1, ext_home_directory{""}));
    ASSERT_FALSE(get_fields(s.only<fxp_name>().names.data, home));
    EXPECT_EQ(home.filename, "/");
    s.send(extended_packet(1, ext_home_directory{"ada"}));
    EXPECT_EQ(s.status(), 4u);
    s.send(sftp_packet(fxp_extended{1, "check-file@example.org", {}}));
    EXPECT_EQ(s.status(), 8u);
}

TEST(OpensshProtocol4, CopyDataCopiesBetweenHandlesOnly) {
    sftp_session s;
    s.start();
    s.files.add_file("/from", pattern(100));
    const bytes from = s.open("/from", fxf_read);
    const bytes to = s.open("/to", write_create);
    s.send(extended_packet(1, ext_copy_data{from, 10, 20, to, 5}));
    EXPECT_EQ(s.status(), ok);
    const bytes copied = s.files.content("/to");
    ASSERT_EQ(copied.size(), 25u);
    EXPECT_EQ(copied[5], 10);
    s.send(extended_packet(1, ext_copy_data{from, 10, 20, from, 5}));
    EXPECT_EQ(s.status(), 3u);  // not open for writing
    const bytes both = s.open("/to", fxf_read | fxf_write);
    s.send(extended_packet(1, ext_copy_data{both, 0, 1, both, 5}));
    EXPECT_EQ(s.status(), 23u);  // SSH_FX_INVALID_PARAMETER
    s.server.abandon();
    s.pump();
}

TEST(FilexferDraft02s6, BadHandlesFailAndTheSessionGoesOn) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", pattern(3));
    const bytes in = s.open("/f", fxf_read);
    s.send(fxp_opendir{1, "/"});
    const bytes dir = to_bytes(s.only<fxp_handle>().handle);
    bytes next = in;
    next[7] ^= 1;  // another generation
    bytes far = in;
    far[0] = 0x7f;
    const bytes stale = s.open("/f", fxf_read);
    s.send(fxp_close{1, stale});
    EXPECT_EQ(s.status(), ok);
    const bytes reused = s.open("/f", fxf_read);
    EXPECT_NE(stale, reused);

    struct {
        const char* name;
        bytes request;
        std::uint32_t code;
    } cases[] = {
        {"empty", sftp_packet(fxp_read{1, {}, 0, 1}), 4},
        {"never given", sftp_packet(fxp_read{1, next, 0, 1}), 4},
        {"out of range", sftp_packet(fxp_read{1, far, 0, 1}), 4},
        {"closed", sftp_packet(fxp_read{1, stale, 0, 1}), 4},
        {"close of a closed one", sftp_packet(fxp_close{1, stale}), 4},
        {"read of a directory", sftp_packet(fxp_read{1, dir, 0, 1}), 4},
        {"fstat of a directory", sftp_packet(fxp_fstat{1, dir}), 4},
        {"readdir of a file", sftp_packet(fxp_readdir{1, in}), 4},
        {"write to what is open for reading", sftp_packet(fxp_write{1, in, 0, bytes{1}}), 3},
        {"256 bytes", sftp_packet(fxp_close{1, bytes(256)}), 4},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        s.send(c.request);
        EXPECT_EQ(s.status(), c.code);
    }
    EXPECT_EQ(s.server.report().requests_refused, std::size(cases));
    s.send(fxp_close{1, bytes(257)});  // "MUST NOT be longer than 256 bytes" (§6.3)
    EXPECT_EQ(s.server.error(), errc::too_long);
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.files.handles_open(), 0u);
}

TEST(SftpServer, HostilePacketsEndTheSessionOrAreRefused) {
    struct {
        const char* name;
        bytes stream;
        error_code error;    // of the session
        std::uint32_t code;  // of the reply, where the session goes on
    } cases[] = {
        {"length 0", {0, 0, 0, 0}, errc::bad_value, 0},
        {"length above 256 KiB", {0, 4, 0, 1, 17}, errc::too_long, 0},
        {"largest length", {255, 255, 255, 255}, errc::too_long, 0},
        {"no room for an id", {0, 0, 0, 4, 17, 0, 0, 0}, errc::truncated, 0},
        {"unknown type", {0, 0, 0, 5, 99, 0, 0, 0, 1}, {}, 8},
        {"a reply", {0, 0, 0, 5, 101, 0, 0, 0, 1}, {}, 8},
        {"a field missing", {0, 0, 0, 5, 17, 0, 0, 0, 1}, {}, 5},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        sftp_session s;
        s.start();
        s.send(c.stream);
        EXPECT_EQ(s.server.error(), c.error);
        EXPECT_EQ(s.server.finished(), bool(c.error));
        if (!c.error) {
            EXPECT_EQ(s.status(), c.code);
        }
        s.send(fxp_stat{1, "/"});  // ignored after an error, served otherwise
        EXPECT_EQ(s.replies.size(), c.error ? 0u : 1u);
        EXPECT_EQ(s.credited, s.sent);
    }
}

TEST(SftpServer, OneByteAtATimeIsTheSameAsAllAtOnce) {
    const bytes data = pattern(300);
    const auto script = [&](const bytes& h) {
        return joined({sftp_packet(fxp_write{2, h, 0, data}), sftp_packet(fxp_fstat{3, h}),
                       sftp_packet(fxp_read{4, h, 100, 50}), sftp_packet(fxp_close{5, h}),
                       sftp_packet(fxp_stat{6, "/f"}), sftp_packet(fxp_realpath{7, "."})});
    };
    sftp_session whole;
    sftp_session bytewise;
    for (auto* s : {&whole, &bytewise}) {
        s->start();
        const bytes h = s->open("/f", fxf_read | write_create);
        const bytes all = script(h);
        if (s == &whole)
            s->send(all);
        else
            for (const auto b : all)
                s->send(bytes_view(&b, 1));
        s->server.on_eof();
        s->pump();
        EXPECT_TRUE(s->server.finished());
        EXPECT_EQ(s->credited, s->sent);
    }
    EXPECT_EQ(whole.replies, bytewise.replies);
    EXPECT_EQ(whole.replies.size(), 6u);
    EXPECT_EQ(whole.server.report(), bytewise.server.report());
}

TEST(CloseAndDrain, FiveHundredWritesAndEofInOnePieceAreAllAnswered) {
    for (const bool later : {false, true}) {
        SCOPED_TRACE(later ? "completed later" : "completed at once");
        sftp_session s;
        s.start();
        const bytes h = s.open("/f", write_create);
        bytes all;
        for (std::uint32_t i = 0; i < 500; ++i) {
            const bytes one = sftp_packet(fxp_write{i, h, i * 10, pattern(10)});
            all.insert(all.end(), one.begin(), one.end());
        }
        s.files.defer = later;
        s.server.receive(all);
        s.server.on_eof();
        s.pump();
        if (later) {
            EXPECT_EQ(s.files.pending(), limits::sftp_requests_max);
            EXPECT_FALSE(s.server.finished());
            std::size_t i = 0;
            while (s.files.pending() != 0)
                s.files.run(i++ * 7 % s.files.pending());
        }
        EXPECT_TRUE(s.server.finished());
        EXPECT_EQ(s.statuses().size(), 500u);
        EXPECT_EQ(s.files.content("/f").size(), 5000u);
        ASSERT_EQ(s.files.endings.size(), 1u);  // the client did not close it
        EXPECT_EQ(s.files.endings[0].second.how, ending::kind::abandoned);
        EXPECT_EQ(s.files.endings[0].second.contiguous_end, 5000u);
        EXPECT_EQ(s.server.report().handles_left_open, 1u);
    }
}

TEST(SftpServer, InputStopsAtTheCapsAndNothingIsCreditedBeyond) {
    sftp_session s;
    s.start();
    const bytes h = s.open("/f", write_create);
    s.files.defer = true;
    const std::size_t before = s.credited;
    bytes all;
    std::size_t packet = 0;
    for (std::uint32_t i = 0; i < 12; ++i) {
        const bytes one = sftp_packet(fxp_write{i, h, i * 255 * 1024, bytes(255 * 1024)});
        packet = one.size();
        all.insert(all.end(), one.begin(), one.end());
    }
    s.send(all);
    // Reading stops with the packet that reaches the cap.
    const std::size_t admitted = (limits::sftp_input_max + packet - 1) / packet;
    EXPECT_EQ(s.files.pending(), admitted);
    EXPECT_EQ(s.credited - before, admitted * packet);
    s.files.run(0);
    EXPECT_EQ(s.files.pending(), admitted);
    while (s.files.pending() != 0)
        s.files.run(s.files.pending() - 1);
    EXPECT_EQ(s.credited, s.sent);
    EXPECT_EQ(s.statuses().size(), 12u);
    s.server.abandon();
    s.pump();
    while (s.files.pending() != 0)
        s.files.run(0);
}

TEST(SftpServer, RepliesThatNobodyTakesStopReading) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", bytes(3 * 1024 * 1024, 7));
    const bytes h = s.open("/f", fxf_read);
    s.taking = false;
    bytes all;
    for (std::uint32_t i = 0; i < 200; ++i) {
        const bytes one = sftp_packet(fxp_read{i, h, i * 1024, 255 * 1024});
        all.insert(all.end(), one.begin(), one.end());
    }
    s.send(all);
    std::size_t queued = 0;
    std::size_t replies = 0;
    while (s.server.has_output()) {
        queued += s.server.next_output().size();
        ++replies;
    }
    EXPECT_GT(replies, 2u);
    EXPECT_LE(queued, limits::sftp_output_max);
    EXPECT_LE(s.server.requests_in_flight(), limits::sftp_requests_max);
    s.taking = true;
    s.pump();
    EXPECT_EQ(s.replies.size() + replies, 200u);  // and it goes on as they are taken
    EXPECT_EQ(s.credited, s.sent);
    s.server.abandon();
    s.pump();
}

TEST(SftpServer, ShortReadsIntoLargeBuffersDoNotHoldMemory) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", pattern(10));
    const bytes h = s.open("/f", fxf_read);
    s.taking = false;
    for (std::uint32_t i = 0; i < 100; ++i)
        s.send(fxp_read{i, h, 0, 255 * 1024});
    std::size_t capacity = 0;
    while (s.server.has_output())
        capacity += s.server.next_output().capacity();
    EXPECT_LT(capacity, 16u * 1024);
    s.server.abandon();
    s.pump();
}

TEST(SftpServer, HandlesAreCapped) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", {});
    std::set<bytes> handles;
    for (std::size_t i = 0; i < limits::sftp_handles_max; ++i)
        handles.insert(s.open("/f", fxf_read));
    EXPECT_EQ(handles.size(), limits::sftp_handles_max);
    s.send(fxp_open{1, "/f", fxf_read, {}});
    EXPECT_EQ(s.status(), 4u);
    s.send(fxp_close{1, *handles.begin()});
    EXPECT_EQ(s.status(), ok);
    EXPECT_FALSE(s.open("/f", fxf_read).empty());
    s.server.on_eof();
    s.pump();
    EXPECT_TRUE(s.server.finished());
    EXPECT_EQ(s.files.handles_open(), 0u);
    EXPECT_EQ(s.server.report().handles_left_open, limits::sftp_handles_max);
    EXPECT_EQ(s.server.report().files_abandoned, 0u);  // none was open for writing
}

// sftp-server(8): -p and -P.
TEST(Requests, OnlyThoseThatArePermittedAreMade) {
    const auto names = request_names();
    EXPECT_EQ(names.size(), 18 + std::variant_size_v<extension>);
    EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), names.size());
    std::vector<std::string> asked;
    sftp_session s({.permits = [&](std::string_view request) {
        asked.emplace_back(request);
        return request == "mkdir" || request == "fsync";
    }});
    s.start();
    s.send(fxp_mkdir{1, "/d", {}});
    EXPECT_EQ(s.status(), ok);
    s.send(fxp_rmdir{2, "/d"});
    EXPECT_EQ(s.status(), 3u);
    s.send(fxp_stat{3, "/d"});
    EXPECT_EQ(s.status(), 3u);
    s.send(bytes_view(extended_packet(4, ext_posix_rename{"/d", "/e"})));
    EXPECT_EQ(s.status(), 3u);
    s.send(bytes_view(extended_packet(5, ext_fsync{as_bytes("none")})));
    EXPECT_EQ(s.status(), 4u) << "permitted, and of no handle";
    EXPECT_EQ(asked, (std::vector<std::string>{"mkdir", "rmdir", "stat", "posix-rename", "fsync"}));
    for (const auto& one : asked)
        EXPECT_NE(std::ranges::find(names, one), names.end()) << one;
}

TEST(SftpServer, ReadOnlyRefusesWhateverChangesSomething) {
    sftp_session s({.read_only = true});
    s.start();
    s.files.add_file("/f", pattern(3));
    const bytes h = s.open("/f", fxf_read);
    const bytes changing[] = {
        sftp_packet(fxp_open{1, "/f", fxf_write, {}}),
        sftp_packet(fxp_open{1, "/f", fxf_read | fxf_trunc, {}}),
        sftp_packet(fxp_open{1, "/f", fxf_read | fxf_creat, {}}),
        sftp_packet(fxp_open{1, "/f", fxf_append, {}}),
        sftp_packet(fxp_write{1, h, 0, bytes{1}}),
        sftp_packet(fxp_setstat{1, "/f", {}}),
        sftp_packet(fxp_fsetstat{1, h, {}}),
        sftp_packet(fxp_remove{1, "/f"}),
        sftp_packet(fxp_mkdir{1, "/d", {}}),
        sftp_packet(fxp_rmdir{1, "/d"}),
        sftp_packet(fxp_rename{1, "/f", "/g"}),
        sftp_packet(fxp_symlink{1, "/f", "/l"}),
        extended_packet(1, ext_posix_rename{"/f", "/g"}),
        extended_packet(1, ext_hardlink{"/f", "/g"}),
        extended_packet(1, ext_lsetstat{"/f", {}}),
        extended_packet(1, ext_copy_data{h, 0, 0, h, 0}),
    };
    const std::size_t before = s.files.log.size();
    for (const auto& request : changing) {
        s.send(request);
        EXPECT_EQ(s.status(), 3u);
    }
    EXPECT_EQ(s.files.log.size(), before);
    s.send(fxp_read{1, h, 0, 10});
    EXPECT_EQ(s.only<fxp_data>().data.size(), 3u);
    s.server.abandon();
    s.pump();
}

TEST(SftpServer, AReadOfNothingIsAnsweredWithNothing) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", pattern(3));
    const bytes h = s.open("/f", fxf_read);
    s.send(fxp_read{9, h, 0, 0});
    const auto data = s.only<fxp_data>();
    EXPECT_EQ(data.id, 9u);
    EXPECT_TRUE(data.data.empty());
    s.server.abandon();
    s.pump();
}

}  // namespace
}  // namespace sluice::sftp
