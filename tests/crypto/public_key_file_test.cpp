#include "sluice/crypto/public_key_file.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::crypto {
namespace {

using test::contents;
using test::run;

const std::vector<public_key>& keys() {
    static const std::vector<public_key> made = [] {
        std::vector<public_key> out;
        for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                 "ecdsa-sha2-nistp521", "ssh-rsa", "ssh-ed448"})
            out.push_back(private_key::generate(type, 2048).value().public_half());
        return out;
    }();
    return made;
}

TEST(Rfc4716, SshKeygenReadsWhatWeWrite) {
    const test::key_folder dir;
    for (const public_key& key : keys()) {
        if (key.type() == "ssh-ed448") continue;  // ssh-keygen has none
        for (const char* comment :
             {"", "ours", "a \"quoted\" word",
              "a comment that is longer than a line of this format may be: it goes on and on"}) {
            SCOPED_TRACE(std::string(key.type()) + ' ' + comment);
            const std::string path = dir.write("key", write_rfc4716(key, comment).value());
            EXPECT_EQ(run("ssh-keygen -i -f " + path), key.line() + '\n');
            // puttygen 0.78 does not know continuation lines.
            if (std::string_view(comment).size() > 50) continue;
            EXPECT_EQ(run("puttygen -O public-openssh " + path),
                      key.line() + (*comment != 0 ? " " : "") + comment + '\n');
        }
    }
}

TEST(Rfc4716, WeReadWhatOthersWrite) {
    const test::key_folder dir;
    for (const public_key& key : keys()) {
        SCOPED_TRACE(key.type());
        const std::string path = dir.write("key.pub", key.line() + " a comment\n");
        if (key.type() != "ssh-ed448") {
            const auto keygen = read_public_key(run("ssh-keygen -e -f " + path));
            ASSERT_TRUE(keygen) << keygen.error().message();
            EXPECT_EQ(keygen->key, key);
            EXPECT_NE(keygen->comment.find(std::to_string(key.bits()) + "-bit"), std::string::npos)
                << keygen->comment;
        }
        const auto putty = read_public_key(run("puttygen -O public " + path));
        ASSERT_TRUE(putty) << putty.error().message();
        EXPECT_EQ(putty->key, key);
        EXPECT_EQ(putty->comment, "a comment");
        const auto line = read_public_key(contents(path));
        ASSERT_TRUE(line);
        EXPECT_EQ(line->key, key);
        EXPECT_EQ(line->comment, "a comment");
    }
}

std::string body(const public_key& key) { return to_base64(key.blob()); }

TEST(Rfc4716s3_3, Headers) {
    const public_key& key = keys().front();
    struct {
        const char* name;
        std::string headers;
        const char* comment;
    } const cases[] = {
        {"none", "", ""},
        {"a comment", "Comment: me@example.com\n", "me@example.com"},
        {"quoted", "Comment: \"me\"\n", "me"},
        {"one quote", "Comment: \"me\n", "\"me"},
        {"only quotes", "Comment: \"\"\n", ""},
        {"any case", "COMMENT: me\n", "me"},
        {"continued", "Comment: one \\\ntwo \\\nthree\n", "one two three"},
        {"others are ignored", "Subject: you\nx-command: /bin/no:thing\nComment: me\n", "me"},
        {"others may be long", "x-long: " + std::string(1000, 'x') + "\n", ""},
        {"others may be continued", "x-a: \\\nComment: no\n", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        for (const std::string end : {"\n", "\r\n", "\r"}) {
            std::string text = "---- BEGIN SSH2 PUBLIC KEY ----\n" + c.headers + body(key) +
                               "\n---- END SSH2 PUBLIC KEY ----\n";
            for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;
                 at += end.size())
                text.replace(at, 1, end);
            const auto read = read_public_key(text);
            ASSERT_TRUE(read) << read.error().message();
            EXPECT_EQ(read->key, key);
            EXPECT_EQ(read->comment, c.comment);
        }
    }
}

TEST(Rfc4716, TextsThatAreNone) {
    const public_key& key = keys().front();
    const std::string begin = "---- BEGIN SSH2 PUBLIC KEY ----\n";
    const std::string end = "---- END SSH2 PUBLIC KEY ----\n";
    struct {
        const char* name;
        std::string text;
        errc error;
    } const cases[] = {
        {"empty", "", errc::bad_key_file},
        {"begins only", begin, errc::bad_key_file},
        {"no body", begin + end, errc::truncated},
        {"no end", begin + body(key) + '\n', errc::bad_key_file},
        {"bad base64", begin + "!!!!\n" + end, errc::bad_key_file},
        {"cut base64", begin + body(key).substr(1) + '\n' + end, errc::bad_key_file},
        {"no key", begin + "AAAA\n" + end, errc::truncated},
        {"long tag", begin + std::string(65, 'x') + ": y\n" + body(key) + '\n' + end,
         errc::bad_key_file},
        {"no tag", begin + ": y\n" + body(key) + '\n' + end, errc::bad_key_file},
        {"long value", begin + "x: " + std::string(1024, 'x') + '\n' + body(key) + '\n' + end,
         errc::bad_key_file},
        {"long by continuation",
         begin + "x: " + std::string(600, 'x') + "\\\n" + std::string(600, 'x') + '\n' + body(key) +
             '\n' + end,
         errc::bad_key_file},
        {"continued into nothing", begin + "x: y\\", errc::bad_key_file},
        {"two lines", key.line() + '\n' + key.line(), errc::bad_key_file},
        {"too long", std::string(limits::key_file_length_max + 1, 'A'), errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(read_public_key(c.text).error(), c.error);
    }
    const std::string good = write_rfc4716(key, "c").value();
    for (std::size_t n = 0; n + 1 < good.size(); ++n)  // the last line feed may go
        EXPECT_FALSE(read_public_key(good.substr(0, n))) << n;
}

TEST(Rfc4716, LinesThatWeWriteAreShortAndCommentsComeBack) {
    const public_key& key = keys().front();
    for (std::size_t n = 0; n <= 1000; n += n < 150 ? 1 : 17) {
        const std::string comment(n, n % 2 ? '\\' : 'c');
        const std::string text = write_rfc4716(key, comment).value();
        for (std::size_t at = 0; at < text.size();) {
            const auto next = text.find('\n', at);
            EXPECT_LE(next - at, 72u) << n;
            at = next + 1;
        }
        const auto read = read_public_key(text);
        ASSERT_TRUE(read) << n;
        EXPECT_EQ(read->comment, comment);
    }
    EXPECT_EQ(write_rfc4716(key, std::string(1001, 'c')).error(), errc::bad_value);
    EXPECT_EQ(write_rfc4716(key, "two\nlines").error(), errc::bad_value);
}

}  // namespace
}  // namespace sluice::crypto
