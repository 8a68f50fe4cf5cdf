#include "sluice/io/logged_filesystem.hpp"

#include "sluice/sftp/requests.hpp"
#include "sluice/tests/io/filesystem_runner.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using fs = sftp::filesystem;
namespace op = sftp::op;

class LoggedFilesystem : public testing::Test {
protected:
    LoggedFilesystem() {
        runner_.files = std::make_unique<logged_filesystem>(
            std::make_unique<memory_filesystem>(std::make_shared<memory_tree>()),
            [this](std::string_view event, logged_filesystem::fields what) {
                std::string line(event);
                for (const auto& [name, value] : what)
                    line += " " + std::string(name) + "=" + value;
                told_.push_back(std::move(line));
            });
    }

    // What has been told since the last time.
    std::vector<std::string> told() { return std::exchange(told_, {}); }

    std::vector<std::string> told_;
    test::filesystem_runner runner_;
};

using lines = std::vector<std::string>;

TEST_F(LoggedFilesystem, TellsWhatAFileHasMovedAtItsClose) {
    sftp::attributes attrs;
    attrs.permissions = 0640;
    const auto file = runner_.open("/f", sftp::fxf_write | sftp::fxf_read | sftp::fxf_creat, attrs);
    ASSERT_TRUE(file);
    EXPECT_EQ(told(), lines{"open path=/f flags=READ,WRITE,CREATE mode=0640"});
    EXPECT_TRUE(runner_.write(*file, 0, "12345"));
    EXPECT_TRUE(runner_.write(*file, 5, "678"));
    EXPECT_EQ(runner_.read(*file, 2, 100).value(), "345678");
    EXPECT_TRUE(runner_.stat("/f"));
    EXPECT_EQ(told(), lines()) << "neither data nor looks";
    EXPECT_TRUE(runner_.close(*file));
    EXPECT_EQ(told(), lines{"close path=/f read=6 written=8"});

    const auto again = runner_.open("/f", sftp::fxf_read);
    ASSERT_TRUE(again);
    EXPECT_TRUE(runner_.close(*again, {sftp::ending::kind::abandoned, 0, false}));
    EXPECT_EQ(told(), (lines{"open path=/f flags=READ",
                             "close path=/f read=0 written=0 "
                             "forced=yes"}))
        << "a handle that is used again begins at nothing";
}

TEST_F(LoggedFilesystem, TellsWhatIsChangedAndWhatFailed) {
    EXPECT_TRUE(runner_.run(&fs::mkdir, op::mkdir{"/d", {}}));
    EXPECT_FALSE(runner_.run(&fs::mkdir, op::mkdir{"/d", {}}));
    EXPECT_FALSE(runner_.open("/absent", sftp::fxf_read));
    EXPECT_FALSE(runner_.run(&fs::remove, op::remove{"/absent"}));
    const auto all = told();
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0], "mkdir path=/d mode=0777");
    EXPECT_TRUE(all[1].starts_with("mkdir path=/d mode=0777 error=")) << all[1];
    EXPECT_TRUE(all[2].starts_with("open path=/absent flags=READ error=")) << all[2];
    EXPECT_TRUE(all[3].starts_with("remove path=/absent error=")) << all[3];

    sftp::attributes attrs;
    attrs.permissions = 0755;
    attrs.times = sftp::file_times{1, 2};
    EXPECT_TRUE(runner_.run(&fs::setstat, op::setstat{"/d", attrs}));
    EXPECT_EQ(told(), lines{"set path=/d mode=0755 modtime=2"});
    EXPECT_TRUE(runner_.run(&fs::rename, op::rename{"/d", "/e"}));
    EXPECT_EQ(told(), lines{"rename old=/d new=/e"});
    EXPECT_TRUE(runner_.run(&fs::rename, op::rename{"/e", "/f", true}));
    EXPECT_EQ(told(), lines{"posix-rename old=/e new=/f"});
    EXPECT_TRUE(runner_.list("/f"));
    EXPECT_EQ(told(), (lines{"opendir path=/f", "closedir path=/f"}));
    EXPECT_TRUE(runner_.run(&fs::rmdir, op::rmdir{"/f"}));
    EXPECT_EQ(told(), lines{"rmdir path=/f"});
    EXPECT_TRUE(runner_.run(&fs::symlink, op::symlink{"to", "/link"}));
    EXPECT_EQ(told(), lines{"symlink old=to new=/link"});
}

// A client's path is not made into another line here: whoever prints it escapes it.
TEST_F(LoggedFilesystem, PathsStayWhole) {
    const std::string path = "/a\nclose path=/b \x1b[2J\xff";
    static_cast<void>(runner_.run(&fs::rmdir, op::rmdir{path}));
    const auto all = told();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_TRUE(all[0].starts_with("rmdir path=" + path + " error=")) << all[0];
}

}  // namespace
}  // namespace sluice
