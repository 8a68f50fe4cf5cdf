#include "sluice/sftp/client.hpp"

#include "sluice/sftp/path.hpp"
#include "sluice/sftp/status.hpp"
#include "sluice/tests/sftp/pair.hpp"
#include "sluice/wire/limits.hpp"

#include <array>
#include <functional>
#include <map>
#include <random>
#include <set>

namespace sluice::sftp {
namespace {

using test::extended_packet;
using test::joined;
using test::scripted_server;
using test::sftp_packet;
using test::sftp_pair;

constexpr std::uint32_t number(request_id id) { return static_cast<std::uint32_t>(id); }

bytes status_packet(request_id id, std::uint32_t code, std::string_view text = "") {
    return sftp_packet(fxp_status{number(id), code, text, ""});
}

bytes name_packet(std::uint32_t id, std::uint32_t count, const std::vector<std::string>& names) {
    bytes list;
    wire::writer w(list);
    for (const auto& n : names)
        put_fields(name_entry{n, "long " + n, {}}, w);
    return sftp_packet(fxp_name{id, count, {list}});
}

TEST(FilexferDraft02s4, TheClientBeginsWithInitOfVersion3) {
    client c;
    EXPECT_TRUE(c.has_output());
    EXPECT_EQ(to_bytes(c.next_output().view()), (bytes{0, 0, 0, 5, 1, 0, 0, 0, 3}));
    EXPECT_FALSE(c.has_output());
    EXPECT_TRUE(c.next_output().empty());
    EXPECT_FALSE(c.ready());
    EXPECT_EQ(c.stat("/").error(), errc::unexpected_message);
    EXPECT_FALSE(c.may_send_eof());
}

TEST(FilexferDraft02s4, OnlyVersion3IsTaken) {
    for (const std::uint32_t version : {0u, 2u, 3u, 4u, 6u}) {
        SCOPED_TRACE(version);
        client c;
        c.receive(sftp_packet(fxp_version{version, {}}));
        EXPECT_EQ(c.ready(), version == 3);
        EXPECT_EQ(c.error(),
                  version == 3 ? error_code() : make_error_code(errc::unsupported_version));
        EXPECT_EQ(c.over(), version != 3);
    }
}

// Each call, and the packet it is.
TEST(SftpClient, RequestsOnTheWire) {
    scripted_server s;
    s.version(test::all_extensions());
    const remote_handle h = s.open_handle("hndl");
    const bytes_view wire_handle = as_bytes("hndl");
    const attributes attrs{.size = 5, .permissions = 0600};
    const std::array<std::uint32_t, 2> ids{1, 2};
    const bytes raw_ids{0, 0, 0, 1, 0, 0, 0, 2};
    const bytes three{1, 2, 3};
    using made = result<request_id>;
    client& c = s.client;
    struct {
        const char* name;
        made id;
        std::function<bytes(std::uint32_t)> want;
    } cases[] = {
        {"open", c.open("/f", fxf_read, attrs),
         [&](auto id) {
             return sftp_packet(fxp_open{id, "/f", fxf_read, attrs});
         }},
        {"read", c.read(h, 7, 9),
         [&](auto id) {
             return sftp_packet(fxp_read{id, wire_handle, 7, 9});
         }},
        {"read of too much", c.read(h, 7, 1u << 31),
         [&](auto id) {
             return sftp_packet(fxp_read{id, wire_handle, 7, 255 * 1024});
         }},
        {"write", c.write(h, 1ull << 40, test::written(bytes{1, 2, 3})),
         [&](auto id) {
             return sftp_packet(fxp_write{id, wire_handle, 1ull << 40, three});
         }},
        {"write of nothing", c.write(h, 5, test::written({})),
         [&](auto id) {
             return sftp_packet(fxp_write{id, wire_handle, 5, {}});
         }},
        {"stat", c.stat("a"),
         [&](auto id) {
             return sftp_packet(fxp_stat{id, "a"});
         }},
        {"lstat", c.lstat("a"),
         [&](auto id) {
             return sftp_packet(fxp_lstat{id, "a"});
         }},
        {"fstat", c.fstat(h),
         [&](auto id) {
             return sftp_packet(fxp_fstat{id, wire_handle});
         }},
        {"setstat", c.setstat("a", attrs),
         [&](auto id) {
             return sftp_packet(fxp_setstat{id, "a", attrs});
         }},
        {"fsetstat", c.fsetstat(h, attrs),
         [&](auto id) {
             return sftp_packet(fxp_fsetstat{id, wire_handle, attrs});
         }},
        {"opendir", c.opendir("a"),
         [&](auto id) {
             return sftp_packet(fxp_opendir{id, "a"});
         }},
        {"readdir", c.readdir(h),
         [&](auto id) {
             return sftp_packet(fxp_readdir{id, wire_handle});
         }},
        {"remove", c.remove("a"),
         [&](auto id) {
             return sftp_packet(fxp_remove{id, "a"});
         }},
        {"mkdir", c.mkdir("a", attrs),
         [&](auto id) {
             return sftp_packet(fxp_mkdir{id, "a", attrs});
         }},
        {"rmdir", c.rmdir("a"),
         [&](auto id) {
             return sftp_packet(fxp_rmdir{id, "a"});
         }},
        {"realpath", c.realpath("."),
         [&](auto id) {
             return sftp_packet(fxp_realpath{id, "."});
         }},
        {"rename", c.rename("a", "b"),
         [&](auto id) {
             return sftp_packet(fxp_rename{id, "a", "b"});
         }},
        {"readlink", c.readlink("a"),
         [&](auto id) {
             return sftp_packet(fxp_readlink{id, "a"});
         }},
        {"symlink", c.symlink("to", "at"),
         [&](auto id) {
             return sftp_packet(fxp_symlink{id, "to", "at"});
         }},
        {"posix-rename", c.posix_rename("a", "b"),
         [&](auto id) {
             return extended_packet(id, ext_posix_rename{"a", "b"});
         }},
        {"statvfs", c.statvfs("a"), [&](auto id) { return extended_packet(id, ext_statvfs{"a"}); }},
        {"fstatvfs", c.fstatvfs(h),
         [&](auto id) { return extended_packet(id, ext_fstatvfs{wire_handle}); }},
        {"hardlink", c.hardlink("a", "b"),
         [&](auto id) {
             return extended_packet(id, ext_hardlink{"a", "b"});
         }},
        {"fsync", c.fsync(h), [&](auto id) { return extended_packet(id, ext_fsync{wire_handle}); }},
        {"lsetstat", c.lsetstat("a", attrs),
         [&](auto id) {
             return extended_packet(id, ext_lsetstat{"a", attrs});
         }},
        {"expand-path", c.expand_path("~"),
         [&](auto id) { return extended_packet(id, ext_expand_path{"~"}); }},
        {"copy-data", c.copy_data(h, 1, 2, h, 3),
         [&](auto id) {
             return extended_packet(id, ext_copy_data{wire_handle, 1, 2, wire_handle, 3});
         }},
        {"home-directory", c.home_directory("ada"),
         [&](auto id) { return extended_packet(id, ext_home_directory{"ada"}); }},
        {"users-groups", c.users_groups(ids, std::span(ids).first(1)),
         [&](auto id) {
             return extended_packet(id,
                                    ext_users_groups_by_id{raw_ids, bytes_view(raw_ids).first(4)});
         }},
        {"close", c.close(h),
         [&](auto id) {
             return sftp_packet(fxp_close{id, wire_handle});
         }},
    };
    bytes want;
    for (const auto& x : cases) {
        SCOPED_TRACE(x.name);
        ASSERT_TRUE(x.id.has_value());
        EXPECT_NE(number(*x.id), 0u);
        const bytes packet = x.want(number(*x.id));
        want.insert(want.end(), packet.begin(), packet.end());
    }
    EXPECT_EQ(s.sent(), want);
    EXPECT_EQ(c.requests_in_flight(), std::size(cases));
}

TEST(SftpClient, EveryRequestIsServed) {
    sftp_pair p;
    p.server_files().add_file("/f", bytes(10, 1));
    p.server_files().add_file("/g", bytes(3, 2));
    p.start();
    const auto h = p.value<remote_handle>(p.client.open("/f", fxf_read | fxf_write));
    const auto to = p.value<remote_handle>(p.client.open("/new", fxf_write | fxf_creat));
    EXPECT_EQ(p.value<wire::buffer>(p.client.read(h, 8, 100)).size(), 2u);
    EXPECT_EQ(p.error(p.client.read(h, 10, 100)), errc::sftp_eof);
    EXPECT_FALSE(p.error(p.client.write(to, 2, test::written(bytes{7, 8}))));
    EXPECT_EQ(p.server_files().content("/new"), (bytes{0, 0, 7, 8}));
    EXPECT_EQ(p.error(p.client.write(h, 0, test::written({}))), error_code());
    EXPECT_EQ(p.value<attributes>(p.client.fstat(h)).size, 10u);
    EXPECT_FALSE(p.error(p.client.fsetstat(h, {.size = 4})));
    EXPECT_EQ(p.value<attributes>(p.client.stat("/f")).size, 4u);
    EXPECT_EQ(p.value<attributes>(p.client.lstat("/f")).size, 4u);
    EXPECT_FALSE(p.error(p.client.setstat("/f", {.permissions = 0600})));
    EXPECT_FALSE(p.error(p.client.lsetstat("/f", {.permissions = 0640})));
    EXPECT_FALSE(p.error(p.client.fsync(h)));
    EXPECT_FALSE(p.error(p.client.copy_data(h, 0, 0, to, 10)));
    EXPECT_EQ(p.server_files().content("/new").size(), 14u);
    EXPECT_EQ(p.value<statvfs_reply>(p.client.statvfs("/")).f_namemax, 11u);
    EXPECT_EQ(p.error(p.client.fstatvfs(h)), errc::sftp_unsupported);  // by that filesystem
    EXPECT_FALSE(p.error(p.client.close(h)));
    EXPECT_FALSE(p.error(p.client.close(to)));

    EXPECT_FALSE(p.error(p.client.mkdir("/d")));
    EXPECT_EQ(p.error(p.client.mkdir("/d")), errc::sftp_failure);
    EXPECT_FALSE(p.error(p.client.rename("/g", "/d/g")));
    EXPECT_FALSE(p.error(p.client.posix_rename("/d/g", "/f")));
    EXPECT_EQ(p.error(p.client.hardlink("/f", "/h")), errc::sftp_unsupported);
    EXPECT_FALSE(p.error(p.client.symlink("/f", "/l")));
    EXPECT_EQ(p.value<std::string>(p.client.readlink("/l")), "/f");
    EXPECT_EQ(p.value<std::string>(p.client.realpath("d/../x")), "/x");
    EXPECT_EQ(p.value<std::string>(p.client.expand_path("~/x")), "/x");
    EXPECT_EQ(p.value<std::string>(p.client.home_directory("")), "/");
    const std::array<std::uint32_t, 2> ids{0, 9};
    const auto names = p.value<id_names>(p.client.users_groups(ids, std::span(ids).first(1)));
    EXPECT_EQ(names.users, (std::vector<std::string>{"root", ""}));
    EXPECT_EQ(names.groups, (std::vector<std::string>{"wheel"}));
    EXPECT_FALSE(p.error(p.client.rmdir("/d")));
    EXPECT_EQ(p.error(p.client.rmdir("/d")), errc::sftp_no_such_file);
    EXPECT_FALSE(p.error(p.client.remove("/l")));

    const auto dir = p.value<remote_handle>(p.client.opendir("/"));
    auto listed = p.value<names_reply>(p.client.readdir(dir));
    EXPECT_EQ(listed.count(), 2u);
    name_entry entry;
    std::vector<std::string> found;
    while (listed.next(entry))
        found.emplace_back(entry.filename);
    EXPECT_EQ(found, (std::vector<std::string>{"f", "new"}));
    EXPECT_EQ(p.error(p.client.readdir(dir)), errc::sftp_eof);
    EXPECT_FALSE(p.error(p.client.close(dir)));

    EXPECT_EQ(p.finish(), 0u);
    const auto report = p.client.report();
    EXPECT_EQ(report.requests_answered, report.requests_made);
    EXPECT_EQ(report.requests_unanswered, 0u);
    EXPECT_EQ(report.bytes_read, 2u);
    EXPECT_EQ(report.bytes_written, 2u);
    EXPECT_EQ(report.handles_left_open, 0u);
    // The server also counts INIT.
    EXPECT_EQ(p.server().report().requests_answered, report.requests_made + 1);
}

TEST(SftpClient, RepliesComeInAnyOrder) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    const auto a = s.client.read(h, 0, 10).value();
    const auto b = s.client.read(h, 10, 10).value();
    const auto c = s.client.stat("/f").value();
    s.client.receive(joined({sftp_packet(fxp_attrs{number(c), {.size = 3}}),
                             sftp_packet(fxp_data{number(b), bytes(10, 2)}),
                             sftp_packet(fxp_data{number(a), bytes(4, 1)})}));
    auto first = s.client.next_outcome();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, c);
    EXPECT_EQ(std::get<attributes>(first->value).size, 3u);
    auto second = s.client.next_outcome();
    EXPECT_EQ(second->id, b);
    EXPECT_EQ(to_bytes(std::get<wire::buffer>(second->value).view()), bytes(10, 2));
    auto third = s.client.next_outcome();
    EXPECT_EQ(third->id, a);
    EXPECT_EQ(to_bytes(std::get<wire::buffer>(third->value).view()), bytes(4, 1));
    EXPECT_FALSE(s.client.next_outcome());
    EXPECT_EQ(s.client.requests_in_flight(), 0u);
}

TEST(SftpClient, ErrorsCarryTheServersWordsMadeHarmless) {
    scripted_server s;
    s.version({});
    const std::string long_text(300, 'x');
    struct {
        const char* name;
        bytes body;  // behind the id
        error_code error;
        std::string text;
    } cases[] = {
        {"draining", status_packet(request_id{}, 4, "server is draining"), errc::sftp_failure,
         "server is draining"},
        {"terminal control", status_packet(request_id{}, 2, "a\x1b[2Jb\n\x9b"),
         errc::sftp_no_such_file, "a?[2Jb??"},
        {"long", status_packet(request_id{}, 3, long_text), errc::sftp_permission_denied,
         long_text.substr(0, 256)},
        {"unknown code", status_packet(request_id{}, 77), errc::sftp_failure, ""},
        {"no language",
         {0, 0, 0, 14, 101, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, '!'},
         errc::sftp_unsupported,
         "!"},
        {"no text", {0, 0, 0, 9, 101, 0, 0, 0, 0, 0, 0, 0, 5}, errc::sftp_bad_message, ""},
    };
    for (auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto id = s.client.stat("/").value();
        for (unsigned i = 0; i < 4; ++i)
            c.body[5 + i] = static_cast<std::uint8_t>(number(id) >> (24 - 8 * i));
        s.client.receive(c.body);
        const auto o = s.client.next_outcome();
        ASSERT_TRUE(o);
        EXPECT_EQ(o->error, c.error);
        EXPECT_EQ(o->text, c.text);
    }
    EXPECT_FALSE(s.client.error());
}

// As sftp(1) goes on, and at most the one request fails.
TEST(SftpClient, OddRepliesDoNotEndTheSession) {
    scripted_server s;
    s.version(test::all_extensions());
    const auto h = s.open_handle("h");
    const auto read = s.client.read(h, 0, 10).value();
    const auto long_one = s.client.read(h, 10, 10).value();
    const auto stat = s.client.stat("/").value();
    const auto names = s.client.readdir(h).value();

    bytes behind = sftp_packet(fxp_data{number(read), bytes(10, 7)});
    behind[3] += 5;  // the packet, not the data
    behind.insert(behind.end(), 5, 9);
    s.client.receive(behind);
    auto o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_FALSE(o->error);
    EXPECT_EQ(std::get<wire::buffer>(o->value).view().size(), 10u);

    s.client.receive(sftp_packet(fxp_data{number(long_one), bytes(11)}));
    o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_EQ(o->id, long_one);
    EXPECT_EQ(o->error, errc::sftp_bad_message);

    bytes attrs = sftp_packet(fxp_attrs{number(stat), {.size = 3}});
    attrs[11] |= 0x40;  // a flag of later versions
    s.client.receive(attrs);
    o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_FALSE(o->error);
    EXPECT_EQ(std::get<attributes>(o->value).size, 3u);

    bytes entries = name_packet(number(names), 1, {"a"});
    entries[entries.size() - 4] |= 0x10;
    s.client.receive(entries);
    o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_FALSE(o->error);
    EXPECT_EQ(std::get<names_reply>(o->value).count(), 1u);
    EXPECT_FALSE(s.client.error());
    EXPECT_FALSE(s.client.over());
}

// What a hostile server can say, and what ends the session with which error. A READ of 10 bytes is
// the request `r`, and others by need.
TEST(SftpClient, BreachesOfTheProtocolEndTheSession) {
    using packet = std::function<bytes(client&, remote_handle)>;
    const auto to_read = [](auto make) -> packet {
        return
            [make](client& c, remote_handle h) { return make(number(c.read(h, 0, 10).value())); };
    };
    const auto to_readdir = [](auto make) -> packet {
        return [make](client& c, remote_handle h) { return make(number(c.readdir(h).value())); };
    };
    const auto to_open = [](auto make) -> packet {
        return [make](client& c, remote_handle) {
            return make(number(c.open("/", fxf_read).value()));
        };
    };
    const auto to_realpath = [](auto make) -> packet {
        return [make](client& c, remote_handle) { return make(number(c.realpath("/").value())); };
    };
    const auto to_users = [](auto make) -> packet {
        return [make](client& c, remote_handle) {
            const std::array<std::uint32_t, 1> one{5};
            return make(number(c.users_groups(one, {}).value()));
        };
    };
    const auto users = [](std::uint32_t id, bytes names) {
        bytes data;
        wire::writer w(data);
        put_fields(users_groups_reply{names, {}}, w);
        return sftp_packet(fxp_extended_reply{id, {data}});
    };
    using n = std::uint32_t;
    struct {
        const char* name;
        packet make;
        error_code error;
    } cases[] = {
        {"length 0", to_read([](n) {
             return bytes{0, 0, 0, 0};
         }),
         errc::bad_value},
        {"too long a packet", to_read([](n) {
             return bytes{0, 4, 0, 1, 103};
         }),
         errc::too_long},
        {"no id", to_read([](n) {
             return bytes{0, 0, 0, 1, 103};
         }),
         errc::truncated},
        {"unknown id", to_read([](n id) {
             return sftp_packet(fxp_data{id ^ 0x1000, {}});
         }),
         errc::unexpected_message},
        {"unknown slot", to_read([](n id) {
             return sftp_packet(fxp_data{id | 0xfff, {}});
         }),
         errc::unexpected_message},
        {"id 0", to_read([](n) {
             return sftp_packet(fxp_data{0, {}});
         }),
         errc::unexpected_message},
        {"VERSION again", to_read([](n) {
             return sftp_packet(fxp_version{3, {}});
         }),
         errc::unexpected_message},
        {"a request", to_read([](n id) {
             return sftp_packet(fxp_stat{id, "/"});
         }),
         errc::unexpected_message},
        {"wrong type", to_read([](n id) {
             return sftp_packet(fxp_attrs{id, {}});
         }),
         errc::unexpected_message},
        {"success without data", to_read([](n id) { return status_packet(request_id{id}, 0); }),
         errc::unexpected_message},
        {"data past its packet", to_read([](n id) {
             bytes p = sftp_packet(fxp_data{id, bytes(10)});
             p[12] = 11;
             return p;
         }),
         errc::truncated},
        {"bytes behind a status", to_read([](n id) {
             return sftp_packet(fxp_extended_reply{id, {bytes{0, 0, 0, 4}}});
         }),
         errc::unexpected_message},
        {"answered twice", to_read([](n id) {
             return joined(
                 {sftp_packet(fxp_data{id, bytes(1)}), sftp_packet(fxp_data{id, bytes(1)})});
         }),
         errc::unexpected_message},
        {"handle of 257 bytes", to_open([](n id) {
             return sftp_packet(fxp_handle{id, bytes(257)});
         }),
         errc::too_long},
        {"empty handle", to_open([](n id) {
             return sftp_packet(fxp_handle{id, {}});
         }),
         errc::bad_value},
        {"fewer names than said", to_readdir([](n id) { return name_packet(id, 2, {"a"}); }),
         errc::bad_value},
        {"2^32 - 1 names", to_readdir([](n id) { return name_packet(id, ~0u, {"a"}); }),
         errc::too_long},
        {"two real paths", to_realpath([](n id) {
             return name_packet(id, 2, {"/a", "/b"});
         }),
         errc::bad_value},
        {"no real path", to_realpath([](n id) { return name_packet(id, 0, {}); }), errc::bad_value},
        {"attributes that are not there",
         [](client& c, remote_handle) {
             const auto id = c.stat("/").value();
             bytes p = sftp_packet(fxp_attrs{number(id), {}});
             p[12] = 0x01;
             return p;
         },
         errc::truncated},
        {"fewer users than asked for", to_users([&](n id) { return users(id, {}); }),
         errc::bad_value},
        {"more users than asked for", to_users([&](n id) {
             return users(id, {0, 0, 0, 0, 0, 0, 0, 0});
         }),
         errc::bad_value},
        {"limits cut short",
         [](client& c, remote_handle) {
             const auto id = c.statvfs("/").value();
             return sftp_packet(fxp_extended_reply{number(id), {bytes(87)}});
         },
         errc::truncated},
    };
    for (const auto& c : cases) {
        for (const bool bytewise : {false, true}) {
            SCOPED_TRACE(c.name);
            scripted_server s;
            s.version(test::all_extensions());
            const auto h = s.open_handle("h");
            const auto other = s.client.lstat("/other").value();
            const bytes stream = c.make(s.client, h);
            if (bytewise) {
                for (const auto b : stream)
                    s.client.receive(bytes_view(&b, 1));
            } else {
                s.client.receive(stream);
            }
            EXPECT_EQ(s.client.error(), c.error);
            EXPECT_TRUE(s.client.over());
            EXPECT_FALSE(s.client.has_output());
            bool other_failed = false;
            while (auto o = s.client.next_outcome())
                if (o->id == other) other_failed = o->error == c.error;
            EXPECT_TRUE(other_failed);
            EXPECT_EQ(s.client.stat("/").error(), c.error);
            EXPECT_EQ(s.client.fstat(h).error(), c.error);
            EXPECT_EQ(s.client.fsync(h).error(), c.error);
            EXPECT_EQ(s.client.close(h).error(), c.error);
            s.client.receive(stream);  // ignored, and still credited
            EXPECT_EQ(s.client.error(), c.error);
            EXPECT_GE(s.client.take_consumed(), 2 * stream.size());
            EXPECT_EQ(s.client.report().handles_left_open, 1u);
            const auto r = s.client.report();
            EXPECT_EQ(r.requests_made, r.requests_answered + r.requests_unanswered);
        }
    }
}

TEST(SftpClient, BytesBehindTheLastFieldAreIgnored) {
    scripted_server s;
    s.version(test::all_extensions());
    const auto h = s.open_handle("h");
    const auto answer = [&s](bytes packet) {
        packet.insert(packet.end(), {'m', 'o', 'r', 'e'});
        const std::size_t n = packet.size() - 4;
        packet[2] = static_cast<std::uint8_t>(n >> 8);
        packet[3] = static_cast<std::uint8_t>(n);
        s.client.receive(packet);
        auto o = s.client.next_outcome();
        EXPECT_TRUE(o && !s.client.error());
        return o ? std::move(*o) : outcome{};
    };
    const auto read = s.client.read(h, 0, 10).value();
    const auto data = answer(sftp_packet(fxp_data{number(read), bytes(10, 7)}));
    EXPECT_EQ(to_bytes(std::get<wire::buffer>(data.value).view()), bytes(10, 7));
    EXPECT_EQ(s.client.report().bytes_read, 10u);

    const auto readdir = s.client.readdir(h).value();
    auto listed = answer(name_packet(number(readdir), 2, {"a", "b"}));
    auto& names = std::get<names_reply>(listed.value);
    EXPECT_EQ(names.count(), 2u);
    std::string all;
    for (name_entry entry; names.next(entry);)
        all += entry.filename;
    EXPECT_EQ(all, "ab");

    const auto realpath = s.client.realpath(".").value();
    EXPECT_EQ(
        std::get<std::string>(answer(name_packet(number(realpath), 1, {"/home", "/x"})).value),
        "/home");
    const auto stat = s.client.stat("/").value();
    EXPECT_EQ(
        std::get<attributes>(answer(sftp_packet(fxp_attrs{number(stat), {.size = 3}})).value).size,
        3u);
    const auto remove = s.client.remove("/x").value();
    const auto status = answer(status_packet(remove, 2, "no"));
    EXPECT_EQ(status.error, errc::sftp_no_such_file);
    EXPECT_EQ(status.text, "no");
    const auto open = s.client.open("/", fxf_read).value();
    const auto opened = answer(sftp_packet(fxp_handle{number(open), as_bytes("i")}));
    EXPECT_TRUE(std::holds_alternative<remote_handle>(opened.value));
    const auto statvfs = s.client.statvfs("/").value();
    const auto space = answer(sftp_packet(fxp_extended_reply{number(statvfs), {bytes(88)}}));
    EXPECT_TRUE(std::holds_alternative<statvfs_reply>(space.value));
}

TEST(SftpClient, OneByteAtATimeIsTheSameAsAllAtOnce) {
    std::vector<std::string> seen[2];
    for (const bool bytewise : {false, true}) {
        scripted_server s;
        s.version(test::all_extensions());
        const auto h = s.open_handle("h");
        std::vector<request_id> ids{s.client.read(h, 0, 400).value(), s.client.stat("/").value(),
                                    s.client.readdir(h).value(), s.client.remove("/x").value(),
                                    s.client.realpath(".").value()};
        const bytes stream =
            joined({sftp_packet(fxp_data{number(ids[0]), bytes(400, 3)}),
                    sftp_packet(fxp_attrs{number(ids[1]), {.size = 3}}),
                    name_packet(number(ids[2]), 2, {"a", "b"}), status_packet(ids[3], 2, "no"),
                    name_packet(number(ids[4]), 1, {"/home"})});
        static_cast<void>(s.client.take_consumed());
        if (!bytewise) s.client.receive(stream);
        for (std::size_t i = 0; bytewise && i < stream.size(); ++i)
            s.client.receive(bytes_view(stream).subspan(i, 1));
        EXPECT_EQ(s.client.take_consumed(), stream.size());
        while (auto o = s.client.next_outcome())
            seen[bytewise].push_back(std::to_string(number(o->id)) + o->error.message() + o->text +
                                     std::to_string(o->value.index()));
        EXPECT_EQ(seen[bytewise].size(), ids.size());
    }
    EXPECT_EQ(seen[0], seen[1]);
}

// --- limits and caps --------------------------------------------------------------------------

TEST(OpensshProtocol4s8, SizesComeFromLimits) {
    struct {
        const char* name;
        limits_reply limits;
        std::uint32_t read;
        std::uint32_t write;
    } cases[] = {
        {"ours", {256 * 1024, 255 * 1024, 255 * 1024, 1024}, 255 * 1024, 255 * 1024},
        {"small", {34'000, 32'768, 16'384, 0}, 32'768, 16'384},
        {"not known", {0, 0, 0, 0}, 32 * 1024, 32 * 1024},
        {"only the packet", {100'000, 0, 0, 0}, 98'976, 98'976},
        {"more than the packet", {50'000, 1u << 30, 1u << 30, 0}, 48'976, 48'976},
        {"more than we take", {~0ull, ~0ull, ~0ull, ~0ull}, 255 * 1024, 255 * 1024},
        {"a packet of nothing", {5, 0, 1, 0}, 32 * 1024, 1},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        scripted_server s;
        s.version(test::all_extensions(), false);
        EXPECT_EQ(s.client.read_length_max(), 32u * 1024);
        bytes data;
        wire::writer w(data);
        put_fields(c.limits, w);
        s.client.receive(sftp_packet(fxp_extended_reply{s.last_id(), {data}}));
        EXPECT_FALSE(s.client.error());
        EXPECT_FALSE(s.client.next_outcome());  // nobody asked
        EXPECT_EQ(s.client.read_length_max(), c.read);
        EXPECT_EQ(s.client.write_length_max(), c.write);
        const auto h = s.open_handle("h");
        EXPECT_EQ(s.client.write(h, 0, test::written(bytes(c.write + 1))).error(), errc::too_long);
        EXPECT_TRUE(s.client.write(h, 0, test::written(bytes(c.write))));
    }
}

TEST(OpensshProtocol4s8, AServerThatRefusesToSayHasTheUsualSizes) {
    scripted_server s;
    s.version(test::all_extensions(), false);
    s.client.receive(status_packet(request_id{s.last_id()}, 8));
    EXPECT_FALSE(s.client.error());
    EXPECT_FALSE(s.client.next_outcome());
    EXPECT_EQ(s.client.read_length_max(), 32u * 1024);
}

TEST(SftpClient, ExtensionsThatWereNotAnnouncedAreNotAskedFor) {
    scripted_server s;
    bytes list;
    wire::writer w(list);
    for (const auto* text :
         {"fsync@openssh.com", "2", "other@example.org", "1", "hardlink@openssh.com", "1"})
        w.write(text);
    s.version(list);
    EXPECT_TRUE(s.client.supports<ext_hardlink>());
    EXPECT_FALSE(s.client.supports<ext_fsync>());  // another version of it
    const auto h = s.open_handle("h");
    EXPECT_EQ(s.client.fsync(h).error(), errc::sftp_unsupported);
    EXPECT_EQ(s.client.statvfs("/").error(), errc::sftp_unsupported);
    EXPECT_EQ(s.client.users_groups({}, {}).error(), errc::sftp_unsupported);
    EXPECT_TRUE(s.sent().empty());
    EXPECT_TRUE(s.client.hardlink("a", "b"));

    client broken;
    broken.receive(sftp_packet(fxp_version{3, {bytes_view(list).first(list.size() - 1)}}));
    EXPECT_EQ(broken.error(), errc::truncated);
}

TEST(SftpClient, WhatCannotBeAskedForIsRefusedHere) {
    scripted_server s;
    s.version(test::all_extensions());
    const auto h = s.open_handle("h");
    EXPECT_EQ(s.client.stat(std::string(4097, 'x')).error(), errc::too_long);
    EXPECT_EQ(s.client.rename("/a", std::string_view("b\0c", 3)).error(), errc::sftp_no_such_file);
    const std::vector<std::uint32_t> ids(limits::sftp_ids_max + 1);
    EXPECT_EQ(s.client.users_groups(ids, {}).error(), errc::too_long);
    EXPECT_TRUE(s.client.close(h));
    EXPECT_EQ(s.client.close(h).error(), errc::bad_value);
    EXPECT_EQ(s.client.fstat(h).error(), errc::bad_value);
    EXPECT_EQ(s.client.fsync(h).error(), errc::bad_value);
    EXPECT_EQ(s.client.write(h, 0, test::written({})).error(), errc::bad_value);
    EXPECT_EQ(s.client.copy_data(h, 0, 0, h, 0).error(), errc::bad_value);
    EXPECT_EQ(s.client.read(remote_handle{~0ull}, 0, 1).error(), errc::bad_value);
    static_cast<void>(s.sent());
    const auto again = s.open_handle("h");  // the same text, another handle
    EXPECT_NE(again, h);
    EXPECT_EQ(s.client.fstat(h).error(), errc::bad_value);
    EXPECT_TRUE(s.client.fstat(again));
}

TEST(SftpClient, RequestsInFlightAreCappedAndClosesAreNot) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    std::vector<request_id> ids;
    while (s.client.room())
        ids.push_back(s.client.stat("/").value());
    EXPECT_EQ(ids.size(), limits::sftp_client_requests_max);
    EXPECT_EQ(s.client.stat("/").error(), errc::queue_full);
    const auto closed = s.client.close(h);
    ASSERT_TRUE(closed);
    s.client.receive(joined({status_packet(*closed, 0), status_packet(ids[5], 2)}));
    EXPECT_TRUE(s.client.next_outcome());
    EXPECT_EQ(s.client.stat("/").error(), errc::queue_full);  // until somebody takes the outcome
    EXPECT_TRUE(s.client.next_outcome());
    EXPECT_TRUE(s.client.stat("/"));
    EXPECT_EQ(s.client.stat("/").error(), errc::queue_full);
}

TEST(SftpClient, IndicesBelongToOneRequestUntilItsOutcomeIsTaken) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        scripted_server s;
        s.version({});
        std::vector<request_id> unanswered;
        std::set<std::size_t> taken;  // by requests made and not worked off
        for (int i = 0; i < 3000; ++i) {
            switch (random() % 4) {
            case 0:
            case 1:
                if (const auto id = s.client.stat("/")) {
                    EXPECT_LT(client::index_of(*id), client::indices);
                    EXPECT_TRUE(taken.insert(client::index_of(*id)).second);
                    unanswered.push_back(*id);
                }
                break;
            case 2:
                if (!unanswered.empty()) {
                    std::swap(unanswered[random() % unanswered.size()], unanswered.back());
                    s.client.receive(status_packet(unanswered.back(), 2));
                    unanswered.pop_back();
                }
                break;
            case 3:
                if (const auto o = s.client.next_outcome()) {
                    EXPECT_EQ(taken.erase(client::index_of(o->id)), 1u);
                } else if (!unanswered.empty()) {
                    s.client.forget(unanswered.front());
                    s.client.receive(status_packet(unanswered.front(), 2));
                    taken.erase(client::index_of(unanswered.front()));
                    unanswered.erase(unanswered.begin());
                }
                break;
            }
        }
        EXPECT_FALSE(s.client.error());
    }
}

TEST(SftpClient, BytesThatWaitToBeSentAreCapped) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    std::size_t queued = 0;
    while (s.client.room()) {
        ASSERT_TRUE(s.client.write(h, queued, test::written(bytes(32 * 1024))));
        queued += 32 * 1024;
    }
    EXPECT_EQ(s.client.write(h, 0, test::written({})).error(), errc::queue_full);
    EXPECT_GE(queued + 32 * 64, limits::sftp_client_output_max);
    EXPECT_LT(queued, limits::sftp_client_output_max + 64 * 1024);
    while (s.client.has_output())
        static_cast<void>(s.client.next_output());
    EXPECT_TRUE(s.client.room());
}

TEST(SftpClient, HandlesAreCapped) {
    scripted_server s;
    s.version({});
    for (std::size_t i = 0; i + 1 < limits::sftp_handles_max; ++i)
        static_cast<void>(s.open_handle("h"));
    const auto last = s.client.open("/", fxf_read);
    ASSERT_TRUE(last);  // still without an answer
    EXPECT_EQ(s.client.open("/", fxf_read).error(), errc::limit_reached);
    EXPECT_EQ(s.client.opendir("/").error(), errc::limit_reached);
    s.client.receive(status_packet(*last, 4));
    EXPECT_TRUE(s.client.opendir("/"));
}

// --- names ------------------------------------------------------------------------------------

TEST(SftpClient, NamesThatLeadElsewhereAreLeftOut) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    const auto id = s.client.readdir(h).value();
    const std::string longest(limits::sftp_name_length_max, 'x');
    s.client.receive(name_packet(number(id), 8,
                                 {"ok", "../../etc/passwd", "", std::string("n\0ul", 4), "/",
                                  longest + "x", "..", longest}));
    auto o = s.client.next_outcome();
    ASSERT_TRUE(o);
    auto& names = std::get<names_reply>(o->value);
    EXPECT_EQ(names.count(), 3u);
    EXPECT_EQ(names.left_out(), 5u);
    name_entry entry;
    ASSERT_TRUE(names.next(entry));
    EXPECT_EQ(entry.filename, "ok");
    EXPECT_EQ(entry.longname, "long ok");
    ASSERT_TRUE(names.next(entry));
    EXPECT_EQ(entry.filename, "..");
    ASSERT_TRUE(names.next(entry));
    EXPECT_EQ(entry.filename, longest);
    EXPECT_FALSE(names.next(entry));
    EXPECT_FALSE(names.next(entry));
}

TEST(SftpClient, AnAnswerWithNothingInItIsTheEnd) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    const auto names = s.client.readdir(h).value();
    const auto data = s.client.read(h, 0, 10).value();
    s.client.receive(
        joined({name_packet(number(names), 0, {}), sftp_packet(fxp_data{number(data), {}})}));
    EXPECT_EQ(s.client.next_outcome()->error, errc::sftp_eof);
    EXPECT_EQ(s.client.next_outcome()->error, errc::sftp_eof);
}

TEST(SftpClient, APathThatCannotBeIsTheRequestsError) {
    scripted_server s;
    s.version({});
    const auto id = s.client.readlink("/l").value();
    s.client.receive(name_packet(number(id), 1, {std::string("a\0b", 3)}));
    EXPECT_EQ(s.client.next_outcome()->error, errc::sftp_bad_message);
    EXPECT_FALSE(s.client.error());
}

// --- forgetting -------------------------------------------------------------------------------

TEST(SftpClient, AForgottenRequestIsSwallowed) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    const auto a = s.client.read(h, 0, 10).value();
    const auto b = s.client.stat("/").value();
    const auto c = s.client.remove("/").value();
    s.client.forget(a);
    s.client.forget(a);
    s.client.forget(request_id{12345});
    s.client.receive(joined(
        {sftp_packet(fxp_data{number(a), bytes(10)}), status_packet(b, 2), status_packet(c, 0)}));
    s.client.forget(b);  // its outcome waits already
    const auto o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_EQ(o->id, c);
    EXPECT_FALSE(s.client.next_outcome());
    s.client.forget(c);  // taken: means nothing any more
    EXPECT_EQ(s.client.requests_in_flight(), 0u);
    EXPECT_EQ(s.client.handles_open(), 1u);
    EXPECT_FALSE(s.client.error());
}

TEST(SftpClient, AForgottenOpenLeavesNothingOpen) {
    for (const bool opendir : {false, true})
        for (const bool late : {false, true}) {
            SCOPED_TRACE(late ? "the outcome waited already" : "before the reply");
            scripted_server s;
            s.version({});
            const auto id =
                (opendir ? s.client.opendir("/") : s.client.open("/", fxf_read)).value();
            static_cast<void>(s.sent());
            if (!late) s.client.forget(id);
            s.client.receive(sftp_packet(fxp_handle{number(id), as_bytes("xyz")}));
            if (late) s.client.forget(id);
            EXPECT_FALSE(s.client.next_outcome());
            EXPECT_EQ(s.client.handles_open(), 0u);
            const bytes sent = s.sent();
            EXPECT_EQ(sent, sftp_packet(fxp_close{s.last_id(), as_bytes("xyz")}));
            EXPECT_EQ(s.client.requests_in_flight(), 1u);
            s.client.end();
            EXPECT_FALSE(s.client.may_send_eof());
            s.client.receive(status_packet(request_id{s.last_id()}, 0));
            EXPECT_FALSE(s.client.next_outcome());
            EXPECT_TRUE(s.client.may_send_eof());
        }
}

TEST(SftpClient, AForgottenOpenThatFailsIsNothing) {
    scripted_server s;
    s.version({});
    const auto id = s.client.open("/", fxf_read).value();
    static_cast<void>(s.sent());
    s.client.forget(id);
    s.client.receive(status_packet(id, 2));
    EXPECT_TRUE(s.sent().empty());
    EXPECT_FALSE(s.client.next_outcome());
}

// --- the end ----------------------------------------------------------------------------------

TEST(CloseAndDrain, TheClientSendsNoEofBeforeTheLastReply) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    std::vector<request_id> ids;
    for (std::uint32_t i = 0; i < 400; ++i)
        ids.push_back(s.client.write(h, i, test::written(bytes(1))).value());
    s.client.end();
    EXPECT_EQ(s.client.stat("/").error(), errc::channel_closed);
    EXPECT_EQ(s.client.close(h).error(), errc::channel_closed);
    EXPECT_FALSE(s.client.may_send_eof());
    static_cast<void>(s.sent());
    for (const auto id : ids) {
        EXPECT_FALSE(s.client.may_send_eof());
        s.client.receive(status_packet(id, 0));
    }
    EXPECT_TRUE(s.client.may_send_eof());
    s.client.on_stream_end({});
    EXPECT_TRUE(s.client.over());
    EXPECT_FALSE(s.client.error());
    const auto r = s.client.report();
    EXPECT_EQ(r.bytes_written, 400u);
    EXPECT_EQ(r.requests_unanswered, 0u);
    EXPECT_EQ(r.handles_left_open, 1u);
    EXPECT_EQ(s.client.stat("/").error(), errc::channel_closed);
}

TEST(CloseAndDrain, AnEndBeforeVersionWaitsForIt) {
    client c;
    c.end();
    EXPECT_EQ(c.stat("/").error(), errc::channel_closed);
    static_cast<void>(c.next_output());
    EXPECT_FALSE(c.may_send_eof());
    c.receive(sftp_packet(fxp_version{3, {test::all_extensions()}}));
    EXPECT_FALSE(c.ready());
    EXPECT_TRUE(c.may_send_eof());
    EXPECT_FALSE(c.has_output());
}

TEST(CloseAndDrain, AStreamThatEndsFailsWhatIsNotAnswered) {
    struct {
        const char* name;
        error_code how;
        bytes rest;  // of the stream
        error_code want;
    } cases[] = {
        {"end of file", {}, {}, errc::channel_closed},
        {"lost", errc::connection_lost, {}, errc::connection_lost},
        {"inside a packet", {}, {0, 0, 0, 9, 101}, errc::truncated},
        {"lost inside a packet", errc::connection_lost, {0, 0}, errc::connection_lost},
    };
    for (const auto& c : cases)
        for (const bool ended : {false, true}) {
            SCOPED_TRACE(c.name);
            scripted_server s;
            s.version({});
            const auto a = s.client.stat("/").value();
            const auto b = s.client.open("/", fxf_read).value();
            const auto forgotten = s.client.stat("/").value();
            s.client.forget(forgotten);
            if (ended) s.client.end();
            s.client.receive(c.rest);
            s.client.on_stream_end(c.how);
            std::map<request_id, error_code> failed;
            while (const auto o = s.client.next_outcome())
                failed[o->id] = o->error;
            EXPECT_EQ(failed, (std::map<request_id, error_code>{{a, c.want}, {b, c.want}}));
            EXPECT_EQ(s.client.error(), c.want);
            EXPECT_EQ(s.client.report().requests_unanswered, 3u);
            EXPECT_EQ(s.client.open("/", 0).error(), c.want);
            EXPECT_FALSE(s.client.has_output());
            s.client.on_stream_end(errc::cancelled);  // the first one counts
            EXPECT_EQ(s.client.error(), c.want);
        }
}

TEST(SftpClient, OutcomesThatCameBeforeTheEndStay) {
    scripted_server s;
    s.version({});
    const auto id = s.client.open("/", fxf_read).value();
    s.client.receive(sftp_packet(fxp_handle{number(id), as_bytes("h")}));
    s.client.on_stream_end(errc::connection_lost);
    const auto o = s.client.next_outcome();
    ASSERT_TRUE(o);
    EXPECT_FALSE(o->error);
    EXPECT_EQ(s.client.report().handles_left_open, 1u);
}

}  // namespace
}  // namespace sluice::sftp
