// What the reading of ssh_config(5) learns of the system it runs on.

#include "sluice/io/ssh_config_system.hpp"

#include "sluice/tests/support/key_folder.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace sluice {
namespace {

error_code system_error(int number) { return {number, boost::system::system_category()}; }

error_code read_error(const std::string& path, bool guarded) {
    const auto text = ssh_config_system::here(false).read(path, guarded);
    return text ? error_code() : text.error();
}

TEST(SshConfigSystem, KnowsWhoRunsItAndWhere) {
    const auto here = ssh_config_system::here(false);
    const passwd* const own = ::getpwuid(::getuid());
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(here.local_user, own->pw_name);
    EXPECT_EQ(here.home, own->pw_dir) << "of the user database, whatever HOME says";
    EXPECT_EQ(here.user_id, std::to_string(::getuid()));
    char name[256] = {};
    ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
    EXPECT_EQ(here.local_host, name);
    EXPECT_EQ(here.home_of("root"), "/root");
    EXPECT_EQ(here.home_of(here.local_user), here.home);
    for (const char* nobody : {"", "no-such-user", "root ", "../root"})
        EXPECT_EQ(here.home_of(nobody), std::nullopt) << nobody;
}

TEST(SshConfigSystem, TellsAnEmptyVariableFromNone) {
    const auto here = ssh_config_system::here(false);
    ::setenv("SLUICE_TEST_SET", "value", 1);
    ::setenv("SLUICE_TEST_EMPTY", "", 1);
    EXPECT_EQ(here.environment("SLUICE_TEST_SET"), "value");
    EXPECT_EQ(here.environment("SLUICE_TEST_EMPTY"), "");
    ::unsetenv("SLUICE_TEST_SET");
    ::unsetenv("SLUICE_TEST_EMPTY");
    EXPECT_EQ(here.environment("SLUICE_TEST_SET"), std::nullopt);
    EXPECT_EQ(here.environment("SLUICE_TEST_SE"), std::nullopt);
    EXPECT_EQ(here.environment(std::string_view("SLUICE_TEST", 6)), std::nullopt);
}

// What others could have written might be theirs: `guarded` is for the files of a user.
TEST(SshConfigSystem, ReadsGuardedFilesThatNobodyElseMayWrite) {
    const test::key_folder folder;
    const auto file = folder.write("config", "Host a\n");
    const struct {
        mode_t mode;
        bool trusted;
    } cases[] = {{0600, true},  {0644, true},  {0444, true},  {0755, true},
                 {0620, false}, {0602, false}, {0664, false}, {0666, false}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.mode);
        ASSERT_EQ(::chmod(file.c_str(), c.mode), 0);
        EXPECT_EQ(read_error(file, true), c.trusted ? error_code() : errc::bad_config);
        EXPECT_EQ(ssh_config_system::here(false).read(file, false).value(), "Host a\n");
    }
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(ssh_config_system::here(false).read(file, true).value(), "Host a\n");
    EXPECT_EQ(read_error("/etc/passwd", true), error_code()) << "root's";
    if (::getuid() != 0) return;  // only root can make one of somebody else
    ASSERT_EQ(::chown(file.c_str(), 12'345, 12'345), 0);
    EXPECT_EQ(read_error(file, true), errc::bad_config) << "somebody else's";
    EXPECT_EQ(read_error(file, false), error_code());
}

TEST(SshConfigSystem, ReadsUpToTheCap) {
    const test::key_folder folder;
    const std::string most(limits::ssh_config_file_length_max, '#');
    EXPECT_EQ(ssh_config_system::here(false).read(folder.write("most", most), true).value(), most);
    EXPECT_EQ(read_error(folder.write("more", most + '#'), true), errc::too_long);
    EXPECT_EQ(read_error("/dev/zero", false), errc::too_long) << "nor what has no end";
    EXPECT_EQ(read_error(folder.path("absent"), true), system_error(ENOENT));
    EXPECT_EQ(read_error(folder.path(""), true), system_error(EISDIR));
    EXPECT_EQ(read_error(folder.path("most/below"), false), system_error(ENOTDIR));
    EXPECT_EQ(ssh_config_system::here(false).read(folder.write("empty", ""), true).value(), "");
}

TEST(SshConfigSystem, FindsTheFilesOfAPattern) {
    const test::key_folder folder;
    for (const char* name : {"b.conf", "a.conf", "c.txt", ".hidden.conf"})
        folder.write(name, "");
    const auto here = ssh_config_system::here(false);
    const auto found = [&](std::string_view pattern) {
        return here.glob(folder.path(pattern)).value();
    };
    EXPECT_EQ(found("*.conf"),
              (std::vector<std::string>{folder.path("a.conf"), folder.path("b.conf")}));
    EXPECT_EQ(found("c.txt"), std::vector<std::string>{folder.path("c.txt")});
    EXPECT_EQ(found("absent"), std::vector<std::string>());
    EXPECT_EQ(found("absent/*"), std::vector<std::string>());

    for (std::size_t i = 0; i < limits::ssh_config_files_max; ++i)
        folder.write("n" + std::to_string(i), "");
    EXPECT_EQ(found("n*").size(), limits::ssh_config_files_max);
    folder.write("none-too-many", "");
    const auto many = here.glob(folder.path("n*"));
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error(), errc::too_long);
}

TEST(SshConfigSystem, AddressesAreWrittenOneWay) {
    const auto here = ssh_config_system::here(false);
    const struct {
        const char* text;
        std::optional<std::string> want;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"127.1", "127.0.0.1"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"2001:DB8::0001", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"localhost", std::nullopt},
        {"127.0.0.1 ", std::nullopt},
        {"127.0.0.256", std::nullopt},
        {"[::1]", std::nullopt},
        {"", std::nullopt},
    };
    for (const auto& c : cases)
        EXPECT_EQ(here.canonical_address(c.text), c.want) << c.text;
}

TEST(SshConfigSystem, NamesAreLookedUp) {
    const auto here = ssh_config_system::here(false);
    EXPECT_EQ(here.canonical_name("127.0.0.1"), "127.0.0.1");
    EXPECT_TRUE(here.canonical_name("localhost"));
    EXPECT_EQ(here.canonical_name(std::string(300, 'a')), std::nullopt) << "no name can be so long";
}

TEST(SshConfigSystem, RunsCommandsOnlyWhereItMay) {
    EXPECT_FALSE(ssh_config_system::here(false).run);
    const auto here = ssh_config_system::here(true);
    ASSERT_TRUE(here.run);
    EXPECT_EQ(here.run("exit 0").value(), 0);
    EXPECT_EQ(here.run("exit 3").value(), 3);
}

}  // namespace
}  // namespace sluice
