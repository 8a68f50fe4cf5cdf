// Two things that sluiced must not let pass: a password for root where there is to be none, and a
// host key that others can read.

#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tools/sluiced_logins.hpp"
#include "sluice/tools/sluiced_process.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace sluice {
namespace {

using chains = std::vector<std::vector<std::string>>;

// Whatever takes a password is no way in for root, in a chain of methods neither.
TEST(SluicedRootLogin, ProhibitPasswordLeavesNoWayByOne) {
    const std::string all =
        "AuthorizedKeysFile k\nUsersFile u\nPasswordAuthentication yes\n"
        "KbdInteractiveAuthentication yes\nHostbasedAuthentication yes\nShostsFile s\n"
        "HostbasedKnownHostsFile h\n";
    const chains every{{"publickey"}, {"hostbased"}, {"password"}, {"keyboard-interactive"}};
    const struct {
        const char* lines;
        chains of_root;
        chains of_ada;
    } cases[] = {
        {"PermitRootLogin yes\n", every, every},
        {"PermitRootLogin prohibit-password\n", {{"publickey"}, {"hostbased"}}, every},
        {"PermitRootLogin without-password\n", {{"publickey"}, {"hostbased"}}, every},
        {"PermitRootLogin prohibit-password\n"
         "AuthenticationMethods publickey,keyboard-interactive publickey,password "
         "keyboard-interactive publickey\n",
         {{"publickey"}},
         {{"publickey", "keyboard-interactive"},
          {"publickey", "password"},
          {"keyboard-interactive"},
          {"publickey"}}},
        {"PermitRootLogin prohibit-password\nAuthenticationMethods keyboard-interactive\n",
         {},
         {{"keyboard-interactive"}}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.lines);
        const auto settings =
            read_sluiced_settings({{"text", all + c.lines}}, sluiced_algorithms());
        ASSERT_TRUE(settings) << settings.error().message();
        EXPECT_EQ(ways_in(settings->base, "root"), c.of_root);
        EXPECT_EQ(ways_in(settings->base, "ada"), c.of_ada);
        EXPECT_EQ(ways_in(settings->base, "Root"), c.of_ada) << "another name";
    }
}

TEST(SluicedHostKeys, OnlyTheirOwnerMayDoAnythingWithThem) {
    const test::key_folder folder;
    const auto key = crypto::private_key::generate("ssh-ed25519");
    ASSERT_TRUE(key);
    const auto text = crypto::write_private_key(*key, {}, crypto::system_random());
    ASSERT_TRUE(text);
    const auto file = folder.write("key", *text);
    std::filesystem::create_directory(folder.path("root"));
    const auto settings =
        read_sluiced_settings({{"text", "HostKey " + file + "\nAuthorizedKeysFile k\n" +
                                            "ChrootDirectory " + folder.path("root") + "\n"}},
                              sluiced_algorithms());
    ASSERT_TRUE(settings) << settings.error().message();
    boost::asio::thread_pool pool(1);
    for (const mode_t mode : {0600u, 0400u, 0700u}) {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        auto material = read_material(*settings, false, stays_root({}));
        ASSERT_TRUE(material);
        EXPECT_TRUE(make_server_options(*settings, std::move(*material), false, pool, {pool, pool}))
            << mode;
    }
    // Each bit that others may have, for itself.
    for (const mode_t bit : {040u, 020u, 010u, 04u, 02u, 01u}) {
        ASSERT_EQ(::chmod(file.c_str(), 0600 | bit), 0);
        auto material = read_material(*settings, false, stays_root({}));
        const std::string why = [&]() -> std::string {
            if (!material) return material.error().text;
            const auto made =
                make_server_options(*settings, std::move(*material), false, pool, {pool, pool});
            return made ? "" : made.error().text;
        }();
        EXPECT_NE(why.find("host key may be read by others"), std::string::npos)
            << bit << ": " << why;
    }
}

}  // namespace
}  // namespace sluice
