#include "sluice/io/memory_filesystem.hpp"

#include "sluice/tests/io/filesystem_runner.hpp"

#include <random>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using sftp::status_code;
using sftp::status_of;
using test::filesystem_runner;
using fs = sftp::filesystem;
namespace op = sftp::op;

constexpr std::uint32_t create = sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc;

struct in_memory : filesystem_runner {
    explicit in_memory(const memory_options& options = {})
        : tree(std::make_shared<memory_tree>(options)) {
        files = std::make_unique<memory_filesystem>(tree);
    }
    std::shared_ptr<memory_tree> tree;
};

template <class T>
status_code status(const result<T>& r) {
    return r ? status_code::ok : status_of(r.error());
}

// The same calls on a tree in memory and on a directory of the system: nobody could tell the
// difference.
class both_kinds {
public:
    explicit both_kinds(std::uint64_t seed) : random_(seed), dir_("/dev/shm") {
        std::filesystem::permissions(dir_.path(), std::filesystem::perms{0755});
        real_.files = real_.posix(dir_.path());
    }

    void act() {
        const std::string a = path();
        const std::string b = path();
        switch (pick(15)) {
        case 0:
        case 1: return open(a);
        case 2:
        case 3: return write();
        case 4: return read();
        case 5: return close();
        case 6: return same(&fs::mkdir, op::mkdir{a, {.permissions = 0700}});
        case 7: return same(&fs::rmdir, op::rmdir{a});
        case 8: return same(&fs::remove, op::remove{a});
        case 9:
        case 10: return same(&fs::rename, op::rename{a, b, pick(2) == 0});
        case 11: return same(&fs::symlink, op::symlink{pick(2) == 0 ? a : b.substr(1), b});
        case 12: return same(&fs::hardlink, op::hardlink{a, b});
        case 13: {
            sftp::attributes attrs;
            if (pick(2) == 0) attrs.size = pick(100);
            if (pick(2) == 0) attrs.permissions = 0700 | static_cast<std::uint32_t>(pick(64));
            if (pick(2) == 0) attrs.times = sftp::file_times{5, 6};
            return same(&fs::setstat, op::setstat{a, attrs, true});
        }
        case 14: return look(a);
        }
    }

    void compare(const std::string& directory = "/") {
        const auto names = memory_.list(directory);
        ASSERT_TRUE(names.has_value());
        ASSERT_EQ(*names, real_.list(directory).value()) << directory;
        for (const auto& name : *names) {
            const std::string at = directory == "/" ? "/" + name : directory + "/" + name;
            look(at);
            if (is_directory(at)) compare(at);
        }
    }

private:
    std::size_t pick(std::size_t n) { return random_() % n; }

    std::string path() {
        std::string p;
        for (std::size_t i = 0, n = 1 + pick(3); i < n; ++i)
            p += pick(12) == 0 ? std::string("/..")
                               : "/" + std::string(1, static_cast<char>('a' + pick(4)));
        return p;
    }

    template <class Op>
    void same(void (fs::*f)(Op, sftp::completion<typename Op::reply>), Op what) {
        SCOPED_TRACE(typeid(Op).name());
        const auto a = memory_.run(f, what);
        const auto b = real_.run(f, what);
        EXPECT_EQ(status(a), status(b)) << b.error().message();
    }

    bool is_directory(const std::string& at) {
        const auto attrs = memory_.stat(at, false);
        return attrs && (*attrs->permissions & sftp::type_mask) == sftp::type_directory;
    }

    void look(const std::string& at) {
        SCOPED_TRACE(at);
        for (const bool follow : {false, true}) {
            const auto a = memory_.stat(at, follow);
            const auto b = real_.stat(at, follow);
            ASSERT_EQ(status(a), status(b)) << b.error().message();
            if (!a) continue;
            EXPECT_EQ(*a->permissions, *b->permissions);
            const bool directory = (*a->permissions & sftp::type_mask) == sftp::type_directory;
            if (!directory) {
                EXPECT_EQ(a->size, b->size);
            }
        }
        const auto text = memory_.content(at);
        const auto real_text = real_.content(at);
        EXPECT_EQ(status(text), status(real_text));
        if (text && real_text) {
            EXPECT_EQ(*text, *real_text);
        }
        const auto link = memory_.run(&fs::readlink, op::readlink{at});
        const auto real_link = real_.run(&fs::readlink, op::readlink{at});
        EXPECT_EQ(status(link), status(real_link));
        if (link && real_link) {
            EXPECT_EQ(*link, *real_link);
        }
        // Of what is not there, the posix one folds "file/.." as text.
        if (!memory_.stat(at)) return;
        const auto canonical = memory_.run(&fs::realpath, op::realpath{at});
        const auto real_canonical = real_.run(&fs::realpath, op::realpath{at});
        EXPECT_EQ(status(canonical), status(real_canonical));
        if (canonical && real_canonical) {
            EXPECT_EQ(*canonical, *real_canonical);
        }
    }

    void open(const std::string& at) {
        std::uint32_t pflags = pick(2) == 0 ? sftp::fxf_read | sftp::fxf_write : sftp::fxf_write;
        for (const auto bit : {sftp::fxf_append, sftp::fxf_trunc, sftp::fxf_excl})
            if (pick(3) == 0) pflags |= bit;
        if (pick(3) != 0) pflags |= sftp::fxf_creat;
        const auto a = memory_.open(at, pflags, {.permissions = 0700});
        const auto b = real_.open(at, pflags, {.permissions = 0700});
        EXPECT_EQ(status(a), status(b)) << at << " " << pflags << " " << b.error().message();
        if (a && b) handles_.push_back({*a, *b, (pflags & sftp::fxf_read) != 0});
    }
    void write() {
        if (handles_.empty()) return;
        const auto& h = handles_[pick(handles_.size())];
        const std::uint64_t at = pick(200);
        const std::string text(pick(100), static_cast<char>('a' + pick(26)));
        EXPECT_EQ(status(memory_.write(h.memory, at, text)), status(real_.write(h.real, at, text)));
        const auto& other = handles_[pick(handles_.size())];
        if (pick(3) != 0 || !other.readable || other.memory == h.memory) return;
        const std::uint64_t from = pick(50);
        const std::uint64_t length = pick(20);
        const auto a =
            memory_.run(&fs::copy_data, op::copy_data{other.memory, from, length, h.memory, at});
        const auto b =
            real_.run(&fs::copy_data, op::copy_data{other.real, from, length, h.real, at});
        EXPECT_EQ(status(a), status(b));
    }
    void read() {
        if (handles_.empty()) return;
        const auto& h = handles_[pick(handles_.size())];
        if (!h.readable) return;
        EXPECT_EQ(memory_.read(h.memory, 0, 1000).value(), real_.read(h.real, 0, 1000).value());
        const auto a = memory_.run(&fs::fstat, op::fstat{h.memory});
        const auto b = real_.run(&fs::fstat, op::fstat{h.real});
        EXPECT_EQ(a->size, b->size);
    }
    void close() {
        if (handles_.empty()) return;
        const std::size_t i = pick(handles_.size());
        EXPECT_TRUE(memory_.close(handles_[i].memory).has_value());
        EXPECT_TRUE(real_.close(handles_[i].real).has_value());
        handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    std::mt19937_64 random_;
    test::temp_dir dir_;
    in_memory memory_;
    filesystem_runner real_;
    struct pair_of_handles {
        sftp::file_handle memory;
        sftp::file_handle real;
        bool readable;
    };
    std::vector<pair_of_handles> handles_;
};

TEST(MemoryFilesystem, BehavesAsTheSystemsFilesystem) {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE(seed);
        both_kinds both(seed);
        for (int i = 0; i < 250 && !testing::Test::HasFailure(); ++i)
            both.act();
        both.compare();
        if (testing::Test::HasFailure()) return;
    }
}

TEST(MemoryFilesystem, SessionsShareATree) {
    in_memory one;
    ASSERT_TRUE(one.tree->put("/a/b/f", as_bytes("text")).has_value());
    filesystem_runner two;
    two.files = std::make_unique<memory_filesystem>(one.tree);
    EXPECT_EQ(two.content("/a/b/f").value(), "text");
    const auto h = two.open("/a/g", create);
    EXPECT_TRUE(two.write(*h, 0, "more").has_value());
    EXPECT_EQ(one.content("/a/g").value(), "more");
    EXPECT_EQ(one.list("/a").value(), (std::set<std::string>{"b", "g"}));
    EXPECT_TRUE(two.close(*h).has_value());
    EXPECT_EQ(one.tree->get("a/g").value(), to_bytes(as_bytes("more")));
    EXPECT_EQ(status(one.tree->get("/a")), status_code::failure);
    EXPECT_EQ(status(one.tree->get("/x")), status_code::no_such_file);
    EXPECT_EQ(status(one.tree->put("/a/b/f/g", {})), status_code::no_such_file);
    EXPECT_EQ(status(one.tree->put("/a/b", {})), status_code::failure);
}

TEST(MemoryFilesystem, SessionsMayLiveOnThreadsOfTheirOwn) {
    const auto tree = std::make_shared<memory_tree>();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&tree, t] {
            filesystem_runner session;
            session.files = std::make_unique<memory_filesystem>(tree);
            const std::string own = "/" + std::to_string(t);
            for (int i = 0; i < 200; ++i) {
                const auto h = session.open("/shared", create);
                EXPECT_TRUE(session.write(*h, 0, own).has_value());
                EXPECT_TRUE(session.run(&fs::mkdir, op::mkdir{own, {}}).has_value());
                EXPECT_TRUE(session.close(*h).has_value());
                EXPECT_TRUE(session.run(&fs::rmdir, op::rmdir{own}).has_value());
            }
        });
    for (auto& t : threads)
        t.join();
    EXPECT_EQ(tree->bytes_used(), tree->get("/shared")->size());
}

TEST(MemoryFilesystem, BytesAreCapped) {
    in_memory m({.bytes_max = 1000});
    const auto h = m.open("/f", create);
    ASSERT_TRUE(h.has_value());
    EXPECT_TRUE(m.write(*h, 0, std::string(600, 'x')).has_value());
    EXPECT_EQ(status(m.write(*h, 600, std::string(401, 'x'))), status_code::failure);
    EXPECT_EQ(status(m.write(*h, ~std::uint64_t{0}, "x")), status_code::failure);
    EXPECT_EQ(m.stat("/f")->size, 600u);
    EXPECT_TRUE(m.write(*h, 600, std::string(400, 'x')).has_value());
    const auto g = m.open("/g", create);
    EXPECT_EQ(status(m.write(*g, 0, "x")), status_code::failure);
    const auto grown = m.run(&fs::fsetstat, op::fsetstat{*g, {.size = 1}});
    EXPECT_EQ(status(grown), status_code::failure);
    const auto vfs = m.run(&fs::statvfs, op::statvfs{"/"});
    EXPECT_EQ(vfs->f_bfree, 0u);

    // What was unlinked counts until it is closed.
    EXPECT_TRUE(m.run(&fs::remove, op::remove{"/f"}).has_value());
    EXPECT_EQ(m.tree->bytes_used(), 1000u);
    EXPECT_EQ(status(m.write(*g, 0, "x")), status_code::failure);
    EXPECT_TRUE(m.close(*h).has_value());
    EXPECT_EQ(m.tree->bytes_used(), 0u);
    EXPECT_TRUE(m.write(*g, 0, "x").has_value());
    EXPECT_TRUE(m.close(*g).has_value());
}

TEST(MemoryFilesystem, NodesAreCapped) {
    in_memory m({.nodes_max = 4});  // the root is one
    EXPECT_TRUE(m.run(&fs::mkdir, op::mkdir{"/d", {}}).has_value());
    EXPECT_TRUE(m.run(&fs::symlink, op::symlink{"/d", "/l"}).has_value());
    const auto h = m.open("/l/f", create);
    ASSERT_TRUE(h.has_value());
    EXPECT_EQ(status(m.open("/d/g", create)), status_code::failure);
    EXPECT_EQ(status(m.run(&fs::mkdir, op::mkdir{"/e", {}})), status_code::failure);
    EXPECT_EQ(status(m.run(&fs::symlink, op::symlink{"/d", "/m"})), status_code::failure);
    EXPECT_TRUE(m.run(&fs::hardlink, op::hardlink{"/d/f", "/h"}).has_value());
    EXPECT_TRUE(m.close(*h).has_value());
    EXPECT_TRUE(m.run(&fs::remove, op::remove{"/l"}).has_value());
    EXPECT_TRUE(m.run(&fs::mkdir, op::mkdir{"/e", {}}).has_value());
}

TEST(MemoryFilesystem, SetuidAndSetgidAreRefused) {
    in_memory m;
    const auto h = m.open("/f", create, {.permissions = 01640});
    ASSERT_TRUE(h.has_value());
    EXPECT_EQ(*m.stat("/f")->permissions & 07777, 01640u);
    ASSERT_TRUE(m.write(*h, 0, "text").has_value());
    for (const std::uint32_t mode : {04755u, 02755u}) {
        const error_code refused = errc::set_id_not_permitted;
        const sftp::attributes attrs{.size = 1, .permissions = mode};
        EXPECT_EQ(m.run(&fs::setstat, op::setstat{"/f", attrs, true}).error(), refused);
        EXPECT_EQ(m.run(&fs::fsetstat, op::fsetstat{*h, attrs}).error(), refused);
        EXPECT_EQ(m.open("/new", create, {.permissions = mode}).error(), refused);
        EXPECT_EQ(m.run(&fs::mkdir, op::mkdir{"/d", {.permissions = mode}}).error(), refused);
    }
    EXPECT_EQ(m.stat("/f")->size, 4u);
    EXPECT_EQ(m.list("/")->size(), 1u);
}

TEST(MemoryFilesystem, LongNamesAndLoopsOfLinksAreRefused) {
    in_memory m;
    EXPECT_TRUE(m.open(std::string(255, 'n'), create).has_value());
    EXPECT_EQ(status(m.open(std::string(256, 'n'), create)), status_code::bad_message);
    EXPECT_TRUE(m.run(&fs::symlink, op::symlink{"/b", "/a"}).has_value());
    EXPECT_TRUE(m.run(&fs::symlink, op::symlink{"a", "/b"}).has_value());
    EXPECT_EQ(status(m.stat("/a")), status_code::no_such_file);
    EXPECT_EQ(status(m.run(&fs::symlink, op::symlink{std::string(4096, 'x'), "/c"})),
              status_code::bad_message);
}

// Renames make it deeper than any path can say; taking it down must not need a stack as deep.
TEST(MemoryFilesystem, ATreeOfAnyDepthGoesAway) {
    in_memory m;
    ASSERT_TRUE(m.run(&fs::mkdir, op::mkdir{"/d", {}}).has_value());
    for (int i = 0; i < 30'000; ++i) {
        ASSERT_TRUE(m.run(&fs::mkdir, op::mkdir{"/e", {}}).has_value());
        ASSERT_TRUE(m.run(&fs::rename, op::rename{"/d", "/e/d", false}).has_value());
        ASSERT_TRUE(m.run(&fs::rename, op::rename{"/e", "/d", false}).has_value());
    }
    m.files.reset();
    m.tree.reset();
}

TEST(MemoryFilesystem, ALongListingComesInBatchesWhileFilesGo) {
    in_memory m;
    for (int i = 0; i < 700; ++i)
        ASSERT_TRUE(m.tree->put("/d/" + std::to_string(i), {}).has_value());
    EXPECT_EQ(m.list("/d")->size(), 700u);
    const auto h = m.run(&fs::opendir, op::opendir{"/d"});
    std::uint32_t seen = m.run(&fs::readdir, op::readdir{*h})->count();
    for (int i = 0; i < 700; ++i)
        ASSERT_TRUE(m.run(&fs::remove, op::remove{"/d/" + std::to_string(i)}).has_value());
    seen += m.run(&fs::readdir, op::readdir{*h})->count();
    EXPECT_LT(seen, 700u);
    EXPECT_TRUE(m.run(&fs::rmdir, op::rmdir{"/d"}).has_value());
    EXPECT_TRUE(m.run(&fs::readdir, op::readdir{*h})->empty());
    EXPECT_TRUE(m.close(*h).has_value());
    EXPECT_EQ(status(m.run(&fs::opendir, op::opendir{"/d"})), status_code::no_such_file);
}

}  // namespace
}  // namespace sluice
