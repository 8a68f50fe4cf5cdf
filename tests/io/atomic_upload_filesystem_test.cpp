#include "sluice/io/atomic_upload_filesystem.hpp"

#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/tests/io/filesystem_runner.hpp"
#include "sluice/tests/sftp/pair.hpp"
#include "sluice/tests/support/seeded_random.hpp"

#include <functional>
#include <map>
#include <vector>

#include <sys/stat.h>

namespace sluice {
namespace {

using sftp::status_code;
using sftp::status_of;
using test::filesystem_runner;
using fs = sftp::filesystem;
using names = std::set<std::string>;
namespace op = sftp::op;

constexpr std::uint32_t create = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc;
constexpr std::uint32_t create_new = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_excl;
constexpr sftp::ending committed{sftp::ending::kind::committed, 0, false};
constexpr sftp::ending abandoned{sftp::ending::kind::abandoned, 0, false};
constexpr sftp::ending after_failed_write{sftp::ending::kind::committed, 0, true};

template <class T>
status_code status(const result<T>& r) {
    return r ? status_code::ok : status_of(r.error());
}

error_code errno_of(int number) { return {number, boost::system::generic_category()}; }

// Passes everything on, remembers it, and lets calls fail.
class recording_filesystem final : public sftp::filesystem {
public:
    explicit recording_filesystem(std::unique_ptr<sftp::filesystem> inner)
        : inner_(std::move(inner)) {}

    std::vector<std::string> log;
    struct failure {
        int number;
        int after = 0;  // that many that work
    };
    std::map<std::string, failure> failures;  // by the name of the call; of one call each

    void open(op::open o, sftp::completion<sftp::file_handle> done) override {
        pass("open", o.path, &fs::open, std::move(o), std::move(done));
    }
    void close(op::close o, sftp::completion<> done) override {
        pass("close", how(o.end), &fs::close, std::move(o), std::move(done));
    }
    void read(op::read o, sftp::completion<wire::buffer> done) override {
        pass("read", "", &fs::read, std::move(o), std::move(done));
    }
    void write(op::write o, sftp::completion<> done) override {
        pass("write", "", &fs::write, std::move(o), std::move(done));
    }
    void stat(op::stat o, sftp::completion<sftp::attributes> done) override {
        pass("stat", o.path, &fs::stat, std::move(o), std::move(done));
    }
    void fstat(op::fstat o, sftp::completion<sftp::attributes> done) override {
        pass("fstat", "", &fs::fstat, std::move(o), std::move(done));
    }
    void setstat(op::setstat o, sftp::completion<> done) override {
        pass("setstat", o.path, &fs::setstat, std::move(o), std::move(done));
    }
    void fsetstat(op::fsetstat o, sftp::completion<> done) override {
        pass("fsetstat", o.attrs.owner ? "owner" : "mode", &fs::fsetstat, std::move(o),
             std::move(done));
    }
    void opendir(op::opendir o, sftp::completion<sftp::file_handle> done) override {
        pass("opendir", o.path, &fs::opendir, std::move(o), std::move(done));
    }
    void readdir(op::readdir o, sftp::completion<sftp::name_batch> done) override {
        pass("readdir", "", &fs::readdir, std::move(o), std::move(done));
    }
    void remove(op::remove o, sftp::completion<> done) override {
        pass("remove", o.path, &fs::remove, std::move(o), std::move(done));
    }
    void mkdir(op::mkdir o, sftp::completion<> done) override {
        pass("mkdir", o.path, &fs::mkdir, std::move(o), std::move(done));
    }
    void rmdir(op::rmdir o, sftp::completion<> done) override {
        pass("rmdir", o.path, &fs::rmdir, std::move(o), std::move(done));
    }
    void rename(op::rename o, sftp::completion<> done) override {
        const auto text =
            std::string(o.oldpath) + (o.replace ? " over " : " to ") + std::string(o.newpath);
        pass("rename", text, &fs::rename, std::move(o), std::move(done));
    }
    void realpath(op::realpath o, sftp::completion<std::string> done) override {
        pass("realpath", o.path, &fs::realpath, std::move(o), std::move(done));
    }
    void symlink(op::symlink o, sftp::completion<> done) override {
        pass("symlink", o.linkpath, &fs::symlink, std::move(o), std::move(done));
    }
    void fsync(op::fsync o, sftp::completion<> done) override {
        pass("fsync", "", &fs::fsync, std::move(o), std::move(done));
    }
    void hardlink(op::hardlink o, sftp::completion<> done) override {
        pass("hardlink", o.newpath, &fs::hardlink, std::move(o), std::move(done));
    }
    void statvfs(op::statvfs o, sftp::completion<sftp::statvfs_reply> done) override {
        pass("statvfs", o.path, &fs::statvfs, std::move(o), std::move(done));
    }
    void fstatvfs(op::fstatvfs o, sftp::completion<sftp::statvfs_reply> done) override {
        pass("fstatvfs", "", &fs::fstatvfs, std::move(o), std::move(done));
    }

private:
    static std::string_view how(const sftp::ending& end) {
        switch (end.how) {
        case sftp::ending::kind::read_only: return "";
        case sftp::ending::kind::committed: return "committed";
        case sftp::ending::kind::abandoned: return "abandoned";
        }
        return "?";
    }
    template <class Op>
    void pass(const std::string& name, std::string_view detail,
              void (fs::*f)(Op, sftp::completion<typename Op::reply>), Op what,
              sftp::completion<typename Op::reply> done) {
        log.push_back(detail.empty() ? name : name + " " + std::string(detail));
        const auto failing = failures.find(name);
        if (failing == failures.end() || failing->second.after-- != 0)
            return (inner_.get()->*f)(std::move(what), std::move(done));
        const int number = failing->second.number;
        failures.erase(failing);
        if constexpr (std::is_same_v<Op, op::close>)  // closed all the same, as close(2)
            return (inner_.get()->*f)(std::move(what), failing_completion(std::move(done), number));
        done(errno_of(number));
    }

    struct late : sftp::completion_context {
        late(sftp::completion<> d, int n) : done(std::move(d)), number(n) {}
        sftp::completion<> done;
        int number;
    };
    static sftp::completion<> failing_completion(sftp::completion<> done, int number) {
        auto* const l = new late(std::move(done), number);
        return {*l, 0, [](sftp::completion_context& c, std::uint64_t, result<>) {
                    const std::unique_ptr<late> owned(static_cast<late*>(&c));
                    owned->done(errno_of(owned->number));
                }};
    }

    std::unique_ptr<sftp::filesystem> inner_;
};

// An atomic_upload_filesystem over one of ours. `plain` sees what it does.
struct atomic : filesystem_runner {
    enum class over { memory, ram_disk, disk };

    explicit atomic(over kind, abandoned_policy policy = abandoned_policy::remove) {
        std::unique_ptr<sftp::filesystem> inner;
        if (kind == over::memory) {
            auto tree = std::make_shared<memory_tree>();
            inner = std::make_unique<memory_filesystem>(tree);
            plain.files = std::make_unique<memory_filesystem>(tree);
        } else {
            dir.emplace(kind == over::disk ? std::filesystem::temp_directory_path() : "/dev/shm");
            inner = posix(dir->path());
            plain.files = plain.posix(dir->path());
        }
        auto recorder = std::make_unique<recording_filesystem>(std::move(inner));
        record = recorder.get();
        files = std::make_unique<atomic_upload_filesystem>(std::move(recorder), policy, random);
    }

    result<> put(std::string_view path, std::string_view text, std::uint32_t pflags = create,
                 const sftp::ending& end = committed) {
        const auto h = open(path, pflags, {.permissions = 0644});
        if (!h) return h.error();
        if (const auto written = write(*h, 0, text); !written) return written;
        return close(*h, end);
    }
    void is(std::string_view path, const std::string& text) {
        const auto got = plain.content(path);
        ASSERT_TRUE(got.has_value()) << got.error().message();
        EXPECT_EQ(*got, text);
    }
    std::string temporary_in(std::string_view directory = "/") {
        std::string found;
        for (const auto& name : plain.list(directory).value()) {
            if (!atomic_upload_filesystem::is_temporary(name)) continue;
            EXPECT_TRUE(found.empty());
            found = name;
        }
        return found;
    }

    std::optional<test::temp_dir> dir;
    filesystem_runner plain;
    test::seeded_random random;
    recording_filesystem* record = nullptr;
};

void on_each_kind(const std::function<void(atomic&)>& f,
                  abandoned_policy policy = abandoned_policy::remove) {
    for (const auto kind : {atomic::over::memory, atomic::over::ram_disk, atomic::over::disk}) {
        SCOPED_TRACE(kind == atomic::over::memory     ? "memory"
                     : kind == atomic::over::ram_disk ? "/dev/shm"
                                                      : "disk");
        atomic a(kind, policy);
        f(a);
    }
}

TEST(AtomicUploads, AFileIsThereWhenItIsClosed) {
    on_each_kind([](atomic& a) {
        const auto h = a.open("f", create, {.permissions = 0640});
        ASSERT_TRUE(h.has_value());
        EXPECT_TRUE(a.write(*h, 0, "hello").has_value());
        EXPECT_EQ(status(a.plain.stat("/f")), status_code::no_such_file);
        EXPECT_EQ(a.list("/").value(), names{});
        EXPECT_EQ(a.plain.list("/")->size(), 1u);
        const auto temporary = a.temporary_in();
        EXPECT_TRUE(temporary.starts_with(".f."));
        EXPECT_EQ(a.run(&fs::fstat, op::fstat{*h})->size, 5u);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        EXPECT_EQ(a.plain.list("/").value(), names{"f"});
        a.is("/f", "hello");
        EXPECT_EQ(*a.stat("/f")->permissions & 0777, 0640u);
    });
}

TEST(AtomicUploads, TheOldFileStaysUntilThenAndItsModeAfter) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/f", "old").has_value());
        ASSERT_TRUE(
            a.run(&fs::setstat, op::setstat{"/f", {.permissions = 0604}, true}).has_value());
        const auto reader = a.open("/f", sftp::fxf_read);
        const auto h = a.open("/f", create | sftp::fxf_read, {.permissions = 0777});
        ASSERT_TRUE(h.has_value());
        EXPECT_TRUE(a.write(*h, 0, "new text").has_value());
        EXPECT_EQ(a.read(*h, 4, 100).value(), "text");
        a.is("/f", "old");
        EXPECT_EQ(a.plain.stat("/f")->size, 3u);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/f", "new text");
        EXPECT_EQ(a.read(*reader, 0, 100).value(), "old");  // what was open stays what it was
        EXPECT_TRUE(a.close(*reader).has_value());
        EXPECT_EQ(*a.stat("/f")->permissions & 07777, 0604u);
        EXPECT_EQ(a.plain.list("/").value(), names{"f"});
    });
}

// A write would take them away; and they could not be set again.
TEST(AtomicUploads, AFileWithSetuidIsReplacedByOneWithout) {
    atomic a(atomic::over::ram_disk);
    ASSERT_TRUE(a.put("/f", "old").has_value());
    ASSERT_EQ(::chmod((a.dir->path() / "f").c_str(), 06705), 0);
    ASSERT_TRUE(a.put("/f", "new").has_value());
    a.is("/f", "new");
    EXPECT_EQ(*a.stat("/f")->permissions & 07777, 0705u);
    EXPECT_EQ(a.open("/g", create, {.permissions = 04755}).error(), errc::set_id_not_permitted);
    EXPECT_EQ(a.plain.list("/").value(), names{"f"});
}

TEST(AtomicUploads, WhatWasAbandonedLeavesNoTrace) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/old", "old").has_value());
        EXPECT_EQ(status(a.put("/new", "half", create, abandoned)), status_code::failure);
        EXPECT_EQ(status(a.put("/old", "half", create, abandoned)), status_code::failure);
        EXPECT_EQ(a.plain.list("/").value(), names{"old"});
        a.is("/old", "old");
        EXPECT_EQ(status(a.put("/old", "half", create, after_failed_write)), status_code::failure);
        a.is("/old", "old");
        EXPECT_EQ(a.plain.list("/").value(), names{"old"});
    });
}

TEST(AtomicUploads, WhatWasAbandonedIsKeptWhereThatIsThePolicy) {
    on_each_kind(
        [](atomic& a) {
            EXPECT_EQ(status(a.put("/f", "half", create, abandoned)), status_code::failure);
            const auto kept = a.temporary_in();
            a.is("/" + kept, "half");
            EXPECT_EQ(a.list("/").value(), names{});
            EXPECT_TRUE(a.put("/f", "whole").has_value());
            a.is("/f", "whole");
            a.is("/" + kept, "half");
        },
        abandoned_policy::keep);
}

TEST(AtomicUploads, NothingIsShownBeforeItIsOnTheDisk) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{"/d", {.permissions = 0755}}).has_value());
        ASSERT_TRUE(a.put("/d/f", "one").has_value());
        const auto temporary = a.record->log.at(2).substr(5);
        EXPECT_TRUE(temporary.starts_with("/d/.f.")) << temporary;
        const std::vector<std::string> fresh{"stat /d/f",
                                             "realpath /d/f",
                                             "open " + temporary,
                                             "write",
                                             "fsync",
                                             "close committed",
                                             "rename " + temporary + " over /d/f",
                                             "opendir /d",
                                             "fsync",
                                             "close"};
        EXPECT_EQ(a.record->log, fresh);

        a.record->log.clear();
        ASSERT_TRUE(a.put("/d/f", "two").has_value());
        const auto second = a.record->log.at(4).substr(5);
        EXPECT_NE(second, temporary);
        const std::vector<std::string> replaced{"stat /d/f",
                                                "open /d/f",
                                                "close",
                                                "realpath /d/f",
                                                "open " + second,
                                                "fsetstat owner",
                                                "fsetstat mode",
                                                "write",
                                                "fsync",
                                                "close committed",
                                                "rename " + second + " over /d/f",
                                                "opendir /d",
                                                "fsync",
                                                "close"};
        EXPECT_EQ(a.record->log, replaced);

        a.record->log.clear();
        EXPECT_FALSE(a.put("/d/f", "three", create, abandoned).has_value());
        const auto third = a.record->log.at(4).substr(5);
        const std::vector<std::string> end(a.record->log.end() - 3, a.record->log.end());
        EXPECT_EQ(end, (std::vector<std::string>{"write", "close abandoned", "remove " + third}));
        a.is("/d/f", "two");
    });
}

TEST(AtomicUploads, ACloseFailsWhereAnyStepDoes) {
    struct {
        const char* step;
        int number;
        status_code want;
        const char* content;  // afterwards
    } cases[] = {
        {"fsync", EIO, status_code::failure, "old"},
        {"close", ENOSPC, status_code::failure, "old"},
        {"rename", EACCES, status_code::permission_denied, "old"},
        {"rename", ENOENT, status_code::no_such_file, "old"},
        {"opendir", EMFILE, status_code::failure, "new"},
        {"opendir", EACCES, status_code::ok, "new"},  // may be written to, not read
        {"fsync", ENOSYS, status_code::ok, "new"},    // a filesystem that has none
    };
    for (const auto& c : cases)
        on_each_kind([&c](atomic& a) {
            SCOPED_TRACE(std::string(c.step) + " " + std::to_string(c.number));
            ASSERT_TRUE(a.put("/f", "old").has_value());
            const auto h = a.open("/f", create);
            ASSERT_TRUE(a.write(*h, 0, "new").has_value());
            a.record->failures[c.step] = {c.number};
            EXPECT_EQ(status(a.close(*h, committed)), c.want);
            EXPECT_TRUE(a.record->failures.empty());
            a.is("/f", c.content);
            EXPECT_EQ(a.plain.list("/").value(), names{"f"});
        });
}

TEST(AtomicUploads, AnOpenFailsWhereAnyStepDoesAndLeavesNothing) {
    struct {
        const char* what;
        const char* step;
        int after;
    } cases[] = {
        {"is it there", "stat", 0},     {"may it be written to", "open", 0},
        {"where is it", "realpath", 0}, {"the temporary file", "open", 1},
        {"its mode", "fsetstat", 1},
    };
    for (const auto& c : cases)
        on_each_kind([&](atomic& a) {
            SCOPED_TRACE(c.what);
            ASSERT_TRUE(a.put("/f", "old").has_value());
            a.record->failures[c.step] = {EACCES, c.after};
            EXPECT_EQ(status(a.open("/f", create)), status_code::permission_denied);
            EXPECT_TRUE(a.record->failures.empty());
            a.is("/f", "old");
            EXPECT_EQ(a.plain.list("/").value(), names{"f"});
        });
}

TEST(AtomicUploads, AnOwnerThatCannotBeKeptIsNoFailure) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/f", "old").has_value());
        a.record->failures["fsetstat"] = {EPERM};
        EXPECT_TRUE(a.put("/f", "new").has_value());
        a.is("/f", "new");
    });
}

TEST(AtomicUploads, ChangesInPlaceStayInPlace) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/f", "0123456789").has_value());
        a.record->log.clear();
        struct {
            const char* name;
            std::uint32_t pflags;
            const char* text;
            const char* want;
        } cases[] = {
            {"write", sftp::fxf_write, "ab", "ab23456789"},
            {"read and write", sftp::fxf_read | sftp::fxf_write, "cd", "cd23456789"},
            {"create, and it is there", sftp::fxf_write | sftp::fxf_creat, "ef", "ef23456789"},
            {"append", sftp::fxf_write | sftp::fxf_append | sftp::fxf_creat, "!", "ef23456789!"},
        };
        for (const auto& c : cases) {
            SCOPED_TRACE(c.name);
            const auto h = a.open("/f", c.pflags);
            ASSERT_TRUE(h.has_value());
            EXPECT_TRUE(a.write(*h, 0, c.text).has_value());
            a.is("/f", c.want);  // at once
            EXPECT_TRUE(a.close(*h, abandoned).has_value());
            a.is("/f", c.want);
        }
        EXPECT_TRUE(
            a.put("/log", "line", sftp::fxf_write | sftp::fxf_append | sftp::fxf_creat, abandoned)
                .has_value());
        a.is("/log", "line");
        EXPECT_EQ(status(a.open("/none", sftp::fxf_write | sftp::fxf_trunc)),
                  status_code::no_such_file);
        for (const auto& line : a.record->log)
            EXPECT_EQ(line.find(".part"), std::string::npos) << line;
    });
}

TEST(AtomicUploads, TruncatingWithoutCreatingIsAnUploadToo) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/f", "old").has_value());
        const auto h = a.open("/f", sftp::fxf_write | sftp::fxf_trunc);
        ASSERT_TRUE(h.has_value());
        a.is("/f", "old");
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/f", "");
    });
}

TEST(AtomicUploads, EachUploadIsOneOfItsOwn) {
    on_each_kind([](atomic& a) {
        const auto one = a.open("/f", create);
        const auto two = a.open("/f", create);
        const auto three = a.open("/f", sftp::fxf_write | sftp::fxf_trunc);
        ASSERT_TRUE(one && two && three);
        EXPECT_TRUE(a.write(*one, 0, "one").has_value());
        EXPECT_TRUE(a.write(*two, 0, "two").has_value());
        EXPECT_TRUE(a.write(*three, 0, "three").has_value());
        EXPECT_EQ(status(a.plain.stat("/f")), status_code::no_such_file);
        EXPECT_EQ(a.content("/f").value(), "three");
        EXPECT_TRUE(a.close(*two, committed).has_value());
        a.is("/f", "two");
        EXPECT_FALSE(a.close(*three, abandoned).has_value());
        a.is("/f", "two");
        EXPECT_TRUE(a.close(*one, committed).has_value());
        a.is("/f", "one");
        EXPECT_EQ(a.plain.list("/").value(), names{"f"});
    });
}

TEST(AtomicUploads, ExclusiveNeverReplaces) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.put("/f", "first", create_new).has_value());
        EXPECT_EQ(status(a.open("/f", create_new)), status_code::failure);
        EXPECT_EQ(status(a.open("/f", create_new | sftp::fxf_trunc)), status_code::failure);
        a.is("/f", "first");

        const auto h = a.open("/g", create_new);
        ASSERT_TRUE(h.has_value());
        EXPECT_TRUE(a.write(*h, 0, "mine").has_value());
        ASSERT_TRUE(a.put("/g", "another's").has_value());
        EXPECT_EQ(status(a.close(*h, committed)), status_code::failure);
        a.is("/g", "another's");
        EXPECT_EQ(a.plain.list("/").value(), (names{"f", "g"}));

        // A link to nowhere is something, too.
        ASSERT_TRUE(a.run(&fs::symlink, op::symlink{"nowhere", "/l"}).has_value());
        EXPECT_EQ(status(a.open("/l", create_new)), status_code::failure);
        EXPECT_EQ(a.plain.list("/").value(), (names{"f", "g", "l"}));
    });
}

TEST(AtomicUploads, ThroughALinkItsTargetIsReplaced) {
    on_each_kind([](atomic& a) {
        for (const auto* d : {"/d", "/e"})
            ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{d, {.permissions = 0755}}).has_value());
        ASSERT_TRUE(a.put("/d/f", "old").has_value());
        ASSERT_TRUE(a.run(&fs::symlink, op::symlink{"../d/f", "/e/l"}).has_value());
        ASSERT_TRUE(a.run(&fs::symlink, op::symlink{"/d/new", "/e/m"}).has_value());
        const auto h = a.open("/e/l", create);
        ASSERT_TRUE(h.has_value());
        EXPECT_FALSE(a.temporary_in("/d").empty());
        EXPECT_TRUE(a.write(*h, 0, "new").has_value());
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/d/f", "new");
        EXPECT_EQ(*a.stat("/e/l", false)->permissions & sftp::type_mask, sftp::type_symlink);
        ASSERT_TRUE(a.put("/e/m", "made").has_value());
        a.is("/d/new", "made");
        EXPECT_EQ(a.plain.list("/e").value(), (names{"l", "m"}));
        EXPECT_EQ(a.plain.list("/d").value(), (names{"f", "new"}));
    });
}

TEST(AtomicUploads, LongNamesFitAndTooLongOnesFailAtOnce) {
    on_each_kind([](atomic& a) {
        const std::string longest(255, 'n');
        ASSERT_TRUE(a.put(longest, "text").has_value());
        EXPECT_EQ(a.plain.list("/").value(), names{longest});
        EXPECT_EQ(status(a.open(std::string(256, 'n'), create)), status_code::bad_message);
        EXPECT_EQ(a.plain.list("/").value(), names{longest});
    });
}

TEST(AtomicUploads, WhatCannotBeAFileIsRefusedAtOnce) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{"/d", {.permissions = 0755}}).has_value());
        ASSERT_TRUE(a.put("/f", "file").has_value());
        for (const auto* path : {"/d", "/d/", "/", "/f/", "/new/", "", "/d/..", "."})
            EXPECT_EQ(status(a.open(path, create)) == status_code::ok, false) << path;
        EXPECT_EQ(status(a.open("/none/f", create)), status_code::no_such_file);
        EXPECT_EQ(status(a.open("/f/f", create)), status_code::no_such_file);
        if (a.dir) {
            ASSERT_EQ(::mkfifo((*a.dir / "fifo").c_str(), 0600), 0);
            EXPECT_EQ(status(a.open("/fifo", create)) == status_code::ok, false);
            std::filesystem::remove(*a.dir / "fifo");
        }
        EXPECT_EQ(a.plain.list("/").value(), (names{"d", "f"}));
        EXPECT_EQ(a.plain.list("/d").value(), names{});
    });
}

// As sshfs does: it looks at the file by its path while it writes it.
TEST(AtomicUploads, InItsSessionAPathIsTheUploadThatIsOpen) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{"/d", {.permissions = 0755}}).has_value());
        ASSERT_TRUE(a.plain.run(&fs::symlink, op::symlink{"d", "/e"}).has_value());
        ASSERT_TRUE(a.plain.run(&fs::symlink, op::symlink{"/d/f", "/l"}).has_value());
        ASSERT_TRUE(a.put("/d/old", "old").has_value());
        for (const std::string name : {"f", "old"}) {
            SCOPED_TRACE(name);
            const std::string path = "/d/" + name;
            const auto h = a.open(path, create);
            ASSERT_TRUE(h.has_value());
            ASSERT_TRUE(a.write(*h, 0, "0123456789").has_value());
            for (const std::string& p : {path, "d/../d/" + name, "/e/" + name})
                for (const bool follow : {false, true})
                    EXPECT_EQ(a.stat(p, follow).value().size, 10u) << p;
            EXPECT_TRUE(a.run(&fs::statvfs, op::statvfs{path}).has_value());
            const sftp::attributes changed{
                .size = 5, .permissions = 0604, .times = sftp::file_times{7, 8}};
            EXPECT_TRUE(a.run(&fs::setstat, op::setstat{path, changed, true}).has_value());
            EXPECT_EQ(a.content("/e/" + name).value(), "01234");
            const auto more = a.open(path, sftp::fxf_write | sftp::fxf_append);
            ASSERT_TRUE(more.has_value());
            EXPECT_TRUE(a.write(*more, 0, "x").has_value());
            EXPECT_TRUE(a.close(*more, committed).has_value());

            EXPECT_EQ(a.open(path, create_new).error(), errno_of(EEXIST));
            EXPECT_EQ(a.run(&fs::mkdir, op::mkdir{path, {}}).error(), errno_of(EEXIST));
            EXPECT_EQ(a.run(&fs::symlink, op::symlink{"x", path}).error(), errno_of(EEXIST));
            EXPECT_EQ(a.run(&fs::hardlink, op::hardlink{path, "/h"}).error(), errno_of(EBUSY));
            EXPECT_EQ(status(a.stat(path + "/")) == status_code::ok, false);
            if (name == "old")
                a.is(path, "old");
            else
                EXPECT_EQ(status(a.plain.stat(path)), status_code::no_such_file);

            EXPECT_TRUE(a.run(&fs::setstat, op::setstat{path, {.times = sftp::file_times{7, 8}}})
                            .has_value());
            EXPECT_TRUE(a.close(*h, committed).has_value());
            a.is(path, "01234x");
            EXPECT_EQ(*a.plain.stat(path)->permissions & 07777, 0604u);
            EXPECT_EQ(a.plain.stat(path)->times->mtime, 8u);
        }
        const auto h = a.open("/l", create);  // by a link: that is looked at as one
        ASSERT_TRUE(a.write(*h, 0, "abc").has_value());
        EXPECT_EQ(a.stat("/l")->size, 3u);
        EXPECT_EQ(*a.stat("/l", false)->permissions & sftp::type_mask, sftp::type_symlink);
        EXPECT_EQ(a.stat("/d/f")->size, 3u);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        EXPECT_EQ(a.plain.list("/d").value(), (names{"f", "old"}));
    });
}

TEST(AtomicUploads, ARenameMovesWhereAnUploadWillGo) {
    on_each_kind([](atomic& a) {
        const auto rename = [&a](const char* from, const char* to, bool replace = false) {
            return a.run(&fs::rename, op::rename{from, to, replace});
        };
        ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{"/d", {.permissions = 0755}}).has_value());
        ASSERT_TRUE(a.put("/there", "there").has_value());

        // A new file, into another directory.
        auto h = a.open("/f", create);
        ASSERT_TRUE(a.write(*h, 0, "new").has_value());
        EXPECT_EQ(rename("/f", "/there").error(), errno_of(EEXIST));
        EXPECT_EQ(a.stat("/f")->size, 3u);
        EXPECT_TRUE(rename("/f", "/d/g").has_value());
        EXPECT_EQ(status(a.stat("/f")), status_code::no_such_file);
        EXPECT_EQ(a.stat("/d/g")->size, 3u);
        EXPECT_EQ(status(a.plain.stat("/d/g")), status_code::no_such_file);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/d/g", "new");

        // One that is to replace another: the old one moves with it. Over what is there.
        h = a.open("/d/g", create);
        ASSERT_TRUE(a.write(*h, 0, "newer").has_value());
        EXPECT_TRUE(rename("/d/g", "/there", true).has_value());
        a.is("/there", "new");
        EXPECT_EQ(status(a.plain.stat("/d/g")), status_code::no_such_file);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/there", "newer");
        EXPECT_EQ(a.plain.list("/d").value(), names{});

        // Onto another upload, which has no name then.
        h = a.open("/one", create);
        const auto other = a.open("/two", create);
        ASSERT_TRUE(a.write(*h, 0, "one").has_value());
        ASSERT_TRUE(a.write(*other, 0, "two").has_value());
        EXPECT_EQ(rename("/one", "/two").error(), errno_of(EEXIST));
        EXPECT_EQ(rename("/there", "/two").error(), errno_of(EEXIST));
        EXPECT_TRUE(rename("/one", "/two", true).has_value());
        EXPECT_TRUE(a.close(*h, committed).has_value());
        EXPECT_TRUE(a.close(*other, committed).has_value());
        a.is("/two", "one");
        EXPECT_EQ(a.plain.list("/").value(), (names{"d", "there", "two"}));

        // What came there meanwhile is not replaced by a rename that was not to.
        h = a.open("/f", create);
        EXPECT_TRUE(rename("/f", "/new").has_value());
        EXPECT_TRUE(rename("/new", "/new", true).has_value());
        const auto foreign = a.plain.open("/new", create);
        EXPECT_TRUE(foreign && a.plain.close(*foreign));
        EXPECT_EQ(status(a.close(*h, committed)), status_code::failure);
        EXPECT_EQ(a.plain.list("/").value(), (names{"d", "new", "there", "two"}));

        // A directory takes along what is open in it.
        h = a.open("/d/f", create);
        ASSERT_TRUE(a.write(*h, 0, "moved").has_value());
        EXPECT_TRUE(rename("/d", "/e").has_value());
        EXPECT_EQ(a.stat("/e/f")->size, 5u);
        EXPECT_TRUE(a.close(*h, committed).has_value());
        a.is("/e/f", "moved");
        EXPECT_EQ(a.plain.list("/e").value(), names{"f"});
        EXPECT_EQ(status(rename("/none", "/more")), status_code::no_such_file);
    });
}

TEST(AtomicUploads, ARemoveGivesAnUploadUp) {
    for (const auto policy : {abandoned_policy::remove, abandoned_policy::keep})
        on_each_kind(
            [](atomic& a) {
                ASSERT_TRUE(a.put("/old", "old").has_value());
                for (const auto* path : {"/new", "/old"}) {
                    SCOPED_TRACE(path);
                    const auto h = a.open(path, create);
                    ASSERT_TRUE(a.write(*h, 0, "text").has_value());
                    EXPECT_TRUE(a.run(&fs::remove, op::remove{path}).has_value());
                    EXPECT_EQ(status(a.stat(path)), status_code::no_such_file);
                    EXPECT_EQ(status(a.plain.stat(path)), status_code::no_such_file);
                    EXPECT_EQ(status(a.run(&fs::remove, op::remove{path})),
                              status_code::no_such_file);
                    EXPECT_TRUE(a.write(*h, 4, "more").has_value());
                    EXPECT_EQ(a.run(&fs::fstat, op::fstat{*h})->size, 8u);
                    EXPECT_TRUE(a.close(*h, committed).has_value());
                    EXPECT_EQ(a.plain.list("/")->count("new") + a.plain.list("/")->size(),
                              path == std::string("/new") ? 1u : 0u);
                }
                // Where the old file cannot be removed nothing is given up.
                const auto h = a.open("/f", create);
                a.record->failures["remove"] = {EACCES};
                EXPECT_EQ(status(a.run(&fs::remove, op::remove{"/f"})),
                          status_code::permission_denied);
                EXPECT_TRUE(a.close(*h, committed).has_value());
                a.is("/f", "");
            },
            policy);
}

// Whoever else moves it.
TEST(AtomicUploads, ADirectoryThatMovesAwayMakesTheCloseFail) {
    on_each_kind([](atomic& a) {
        ASSERT_TRUE(a.plain.run(&fs::mkdir, op::mkdir{"/d", {.permissions = 0755}}).has_value());
        const auto h = a.open("/d/f", create);
        ASSERT_TRUE(a.plain.run(&fs::rename, op::rename{"/d", "/e", false}).has_value());
        EXPECT_EQ(status(a.close(*h, committed)), status_code::no_such_file);
        EXPECT_EQ(a.list("/e").value(), names{});
    });
}

TEST(AtomicUploads, ListingsLeaveTemporaryNamesOut) {
    EXPECT_TRUE(atomic_upload_filesystem::is_temporary(".f.0123456789abcdef.part"));
    EXPECT_TRUE(atomic_upload_filesystem::is_temporary("..0123456789abcdef.part"));
    for (const auto* name : {"f.0123456789abcdef.part", ".f.0123456789abcde.part", ".f.part",
                             ".f.0123456789abcdeF.part", ".f.0123456789abcdef.parts", "", ".part",
                             ".0123456789abcdef.part"})
        EXPECT_FALSE(atomic_upload_filesystem::is_temporary(name)) << name;
    on_each_kind([](atomic& a) {
        // More than a batch of them in a row, with some to see in between.
        const auto touch = [&a](const std::string& name) {
            const auto h = a.plain.open(name, create);
            ASSERT_TRUE(h && a.plain.close(*h));
        };
        for (int i = 0; i < 700; ++i) {
            std::string digits = std::to_string(i);
            digits.insert(0, 16 - digits.size(), '0');
            touch("/.f." + digits + ".part");
        }
        for (const auto* name : {"/a", "/.hidden", "/z.part"})
            touch(name);
        EXPECT_EQ(a.list("/").value(), (names{".hidden", "a", "z.part"}));
        EXPECT_EQ(a.plain.list("/")->size(), 703u);
    });
}

// --- whole sessions ---------------------------------------------------------------------------

struct atomic_session {
    explicit atomic_session(atomic& a) : files(*a.files), runner(a) {}

    // Moves at most `budget` bytes of the client's; tells whether anything moved.
    bool step(std::size_t& budget) {
        while (client.has_output()) {
            const auto chunk = client.next_output();
            to_server.insert(to_server.end(), chunk.view().begin(), chunk.view().end());
        }
        const std::size_t n = std::min(budget, to_server.size());
        server.receive(bytes_view(to_server).first(n));
        to_server.erase(to_server.begin(), to_server.begin() + static_cast<std::ptrdiff_t>(n));
        budget -= n;
        work();
        bool moved = n != 0;
        while (server.has_output()) {
            client.receive(server.next_output().view());
            moved = true;
        }
        return moved;
    }
    void work() {
        for (driver.start_ready(); driver.running() != 0; driver.start_ready())
            runner.settle();
    }

    sftp::server server;
    sftp::filesystem& files;
    filesystem_runner& runner;
    sftp::driver driver{server, files, [] {}};
    sftp::client client;
    bytes to_server;
};

TEST(AtomicUploads, AFileThatCannotBeMovedIntoPlaceIsNotReportedAsCommitted) {
    atomic a(atomic::over::ram_disk);
    atomic_session s(a);
    std::size_t budget = 10'000;
    const auto answer = [&](const result<sftp::request_id>& id) {
        EXPECT_TRUE(id);
        while (s.step(budget)) {
        }
        return s.client.next_outcome().value();
    };
    while (s.step(budget)) {
    }
    const auto h = std::get<sftp::remote_handle>(answer(s.client.open("/f", create)).value);
    EXPECT_FALSE(answer(s.client.write(h, 0, test::written(bytes(10)))).error);
    a.record->failures["rename"] = {EACCES};
    EXPECT_EQ(answer(s.client.close(h)).error, errc::sftp_permission_denied);
    EXPECT_EQ(s.server.report().files_committed, 0u);
    EXPECT_EQ(s.server.report().files_abandoned, 1u);
    EXPECT_EQ(s.server.handles_open(), 0u);
    EXPECT_EQ(a.plain.list("/").value(), names{});
}

// Two files are put over old ones; the session is lost after so many bytes of it. Gives how many of
// the files are the new ones, whole; the others are the old ones, and nothing else is left.
std::size_t files_put_before(std::size_t cut, atomic& a) {
    const std::string old(50, 'o');
    const bytes fresh(70, 'n');
    for (const auto* name : {"/one", "/two"})
        EXPECT_TRUE(a.put(name, old).has_value());
    atomic_session s(a);
    std::size_t budget = cut;
    const auto answer = [&](const result<sftp::request_id>& id) -> std::optional<sftp::outcome> {
        EXPECT_TRUE(id);
        while (s.step(budget)) {
        }
        return s.client.next_outcome();
    };
    while (s.step(budget)) {
    }
    std::size_t told = 0;  // that it is closed
    for (const auto* name : {"/one", "/two"}) {
        if (!s.client.ready()) break;
        const auto opened = answer(s.client.open(name, create));
        if (!opened) break;
        const auto h = std::get<sftp::remote_handle>(opened->value);
        if (!answer(s.client.write(h, 0, test::written(bytes_view(fresh).first(30))))) break;
        if (!answer(s.client.write(h, 30, test::written(bytes_view(fresh).subspan(30))))) break;
        const auto closed = answer(s.client.close(h));
        if (!closed) break;
        EXPECT_FALSE(closed->error);
        ++told;
    }
    s.server.abandon();
    s.work();
    EXPECT_TRUE(s.server.finished());
    std::size_t now_fresh = 0;
    for (const auto* name : {"/one", "/two"}) {
        const auto content = a.plain.content(name).value();
        EXPECT_TRUE(content == old || content == as_text(fresh));
        now_fresh += content == as_text(fresh);
    }
    EXPECT_EQ(now_fresh, told);
    EXPECT_EQ(s.server.report().files_committed, told);
    EXPECT_EQ(a.plain.list("/").value(), (names{"one", "two"}));
    return now_fresh;
}

TEST(CloseAndDrain, ASessionLostAnywhereShowsNoHalfUpload) {
    for (const auto kind : {atomic::over::memory, atomic::over::ram_disk}) {
        std::size_t times[3] = {};  // by files that were put
        for (std::size_t cut = 0; cut < 600; cut += kind == atomic::over::memory ? 1 : 11) {
            SCOPED_TRACE(cut);
            atomic a(kind);
            ++times[files_put_before(cut, a)];
        }
        for (const auto n : times)
            EXPECT_NE(n, 0u);
    }
}

}  // namespace
}  // namespace sluice
