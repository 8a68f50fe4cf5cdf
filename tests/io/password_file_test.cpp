#include "sluice/io/password_file.hpp"

#include "sluice/wire/limits.hpp"

#include <crypt.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// The cheapest hash of a method: "$y$" is yescrypt, "$6$" SHA-512.
std::string hash(const std::string& password, const char* prefix, unsigned long count) {
    crypt_data data{};
    const std::string salt = "0123456789abcdef";
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    EXPECT_NE(crypt_gensalt_rn(prefix, count, salt.data(), static_cast<int>(salt.size()), setting,
                               sizeof setting),
              nullptr);
    const char* made = crypt_r(password.c_str(), setting, &data);
    EXPECT_NE(made, nullptr);
    return made;
}

std::string yescrypt(const std::string& password) { return hash(password, "$y$", 1); }
std::string sha512(const std::string& password) { return hash(password, "$6$", 1000); }

TEST(PasswordFile, RightAndWrongPasswordsOfBothMethods) {
    const auto file = password_file::parse("# users\n\nada:" + yescrypt("open sesame") + "\neve:" +
                                           sha512("letmein") + ":19000:0:99999:7:::\r\n");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), 2u);
    struct {
        const char* user;
        std::string password;
        bool good;
    } cases[] = {
        {"ada", "open sesame", true},
        {"ada", "open Sesame", false},
        {"ada", "letmein", false},
        {"ada", "", false},
        {"eve", "letmein", true},
        {"eve", "letmein ", false},
        {"eve", std::string("letmein\0", 8), false},
        {"eve", std::string("letmein\0x", 9), false},
        {"Eve", "letmein", false},
        {"nobody", "letmein", false},
        {"nobody", "", false},
        {"", "letmein", false},
        {"ada", std::string(limits::password_length_max, 'x'), false},
        {"nobody", std::string(limits::password_length_max, 'x'), false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.user) + '/' + c.password.substr(0, 20));
        EXPECT_EQ(file->check(c.user, as_bytes(c.password)), c.good);
    }
}

TEST(PasswordFile, NoPasswordOpensALockedUser) {
    const std::string good = sha512("letmein");
    const auto file =
        password_file::parse("a:\nb:!\nc:*\nd:!" + good + "\ne:!!\nf::19000\ng:" + good + "\n");
    ASSERT_TRUE(file);
    for (const char* user : {"a", "b", "c", "d", "e", "f"})
        for (const char* password : {"", "letmein", "!", "*"}) {
            SCOPED_TRACE(std::string(user) + '/' + password);
            EXPECT_FALSE(file->check(user, as_bytes(password)));
        }
    EXPECT_TRUE(file->check("g", as_bytes("letmein")));
}

TEST(PasswordFile, AnEmptyPasswordOpensNothing) {
    const auto file = password_file::parse("ada:" + yescrypt("") + "\neve:" + sha512("") + '\n');
    ASSERT_TRUE(file);
    for (const char* user : {"ada", "eve", "nobody", ""})
        for (const std::string& password : {std::string(), std::string(1, '\0')}) {
            SCOPED_TRACE(user);
            EXPECT_FALSE(file->check(user, as_bytes(password)));
        }
}

// The fake hash of a user that is not there is a real user's; its password opens nothing.
TEST(PasswordFile, AnotherUsersPasswordDoesNotOpenAnUnknownUser) {
    const auto file = password_file::parse("ada:" + sha512("letmein"));
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->check("ada", as_bytes("letmein")));
    EXPECT_FALSE(file->check("nobody", as_bytes("letmein")));
}

TEST(PasswordFile, AFileWithoutUsersLetsNobodyIn) {
    const auto file = password_file::parse("# nobody yet\n");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), 0u);
    EXPECT_FALSE(file->check("ada", as_bytes("")));
    EXPECT_FALSE(file->check("ada", as_bytes("x")));
}

TEST(PasswordFile, LinesThatAreRefused) {
    const std::string good = sha512("x");
    struct {
        std::string name;
        std::string text;
        std::size_t line;
        errc error;
    } cases[] = {
        {"no hash", "ada\n", 1, errc::bad_config},
        {"no name", ":" + good, 1, errc::bad_config},
        {"twice", "ada:" + good + "\n# x\nada:!\n", 3, errc::bad_config},
        {"plain text", "\nada:secret\n", 2, errc::bad_config},
        {"unknown method", "ada:$99$abc$def", 1, errc::bad_config},
        {"MD5", "ada:$1$salt$hash", 1, errc::bad_config},
        {"DES", "ada:rl.3StKT.4T8M", 1, errc::bad_config},
        {"long name", std::string(256, 'a') + ':' + good, 1, errc::too_long},
        {"long line", "ada:" + std::string(limits::policy_line_length_max, 'x'), 1, errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        std::size_t line = 0;
        const auto file = password_file::parse(c.text, &line);
        ASSERT_FALSE(file);
        EXPECT_EQ(file.error(), c.error);
        EXPECT_EQ(line, c.line);
    }
    EXPECT_EQ(password_file::parse(std::string(limits::policy_file_length_max + 1, '\n')).error(),
              errc::too_long);
}

}  // namespace
}  // namespace sluice
