// Signatures of messages (PROTOCOL.sshsig).

#include "sluice/crypto/sshsig.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/soft_token.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::run;
using test::try_run;

const bytes message = to_bytes(as_bytes("what is signed\n"));

constexpr struct {
    const char* type;
    const char* keygen;
} types[] = {{"ssh-ed25519", "-t ed25519"},
             {"ecdsa-sha2-nistp256", "-t ecdsa -b 256"},
             {"ecdsa-sha2-nistp384", "-t ecdsa -b 384"},
             {"ecdsa-sha2-nistp521", "-t ecdsa -b 521"},
             {"ssh-rsa", "-t rsa -b 2048"}};

TEST(Sshsig, SshKeygenVerifiesWhatWeSign) {
    const test::key_folder dir;
    const std::string file = dir.write("message", as_text(message));
    for (const auto& t : types)
        for (const hash_kind hash : {hash_kind::sha256, hash_kind::sha512}) {
            SCOPED_TRACE(t.type);
            const private_key key = private_key::generate(t.type, 2048).value();
            const std::string signature =
                dir.write("sig", sign_message(key, "file", message, {.hash = hash}).value());
            const std::string signers =
                dir.write("signers", "ada@example.com " + key.public_half().line() + '\n');
            const std::string verify = "ssh-keygen -Y verify -I ada@example.com -f " + signers +
                                       " -s " + signature + " -n ";
            EXPECT_NE(run(verify + "file < " + file).find("Good \"file\" signature"),
                      std::string::npos);
            EXPECT_NE(try_run(verify + "email < " + file).status, 0);
            EXPECT_NE(try_run("echo other | " + verify + "file").status, 0);
        }
}

TEST(Sshsig, WeVerifyWhatSshKeygenSigns) {
    const test::key_folder dir;
    const std::string file = dir.write("message", as_text(message));
    for (const auto& t : types)
        for (const char* hash : {"sha256", "sha512"}) {
            SCOPED_TRACE(std::string(t.type) + ' ' + hash);
            fs::remove(dir.path("key"));
            run(std::string("ssh-keygen -q -N '' ") + t.keygen + " -f " + dir.path("key"));
            const std::string text =
                run("ssh-keygen -Y sign -O hashalg=" + std::string(hash) + " -n file -f " +
                    dir.path("key") + " < " + file + " 2>/dev/null");
            const auto s = sshsig::parse(text);
            ASSERT_TRUE(s) << s.error().message() << text;
            EXPECT_EQ(s->key(), public_key::from_line(contents(dir.path("key.pub"))).value());
            EXPECT_EQ(s->name_space(), "file");
            EXPECT_FALSE(s->cert());
            EXPECT_TRUE(s->verify(message, "file"));
            EXPECT_EQ(s->verify(message, "email").error(), errc::bad_signature);
            EXPECT_EQ(s->verify(as_bytes("other"), "file").error(), errc::bad_signature);
        }
}

TEST(Sshsig, ACertificateMayStandForTheKey) {
    const test::key_folder dir;
    run("ssh-keygen -q -N '' -t ed25519 -f " + dir.path("ca"));
    run("ssh-keygen -q -N '' -t ecdsa -f " + dir.path("key"));
    run("ssh-keygen -q -s " + dir.path("ca") + " -I id -n ada " + dir.path("key.pub"));
    const std::string file = dir.write("message", as_text(message));
    const auto theirs = sshsig::parse(run("SSH_AUTH_SOCK= ssh-keygen -Y sign -n file -f " +
                                          dir.path("key") + " < " + file + " 2>/dev/null"));
    ASSERT_TRUE(theirs);
    EXPECT_FALSE(theirs->cert());

    const auto cert = certificate::from_line(contents(dir.path("key-cert.pub"))).value();
    const private_key key = private_key::generate("ssh-ed25519").value();
    EXPECT_EQ(sign_message(key, "file", message, {.cert = &cert}).error(), errc::bad_value);
    const auto own =
        certificate::issue(key.public_half(), {.principals = {"ada"}},
                           private_key::generate("ssh-ed25519").value(), system_random())
            .value();
    const std::string text = sign_message(key, "file", message, {.cert = &own}).value();
    const auto s = sshsig::parse(text);
    ASSERT_TRUE(s) << s.error().message();
    ASSERT_TRUE(s->cert());
    EXPECT_EQ(s->cert()->blob(), own.blob());
    EXPECT_EQ(s->key(), key.public_half());
    EXPECT_TRUE(s->verify(message, "file"));
    const std::string signers =
        dir.write("signers", "ada cert-authority " + own.signature_key().line() + '\n');
    run("ssh-keygen -Y verify -I ada -n file -f " + signers + " -s " + dir.write("sig", text) +
        " < " + file);
}

TEST(Sshsig, SigningRefusesWhatCannotBe) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    EXPECT_EQ(sign_message(key, "", message).error(), errc::bad_value);
    EXPECT_EQ(sign_message(key, std::string(1025, 'x'), message).error(), errc::bad_value);
    EXPECT_EQ(sign_message(key, "file", message, {.hash = hash_kind::sha1}).error(),
              errc::bad_value);
}

std::string armour(bytes_view data) {
    return "-----BEGIN SSH SIGNATURE-----\n" + to_base64(data) + "\n-----END SSH SIGNATURE-----\n";
}

// With fields as they are given, and a signature that fits them.
struct parts {
    const private_key& key;
    std::string magic = "SSHSIG";
    std::uint32_t version = 1;
    std::string name_space = "file";
    std::string reserved = {};
    std::string hash = "sha512";
    std::string algorithm = "ssh-ed25519";

    bytes data() const {
        bytes covered = to_bytes(as_bytes("SSHSIG"));
        wire::writer c(covered);
        c.write(name_space);
        c.write(reserved);
        c.write(hash);
        c.write(bytes_view(digest(hash_kind::sha512, message)));
        bytes out = to_bytes(as_bytes(magic));
        wire::writer w(out);
        w.write(version);
        w.write(bytes_view(key.public_half().blob()));
        w.write(name_space);
        w.write(reserved);
        w.write(hash);
        w.write(bytes_view(key.sign(algorithm, covered).value()));
        return out;
    }
    result<sshsig> read() const { return sshsig::parse(armour(data())); }
};

TEST(Sshsig, FieldsThatCannotBe) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    EXPECT_TRUE(parts{.key = key}.read().value().verify(message, "file"));
    // It is signed, and has no meaning yet.
    EXPECT_TRUE((parts{.key = key, .reserved = "x"}.read().value().verify(message, "file")));
    for (const parts& p : {parts{.key = key, .magic = "SSHSIX"}, parts{.key = key, .version = 2},
                           parts{.key = key, .version = 0}, parts{.key = key, .name_space = ""},
                           parts{.key = key, .hash = "sha1"}, parts{.key = key, .hash = ""}})
        EXPECT_EQ(p.read().error(), errc::bad_signature);

    const bytes good = parts{.key = key}.data();
    for (std::size_t n = 0; n < good.size(); ++n) {
        EXPECT_FALSE(sshsig::parse(armour({good.data(), n}))) << n;
        bytes changed = good;
        changed[n] ^= 0x10;
        const auto s = sshsig::parse(armour(changed));
        EXPECT_FALSE(s && s->verify(message, "file")) << n;
    }
    bytes longer = good;
    longer.push_back(0);
    EXPECT_EQ(sshsig::parse(armour(longer)).error(), errc::bad_signature);
}

// What a signature says of itself is not asked for by anybody.
TEST(Sshsig, Sha1IsNotTaken) {
    const private_key rsa = private_key::generate("ssh-rsa", 2048).value();
    const auto verified = [&](const char* algorithm) {
        const parts p{.key = rsa, .algorithm = algorithm};
        return p.read().value().verify(message, "file");
    };
    EXPECT_TRUE(verified("rsa-sha2-256"));
    EXPECT_EQ(verified("ssh-rsa").error(), errc::unknown_key_type);
}

TEST(Sshsig, TextsThatAreNone) {
    const private_key key = private_key::generate("ssh-ed25519").value();
    const std::string good = sign_message(key, "file", message).value();
    ASSERT_TRUE(sshsig::parse(good));
    EXPECT_TRUE(sshsig::parse(good + "more"));
    for (const std::string& text :
         {std::string(), ' ' + good, good.substr(1), good.substr(0, good.find("-----END")),
          std::string("-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----"),
          std::string("-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----"),
          std::string("-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----")})
        EXPECT_EQ(sshsig::parse(text).error(), errc::bad_signature) << text;
    EXPECT_EQ(sshsig::parse(good + std::string(limits::sshsig_length_max, ' ')).error(),
              errc::too_long);
}

TEST(SharedKeys, Sshsig) {
    const fs::path folder = test::shared_vector_folder() / "keys/sshsig";
    if (!test::has_shared_vectors("keys/sshsig")) return;
    const std::string text = contents(folder / "signed-data");
    const std::string name_space = contents(folder / "namespace");
    for (const char* name : {"rsa", "ecdsa", "ed25519", "ecdsa_sk", "ecdsa_sk_webauthn",
                             "ed25519_sk", "mldsa44-ed25519"}) {
        SCOPED_TRACE(name);
        const auto s = sshsig::parse(contents(folder / (std::string(name) + ".sig")));
        if (std::string_view(name).starts_with("mldsa")) {
            EXPECT_EQ(s.error(), errc::unknown_key_type);
            continue;
        }
        ASSERT_TRUE(s) << s.error().message();
        EXPECT_EQ(s->key(),
                  public_key::from_line(contents(folder / (std::string(name) + ".pub"))).value());
        EXPECT_TRUE(s->verify(as_bytes(text), name_space));
        EXPECT_FALSE(s->verify(as_bytes(text + ' '), name_space));
        EXPECT_FALSE(s->verify(as_bytes(text), "another"));
    }
}

}  // namespace
}  // namespace sluice::crypto
