#include "sluice/crypto/key_file.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace sluice::crypto {
namespace {

namespace fs = std::filesystem;

using test::contents;
using test::run;

constexpr struct {
    const char* type;
    const char* keygen;  // arguments of ssh-keygen
} types[] = {{"ssh-ed25519", "-t ed25519"},
             {"ecdsa-sha2-nistp256", "-t ecdsa -b 256"},
             {"ecdsa-sha2-nistp384", "-t ecdsa -b 384"},
             {"ecdsa-sha2-nistp521", "-t ecdsa -b 521"},
             {"ssh-rsa", "-t rsa -b 2048"}};

constexpr const char* file_ciphers[] = {"aes256-ctr",
                                        "aes192-ctr",
                                        "aes128-ctr",
                                        "aes256-cbc",
                                        "aes192-cbc",
                                        "aes128-cbc",
                                        "3des-cbc",
                                        "aes256-gcm@openssh.com",
                                        "aes128-gcm@openssh.com",
                                        "chacha20-poly1305@openssh.com"};

void expect_signs(const private_key& key) {
    const bytes data{1, 2, 3};
    for (const auto& a : signature_algorithms())
        if (a.key_type == key.public_half().type() && !a.certified()) {
            const auto signature = key.sign(a.name, data);
            ASSERT_TRUE(signature);
            EXPECT_TRUE(key.public_half().verify(a.name, data, *signature));
        }
}

// Makes a key with ssh-keygen and reads it back, with the passphrase, without it, and with another.
void expect_read(const test::key_folder& dir, const std::string& arguments,
                 const std::string& passphrase, const char* type, const char* comment) {
    const std::string path = dir.path("key");
    fs::remove(path);
    run("ssh-keygen -q -a 1 -C 'a comment' -N '" + passphrase + "' " + arguments + " -f " + path);
    const auto read = read_private_key(contents(path), passphrase);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->key.public_half().type(), type);
    EXPECT_EQ(read->comment, comment);
    const auto line = public_key::from_line(contents(path + ".pub"));
    ASSERT_TRUE(line);
    EXPECT_EQ(read->key.public_half(), *line);
    EXPECT_NE(run("ssh-keygen -l -f " + path + ".pub").find(line->fingerprint() + ' '),
              std::string::npos);
    expect_signs(read->key);
    if (passphrase.empty()) return;
    EXPECT_EQ(read_private_key(contents(path)).error(), errc::passphrase_required);
    EXPECT_EQ(read_private_key(contents(path), "another").error(), errc::wrong_passphrase);
}

TEST(KeyFile, ReadsWhatSshKeygenWrites) {
    const test::key_folder dir;
    for (const auto& t : types) {
        SCOPED_TRACE(t.type);
        expect_read(dir, t.keygen, "", t.type, "a comment");
        expect_read(dir, t.keygen, "open sesame", t.type, "a comment");
    }
}

TEST(KeyFile, ReadsEveryCipherThatSshKeygenWrites) {
    const test::key_folder dir;
    for (const char* cipher : file_ciphers) {
        SCOPED_TRACE(cipher);
        expect_read(dir, std::string("-t ed25519 -Z ") + cipher, "open sesame", "ssh-ed25519",
                    "a comment");
    }
}

TEST(KeyFile, ReadsPemAndPkcs8) {
    const test::key_folder dir;
    for (const auto& t : types) {
        if (std::string_view(t.type) == "ssh-ed25519") continue;  // has no PEM form in ssh-keygen
        for (const char* format : {"PEM", "PKCS8"})
            for (const char* passphrase : {"", "open sesame"}) {
                SCOPED_TRACE(std::string(t.type) + ' ' + format + ' ' + passphrase);
                expect_read(dir, std::string(t.keygen) + " -m " + format, passphrase, t.type, "");
            }
    }
}

TEST(Rfc8410, ReadsEd25519InPkcs8) {
    const test::key_folder dir;
    run("openssl genpkey -algorithm ed25519 -out " + dir.path("plain"));
    const auto plain = read_private_key(contents(dir.path("plain")));
    ASSERT_TRUE(plain) << plain.error().message();
    EXPECT_EQ(plain->key.public_half().type(), "ssh-ed25519");
    expect_signs(plain->key);

    run("openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 3000 -passout pass:open -in " +
        dir.path("plain") + " -out " + dir.path("sealed"));
    const std::string sealed = contents(dir.path("sealed"));
    const auto opened = read_private_key(sealed, "open");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->key.public_half(), plain->key.public_half());
    EXPECT_EQ(read_private_key(sealed).error(), errc::passphrase_required);
    EXPECT_EQ(read_private_key(sealed, "shut").error(), errc::wrong_passphrase);
    // A file may not ask for more work than the caller allows.
    EXPECT_EQ(read_private_key(sealed, "open", {.pbkdf2_rounds_max = 2999}).error(),
              errc::bad_key_file);
}

// ssh-keygen knows no ssh-ed448; PuTTY does, and writes it in OpenSSH's form.
TEST(Rfc8709, Ed448FilesGoToPuttyAndBack) {
    const test::key_folder dir;
    const std::string empty = dir.write("empty", "");
    const std::string sesame = dir.write("sesame", "open sesame");
    for (const std::string passphrase : {"", "open sesame"}) {
        SCOPED_TRACE(passphrase);
        const std::string& file = passphrase.empty() ? empty : sesame;
        run("puttygen -q -t ed448 --random-device /dev/urandom -C 'a comment' "
            "-O private-openssh-new --new-passphrase " +
            file + " -o " + dir.path("theirs"));
        const auto read = read_private_key(contents(dir.path("theirs")), passphrase);
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(read->comment, "a comment");
        expect_signs(read->key);
        const std::string line = read->key.public_half().line();
        EXPECT_EQ(
            run("puttygen -O public-openssh --old-passphrase " + file + ' ' + dir.path("theirs")),
            line + " a comment\n");

        const auto text = write_private_key(
            read->key, {.comment = "ours", .passphrase = passphrase, .rounds = 2}, system_random());
        ASSERT_TRUE(text);
        EXPECT_EQ(run("puttygen -O public-openssh --old-passphrase " + file + ' ' +
                      dir.write("ours", *text)),
                  line + " ours\n");
    }
}

TEST(KeyFile, ShowsItsPublicHalf) {
    const auto key = private_key::generate("ssh-ed25519").value();
    auto& random = system_random();
    const auto plain = write_private_key(key, {}, random).value();
    const auto sealed = write_private_key(key, {.passphrase = "open", .rounds = 1}, random).value();
    for (const std::string& text : {plain, sealed, "\n " + sealed})
        EXPECT_EQ(read_public_half(text).value(), key.public_half());
    const auto pkcs8 = write_pkcs8(key, {.passphrase = "open", .rounds = 1}, random).value();
    EXPECT_EQ(read_public_half(pkcs8).error(), errc::passphrase_required);
    for (const std::string& text :
         {std::string(), std::string(" \n"), sealed.substr(0, sealed.size() / 2),
          std::string(limits::key_file_length_max + 1, '\n') + sealed})
        EXPECT_EQ(read_public_half(text).error(), errc::bad_key_file);
    for (std::size_t n = 0; n < sealed.size() / 2; ++n)
        EXPECT_FALSE(read_public_half(sealed.substr(0, n)));
}

TEST(KeyFile, RefusesKeysOfTypesWeDoNotKnow) {
    const test::key_folder dir;
    run("openssl ecparam -name secp256k1 -genkey -noout -out " + dir.path("koblitz"));
    EXPECT_EQ(read_private_key(contents(dir.path("koblitz"))).error(), errc::unknown_key_type);
    run("openssl genpkey -algorithm x25519 -out " + dir.path("x25519"));
    EXPECT_EQ(read_private_key(contents(dir.path("x25519"))).error(), errc::unknown_key_type);
    run("openssl genrsa -out " + dir.path("small") + " 1024");
    EXPECT_EQ(read_private_key(contents(dir.path("small"))).error(), errc::key_too_small);
}

TEST(KeyFile, SshKeygenReadsWhatWeWrite) {
    const test::key_folder dir;
    for (const auto& t : types) {
        const private_key key = private_key::generate(t.type, 0).value();
        for (const std::string passphrase : {"", "open sesame"}) {
            SCOPED_TRACE(std::string(t.type) + ' ' + passphrase);
            const auto text = write_private_key(
                key, {.comment = "ours", .passphrase = passphrase, .rounds = 2}, system_random());
            ASSERT_TRUE(text);
            const auto back = read_private_key(*text, passphrase);
            ASSERT_TRUE(back) << back.error().message();
            EXPECT_EQ(back->key.public_half(), key.public_half());
            EXPECT_EQ(back->comment, "ours");
            const std::string path = dir.write("key", *text);
            // ssh-keygen -y derives the public half from the private numbers.
            EXPECT_EQ(run("ssh-keygen -y -P '" + passphrase + "' -f " + path),
                      key.public_half().line() + " ours\n");
        }
    }
}

TEST(KeyFile, SshKeygenReadsEveryCipherThatWeWrite) {
    const test::key_folder dir;
    const private_key key = private_key::generate("ssh-ed25519").value();
    for (const char* cipher : file_ciphers) {
        SCOPED_TRACE(cipher);
        const auto text = write_private_key(
            key, {.passphrase = "open sesame", .cipher = cipher, .rounds = 1}, system_random());
        ASSERT_TRUE(text);
        const std::string path = dir.write("key", *text);
        EXPECT_EQ(run("ssh-keygen -y -P 'open sesame' -f " + path),
                  key.public_half().line() + '\n');
        EXPECT_EQ(read_private_key(*text, "other").error(), errc::wrong_passphrase);
    }
}

TEST(Rfc5958, OthersReadThePkcs8ThatWeWrite) {
    const test::key_folder dir;
    for (const char* type : {"ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp256",
                             "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}) {
        const private_key key = private_key::generate(type, 2048).value();
        for (const std::string passphrase : {"", "open sesame"}) {
            SCOPED_TRACE(std::string(type) + ' ' + passphrase);
            const auto text =
                write_pkcs8(key, {.passphrase = passphrase, .rounds = 2048}, system_random());
            ASSERT_TRUE(text);
            const auto back = read_private_key(*text, passphrase);
            ASSERT_TRUE(back) << back.error().message();
            EXPECT_EQ(back->key.public_half(), key.public_half());
            expect_signs(back->key);
            const std::string path = dir.write("key", *text);
            // ssh-keygen 9.2 reads PKCS#8 of ECDSA and RSA keys only; openssl reads all.
            if (key.public_half().type().find("ssh-ed") == std::string_view::npos) {
                EXPECT_EQ(run("ssh-keygen -y -P '" + passphrase + "' -f " + path),
                          key.public_half().line() + '\n');
            }
            run("openssl pkey -passin 'pass:" + passphrase + "' -in " + path + " -out " +
                dir.path("again"));
            const auto again = read_private_key(contents(dir.path("again")));
            ASSERT_TRUE(again) << again.error().message();
            EXPECT_EQ(again->key.public_half(), key.public_half());
            if (passphrase.empty()) continue;
            EXPECT_EQ(read_private_key(*text).error(), errc::passphrase_required);
            EXPECT_EQ(read_private_key(*text, "another").error(), errc::wrong_passphrase);
        }
    }
}

TEST(Rfc5958, RoundsAreCappedWhenWritingToo) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    const auto error = [&key](unsigned rounds) {
        return write_pkcs8(key, {.passphrase = "x", .rounds = rounds}, system_random()).error();
    };
    EXPECT_EQ(error(0), errc::bad_value);
    EXPECT_EQ(error(limits::pbkdf2_rounds_max + 1), errc::bad_value);
    EXPECT_FALSE(error(1));
}

TEST(Rfc5915, TheCurveMayStandAheadOfTheKey) {
    const test::key_folder dir;
    run("openssl ecparam -name prime256v1 -genkey -out " + dir.path("key"));
    const std::string text = contents(dir.path("key"));
    ASSERT_TRUE(text.starts_with("-----BEGIN EC PARAMETERS-----"));
    const auto read = read_private_key(text);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->key.public_half().line() + '\n',
              run("ssh-keygen -y -f " +
                  dir.write("plain", text.substr(text.find("-----BEGIN EC PRIV")))));
    // Once only.
    const std::string parameters = text.substr(0, text.find("-----BEGIN EC PRIV"));
    EXPECT_EQ(read_private_key(parameters).error(), errc::bad_key_file);
    EXPECT_EQ(read_private_key(parameters + text).error(), errc::bad_key_file);
}

TEST(KeyFile, WritingRefusesWhatCannotBe) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    const auto error = [&key](const key_file_options& options) {
        return write_private_key(key, options, system_random()).error();
    };
    EXPECT_EQ(error({.passphrase = "x", .cipher = "rot13"}), errc::bad_value);
    EXPECT_EQ(error({.passphrase = "x", .cipher = "none"}), errc::bad_value);
    EXPECT_EQ(error({.passphrase = "x", .rounds = 0}), errc::bad_value);
    EXPECT_EQ(error({.passphrase = "x", .rounds = limits::bcrypt_rounds_max + 1}), errc::bad_value);
}

std::string armoured(bytes_view data) {
    return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + to_base64(data) +
           "\n-----END OPENSSH PRIVATE KEY-----\n";
}

secret_bytes unarmoured(std::string_view text) {
    std::string compact;
    const auto begin = text.find('\n');
    for (const char c : text.substr(begin, text.find("-----END") - begin))
        if (c != '\n') compact += c;
    return from_base64(compact).value();
}

TEST(KeyFile, EveryTruncationIsRefusedAndNoFlippedBitMakesAnotherKey) {
    for (const char* type : {"ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp256",
                             "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}) {
        SCOPED_TRACE(type);
        const private_key key = private_key::generate(type, 2048).value();
        const auto text = write_private_key(key, {.comment = "c"}, system_random());
        ASSERT_TRUE(text);
        const secret_bytes data = unarmoured(*text);
        ASSERT_TRUE(read_private_key(armoured(data)));
        for (std::size_t n = 0; n < data.size(); ++n)
            EXPECT_FALSE(read_private_key(armoured(data.view().first(n)))) << n;
        // Only the comment, and the q^-1 mod p that we compute ourselves, may change unnoticed.
        const std::size_t step = data.size() > 1000 ? 13 : 1;
        for (std::size_t n = 0; n < data.size(); n += step) {
            secret_bytes flipped = data;
            flipped.data()[n] ^= 1;
            const auto read = read_private_key(armoured(flipped));
            if (!read) continue;
            EXPECT_EQ(read->key.public_half(), key.public_half()) << n;
        }
    }
}

TEST(KeyFile, MismatchedHalvesAreRefused) {
    const private_key one = private_key::generate("ssh-ed25519").value();
    const private_key other = private_key::generate("ssh-ed25519").value();
    secret_bytes data = unarmoured(write_private_key(one, {}, system_random()).value());
    const bytes& mine = one.public_half().blob();
    const bytes& theirs = other.public_half().blob();
    const auto replace = [&](std::size_t which) {
        secret_bytes changed = data;
        std::uint8_t* at = changed.data();
        std::size_t seen = 0;
        const bytes_view point = bytes_view(mine).last(32);
        for (std::size_t i = 0; i + 32 <= changed.size(); ++i)
            if (std::equal(point.begin(), point.end(), at + i) && seen++ == which)
                std::copy(theirs.end() - 32, theirs.end(), at + i);
        EXPECT_EQ(seen, 3u);
        return read_private_key(armoured(changed)).error();
    };
    for (std::size_t which = 0; which < 3; ++which)
        EXPECT_EQ(replace(which), errc::bad_key_file) << which;
}

TEST(KeyFile, TextsThatAreNoKeyFiles) {
    const std::string good =
        write_private_key(private_key::generate("ssh-ed25519").value(), {}, system_random())
            .value();
    const std::string cases[] = {
        "",
        "\n\n",
        "ssh-ed25519 AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        good.substr(0, good.size() - 20),
        std::string(limits::key_file_length_max + 1, 'A'),
    };
    for (const auto& text : cases) {
        SCOPED_TRACE(text.substr(0, 60));
        EXPECT_EQ(read_private_key(text).error(), errc::bad_key_file);
    }
    EXPECT_TRUE(read_private_key("\n" + good + "trailing text"));
}

TEST(KeyFile, RoundsAreCapped) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    const auto text =
        write_private_key(key, {.passphrase = "p", .rounds = 3}, system_random()).value();
    EXPECT_TRUE(read_private_key(text, "p", {.bcrypt_rounds_max = 3}));
    EXPECT_EQ(read_private_key(text, "p", {.bcrypt_rounds_max = 2}).error(), errc::bad_key_file);
}

// --- the shared vectors, as keys/INDEX.md there describes them -----------------------------------

TEST(SharedKeys, PrivateFilesAreReadOrRefusedAsTheIndexSays) {
    const auto file = test::shared_vectors("keys/private-files.json");
    if (!file) return;
    const fs::path folder = test::shared_vector_folder() / "keys/openssh";
    std::string passphrase = contents(folder / "pw");
    while (!passphrase.empty() && passphrase.back() == '\n')
        passphrase.pop_back();
    struct {
        const char* name;
        const char* type;  // null: refused with `error`
        errc error;
        const char* fingerprint;
    } const cases[] = {
        {"ecdsa_1", "ecdsa-sha2-nistp256", {}, "8ty77fOpABat1y88aNdclQTfU+lVvWe7jYZGw8VYtfg"},
        {"ecdsa_1_pw", "ecdsa-sha2-nistp256", {}, "8ty77fOpABat1y88aNdclQTfU+lVvWe7jYZGw8VYtfg"},
        {"ecdsa_2", "ecdsa-sha2-nistp521", {}, "ed8YniRHA6qCrErCRnzrWxPHxYuA62a+CAFYUVxJgaI"},
        {"ecdsa_n", "ecdsa-sha2-nistp256", {}, "8ty77fOpABat1y88aNdclQTfU+lVvWe7jYZGw8VYtfg"},
        {"ecdsa_n_pw", "ecdsa-sha2-nistp256", {}, "8ty77fOpABat1y88aNdclQTfU+lVvWe7jYZGw8VYtfg"},
        {"ecdsa_sk1", nullptr, errc::unknown_key_type, ""},
        {"ecdsa_sk1_pw", nullptr, errc::unknown_key_type, ""},
        {"ecdsa_sk2", nullptr, errc::unknown_key_type, ""},
        {"ed25519_1", "ssh-ed25519", {}, "L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560"},
        {"ed25519_1_pw", "ssh-ed25519", {}, "L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560"},
        {"ed25519_2", "ssh-ed25519", {}, "vMbaARqVciRgXyZPNHDo+P5p5WK5yWG1Oo6VC35Bomw"},
        {"ed25519_sk1", nullptr, errc::unknown_key_type, ""},
        {"ed25519_sk1_pw", nullptr, errc::unknown_key_type, ""},
        {"ed25519_sk2", nullptr, errc::unknown_key_type, ""},
        {"mldsa44_ed25519_1", nullptr, errc::unknown_key_type, ""},
        {"mldsa44_ed25519_1_pw", nullptr, errc::unknown_key_type, ""},
        {"mldsa44_ed25519_2", nullptr, errc::unknown_key_type, ""},
        {"rsa_1", nullptr, errc::key_too_small, ""},
        {"rsa_1_pw", nullptr, errc::key_too_small, ""},
        {"rsa_1_sha1", nullptr, errc::key_too_small, ""},
        {"rsa_1_sha512", nullptr, errc::key_too_small, ""},
        {"rsa_2", "ssh-rsa", {}, "NoQh0XBUuYUSWqnzOzOBnfpgJTRWLMj7BlWAb8IbjeE"},
        {"rsa_n", nullptr, errc::key_too_small, ""},
        {"rsa_n_pw", nullptr, errc::key_too_small, ""},
    };
    std::size_t in_folder = 0;
    for (const auto& [name, content] : (*file)["files"].items())
        if (name.starts_with("openssh/")) ++in_folder;
    EXPECT_EQ(in_folder, std::size(cases));
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto& content = (*file)["files"][std::string("openssh/") + c.name];
        const auto text = from_base64(content.get<std::string>());
        ASSERT_TRUE(text);
        const auto read = read_private_key(as_text(*text), passphrase);
        if (c.type == nullptr) {
            EXPECT_EQ(read.error(), c.error);
            continue;
        }
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(read->key.public_half().type(), c.type);
        EXPECT_EQ(read->key.public_half().fingerprint(), std::string("SHA256:") + c.fingerprint);
        expect_signs(read->key);
    }
}

TEST(SharedKeys, PublicFilesAndFingerprints) {
    const fs::path folder = test::shared_vector_folder() / "keys/openssh";
    if (!test::has_shared_vectors("keys/openssh")) return;
    int read = 0;
    int refused = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(".pub") || name.find(".param") != std::string::npos) continue;
        SCOPED_TRACE(name);
        const auto key = public_key::from_line(contents(entry.path()));
        const bool certificate = name.find("-cert") != std::string::npos;
        if (certificate || name.starts_with("mldsa")) {
            EXPECT_EQ(key.error(), errc::unknown_key_type);
            ++refused;
        } else if (name.starts_with("rsa_1")) {
            EXPECT_EQ(key.error(), errc::key_too_small);
            ++refused;
        } else {
            ASSERT_TRUE(key);
            std::string print = contents(folder / (name.substr(0, name.size() - 4) + ".fp"));
            EXPECT_EQ(print.substr(0, print.find('\n')), key->fingerprint());
            ++read;
        }
    }
    EXPECT_EQ(read, 9);
    EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace sluice::crypto
