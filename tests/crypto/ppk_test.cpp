// PuTTY's key files (PuTTY's manual, appendix C), made by puttygen.

#include "sluice/crypto/argon2.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/tests/support/hex.hpp"
#include "sluice/tests/support/key_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace sluice::crypto {
namespace {

using test::contents;
using test::run;

constexpr struct {
    const char* type;
    const char* puttygen;  // arguments
    const char* algorithm;
} types[] = {{"ssh-ed25519", "-t ed25519", "ssh-ed25519"},
             {"ssh-ed448", "-t ed448", "ssh-ed448"},
             {"ecdsa-sha2-nistp256", "-t ecdsa -b 256", "ecdsa-sha2-nistp256"},
             {"ecdsa-sha2-nistp384", "-t ecdsa -b 384", "ecdsa-sha2-nistp384"},
             {"ecdsa-sha2-nistp521", "-t ecdsa -b 521", "ecdsa-sha2-nistp521"},
             {"ssh-rsa", "-t rsa -b 2048", "rsa-sha2-256"}};

// Argon2 at PuTTY's least, so that tests are quick.
constexpr const char* quick = "memory=128,passes=1";

std::string make(const test::key_folder& dir, const std::string& arguments,
                 const std::string& passphrase, const std::string& parameters) {
    const std::string file = dir.write("passphrase", passphrase);
    run("puttygen -q " + arguments + " --random-device /dev/urandom -C 'a comment' -O private" +
        " --new-passphrase " + file + " --ppk-param " + parameters + " -o " + dir.path("key"));
    return contents(dir.path("key"));
}

TEST(Ppk, ReadsEveryTypeThatPuttygenWrites) {
    const test::key_folder dir;
    for (const auto& t : types)
        for (const char* version : {"2", "3"})
            for (const std::string passphrase : {"", "open sesame"}) {
                SCOPED_TRACE(std::string(t.type) + ' ' + version + ' ' + passphrase);
                const std::string text = make(dir, t.puttygen, passphrase,
                                              std::string("version=") + version + ',' + quick);
                ASSERT_TRUE(text.starts_with(std::string("PuTTY-User-Key-File-") + version));
                const auto read = read_private_key(text, passphrase);
                ASSERT_TRUE(read) << read.error().message();
                EXPECT_EQ(read->comment, "a comment");
                EXPECT_EQ(read->key.public_half().type(), t.type);
                EXPECT_EQ(read->key.public_half().line() + " a comment\n",
                          run("puttygen -O public-openssh " + dir.path("key")));
                const auto signature = read->key.sign(t.algorithm, as_bytes("data"));
                ASSERT_TRUE(signature);
                EXPECT_TRUE(
                    read->key.public_half().verify(t.algorithm, as_bytes("data"), *signature));
                if (passphrase.empty()) continue;
                EXPECT_EQ(read_private_key(text).error(), errc::passphrase_required);
                EXPECT_EQ(read_private_key(text, "another").error(), errc::wrong_passphrase);
            }
}

TEST(Ppk, ReadsEveryKeyDerivation) {
    const test::key_folder dir;
    for (const char* parameters :
         {"kdf=argon2d,memory=128,passes=2", "kdf=argon2i,memory=256,passes=1",
          "kdf=argon2id,memory=128,passes=3", "kdf=argon2id,memory=256,passes=1,parallelism=4"}) {
        SCOPED_TRACE(parameters);
        const std::string text = make(dir, "-t ed25519", "open sesame", parameters);
        const auto read = read_private_key(text, "open sesame");
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(read_private_key(text, "open").error(), errc::wrong_passphrase);
    }
}

TEST(Ppk, TheCostIsCapped) {
    const test::key_folder dir;
    const std::string text = make(dir, "-t ed25519", "p", "memory=128,passes=3");
    EXPECT_TRUE(read_private_key(text, "p",
                                 {.argon2_memory_kib_max = 128, .argon2_work_kib_max = 3 * 128}));
    EXPECT_EQ(read_private_key(text, "p", {.argon2_memory_kib_max = 127}).error(),
              errc::bad_key_file);
    EXPECT_EQ(read_private_key(text, "p", {.argon2_work_kib_max = 3 * 128 - 1}).error(),
              errc::bad_key_file);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
}

TEST(Ppk, TheMacCoversTheWholeFile) {
    const test::key_folder dir;
    for (const char* version : {"2", "3"})
        for (const std::string passphrase : {"", "p"}) {
            SCOPED_TRACE(std::string(version) + ' ' + passphrase);
            const std::string text = make(dir, "-t ed25519", passphrase,
                                          std::string("version=") + version + ',' + quick);
            const errc damaged = passphrase.empty() ? errc::bad_key_file : errc::wrong_passphrase;
            EXPECT_EQ(
                read_private_key(replaced(text, "a comment", "A comment"), passphrase).error(),
                damaged);
            // No other bit can be changed either, wherever it stands; the case of hexadecimal
            // digits and what ends a line are no content.
            for (std::size_t at = 0; at < text.size(); ++at) {
                std::string changed = text;
                changed[at] = static_cast<char>(changed[at] ^ 1);
                EXPECT_FALSE(
                    read_private_key(changed, passphrase,
                                     {.argon2_memory_kib_max = 1024, .argon2_work_kib_max = 4096}))
                    << at;
            }
        }
}

TEST(Ppk, TheHalvesBelongTogether) {
    const test::key_folder dir;
    const std::string one = make(dir, "-t ed25519", "", quick);
    const std::string other = make(dir, "-t ed25519", "", quick);
    const auto public_line = [](const std::string& text) {
        const auto at = text.find("Public-Lines: 2\n") + 16;
        return text.substr(at, text.find("Private-Lines") - at);
    };
    EXPECT_EQ(read_private_key(replaced(one, public_line(one), public_line(other))).error(),
              errc::bad_key_file);
}

TEST(Ppk, LinesMayEndInAnyWay) {
    const test::key_folder dir;
    const std::string text = make(dir, "-t ecdsa", "p", quick);
    for (const char* end : {"\r\n", "\r"}) {
        std::string changed;
        for (const char c : text)
            changed += c == '\n' ? std::string(end) : std::string(1, c);
        EXPECT_TRUE(read_private_key(changed, "p"));
    }
}

TEST(Ppk, TextsThatAreNone) {
    const test::key_folder dir;
    const std::string good = make(dir, "-t ed25519", "p", quick);
    ASSERT_TRUE(read_private_key(good, "p"));
    struct {
        const char* name;
        std::string text;
        errc error;
    } const cases[] = {
        {"version 1", replaced(good, "File-3", "File-1"), errc::bad_key_file},
        {"version 4", replaced(good, "File-3", "File-4"), errc::bad_key_file},
        {"another type's name", replaced(good, "ssh-ed25519", "ssh-ed448"), errc::bad_key_file},
        {"unknown cipher", replaced(good, "aes256-cbc", "rot13"), errc::bad_key_file},
        {"unknown derivation", replaced(good, "Argon2id", "Argon2"), errc::bad_key_file},
        {"no passes", replaced(good, "Passes: 1", "Passes: 0"), errc::bad_key_file},
        {"no lanes", replaced(good, "Parallelism: 1", "Parallelism: 0"), errc::bad_key_file},
        {"more lanes than memory", replaced(good, "Parallelism: 1", "Parallelism: 1000"),
         errc::bad_key_file},
        {"no memory", replaced(good, "Memory: 128", "Memory: 0"), errc::bad_key_file},
        {"all memory", replaced(good, "Memory: 128", "Memory: 4294967295"), errc::bad_key_file},
        {"too large a number", replaced(good, "Memory: 128", "Memory: 4294967296"),
         errc::bad_key_file},
        {"negative", replaced(good, "Memory: 128", "Memory: -1"), errc::bad_key_file},
        {"no number", replaced(good, "Memory: 128", "Memory: "), errc::bad_key_file},
        {"all passes", replaced(good, "Passes: 1", "Passes: 4294967295"), errc::bad_key_file},
        {"short salt", replaced(good, "Argon2-Salt: ", "Argon2-Salt: 00\nx: "), errc::bad_key_file},
        {"odd salt", replaced(good, "Argon2-Salt: ", "Argon2-Salt: 0"), errc::bad_key_file},
        {"salt not hexadecimal", replaced(good, "Argon2-Salt: ", "Argon2-Salt: 0x"),
         errc::bad_key_file},
        {"lines that are not there", replaced(good, "Public-Lines: 2", "Public-Lines: 200"),
         errc::bad_key_file},
        {"no lines", replaced(good, "Public-Lines: 2", "Public-Lines: 0"), errc::bad_key_file},
        {"MAC cut", good.substr(0, good.size() - 3), errc::wrong_passphrase},
        {"MAC gone", good.substr(0, good.find("Private-MAC")), errc::bad_key_file},
        {"private part not in blocks",
         replaced(good, "Private-Lines: 1\n", "Private-Lines: 2\nAAAA\n"), errc::bad_key_file},
        {"header without a space", replaced(good, "Comment: ", "Comment:"), errc::bad_key_file},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(read_private_key(c.text, "p").error(), c.error);
    }
    for (std::size_t n = 0; n + 1 < good.size(); ++n)
        EXPECT_FALSE(read_private_key(std::string_view(good).substr(0, n), "p")) << n;
}

TEST(Ppk, KeysThatWeDoNotTake) {
    const test::key_folder dir;
    EXPECT_EQ(read_private_key(make(dir, "-t dsa -b 1024", "", quick)).error(),
              errc::unknown_key_type);
    EXPECT_EQ(read_private_key(make(dir, "-t rsa -b 1024", "", quick)).error(),
              errc::key_too_small);
}

// Of the reference implementation's list.
TEST(Rfc9106, KnownAnswers) {
    struct {
        argon2_kind kind;
        argon2_cost cost;
        const char* key;
    } const cases[] = {
        {argon2_kind::i,
         {65536, 2, 1},
         "c1628832147d9720c5bd1cfd61367078729f6dfb6f8fea9ff98158e0d7816ed0"},
        {argon2_kind::id,
         {65536, 2, 1},
         "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"},
    };
    for (const auto& c : cases) {
        bytes key(32);
        ASSERT_TRUE(argon2(c.kind, "password", as_bytes("somesalt"), c.cost, key));
        EXPECT_EQ(test::to_hex(key), c.key);
    }
    bytes key(32);
    EXPECT_EQ(argon2(argon2_kind::id, "p", as_bytes("short"), {64, 1, 1}, key).error(),
              errc::bad_value);
}

}  // namespace
}  // namespace sluice::crypto
