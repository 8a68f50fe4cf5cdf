#include "sluice/sftp/codec.hpp"

#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/framing.hpp"
#include "sluice/sftp/name_batch.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/status.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace sluice::sftp {
namespace {

using test::from_hex;
using test::to_hex;

// The bytes decode to the message, the message encodes to the bytes, no truncation decodes, and a
// byte behind the last field changes nothing, unless that takes what is left.
template <class M>
void both_ways(const char* name, const char* hex, const M& want, bool open_ended = false) {
    SCOPED_TRACE(name);
    const bytes whole = from_hex(hex);
    bytes encoded;
    encode(want, encoded);
    EXPECT_EQ(to_hex(encoded), to_hex(whole));
    const auto got = decode<M>(whole);
    ASSERT_TRUE(got.has_value());
    encoded.clear();
    encode(*got, encoded);
    EXPECT_EQ(to_hex(encoded), to_hex(whole));
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const auto cut = decode<M>(bytes_view(whole).first(n));
        if (!open_ended || n < 5) {
            EXPECT_EQ(cut.error(), errc::truncated) << "at " << n << " bytes";
        }
    }
    bytes longer = whole;
    longer.push_back(0);
    if (!open_ended) {
        const auto same = decode<M>(longer);
        ASSERT_TRUE(same.has_value());
        encoded.clear();
        encode(*same, encoded);
        EXPECT_EQ(to_hex(encoded), to_hex(whole));
    }
    longer = whole;
    longer[0] ^= 0x80;
    EXPECT_EQ(decode<M>(longer).error(), errc::unexpected_message);
}

const bytes handle{0xaa, 0xbb};

TEST(FilexferDraft02s6, RequestsBothWays) {
    both_ways("init", "01 00000003", fxp_init{3, {}}, true);
    both_ways("open", "03 00000009 00000002 2f66 0000001a 00000004 000001a4",
              fxp_open{9, "/f", fxf_write | fxf_creat | fxf_trunc, {.permissions = 0644}});
    both_ways("close", "04 00000009 00000002 aabb", fxp_close{9, handle});
    both_ways("read", "05 00000009 00000002 aabb 0000000100000002 00008000",
              fxp_read{9, handle, 0x100000002, 32768});
    both_ways("write", "06 00000009 00000002 aabb 0000000000000007 00000003 010203",
              fxp_write{9, handle, 7, as_bytes("\1\2\3")});
    both_ways("lstat", "07 00000009 00000001 2f", fxp_lstat{9, "/"});
    both_ways("fstat", "08 00000009 00000002 aabb", fxp_fstat{9, handle});
    both_ways("setstat", "09 00000009 00000001 2f 00000000", fxp_setstat{9, "/", {}});
    both_ways("fsetstat", "0a 00000009 00000002 aabb 00000001 0000000000000000",
              fxp_fsetstat{9, handle, {.size = 0}});
    both_ways("opendir", "0b 00000009 00000001 2f", fxp_opendir{9, "/"});
    both_ways("readdir", "0c 00000009 00000002 aabb", fxp_readdir{9, handle});
    both_ways("remove", "0d 00000009 00000001 2f", fxp_remove{9, "/"});
    both_ways("mkdir", "0e 00000009 00000001 2f 00000000", fxp_mkdir{9, "/", {}});
    both_ways("rmdir", "0f 00000009 00000001 2f", fxp_rmdir{9, "/"});
    both_ways("realpath", "10 00000009 00000001 2e", fxp_realpath{9, "."});
    both_ways("stat", "11 00000009 00000001 2f", fxp_stat{9, "/"});
    both_ways("rename", "12 00000009 00000001 61 00000001 62", fxp_rename{9, "a", "b"});
    both_ways("readlink", "13 00000009 00000001 6c", fxp_readlink{9, "l"});
    both_ways("symlink", "14 00000009 00000006 746172676574 00000004 6c696e6b",
              fxp_symlink{9, "target", "link"});
    both_ways("extended", "c8 00000009 00000001 78", fxp_extended{9, "x", {}}, true);
}

TEST(FilexferDraft02s7, ResponsesBothWays) {
    both_ways("version", "02 00000003", fxp_version{3, {}}, true);
    both_ways("status", "65 00000009 00000002 00000002 6e6f 00000002 656e",
              fxp_status{9, 2, "no", "en"});
    both_ways("handle", "66 00000009 00000002 aabb", fxp_handle{9, handle});
    both_ways("data", "67 00000009 00000002 aabb", fxp_data{9, handle});
    both_ways("name", "68 00000009 00000000", fxp_name{9, 0, {}}, true);
    both_ways("attrs", "69 00000009 00000008 00000001 00000002",
              fxp_attrs{9, {.times = file_times{1, 2}}});
    both_ways("extended reply", "c9 00000009", fxp_extended_reply{9, {}}, true);
}

TEST(FilexferDraft02s5, AttributesHoldWhatTheFlagsSay) {
    struct {
        const char* name;
        const char* hex;
        attributes want;
        error_code error;
        bool canonical;  // encodes to the same bytes
    } cases[] = {
        {"nothing", "00000000", {}, {}, true},
        {"size", "00000001 0000000100000000", {.size = 0x100000000}, {}, true},
        {"owner", "00000002 00000001 00000002", {.owner = owner_ids{1, 2}}, {}, true},
        {"permissions", "00000004 000081a4", {.permissions = 0100644}, {}, true},
        {"times", "00000008 00000001 ffffffff", {.times = file_times{1, 0xffffffff}}, {}, true},
        {"all",
         "0000000f 0000000000000003 00000001 00000002 000041ed 00000004 00000005",
         {3, owner_ids{1, 2}, 040755, file_times{4, 5}},
         {},
         true},
        {"extended pairs are skipped",
         "80000000 00000001 00000001 61 00000002 6263",
         {},
         {},
         false},
        {"a bit of version 4", "00000010", {.unknown_flags = 0x10}, {}, false},
        {"among others",
         "40000021 0000000000000003",
         {.size = 3, .unknown_flags = 0x40000020},
         {},
         false},
        {"too many pairs", "80000000 00000021", {}, errc::too_long, false},
        {"pairs that are not there", "80000000 00000020", {}, errc::truncated, false},
        {"size cut", "00000001 00000001", {}, errc::truncated, false},
        {"no flags", "0000", {}, errc::truncated, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const bytes in = from_hex(c.hex);
        wire::reader r(in);
        attributes got;
        get(r, got);
        EXPECT_EQ(r.error(), c.error);
        if (c.error) continue;
        EXPECT_TRUE(r.at_end());
        EXPECT_TRUE(got == c.want);
        bytes out;
        wire::writer w(out);
        put(w, got);
        EXPECT_EQ(out == in, c.canonical);
        for (std::size_t n = 0; n < in.size(); ++n) {
            wire::reader cut(bytes_view(in).first(n));
            attributes ignored;
            get(cut, ignored);
            EXPECT_EQ(cut.error(), errc::truncated) << "at " << n << " bytes";
        }
    }
}

TEST(OpensshProtocol4, ExtensionsBothWays) {
    struct {
        extension want;
        const char* hex;
    } cases[] = {
        {ext_posix_rename{"a", "b"}, "00000001 61 00000001 62"},
        {ext_statvfs{"a"}, "00000001 61"},
        {ext_fstatvfs{handle}, "00000002 aabb"},
        {ext_hardlink{"a", "b"}, "00000001 61 00000001 62"},
        {ext_fsync{handle}, "00000002 aabb"},
        {ext_lsetstat{"a", {}}, "00000001 61 00000000"},
        {ext_limits{}, ""},
        {ext_expand_path{"~"}, "00000001 7e"},
        {ext_copy_data{handle, 1, 2, handle, 3},
         "00000002 aabb 0000000000000001 0000000000000002 00000002 aabb 0000000000000003"},
        {ext_home_directory{""}, "00000000"},
        {ext_users_groups_by_id{handle, {}}, "00000002 aabb 00000000"},
    };
    EXPECT_EQ(std::size(cases), std::variant_size_v<extension>);
    for (const auto& c : cases) {
        const auto name = std::visit([](const auto& e) { return e.name; }, c.want);
        SCOPED_TRACE(name);
        const bytes in = from_hex(c.hex);
        extension got;
        EXPECT_FALSE(decode_extension(name, in, got));
        EXPECT_EQ(got.index(), c.want.index());
        bytes out;
        wire::writer w(out);
        std::visit([&](const auto& e) { put_fields(e, w); }, got);
        EXPECT_EQ(out, in);
        for (std::size_t n = 0; n < in.size(); ++n)
            EXPECT_EQ(decode_extension(name, bytes_view(in).first(n), got), errc::truncated);
        bytes longer = in;
        longer.push_back(0);
        EXPECT_FALSE(decode_extension(name, longer, got));
        out.clear();
        std::visit([&](const auto& e) { put_fields(e, w); }, got);
        EXPECT_EQ(out, in);
    }
    extension got;
    EXPECT_EQ(decode_extension("no-such@example.org", {}, got), errc::sftp_unsupported);
    EXPECT_EQ(decode_extension("", {}, got), errc::sftp_unsupported);
}

// A test has the language "C", whose words these are.
TEST(SftpStatus, TheWordsForAnErrnoAreTheSystems) {
    for (const int number :
         {EPERM,   ENOENT,       EIO,    EACCES,    EBUSY, EEXIST, EXDEV,  ENOTDIR,
          EISDIR,  EINVAL,       ENFILE, EMFILE,    EFBIG, ENOSPC, EROFS,  EMLINK,
          ETXTBSY, ENAMETOOLONG, ENOSYS, ENOTEMPTY, ELOOP, ESTALE, EDQUOT, EOVERFLOW,
          ENOMEM,  EOPNOTSUPP,   ENOLCK, EBADF,     ENXIO, ENODEV, ESPIPE, ETIMEDOUT}) {
        const error_code system(number, boost::system::system_category());
        EXPECT_EQ(text_of(system), system.message()) << number;
        EXPECT_EQ(text_of({number, boost::system::generic_category()}), system.message());
    }
    EXPECT_EQ(text_of({EMFILE, boost::system::system_category()}), "Too many open files");
    // What no call on a file fails with has the words of its code.
    EXPECT_EQ(text_of({EPROTO, boost::system::system_category()}), "Failure");
    EXPECT_EQ(text_of(make_error_code(errc::sftp_unsupported)), "Operation unsupported");
    EXPECT_EQ(text_of(error_code()), "Success");
}

TEST(SftpStatus, ErrnoByErrnoAsOpenssh) {
    struct {
        int number;
        status_code want;
    } cases[] = {
        {ENOENT, status_code::no_such_file},
        {ENOTDIR, status_code::no_such_file},
        {EBADF, status_code::no_such_file},
        {ELOOP, status_code::no_such_file},
        {EPERM, status_code::permission_denied},
        {EACCES, status_code::permission_denied},
        {EFAULT, status_code::permission_denied},
        {ENAMETOOLONG, status_code::bad_message},
        {EINVAL, status_code::bad_message},
        {ENOSYS, status_code::op_unsupported},
        {EEXIST, status_code::failure},
        {ENOTEMPTY, status_code::failure},
        {EISDIR, status_code::failure},
        {ENOSPC, status_code::failure},
        {EDQUOT, status_code::failure},
        {EBUSY, status_code::failure},
        {EIO, status_code::failure},
        {EROFS, status_code::failure},
        {EXDEV, status_code::failure},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.number);
        EXPECT_EQ(status_of({c.number, boost::system::system_category()}), c.want);
        EXPECT_EQ(status_of({c.number, boost::system::generic_category()}), c.want);
    }
}

TEST(SftpStatus, CodesAndOurErrorsMapBothWays) {
    for (std::uint32_t code = 0; code < 40; ++code) {
        SCOPED_TRACE(code);
        const error_code error = error_of(code);
        EXPECT_EQ(!error, code == 0);
        const auto back = status_of(error);
        const bool own = code <= 5 || code == 8;
        EXPECT_EQ(back, own ? static_cast<status_code>(code) : status_code::failure);
        EXPECT_FALSE(text_of(static_cast<status_code>(code)).empty());
    }
    EXPECT_EQ(status_of(errc::truncated), status_code::bad_message);
    EXPECT_EQ(status_of(errc::cancelled), status_code::failure);
    EXPECT_EQ(status_of(errc::set_id_not_permitted), status_code::permission_denied);
    EXPECT_EQ(text_of(make_error_code(errc::set_id_not_permitted)),
              make_error_code(errc::set_id_not_permitted).message());
    EXPECT_EQ(error_of(3), errc::sftp_permission_denied);
}

TEST(SftpPath, CanonicalPathsNeverLeaveTheRoot) {
    struct {
        const char* in;
        const char* want;
    } cases[] = {
        {"", "/"},           {"/", "/"},         {".", "/"},
        {"..", "/"},         {"/..", "/"},       {"../../x", "/x"},
        {"a", "/a"},         {"/a/", "/a"},      {"//a///b//", "/a/b"},
        {"a/./b/.", "/a/b"}, {"a/../b", "/b"},   {"a/../../../b/..", "/"},
        {"/...", "/..."},    {"a/b/../..", "/"}, {"/a/..b/c..", "/a/..b/c.."},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.in);
        EXPECT_EQ(canonical_path(c.in), c.want);
        EXPECT_EQ(canonical_path(c.want), c.want);
    }
    EXPECT_TRUE(check_path(std::string(limits::sftp_path_length_max, 'a')).has_value());
    EXPECT_EQ(check_path(std::string(limits::sftp_path_length_max + 1, 'a')).error(),
              errc::too_long);
    EXPECT_EQ(check_path(std::string_view("a\0b", 3)).error(), errc::sftp_no_such_file);
}

TEST(SftpPath, SplitsIntoDirectoryAndName) {
    struct {
        const char* in;
        const char* directory;
        const char* name;
        bool has_name;
    } cases[] = {
        {"/a/b", "/a", "b", true},  {"a", "", "a", true},  {"/a", "", "a", true},
        {"a/b//", "a", "b", true},  {"/", "", "", false},  {"", "", "", false},
        {"a/..", "a", "..", false}, {".", "", ".", false}, {"///", "", "", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.in);
        const auto parts = split(c.in);
        EXPECT_EQ(parts.directory, c.directory);
        EXPECT_EQ(parts.name, c.name);
        EXPECT_EQ(parts.has_name(), c.has_name);
    }
}

TEST(FilexferDraft02s3, PacketsAreCutFromAStreamHoweverItArrives) {
    const bytes stream = from_hex("00000001 aa 00000003 010203 00000005 1122334455");
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        SCOPED_TRACE(piece);
        packet_assembler assembler;
        std::vector<std::string> packets;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            bytes_view left = bytes_view(stream).subspan(at);
            left = left.first(std::min(piece, left.size()));
            while (!left.empty()) {
                const auto taken = assembler.take(left);
                ASSERT_TRUE(taken.has_value());
                left = left.subspan(*taken);
                if (!assembler.complete()) continue;
                auto packet = assembler.take_packet();
                packets.push_back(to_hex(packet.view()));
                assembler.recycle(std::move(packet));
            }
        }
        EXPECT_EQ(packets, (std::vector<std::string>{"aa", "010203", "1122334455"}));
        EXPECT_TRUE(assembler.at_boundary());
    }
    packet_assembler empty;
    EXPECT_EQ(empty.take(from_hex("00000000")).error(), errc::bad_value);
    packet_assembler longest;
    EXPECT_TRUE(longest.take(from_hex("00040000")).has_value());
    packet_assembler longer;
    EXPECT_EQ(longer.take(from_hex("00040001")).error(), errc::too_long);
}

TEST(FilexferDraft02s7, LongNamesLookLikeLs) {
    constexpr std::int64_t now = 1'700'000'000;  // 2023-11-14 22:13:20 UTC
    struct {
        const char* name;
        attributes attrs;
        long_name_details details;
        const char* want;
    } cases[] = {
        {"recent",
         {348911, owner_ids{1, 2}, 0100755, file_times{0, 1'699'999'140}},
         {1, "mjos", "staff", now, 0},
         "-rwxr-xr-x   1 mjos     staff      348911 Nov 14 21:59 "},
        {"old, without names",
         {0, owner_ids{1000, 100}, 040700, file_times{0, 985'530'540}},
         {12, "", "", now, 0},
         "drwx------  12 1000     100             0 Mar 25  2001 "},
        {"in the future",
         {1, owner_ids{}, 0120777, file_times{0, 1'700'000'001}},
         {1, "root", "root", now, 0},
         "lrwxrwxrwx   1 root     root            1 Nov 14  2023 "},
        {"an hour ahead of UTC",
         {1, owner_ids{}, 0101644, file_times{0, 1'699'999'140}},
         {1, "root", "root", now, 3600},
         "-rw-r--r-T   1 root     root            1 Nov 14 22:59 "},
        {"setuid and setgid",
         {1, owner_ids{}, 0106755, file_times{0, 1'699'999'140}},
         {1, "root", "root", now, 0},
         "-rwsr-sr-x   1 root     root            1 Nov 14 21:59 "},
        {"nothing known", {}, {}, "?---------   1 0        0               0 Jan  1 00:00 "},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(long_name_prefix(c.attrs, c.details), c.want);
    }
    const std::string endless(1000, 'x');
    EXPECT_LE(long_name_prefix({}, {~std::uint64_t{0}, endless, endless, now, 0}).size(), 256u);
}

// Each kind, each bit and each pair of a special bit and the x below it.
TEST(FilexferDraft02s7, ModesLookLikeLs) {
    const struct {
        std::uint32_t mode;
        std::string_view want;
    } cases[] = {
        {0100000, "----------"}, {0040000, "d---------"}, {0120000, "l---------"},
        {0010000, "p---------"}, {0020000, "c---------"}, {0060000, "b---------"},
        {0140000, "s---------"}, {0030000, "?---------"}, {0100400, "-r--------"},
        {0100200, "--w-------"}, {0100100, "---x------"}, {0100040, "----r-----"},
        {0100020, "-----w----"}, {0100010, "------x---"}, {0100004, "-------r--"},
        {0100002, "--------w-"}, {0100001, "---------x"}, {0104000, "---S------"},
        {0104100, "---s------"}, {0102000, "------S---"}, {0102010, "------s---"},
        {0101000, "---------T"}, {0101001, "---------t"},
    };
    for (const auto& c : cases) {
        attributes attrs;
        attrs.permissions = c.mode;
        EXPECT_EQ(long_name_prefix(attrs, {}).substr(0, 10), c.want) << std::oct << c.mode;
    }
}

TEST(SftpNameBatch, EntriesAreTakenOut) {
    name_batch batch;
    const std::vector<std::string> all{"x1", "a", "x2", "x3", "b", "x4"};
    for (std::size_t i = 0; i < all.size(); ++i)
        ASSERT_TRUE(batch.add(all[i], "prefix ", {.size = i, .permissions = 0644}));
    batch.erase_if([](std::string_view name) { return name.starts_with('x'); });
    EXPECT_EQ(batch.count(), 2u);
    ASSERT_TRUE(batch.add("c", "", {}));
    const auto packet = std::move(batch).to_packet(7);
    const auto m = decode<fxp_name>(packet.view().subspan(4));
    ASSERT_TRUE(m.has_value());
    EXPECT_EQ(m->count, 3u);
    wire::reader r(m->names.data);
    std::vector<std::string> left;
    for (std::uint32_t i = 0; i < m->count; ++i) {
        name_entry entry;
        name_entry::fields(entry, [&r](auto&... field) { (get(r, field), ...); });
        left.emplace_back(entry.filename);
        if (entry.filename == "b") {
            EXPECT_EQ(entry.longname, "prefix b");
            EXPECT_EQ(entry.attrs.size, 4u);
        }
    }
    EXPECT_TRUE(!r.error() && r.at_end());
    EXPECT_EQ(left, (std::vector<std::string>{"a", "b", "c"}));

    name_batch none;
    ASSERT_TRUE(none.add("x", "", {}));
    none.erase_if([](std::string_view) { return true; });
    EXPECT_TRUE(none.empty());
}

TEST(SftpNameBatch, StaysWithinAPacketAndKeepsWhatIsAdded) {
    name_batch batch;
    const std::string longest(limits::sftp_name_length_max, 'n');
    EXPECT_FALSE(batch.add(longest + "n", "", {}));
    EXPECT_FALSE(batch.add("n", std::string(257, ' '), {}));
    std::uint32_t added = 0;
    while (!batch.full()) {
        EXPECT_TRUE(
            batch.add(longest, std::string(256, 'p'), {1, owner_ids{2, 3}, 4, file_times{5, 6}}));
        ++added;
    }
    EXPECT_GT(added, 10u);
    EXPECT_EQ(batch.count(), added);
    const auto packet = std::move(batch).to_packet(7);
    EXPECT_LE(packet.size(), 34'000u);
    EXPECT_GT(packet.size(), 31'000u);
    const auto name = decode<fxp_name>(packet.view().subspan(4));
    ASSERT_TRUE(name.has_value());
    EXPECT_EQ(name->id, 7u);
    EXPECT_EQ(name->count, added);
    wire::reader r(name->names.data);
    for (std::uint32_t i = 0; i < added; ++i) {
        name_entry e;
        r.read(e.filename);
        r.read(e.longname);
        get(r, e.attrs);
        EXPECT_EQ(e.filename, longest);
        EXPECT_EQ(e.longname.size(), 256 + longest.size());
        EXPECT_TRUE((e.attrs == attributes{1, owner_ids{2, 3}, 4, file_times{5, 6}}));
    }
    EXPECT_FALSE(r.error());
    EXPECT_TRUE(r.at_end());

    name_batch many;
    while (!many.full())
        many.add("n", "", {});
    EXPECT_EQ(many.count(), limits::sftp_directory_batch_max);
}

}  // namespace
}  // namespace sluice::sftp
