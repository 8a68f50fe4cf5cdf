#include "sluice/io/posix_filesystem.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/tests/io/filesystem_runner.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stop_token>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using sftp::op::any;

constexpr std::uint32_t create = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc;

// A directory "root" with a neighbour "secret" outside of it, served by a posix_filesystem whose
// operations are awaited one by one.
class served {
public:
    explicit served(const fs::path& base, posix_options options = {}) : dir_(base), pool_(2) {
        fs::create_directory(dir_ / "root");
        put("../secret", "outside");
        fs::create_directory(dir_ / "outside");
        put("../outside/secret", "outside");
        if (options.root.empty()) options.root = root().string();
        auto opened = posix_filesystem::open(options, io_.get_executor(), pool_);
        if (opened) files_ = std::move(*opened);
    }
    ~served() {
        pool_.join();
        io_.restart();
        io_.run();
    }

    fs::path root() const { return dir_ / "root"; }
    fs::path at(const std::string& name) const { return root() / name; }
    void put(const std::string& name, const std::string& text) {
        std::ofstream(at(name), std::ios::binary) << text;
    }
    std::string get(const std::string& name) {
        std::ifstream in(at(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    // Runs one operation to its end.
    template <class Op>
    auto run(void (posix_filesystem::*f)(Op, sftp::completion<typename Op::reply>), Op what) {
        return run_on<Op>([&](sftp::completion<typename Op::reply> done) {
            (files_.get()->*f)(std::move(what), std::move(done));
        });
    }
    template <class Op, class Start>
    result<typename Op::reply> run_on(Start start) {
        using outcome = result<typename Op::reply>;
        struct waiting : sftp::completion_context {
            std::optional<outcome> got;
        } context;
        context.stop = stop.get_token();
        start(sftp::completion<typename Op::reply>(
            context, 0, [](sftp::completion_context& c, std::uint64_t, outcome o) {
                static_cast<waiting&>(c).got.emplace(std::move(o));
            }));
        at_once = context.got.has_value();
        while (!context.got) {
            io_.restart();
            io_.run_one();
        }
        return std::move(*context.got);
    }

    result<sftp::file_handle> open(std::string_view path, std::uint32_t pflags,
                                   sftp::attributes attrs = {}) {
        return run(&posix_filesystem::open, sftp::op::open{path, pflags, attrs});
    }
    result<> close(sftp::file_handle h) {
        return run(&posix_filesystem::close, sftp::op::close{h, {}});
    }
    result<std::string> read(sftp::file_handle h, std::uint64_t offset, std::uint32_t length) {
        wire::buffer into(13 + length);
        into.commit(13);
        auto got = run(&posix_filesystem::read, sftp::op::read{h, offset, length, std::move(into)});
        if (!got) return got.error();
        return std::string(as_text(got->view().subspan(13)));
    }
    result<> write(sftp::file_handle h, std::uint64_t offset, std::string_view text) {
        return run(&posix_filesystem::write,
                   sftp::op::write{h, offset, wire::buffer::copy_of(as_bytes(text))});
    }
    // What a client gets for the content of a path.
    result<std::string> content(std::string_view path) {
        const auto h = open(path, sftp::fxf_read);
        if (!h) return h.error();
        auto got = read(*h, 0, 1000);
        EXPECT_TRUE(close(*h).has_value());
        return got;
    }
    result<sftp::attributes> stat(std::string_view path, bool follow = true) {
        return run(&posix_filesystem::stat, sftp::op::stat{path, follow});
    }
    result<> setstat(std::string_view path, const sftp::attributes& attrs, bool follow = true) {
        return run(&posix_filesystem::setstat, sftp::op::setstat{path, attrs, follow});
    }
    result<std::string> realpath(std::string_view path) {
        return run(&posix_filesystem::realpath, sftp::op::realpath{path});
    }
    result<> rename(std::string_view from, std::string_view to, bool replace = false) {
        return run(&posix_filesystem::rename, sftp::op::rename{from, to, replace});
    }

    posix_filesystem& files() { return *files_; }
    std::stop_source stop;
    bool at_once = false;  // the last operation completed as it was started

private:
    test::temp_dir dir_;
    asio::io_context io_;
    asio::thread_pool pool_;
    std::unique_ptr<posix_filesystem> files_;
};

error_code system_error(int number) { return {number, boost::system::system_category()}; }

// Every test runs where the disk is and where there is none: the ways differ.
class PosixFilesystem : public testing::Test {
protected:
    template <class F>
    void everywhere(F f, const posix_options& options = {}) {
        for (const auto& base : {fs::temp_directory_path(), fs::path("/dev/shm")}) {
            SCOPED_TRACE(base.string());
            served s(base, options);
            f(s);
        }
    }
};

TEST_F(PosixFilesystem, FilesAreWrittenReadAndClosed) {
    everywhere([](served& s) {
        const auto h = s.open("/f", create | sftp::fxf_read);
        ASSERT_TRUE(h.has_value());
        EXPECT_TRUE(s.write(*h, 0, "hello").has_value());
        EXPECT_TRUE(s.write(*h, 10, "world").has_value());
        EXPECT_EQ(*s.read(*h, 0, 100), std::string("hello\0\0\0\0\0world", 15));
        EXPECT_EQ(*s.read(*h, 12, 2), "rl");
        EXPECT_EQ(*s.read(*h, 15, 10), "");
        EXPECT_EQ(s.read(*h, ~std::uint64_t{0}, 10).error(), system_error(EINVAL));
        EXPECT_EQ(s.write(*h, ~std::uint64_t{0}, "x").error(), system_error(EINVAL));
        const auto attrs = s.run(&posix_filesystem::fstat, sftp::op::fstat{*h});
        EXPECT_EQ(attrs->size, 15u);
        EXPECT_TRUE(s.run(&posix_filesystem::fsync, sftp::op::fsync{*h}).has_value());
        EXPECT_TRUE(
            s.run(&posix_filesystem::fsetstat, sftp::op::fsetstat{*h, {.size = 5}}).has_value());
        EXPECT_TRUE(s.close(*h).has_value());
        EXPECT_EQ(s.get("f"), "hello");

        EXPECT_EQ(s.open("/f", create | sftp::fxf_excl).error(), system_error(EEXIST));
        EXPECT_EQ(s.open("/none", sftp::fxf_read).error(), system_error(ENOENT));
        const auto append = s.open("f", sftp::fxf_write | sftp::fxf_append);
        EXPECT_TRUE(s.write(*append, 0, "!").has_value());
        EXPECT_TRUE(s.close(*append).has_value());
        EXPECT_EQ(s.get("f"), "hello!");
    });
}

TEST_F(PosixFilesystem, ReadsAreWholeWhetherCachedOrNot) {
    everywhere([](served& s) {
        std::string text(3'000'000, 'x');
        for (std::size_t i = 0; i < text.size(); i += 1000)
            text[i] = static_cast<char>('a' + i / 1000 % 26);
        s.put("f", text);
        const int fd = ::open(s.at("f").c_str(), O_RDONLY);
        ::fsync(fd);
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ::close(fd);
        const auto h = s.open("f", sftp::fxf_read);
        ASSERT_TRUE(h.has_value());
        for (std::uint64_t at : {1'000'000u, 0u, 2'900'000u, 123'457u, 1'000'000u}) {
            const auto got = s.read(*h, at, 200'000);
            ASSERT_TRUE(got.has_value());
            EXPECT_TRUE(*got == text.substr(at, 200'000)) << at;
        }
        EXPECT_TRUE(s.close(*h).has_value());
    });
}

TEST_F(PosixFilesystem, NothingLeadsOutOfTheRoot) {
    everywhere([](served& s) {
        s.put("inside", "inside");
        fs::create_directory(s.at("d"));
        s.put("d/secret", "not so secret");
        fs::create_symlink("/inside", s.at("absolute"));
        fs::create_symlink("../../../../inside", s.at("relative"));
        fs::create_symlink(s.root().parent_path() / "secret", s.at("to-secret"));
        fs::create_symlink("../secret", s.at("d/up"));
        fs::create_symlink("..", s.at("d/parent"));
        fs::create_symlink("/proc/self/root", s.at("magic"));
        fs::create_symlink("loop", s.at("loop"));
        struct {
            const char* path;
            const char* want;  // nothing: no such file
        } cases[] = {
            {"absolute", "inside"},
            {"relative", "inside"},
            {"/../../inside", "inside"},
            {"d/../../inside", "inside"},
            {"d/parent/inside", "inside"},
            {"d/parent/../../inside", "inside"},
            {"to-secret", nullptr},
            {"d/up", nullptr},
            {"../secret", nullptr},
            {"/../outside/secret", nullptr},
            {"magic/etc/passwd", nullptr},
            {"/etc/passwd", nullptr},
            {"loop", nullptr},
        };
        for (const auto& c : cases) {
            SCOPED_TRACE(c.path);
            const auto got = s.content(c.path);
            EXPECT_EQ(got.has_value(), c.want != nullptr);
            if (got && c.want != nullptr) {
                EXPECT_EQ(*got, c.want);
            }
            EXPECT_EQ(s.stat(c.path).has_value(), c.want != nullptr);
        }
        // Whatever is made or moved by such paths stays inside as well.
        EXPECT_TRUE(
            s.run(&posix_filesystem::mkdir, sftp::op::mkdir{"/../../made", {}}).has_value());
        EXPECT_TRUE(fs::is_directory(s.at("made")));
        EXPECT_TRUE(s.rename("/../inside", "d/../../../moved").has_value());
        EXPECT_EQ(s.get("moved"), "inside");
        EXPECT_EQ(s.get("../secret"), "outside");
        EXPECT_FALSE(s.run(&posix_filesystem::remove, sftp::op::remove{"../secret"}).has_value());
        EXPECT_TRUE(s.open("to-made", create).has_value());
        const auto through = s.open("d/up", create);  // a dangling link: creates inside
        ASSERT_TRUE(through.has_value());
        EXPECT_TRUE(s.write(*through, 0, "x").has_value());
        EXPECT_TRUE(s.close(*through).has_value());
        EXPECT_EQ(s.get("../secret"), "outside");
        EXPECT_EQ(s.get("secret"), "x");
    });
}

TEST_F(PosixFilesystem, NoEntryIsNamedByDotsOrNothing) {
    everywhere([](served& s) {
        fs::create_directory(s.at("d"));
        for (const char* path : {"", "/", ".", "..", "/..", "d/..", "d/.", "d/../.."}) {
            SCOPED_TRACE(path);
            EXPECT_FALSE(s.run(&posix_filesystem::rmdir, sftp::op::rmdir{path}).has_value());
            EXPECT_FALSE(s.run(&posix_filesystem::remove, sftp::op::remove{path}).has_value());
            EXPECT_FALSE(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{path, {}}).has_value());
            EXPECT_FALSE(s.rename(path, "/x").has_value());
            EXPECT_FALSE(s.rename("/d", path, true).has_value());
            EXPECT_FALSE(
                s.run(&posix_filesystem::symlink, sftp::op::symlink{"t", path}).has_value());
        }
        EXPECT_TRUE(fs::is_directory(s.at("d")));
        EXPECT_TRUE(fs::exists(s.at("../secret")));
    });
}

TEST_F(PosixFilesystem, ASwappedDirectoryNeverLeadsOutside) {
    everywhere([](served& s) {
        // "way" is by turns a directory and a link to the one outside.
        fs::create_directory(s.at("inner"));
        s.put("inner/secret", "inside");
        fs::create_symlink(s.root().parent_path() / "outside", s.at("link"));
        std::jthread swapper([&s](const std::stop_token& stop) {
            const auto way = s.at("way");
            const auto link = s.at("link");
            const auto inner = s.at("inner");
            while (!stop.stop_requested()) {
                ::rename(inner.c_str(), way.c_str());
                ::rename(way.c_str(), inner.c_str());
                ::rename(link.c_str(), way.c_str());
                ::rename(way.c_str(), link.c_str());
            }
        });
        // A busy machine may let the swapper sleep for long: until both ways were met.
        bool met = false;
        bool refused = false;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        for (int i = 0; i < 3000 || !met || !refused; ++i) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            const auto got = s.content("way/secret");
            (got ? met : refused) = true;
            if (got) {
                ASSERT_EQ(*got, "inside");
            }
            const auto attrs = s.stat("way/../way/secret");
            if (attrs) {
                ASSERT_EQ(attrs->size, 6u);
            }
            const auto h = s.open("way/new", create);
            if (h) {
                EXPECT_TRUE(s.close(*h).has_value());
            }
            static_cast<void>(s.rename("way/new", "way/newer", true));
            static_cast<void>(s.setstat("way/secret", {.permissions = 0600}));
        }
        swapper.request_stop();
        swapper.join();
        EXPECT_FALSE(fs::exists(s.at("../outside/new")));
        EXPECT_FALSE(fs::exists(s.at("../outside/newer")));
        EXPECT_NE(fs::status(s.at("../outside/secret")).permissions() & fs::perms::all,
                  fs::perms::owner_read | fs::perms::owner_write);
    });
}

// With "/" as the root, procfs is below it. Nothing of it is read, changed or told of, whichever
// way a path takes.
TEST_F(PosixFilesystem, FileSystemsOfTheKernelAreRefusedForEveryOperation) {
    served s(fs::temp_directory_path(), {.root = "/"});
    const auto denied = system_error(EACCES);
    const std::string here = s.root().string();
    fs::create_symlink("/proc/self", s.at("process"));
    fs::create_symlink("/proc/self/comm", s.at("comm"));
    fs::create_symlink("/proc/new", s.at("dangling"));
    s.put("f", "text");

    for (const std::string path :
         {"/proc/self/mem", "/proc/self/comm", "/proc/self/environ",
          "/proc/sys/kernel/random/boot_id", "/sys/kernel/uevent_seqnum"}) {
        SCOPED_TRACE(path);
        if (!fs::exists(path)) continue;
        for (const auto pflags :
             {std::uint32_t{sftp::fxf_read}, std::uint32_t{sftp::fxf_write},
              sftp::fxf_read | sftp::fxf_write, create, create | sftp::fxf_read,
              sftp::fxf_write | sftp::fxf_creat, sftp::fxf_read | sftp::fxf_trunc})
            EXPECT_EQ(s.open(path, pflags).error(), denied) << pflags;
        EXPECT_EQ(s.stat(path).error(), denied);
        EXPECT_EQ(s.stat(path, false).error(), denied);
        EXPECT_EQ(s.realpath(path).error(), denied);
        EXPECT_EQ(s.setstat(path, {.size = 0}).error(), denied);
        EXPECT_EQ(s.setstat(path, {.permissions = 0600}).error(), denied);
        EXPECT_EQ(s.setstat(path, {.owner = sftp::owner_ids{0, 0}}).error(), denied);
        EXPECT_EQ(s.setstat(path, {.times = sftp::file_times{1, 1}}, false).error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::remove, sftp::op::remove{path}).error(), denied);
        EXPECT_EQ(s.rename(path, here + "/g").error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::hardlink, sftp::op::hardlink{path, here + "/g"}).error(),
                  denied);
        EXPECT_EQ(s.run(&posix_filesystem::statvfs, sftp::op::statvfs{path}).error(), denied);
    }
    for (const std::string path : {"/proc", "/proc/self", "/proc/self/fd", "/proc/self/task",
                                   "/proc/sys/kernel", "/sys", "/sys/kernel"}) {
        SCOPED_TRACE(path);
        if (!fs::exists(path)) continue;
        EXPECT_EQ(s.run(&posix_filesystem::opendir, sftp::op::opendir{path}).error(), denied);
        EXPECT_EQ(s.stat(path).error(), denied);
        EXPECT_EQ(s.realpath(path).error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::statvfs, sftp::op::statvfs{path}).error(), denied);
        const std::string inside = path + "/new";
        EXPECT_EQ(s.open(inside, create).error(), denied);
        EXPECT_EQ(s.open(inside, create | sftp::fxf_excl).error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{inside, {}}).error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::rmdir, sftp::op::rmdir{inside}).error(), denied);
        EXPECT_EQ(s.rename(here + "/f", inside).error(), denied);
        EXPECT_EQ(s.rename(here + "/f", inside, true).error(), denied);
        EXPECT_EQ(s.run(&posix_filesystem::symlink, sftp::op::symlink{"f", inside}).error(),
                  denied);
        EXPECT_EQ(
            s.run(&posix_filesystem::hardlink, sftp::op::hardlink{here + "/f", inside}).error(),
            denied);
    }
    for (const std::string path : {"/proc/self", "/proc/mounts", "/proc/self/exe", "/proc/self/cwd",
                                   "/proc/self/fd/0", "/proc/self/ns/net"}) {
        SCOPED_TRACE(path);
        EXPECT_EQ(s.run(&posix_filesystem::readlink, sftp::op::readlink{path}).error(), denied);
    }
    // By links that lie elsewhere.
    EXPECT_EQ(s.open(here + "/process/mem", sftp::fxf_read).error(), denied);
    EXPECT_EQ(s.open(here + "/comm", create).error(), denied);
    EXPECT_EQ(s.open(here + "/dangling", create).error(), denied);
    EXPECT_EQ(s.stat(here + "/process").error(), denied);
    EXPECT_EQ(s.realpath(here + "/process").error(), denied);
    EXPECT_EQ(s.run(&posix_filesystem::opendir, sftp::op::opendir{here + "/process/fd"}).error(),
              denied);
    EXPECT_TRUE(s.stat(here + "/process", false).has_value());  // the link itself is a file of ours
    // What lies beside is served as ever.
    EXPECT_EQ(s.content(here + "/f"), "text");
}

TEST_F(PosixFilesystem, AListingShowsNothingFromInsideAFileSystemOfTheKernel) {
    served s(fs::temp_directory_path(), {.root = "/"});
    const auto h = s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"});
    ASSERT_TRUE(h.has_value());
    bool seen = false;
    for (;;) {
        auto batch = s.run(&posix_filesystem::readdir, sftp::op::readdir{*h});
        ASSERT_TRUE(batch.has_value());
        if (batch->empty()) break;
        for (const auto& [name, attrs] : test::entries_of(std::move(*batch))) {
            if (name != "proc") continue;
            seen = true;
            EXPECT_EQ(attrs.permissions, std::uint32_t{S_IFDIR});
            EXPECT_EQ(attrs.times->mtime, 0u);
        }
    }
    EXPECT_TRUE(seen);
    EXPECT_TRUE(s.close(*h).has_value());
}

TEST_F(PosixFilesystem, OpensCutAndCreateAsTheSystemDoes) {
    everywhere([](served& s) {
        s.put("f", "text");
        // To cut, a file need not be open for writing.
        const auto h = s.open("/f", sftp::fxf_read | sftp::fxf_trunc);
        ASSERT_TRUE(h.has_value());
        EXPECT_TRUE(s.write(*h, 0, "x").error());
        EXPECT_TRUE(s.close(*h).has_value());
        EXPECT_EQ(s.get("f"), "");
        // Where a link leads nowhere, its target is made; not so by "exclusive".
        fs::create_symlink("target", s.at("dangling"));
        EXPECT_EQ(s.open("/dangling", create | sftp::fxf_excl).error(), system_error(EEXIST));
        EXPECT_FALSE(fs::exists(s.at("target")));
        const auto made = s.open("/dangling", create);
        ASSERT_TRUE(made.has_value());
        EXPECT_TRUE(s.close(*made).has_value());
        EXPECT_TRUE(fs::exists(s.at("target")));
        EXPECT_EQ(s.open("/new/", create).error(), system_error(EISDIR));
    });
}

TEST_F(PosixFilesystem, FifosDevicesAndSocketsAreRefusedAtOnce) {
    everywhere([](served& s) {
        ASSERT_EQ(::mkfifo(s.at("fifo").c_str(), 0666), 0);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, s.at("socket").c_str(), sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        std::vector<const char*> names{"fifo", "socket"};
        // Only root may make devices; /dev/tty would wait for nothing, /dev/null is at hand.
        if (::mknod(s.at("device").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0)
            names.push_back("device");
        // To open a FIFO and close it is to tell its reader of an end.
        const file_descriptor reader(::open(s.at("fifo").c_str(), O_RDONLY | O_NONBLOCK));
        ASSERT_TRUE(reader);
        for (const char* name : names) {
            SCOPED_TRACE(name);
            EXPECT_FALSE(s.open(name, sftp::fxf_read).has_value());
            EXPECT_FALSE(s.open(name, sftp::fxf_write).has_value());
            EXPECT_FALSE(s.open(name, sftp::fxf_read | sftp::fxf_write).has_value());
            EXPECT_FALSE(s.open(name, create).has_value());
            EXPECT_FALSE(s.setstat(name, {.size = 0}).has_value());
            EXPECT_TRUE(s.stat(name).has_value());  // but they can be looked at
            EXPECT_TRUE(s.setstat(name, {.permissions = 0640}).has_value());
            pollfd heard{reader.get(), POLLIN, 0};
            EXPECT_EQ(::poll(&heard, 1, 0), 0) << heard.revents;
        }
        ::close(fd);
        fs::create_directory(s.at("d"));
        EXPECT_EQ(s.open("d", sftp::fxf_read).error(), system_error(EISDIR));
        EXPECT_EQ(s.open("d", sftp::fxf_write).error(), system_error(EISDIR));
    });
}

// What -u of internal-sftp does, in a process that others share.
TEST_F(PosixFilesystem, BitsThatAreDeniedAreNotInNewModes) {
    everywhere(
        [](served& s) {
            const auto h = s.open("f", create, {.permissions = 0777});
            ASSERT_TRUE(h.has_value());
            EXPECT_TRUE(s.close(*h).has_value());
            EXPECT_EQ(*s.stat("f")->permissions & 0777, 0700u);
            EXPECT_TRUE(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{"d", {}}).has_value());
            EXPECT_EQ(*s.stat("d")->permissions & 0777, 0700u);
            EXPECT_TRUE(s.setstat("f", {.permissions = 0755}).has_value());
            EXPECT_EQ(*s.stat("f")->permissions & 0777, 0755u) << "who sets a mode sets it";
        },
        {.denied_modes = 077});
}

// What -m does: for files, and for new ones alone.
TEST_F(PosixFilesystem, NewFilesHaveTheModeThatIsSet) {
    everywhere(
        [](served& s) {
            for (const auto& asked : {sftp::attributes{}, sftp::attributes{.permissions = 0777}}) {
                const auto h = s.open("f", create, asked);
                ASSERT_TRUE(h.has_value());
                EXPECT_TRUE(s.close(*h).has_value());
                EXPECT_EQ(*s.stat("f")->permissions & 07777, 0640u);
                EXPECT_TRUE(s.run(&posix_filesystem::remove, sftp::op::remove{"f"}).has_value());
            }
            EXPECT_TRUE(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{"d", {}}).has_value());
            EXPECT_EQ(*s.stat("d")->permissions & 0777, 0700u) << "directories keep to -u";
            s.put("old", "text");
            EXPECT_TRUE(s.setstat("old", {.permissions = 0600}).has_value());
            const auto h = s.open("old", create);
            ASSERT_TRUE(h.has_value());
            EXPECT_TRUE(s.close(*h).has_value());
            EXPECT_EQ(*s.stat("old")->permissions & 07777, 0600u);
        },
        {.denied_modes = 077, .file_mode = 0640});
}

// Where they are permitted, and never on the caller's thread.
TEST_F(PosixFilesystem, CharacterDevicesAreOpenedWherePermitted) {
    test::temp_dir dir;
    served refuses(dir.path(), {.root = "/dev"});
    EXPECT_EQ(refuses.open("null", sftp::fxf_read).error(), system_error(EPERM));
    test::temp_dir another;
    served s(another.path(), {.root = "/dev", .devices = true});
    const auto null = s.open("null", create | sftp::fxf_read);
    ASSERT_TRUE(null.has_value()) << null.error().message();
    EXPECT_TRUE(s.write(*null, 0, "gone").has_value());
    EXPECT_FALSE(s.at_once);
    EXPECT_EQ(*s.read(*null, 0, 10), "");
    EXPECT_FALSE(s.at_once);
    EXPECT_TRUE(s.close(*null).has_value());
    EXPECT_FALSE(s.at_once);
    const auto zero = s.open("zero", sftp::fxf_read);
    ASSERT_TRUE(zero.has_value());
    EXPECT_EQ(*s.read(*zero, 1'000'000, 3), std::string(3, '\0'));
    EXPECT_FALSE(s.at_once);
    EXPECT_TRUE(s.close(*zero).has_value());
    const auto full = s.open("full", sftp::fxf_write);
    ASSERT_TRUE(full.has_value());
    EXPECT_EQ(s.write(*full, 0, "x").error(), system_error(ENOSPC));
    EXPECT_TRUE(s.close(*full).has_value());
}

// Neither of these is a character device; and one that has nothing to give makes nobody wait.
TEST_F(PosixFilesystem, WithDevicesOthersAreRefusedAllTheSame) {
    everywhere(
        [](served& s) {
            ASSERT_EQ(::mkfifo(s.at("fifo").c_str(), 0666), 0);
            EXPECT_EQ(s.open("fifo", sftp::fxf_read).error(), system_error(EPERM));
            EXPECT_EQ(s.open("fifo", sftp::fxf_write).error(), system_error(EPERM));
            fs::create_directory(s.at("d"));
            EXPECT_EQ(s.open("d", sftp::fxf_read).error(), system_error(EISDIR));
            s.put("f", "text");
            EXPECT_EQ(*s.content("f"), "text");
        },
        {.devices = true});
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return;
    const std::string name = ::ptsname(master);
    test::temp_dir dir;
    served s(dir.path(), {.root = "/dev", .devices = true});
    const auto terminal = s.open(name.substr(std::string("/dev").size()), sftp::fxf_read);
    if (terminal.has_value()) {
        EXPECT_FALSE(s.read(*terminal, 0, 10).has_value()) << "no data, and no wait";
        EXPECT_TRUE(s.close(*terminal).has_value());
    }
    ::close(master);
}

TEST_F(PosixFilesystem, AttributesAreSetOnWhatThePathNames) {
    everywhere([](served& s) {
        s.put("f", "0123456789");
        fs::create_directory(s.at("d"));
        fs::create_symlink("f", s.at("l"));
        EXPECT_TRUE(
            s.setstat("l", {.size = 4, .permissions = 0751, .times = sftp::file_times{1000, 2000}})
                .has_value());
        const auto attrs = s.stat("f");
        ASSERT_TRUE(attrs.has_value());
        EXPECT_EQ(s.get("f"), "0123");
        EXPECT_EQ(*attrs->permissions, 0100751u);
        EXPECT_TRUE((*attrs->times == sftp::file_times{1000, 2000}));
        EXPECT_EQ(attrs->owner->uid, ::getuid());

        EXPECT_TRUE(s.setstat("l", {.times = sftp::file_times{1, 2}}, false).has_value());
        EXPECT_EQ(s.stat("l", false)->times->mtime, 2u);
        EXPECT_EQ(s.stat("l")->times->mtime, 2000u);
        EXPECT_EQ(*s.stat("l", false)->permissions & sftp::type_mask, sftp::type_symlink);
        EXPECT_EQ(s.setstat("l", {.permissions = 0600}, false).error(), system_error(EOPNOTSUPP));
        EXPECT_EQ(*s.stat("f")->permissions, 0100751u);
        EXPECT_EQ(s.setstat("l", {.size = 0}, false).error(), errc::sftp_bad_message);
        EXPECT_EQ(s.get("f"), "0123");

        EXPECT_TRUE(s.setstat("d", {.permissions = 01755}).has_value());
        EXPECT_EQ(*s.stat("d")->permissions, 0041755u);
        EXPECT_TRUE(s.setstat("f", {.owner = sftp::owner_ids{::getuid(), ::getgid()}}).has_value());
        EXPECT_EQ(s.setstat("none", {.permissions = 0600}).error(), system_error(ENOENT));
        EXPECT_EQ(s.setstat("d", {.size = 0}).error(), system_error(EISDIR));
        EXPECT_EQ(s.setstat("f", {.size = ~std::uint64_t{0}}).error(), system_error(EINVAL));
    });
}

// What cannot be done is refused as a whole, and not said to be done.
TEST_F(PosixFilesystem, SetuidAndSetgidAreRefusedUnlessTheProgramPermitsThem) {
    everywhere([](served& s) {
        s.put("f", "text");
        fs::create_directory(s.at("d"));
        const error_code refused = errc::set_id_not_permitted;
        for (const std::uint32_t mode : {04755u, 02755u, 06755u, 0104755u}) {
            const sftp::attributes attrs{.size = 1, .permissions = mode};
            EXPECT_EQ(s.setstat("f", attrs).error(), refused);
            EXPECT_EQ(s.setstat("f", attrs, false).error(), refused);
            EXPECT_EQ(s.setstat("d", {.permissions = mode}).error(), refused);
            EXPECT_EQ(s.open("new", create, {.permissions = mode}).error(), refused);
            EXPECT_EQ(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{"e", {.permissions = mode}})
                          .error(),
                      refused);
            const auto h = s.open("f", sftp::fxf_write);
            ASSERT_TRUE(h.has_value());
            EXPECT_EQ(s.run(&posix_filesystem::fsetstat, sftp::op::fsetstat{*h, attrs}).error(),
                      refused);
            EXPECT_TRUE(s.close(*h).has_value());
        }
        EXPECT_EQ(s.get("f"), "text");
        EXPECT_FALSE(fs::exists(s.at("new")) || fs::exists(s.at("e")));
        EXPECT_EQ(*s.stat("f")->permissions & 06000, 0u);

        // A directory whose files are to get its group keeps that.
        ASSERT_EQ(::chmod(s.at("d").c_str(), 02750), 0);
        EXPECT_TRUE(s.setstat("d", {.permissions = 02775}).has_value());
        EXPECT_EQ(*s.stat("d")->permissions, 0042775u);
        EXPECT_EQ(s.setstat("d", {.permissions = 06775}).error(), refused);
        ASSERT_EQ(::chmod(s.at("f").c_str(), 04755), 0);
        EXPECT_EQ(s.setstat("f", {.permissions = 04750}).error(), refused);
        EXPECT_TRUE(s.setstat("f", {.permissions = 0750}).has_value());
    });
    everywhere(
        [](served& s) {
            s.put("f", "");
            const sftp::owner_ids us{::getuid(), ::getgid()};
            EXPECT_TRUE(s.setstat("f", {.owner = us, .permissions = 06755}).has_value());
            EXPECT_EQ(*s.stat("f")->permissions, 0106755u);
            EXPECT_TRUE(
                s.run(&posix_filesystem::mkdir, sftp::op::mkdir{"d", {.permissions = 02700}})
                    .has_value());
            EXPECT_EQ(*s.stat("d")->permissions, 0042700u);
        },
        {.root = {}, .allow_set_id = true});
}

TEST_F(PosixFilesystem, NewFilesHaveTheModeAskedForUnderTheUmask) {
    const mode_t before = ::umask(027);
    everywhere([](served& s) {
        const auto mode_of = [&s](const char* path) { return *s.stat(path)->permissions & 07777; };
        for (const auto& [name, asked] : std::map<std::string, std::optional<std::uint32_t>>{
                 {"default", {}}, {"all", 01777}, {"few", 0600}}) {
            sftp::attributes attrs;
            attrs.permissions = asked;
            const auto h = s.open("f-" + name, create, attrs);
            ASSERT_TRUE(h.has_value());
            EXPECT_TRUE(s.close(*h).has_value());
            const std::string d = "d-" + name;
            EXPECT_TRUE(s.run(&posix_filesystem::mkdir, sftp::op::mkdir{d, attrs}).has_value());
        }
        EXPECT_EQ(mode_of("f-default"), 0640u);
        EXPECT_EQ(mode_of("d-default"), 0750u);
        EXPECT_EQ(mode_of("f-all"), 01750u);
        EXPECT_EQ(mode_of("d-all"), 01750u);
        EXPECT_EQ(mode_of("f-few"), 0600u);
        EXPECT_EQ(mode_of("d-few"), 0600u);
    });
    ::umask(before);
}

TEST_F(PosixFilesystem, RenameDoesNotReplaceUnlessAsked) {
    everywhere([](served& s) {
        s.put("a", "a");
        s.put("b", "b");
        fs::create_directory(s.at("d"));
        fs::create_directory(s.at("e"));
        EXPECT_EQ(s.rename("a", "b").error(), system_error(EEXIST));
        EXPECT_EQ(s.rename("d", "e").error(), system_error(EEXIST));
        EXPECT_TRUE(s.rename("a", "d/a").has_value());
        EXPECT_TRUE(s.rename("d/a", "/b", true).has_value());
        EXPECT_EQ(s.get("b"), "a");
        EXPECT_TRUE(s.rename("d", "e", true).has_value());
        EXPECT_TRUE(s.rename("e/", "f/").has_value());
        EXPECT_TRUE(fs::is_directory(s.at("f")));
        EXPECT_EQ(s.rename("none", "x").error(), system_error(ENOENT));
        fs::create_symlink("b", s.at("l"));
        EXPECT_TRUE(s.rename("l", "m").has_value());  // the link, not what it names
        EXPECT_TRUE(fs::is_symlink(s.at("m")));
    });
}

TEST_F(PosixFilesystem, LinksAreMadeAndRead) {
    everywhere([](served& s) {
        s.put("f", "text");
        EXPECT_TRUE(s.run(&posix_filesystem::symlink, sftp::op::symlink{"/f", "/l"}).has_value());
        EXPECT_EQ(*s.run(&posix_filesystem::readlink, sftp::op::readlink{"l"}), "/f");
        EXPECT_EQ(*s.content("l"), "text");
        EXPECT_EQ(s.run(&posix_filesystem::readlink, sftp::op::readlink{"f"}).error(),
                  system_error(EINVAL));
        EXPECT_TRUE(s.run(&posix_filesystem::hardlink, sftp::op::hardlink{"f", "h"}).has_value());
        EXPECT_EQ(fs::hard_link_count(s.at("f")), 2u);
        EXPECT_TRUE(s.run(&posix_filesystem::hardlink, sftp::op::hardlink{"l", "k"}).has_value());
        EXPECT_TRUE(fs::is_symlink(s.at("k")));
        EXPECT_EQ(s.run(&posix_filesystem::hardlink, sftp::op::hardlink{"f", "h"}).error(),
                  system_error(EEXIST));
        EXPECT_TRUE(s.run(&posix_filesystem::remove, sftp::op::remove{"l"}).has_value());
        EXPECT_EQ(s.get("f"), "text");
        EXPECT_EQ(s.run(&posix_filesystem::remove, sftp::op::remove{"none"}).error(),
                  system_error(ENOENT));
    });
}

TEST_F(PosixFilesystem, CanonicalPathsAreThoseOfTheRoot) {
    everywhere([](served& s) {
        fs::create_directories(s.at("d/e"));
        s.put("d/f", "");
        fs::create_symlink("/d/e", s.at("absolute"));
        fs::create_symlink("../d", s.at("d/around"));
        fs::create_symlink("missing/deeper", s.at("deep"));
        fs::create_symlink("missing", s.at("dangling"));
        fs::create_symlink("b", s.at("a"));
        fs::create_symlink("a", s.at("b"));
        struct {
            const char* path;
            const char* want;
            int error;
        } cases[] = {
            {"", "/", 0},
            {".", "/", 0},
            {"/", "/", 0},
            {"../../..", "/", 0},
            {"d//e/", "/d/e", 0},
            {"d/e/..", "/d", 0},
            {"absolute", "/d/e", 0},
            {"absolute/..", "/d", 0},  // of what the link names
            {"absolute/../f", "/d/f", 0},
            {"d/around/around/e", "/d/e", 0},
            {"d/new", "/d/new", 0},
            {"absolute/new", "/d/e/new", 0},
            {"dangling", "/missing", 0},
            {"deep", nullptr, ENOENT},
            {"none/new", nullptr, ENOENT},
            {"d/f/new", nullptr, ENOTDIR},
            {"a", nullptr, ELOOP},
        };
        for (const auto& c : cases) {
            SCOPED_TRACE(c.path);
            const auto got = s.realpath(c.path);
            ASSERT_EQ(got.has_value(), c.want != nullptr);
            if (got)
                EXPECT_EQ(*got, c.want);
            else
                EXPECT_EQ(got.error(), system_error(c.error));
        }
        EXPECT_EQ(*s.run_on<sftp::op::expand_path>([&](sftp::completion<std::string> done) {
            s.files().expand_path({"~/d/e/.."}, std::move(done));
        }),
                  "/d");
    });
}

// Where a link leads, there may be thousands of names to look up: not on a thread of the network.
TEST_F(PosixFilesystem, PathsWithLinksAreLookedUpOnThePool) {
    everywhere([](served& s) {
        fs::create_directory(s.at("d"));
        fs::create_symlink("d", s.at("l"));
        EXPECT_TRUE(s.stat("d").has_value());
        const bool cached = s.at_once;  // where nothing can be told at once, nothing is shown here
        EXPECT_EQ(s.realpath("l"), "/d");
        EXPECT_FALSE(s.at_once);
        EXPECT_EQ(s.realpath("l/none"), "/d/none");
        EXPECT_FALSE(s.at_once);
        EXPECT_TRUE(s.stat("l").has_value());
        EXPECT_FALSE(s.at_once);
        EXPECT_TRUE(s.stat("l", false).has_value());
        EXPECT_EQ(s.at_once, cached);
    });
}

TEST_F(PosixFilesystem, DirectoriesAreListedWithAttributesAndNothingOfTheOutside) {
    everywhere([](served& s) {
        for (int i = 0; i < 700; ++i)
            s.put("file" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'x'));
        fs::create_directory(s.at("d"));
        fs::create_symlink("d", s.at("l"));
        const auto h = s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"});
        ASSERT_TRUE(h.has_value());
        std::map<std::string, sftp::attributes> seen;
        for (;;) {
            auto batch = s.run(&posix_filesystem::readdir, sftp::op::readdir{*h});
            ASSERT_TRUE(batch.has_value());
            if (batch->empty()) break;
            for (const auto& [name, attrs] : test::entries_of(std::move(*batch)))
                EXPECT_TRUE(seen.emplace(name, attrs).second) << name;
        }
        EXPECT_TRUE(s.close(*h).has_value());
        EXPECT_EQ(seen.size(), 704u);
        EXPECT_EQ(seen["file699"].size, 699u);
        EXPECT_EQ(*seen["d"].permissions & sftp::type_mask, sftp::type_directory);
        EXPECT_EQ(*seen["l"].permissions & sftp::type_mask, sftp::type_symlink);
        EXPECT_TRUE(seen[".."] == seen["."]);
        EXPECT_EQ(s.run(&posix_filesystem::opendir, sftp::op::opendir{"file1"}).error(),
                  system_error(ENOTDIR));
        EXPECT_EQ(s.run(&posix_filesystem::rmdir, sftp::op::rmdir{"file1"}).error(),
                  system_error(ENOTDIR));
        EXPECT_TRUE(s.run(&posix_filesystem::rmdir, sftp::op::rmdir{"d"}).has_value());
    });
}

TEST_F(PosixFilesystem, CopyDataCopiesRangesWholeFilesAndWithinOneFile) {
    everywhere([](served& s) {
        std::string text(20'000'000, 'x');
        for (std::size_t i = 0; i < text.size(); i += 997)
            text[i] = static_cast<char>('a' + i % 26);
        s.put("from", text);
        const auto from = s.open("from", sftp::fxf_read);
        const auto to = s.open("to", create);
        const auto copy = [&](sftp::file_handle f, std::uint64_t at, std::uint64_t n,
                              sftp::file_handle t, std::uint64_t where) {
            return s.run(&posix_filesystem::copy_data, sftp::op::copy_data{f, at, n, t, where});
        };
        EXPECT_TRUE(copy(*from, 0, 0, *to, 0).has_value());
        EXPECT_TRUE(s.get("to") == text);
        EXPECT_TRUE(copy(*from, 997, 3, *to, 20'000'000).has_value());
        EXPECT_EQ(s.get("to").substr(20'000'000), text.substr(997, 3));
        EXPECT_TRUE(copy(*from, 30'000'000, 0, *to, 0).has_value());    // nothing there
        EXPECT_TRUE(copy(*from, 19'999'990, 100, *to, 0).has_value());  // up to the end
        EXPECT_EQ(s.get("to").size(), 20'000'003u);
        // One file by two handles, growing: ends where the file ended.
        s.put("self", "0123456789");
        const auto in = s.open("self", sftp::fxf_read);
        const auto out = s.open("self", sftp::fxf_write);
        EXPECT_TRUE(copy(*in, 0, 0, *out, 10).has_value());
        EXPECT_EQ(s.get("self"), "01234567890123456789");
        const auto append = s.open("self", sftp::fxf_write | sftp::fxf_append);
        EXPECT_TRUE(copy(*from, 0, 5, *append, 0).has_value());
        EXPECT_EQ(s.get("self"), "01234567890123456789" + text.substr(0, 5));

        s.stop.request_stop();
        EXPECT_EQ(copy(*from, 0, 0, *to, 0).error(), errc::cancelled);
        for (const auto h : {*from, *to, *in, *out, *append})
            EXPECT_TRUE(s.close(h).has_value());
    });
}

TEST_F(PosixFilesystem, SpaceAndNamesAreThoseOfTheSystem) {
    everywhere([](served& s) {
        struct statvfs want {};
        ASSERT_EQ(::statvfs(s.root().c_str(), &want), 0);
        const auto got = s.run(&posix_filesystem::statvfs, sftp::op::statvfs{"/"});
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(got->f_frsize, want.f_frsize);
        EXPECT_EQ(got->f_blocks, want.f_blocks);
        EXPECT_EQ(got->f_namemax, want.f_namemax);
        s.put("f", "");
        const auto h = s.open("f", sftp::fxf_read);
        EXPECT_EQ(s.run(&posix_filesystem::fstatvfs, sftp::op::fstatvfs{*h})->f_blocks,
                  want.f_blocks);
        EXPECT_TRUE(s.close(*h).has_value());
        const auto names =
            s.run(&posix_filesystem::users_groups, sftp::op::users_groups{{0, 0xfffffff0}, {0}});
        ASSERT_TRUE(names.has_value());
        EXPECT_EQ(names->users, (std::vector<std::string>{"", ""})) << "the machine's, not ours";
        EXPECT_EQ(names->groups, (std::vector<std::string>{""}));
    });
}

// Somebody confined to a directory learns nothing of the machine's accounts.
TEST_F(PosixFilesystem, NamesOfOwnersAreThoseOfTheRoot) {
    everywhere([](served& s) {
        s.put("f", "");
        const auto name = [&](std::uint32_t uid) {
            const auto names =
                s.run(&posix_filesystem::users_groups, sftp::op::users_groups{{uid}, {uid}});
            if (!names) return names.error().message();
            return names->users.at(0) + ":" + names->groups.at(0);
        };
        const auto listed = [&] {
            const auto h = s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"});
            std::string lines;
            for (;;) {
                auto batch = s.run(&posix_filesystem::readdir, sftp::op::readdir{*h});
                if (!batch || batch->empty()) break;
                const auto packet = std::move(*batch).to_packet(1);
                lines += as_text(packet.view());
            }
            EXPECT_TRUE(s.close(*h).has_value());
            return lines;
        };
        const std::string own = std::to_string(::getuid());
        const auto id = ::getuid();
        EXPECT_EQ(name(0), ":");
        EXPECT_EQ(listed().find("root"), std::string::npos) << "numbers";

        fs::create_directory(s.at("etc"));
        s.put("etc/passwd", "zoe:x:" + own + ":0::/:\n");
        s.put("etc/group", "crew:x:" + own + ":\n");
        EXPECT_EQ(name(id), "zoe:crew");
        EXPECT_NE(listed().find("zoe"), std::string::npos);
        s.put("etc/passwd", "max:x:" + own + ":0::/:\n");
        EXPECT_EQ(name(id), "max:crew") << "it was read again";

        // What is no file, leads outside or is too long has no names, and nobody waits for it.
        fs::remove(s.at("etc/passwd"));
        EXPECT_EQ(name(id), ":crew");
        ASSERT_EQ(::mkfifo(s.at("etc/passwd").c_str(), 0600), 0);
        EXPECT_EQ(name(id), ":crew");
        fs::remove(s.at("etc/passwd"));
        s.put("../secret", "outside:x:" + own + ":0::/:\n");
        fs::create_symlink(s.root().parent_path() / "secret", s.at("etc/passwd"));
        EXPECT_EQ(name(id), ":crew");
        fs::remove(s.at("etc/passwd"));
        s.put("etc/passwd", "zoe:x:" + own + ":0::/:\n" + std::string(300'000, '\n'));
        EXPECT_EQ(name(id), ":crew");
    });
    served all(fs::temp_directory_path(), {.root = "/"});
    const auto names = all.run(&posix_filesystem::users_groups, sftp::op::users_groups{{0}, {0}});
    ASSERT_TRUE(names.has_value());
    EXPECT_EQ(names->users.at(0), "root");
    EXPECT_EQ(names->groups.at(0), "root");
}

// Beyond what a connection may have open, nothing more is; what is open stays so.
TEST_F(PosixFilesystem, WhatIsOpenIsCountedAndCapped) {
    const auto budget = descriptor_budget::make({.process = 4, .user = 4, .connection = 4});
    everywhere(
        [&](served& s) {
            s.put("f", "text");
            EXPECT_EQ(budget->in_use(), 1u) << "the root";
            const auto first = s.open("f", sftp::fxf_read);
            const auto second = s.open("g", create);
            const auto directory = s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"});
            EXPECT_TRUE(first && second && directory);
            EXPECT_EQ(s.open("f", sftp::fxf_read).error(), system_error(EMFILE));
            EXPECT_EQ(s.open("h", create).error(), system_error(EMFILE));
            EXPECT_FALSE(fs::exists(s.at("h")));
            EXPECT_EQ(s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"}).error(),
                      system_error(EMFILE));
            EXPECT_EQ(s.read(*first, 0, 9), "text");
            EXPECT_TRUE(s.write(*second, 0, "x").has_value());
            EXPECT_TRUE(s.close(*first).has_value());
            EXPECT_EQ(s.open("none", sftp::fxf_read).error(), system_error(ENOENT));
            EXPECT_EQ(budget->in_use(), 3u) << "what failed takes none";
            EXPECT_EQ(s.content("f"), "text");
            EXPECT_TRUE(s.close(*second).has_value());
            EXPECT_TRUE(s.close(*directory).has_value());
            EXPECT_EQ(budget->in_use(), 1u);
        },
        {.descriptors = budget->account("ada")});
    EXPECT_EQ(budget->in_use(), 0u);
}

TEST_F(PosixFilesystem, DescriptorsAreClosedOnExecAndNoneIsLeft) {
    const auto descriptors = [] {
        return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    };
    everywhere([&](served& s) {
        s.put("f", "x");
        static_cast<void>(s.content("f"));
        const auto before = descriptors();
        const auto h = s.open("f", sftp::fxf_read);
        const auto d = s.run(&posix_filesystem::opendir, sftp::op::opendir{"/"});
        for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
            const int fd = std::stoi(entry.path().filename());
            std::error_code ignored;
            const auto target = fs::read_symlink(entry.path(), ignored).string();
            if (target.starts_with(s.root().string())) {
                EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
            }
        }
        EXPECT_TRUE(s.close(*h).has_value());
        EXPECT_TRUE(s.close(*d).has_value());
        static_cast<void>(s.stat("f"));
        static_cast<void>(s.realpath("a/b"));
        static_cast<void>(s.open("none", sftp::fxf_read));
        EXPECT_EQ(descriptors(), before);
    });
}

// An io_context's executor that a thread of the pool is slow to leave, once it has told the
// context. Each copy shares `held`.
struct slow_executor {
    asio::io_context* context;
    std::thread::id home;
    std::shared_ptr<int> held;

    bool operator==(const slow_executor& other) const noexcept { return context == other.context; }
    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
        return asio::execution::blocking.never;
    }
    slow_executor require(asio::execution::blocking_t::never_t) const { return *this; }
    template <class Function>
    void execute(Function f) const {
        asio::post(*context, std::move(f));
        if (std::this_thread::get_id() != home)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
};

TEST(PosixFilesystemEnd, NoThreadOfThePoolHasTheExecutorAfterIt) {
    test::temp_dir dir;
    std::ofstream(dir.path() / "f") << "text";
    std::ofstream(dir.path() / "g") << "";
    asio::thread_pool pool(2);
    using start = std::function<void(posix_filesystem&, sftp::file_handle, sftp::file_handle,
                                     sftp::completion<>)>;
    for (const start& begin :
         {start([](auto&files, auto f, auto, auto done) { files.fsync({f}, std::move(done)); }),
          start([](auto&files, auto f, auto g, auto done) {
              files.copy_data({f, 0, 4, g, 0}, std::move(done));
          })}) {
        asio::io_context io;
        const auto held = std::make_shared<int>();
        auto files =
            *posix_filesystem::open({.root = dir.path().string()},
                                    slow_executor{&io, std::this_thread::get_id(), held}, pool);
        struct waiting : sftp::completion_context {
            std::optional<sftp::file_handle> file;
            bool done = false;
        } context;
        const auto open = [&](std::string_view name) {
            context.file.reset();
            files->open(
                {name, sftp::fxf_read | sftp::fxf_write, {}},
                sftp::completion<sftp::file_handle>(
                    context, 0,
                    [](sftp::completion_context& c, std::uint64_t, result<sftp::file_handle> f) {
                        static_cast<waiting&>(c).file.emplace(f.value());
                    }));
            while (!context.file) {
                io.restart();
                io.run_one();
            }
            return *context.file;
        };
        const auto f = open("f");
        const auto g = open("g");
        begin(*files, f, g,
              sftp::completion<>(context, 0,
                                 [](sftp::completion_context& c, std::uint64_t, result<> r) {
                                     EXPECT_TRUE(r.has_value());
                                     static_cast<waiting&>(c).done = true;
                                 }));
        while (!context.done) {
            io.restart();
            io.run_one();
        }
        files.reset();
        EXPECT_EQ(held.use_count(), 1);
    }
}

TEST(PosixFilesystemOpen, AMissingRootIsAnError) {
    asio::io_context io;
    asio::thread_pool pool(1);
    const auto none =
        posix_filesystem::open({.root = "/nonexistent/root"}, io.get_executor(), pool);
    EXPECT_EQ(none.error(), system_error(ENOENT));
}

}  // namespace
}  // namespace sluice
