#include "sluice/io/posix_root.hpp"

#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice {
namespace {

error_code system_error(int number) { return {number, boost::system::system_category()}; }

std::string repeated(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

// "/a/a/a/…", a directory in a directory as often as `depth`. Links lie in the first and the last.
class PosixRoot : public testing::Test {
protected:
    static constexpr std::size_t depth = 800;

    void SetUp() override {
        auto opened = posix_root::open((dir_ / "").string());
        ASSERT_TRUE(opened.has_value());
        root_.emplace(std::move(*opened));
        file_descriptor at(::open((dir_ / "").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        link(at, ".", "here");
        for (std::size_t i = 0; i < depth; ++i) {
            ASSERT_EQ(::mkdirat(at.get(), "a", 0700), 0);
            at = file_descriptor(::openat(at.get(), "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            ASSERT_TRUE(static_cast<bool>(at));
        }
        link(at, repeated("../a/", 800), "back");
        link(at, repeated("./", 2000), "still");
        link(at, "/here", "top");
    }

    static void link(const file_descriptor& at, const std::string& text, const char* name) {
        ASSERT_EQ(::symlinkat(text.c_str(), at.get(), name), 0);
    }

    const posix_root& root() const { return *root_; }
    const std::string deep_ = repeated("/a", depth);

private:
    test::temp_dir dir_;
    std::optional<posix_root> root_;
};

TEST_F(PosixRoot, APathWithALinkCostsItsComponents) {
    std::size_t cost = 0;
    EXPECT_EQ(root().canonical("here" + deep_, posix_root::reach::all, &cost), deep_);
    EXPECT_EQ(cost, depth + 1);
    EXPECT_EQ(root().canonical(deep_ + "/none", posix_root::reach::all, &cost), deep_ + "/none");
    EXPECT_EQ(cost, depth + 1);
    EXPECT_EQ(root().canonical(deep_ + "/top/a", posix_root::reach::all, &cost), "/a");
    EXPECT_EQ(cost, depth + 3);
    // Upwards it is the text that is followed; where that leads is looked up once.
    EXPECT_EQ(root().canonical("here" + deep_ + repeated("/..", depth / 2) + "/a",
                               posix_root::reach::all, &cost),
              repeated("/a", depth / 2 + 1));
    EXPECT_EQ(cost, depth + 1 + depth / 2 + 1);
}

TEST_F(PosixRoot, LinksThatLeadBackAndForthCostNoMoreThanTheirCap) {
    std::size_t cost = 0;
    EXPECT_EQ(
        root().canonical(deep_ + repeated("/back", 40), posix_root::reach::all, &cost).error(),
        system_error(ELOOP));
    EXPECT_LE(cost, limits::sftp_components_max + depth);
    EXPECT_EQ(root().canonical(deep_ + repeated("/still", 40), posix_root::reach::all, &cost),
              deep_);
    EXPECT_EQ(cost, depth + 40);
    EXPECT_EQ(root().canonical(deep_ + repeated("/still", 41)).error(), system_error(ELOOP));
}

// Neither at once on the caller's thread, whatever the cache has: a link may lead through thousands
// of names.
TEST_F(PosixRoot, OnlyPathsWithoutLinksAreInReachAtOnce) {
    for (const auto r : {posix_root::reach::same_mount, posix_root::reach::cached}) {
        EXPECT_EQ(root().canonical("here/a", r).error(), system_error(ELOOP));
        EXPECT_EQ(root().open("here/a", O_PATH, r).error(), system_error(ELOOP));
        EXPECT_EQ(root().entry_of("here/a", r).error(), system_error(ELOOP));
    }
    EXPECT_EQ(root().canonical("a/a", posix_root::reach::same_mount), "/a/a");
    EXPECT_TRUE(root().open("here", O_PATH | O_NOFOLLOW, posix_root::reach::same_mount));
}

// What is exchanged while a path is walked leads nowhere but below the root.
TEST_F(PosixRoot, UpwardsLeadsToTheRootAtMost) {
    EXPECT_EQ(root().canonical("here/../../here/../a/../.."), "/");
    EXPECT_EQ(root().canonical(deep_ + "/top" + repeated("/..", 20) + "/a"), "/a");
}

TEST(PosixRootStart, IsWherePathsWithoutASlashBegin) {
    test::temp_dir dir;
    ASSERT_EQ(::mkdir((dir / "home").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((dir / "home/ada").c_str(), 0700), 0);
    ASSERT_EQ(::symlink("/home", (dir / "link").c_str()), 0);
    auto root = posix_root::open((dir / "").string()).value();
    EXPECT_EQ(root.canonical(".").value(), "/");
    EXPECT_EQ(root.start_at("/absent").error(), system_error(ENOENT));
    EXPECT_EQ(root.canonical(".").value(), "/") << "as before";
    for (const char* start : {"/home/ada", "home/ada/", "/link/ada", "/../home/./ada"}) {
        SCOPED_TRACE(start);
        ASSERT_TRUE(root.start_at(start));
        EXPECT_EQ(root.canonical("").value(), "/home/ada");
        EXPECT_EQ(root.canonical(".").value(), "/home/ada");
        EXPECT_EQ(root.canonical("f").value(), "/home/ada/f");
        EXPECT_EQ(root.canonical("..").value(), "/home");
        EXPECT_EQ(root.canonical("../../../..").value(), "/");
        EXPECT_EQ(root.canonical("/").value(), "/");
        EXPECT_EQ(root.canonical("/home").value(), "/home");
    }
    const auto made = root.open_file("f", O_WRONLY | O_CREAT | O_EXCL, 0600);
    ASSERT_TRUE(made);
    EXPECT_EQ(::access((dir / "home/ada/f").c_str(), F_OK), 0);
    EXPECT_TRUE(root.open("f", O_PATH));
    EXPECT_FALSE(root.open("/f", O_PATH));
    EXPECT_EQ(root.entry_of("../ada/f").value().name, "f");
    EXPECT_EQ(root.entry_of("").error(), system_error(EBUSY)) << "not the directory itself";
    EXPECT_EQ(root.start_at("/home/ada/f").error(), system_error(ENOTDIR));
    ASSERT_TRUE(root.start_at("/"));
    EXPECT_EQ(root.canonical("f").value(), "/f");
}

}  // namespace
}  // namespace sluice
