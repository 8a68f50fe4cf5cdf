// Security keys (OpenSSH's PROTOCOL.u2f).

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/soft_token.hpp"

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

using test::soft_token;

const bytes data = to_bytes(as_bytes("what is signed"));

TEST(SecurityKey, PresenceVerificationAndCounterAreTold) {
    for (const char* inner : {"ssh-ed25519", "ecdsa-sha2-nistp256"}) {
        const soft_token token(inner);
        const public_key key = token.public_half();
        EXPECT_EQ(key.type(), token.type());
        EXPECT_EQ(key.bits(), 256u);
        EXPECT_TRUE(key.is_security_key());
        for (const bool present : {false, true})
            for (const bool verified : {false, true}) {
                const auto flags = static_cast<std::uint8_t>((present ? soft_token::present : 0) |
                                                             (verified ? soft_token::verified : 0));
                const bytes signature = token.sign(data, flags, 0xfedcba98);
                const auto told = key.verify_assertion(key.type(), data, signature);
                ASSERT_TRUE(told);
                ASSERT_TRUE(*told);
                EXPECT_EQ((*told)->user_present, present);
                EXPECT_EQ((*told)->user_verified, verified);
                EXPECT_EQ((*told)->counter, 0xfedcba98u);
                // Who does not ask gets the safe answer.
                EXPECT_EQ(key.verify(key.type(), data, signature).has_value(), present);
            }
    }
    EXPECT_FALSE(private_key::generate("ssh-ed25519")->public_half().is_security_key());
}

TEST(SecurityKey, OtherKeysAssertNothing) {
    const auto key = private_key::generate("ssh-ed25519").value();
    const bytes signature = key.sign("ssh-ed25519", data).value();
    const auto told = key.public_half().verify_assertion("ssh-ed25519", data, signature);
    ASSERT_TRUE(told);
    EXPECT_FALSE(*told);
    // The flags of a security key behind their signature are bytes too many.
    bytes longer = signature;
    wire::writer(longer).write(std::uint8_t{1});
    wire::writer(longer).write(std::uint32_t{1});
    EXPECT_EQ(key.public_half().verify("ssh-ed25519", data, longer).error(), errc::bad_signature);
}

TEST(SecurityKey, EveryChangeOfASignatureIsNoticed) {
    for (const char* inner : {"ssh-ed25519", "ecdsa-sha2-nistp256"}) {
        const soft_token token(inner);
        const public_key key = token.public_half();
        const bytes good = token.sign(data);
        ASSERT_TRUE(key.verify(key.type(), data, good));
        for (std::size_t n = 0; n < good.size(); ++n) {
            EXPECT_EQ(key.verify(key.type(), data, {good.data(), n}).error(), errc::bad_signature);
            bytes changed = good;
            changed[n] ^= 0x20;
            EXPECT_EQ(key.verify(key.type(), data, changed).error(), errc::bad_signature) << n;
        }
        bytes longer = good;
        longer.push_back(0);
        EXPECT_EQ(key.verify(key.type(), data, longer).error(), errc::bad_signature);
        EXPECT_EQ(key.verify(key.type(), as_bytes("other"), good).error(), errc::bad_signature);
        EXPECT_EQ(key.verify(inner, data, good).error(), errc::unknown_key_type);
    }
}

TEST(SecurityKey, TheApplicationIsSigned) {
    const soft_token token("ssh-ed25519", "ssh:one");
    bytes blob = token.blob();
    blob.back() ^= 1;
    const public_key other = public_key::from_blob(blob).value();
    EXPECT_TRUE(token.public_half().verify(token.type(), data, token.sign(data)));
    EXPECT_FALSE(other.verify(token.type(), data, token.sign(data)));
}

TEST(SecurityKey, FlagsThatSpeakOfMoreAreRefused) {
    const soft_token token("ssh-ed25519");
    for (const std::uint8_t flag : {soft_token::attested, soft_token::extended}) {
        const auto flags = static_cast<std::uint8_t>(flag | soft_token::present);
        EXPECT_EQ(token.public_half().verify(token.type(), data, token.sign(data, flags)).error(),
                  errc::bad_signature);
    }
}

TEST(SecurityKey, BlobsParseAndEveryDamageIsRefused) {
    for (const char* inner : {"ssh-ed25519", "ecdsa-sha2-nistp256"}) {
        const bytes blob = soft_token(inner).blob();
        ASSERT_TRUE(public_key::from_blob(blob));
        for (std::size_t n = 0; n < blob.size(); ++n)
            EXPECT_FALSE(public_key::from_blob({blob.data(), n})) << n;
        bytes longer = blob;
        longer.push_back(0);
        EXPECT_EQ(public_key::from_blob(longer).error(), errc::trailing_bytes);
        EXPECT_EQ(public_key::from_blob(soft_token(inner, "").blob()).error(), errc::bad_key);
    }
    bytes off = soft_token("ecdsa-sha2-nistp256").blob();
    off[off.size() - 4 - 4 - 1] ^= 1;  // the point's last byte
    EXPECT_EQ(public_key::from_blob(off).error(), errc::bad_key);
}

TEST(SecurityKey, PrivateHalvesAreInHardwareAndHostsHaveNone) {
    for (const char* type : {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"})
        EXPECT_EQ(private_key::generate(type).error(), errc::unknown_key_type);
    for (const auto& a : signature_algorithms())
        EXPECT_EQ(a.of_hosts, a.name.find("sk-") == std::string_view::npos) << a.name;
}

constexpr const char* webauthn = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

TEST(WebAuthn, SignaturesOfABrowserVerify) {
    const soft_token token("ecdsa-sha2-nistp256");
    const public_key key = token.public_half();
    const std::string origin = "https://example.com";
    using b = soft_token::browser;
    constexpr std::uint8_t up = soft_token::present;
    constexpr std::uint8_t extended = up | soft_token::extended;
    const auto with = [&](const std::string& end) {
        return b{origin, soft_token::client_data_for(data, origin, end), {}};
    };
    struct {
        const char* name;
        std::uint8_t flags;
        b said;
        bool good;
    } const cases[] = {
        {"plain", up, {}, true},
        {"closed at once", up, with("}"), true},
        {"more members", up, with(R"(,"a":"b","c":{}})"), true},
        {"extensions", extended, {origin, "", {0xa0}}, true},
        {"extensions not announced", up, {origin, "", {0xa0}}, false},
        {"extensions announced and not there", extended, {}, false},
        {"attested data", up | soft_token::attested, {}, false},
        {"not present", soft_token::verified, {}, false},
        {"unclosed", up, with(""), false},
        {"text behind the origin", up, with("x}"), false},
        {"another origin in the data",
         up,
         {origin, soft_token::client_data_for(data, "https://evil.example"), {}},
         false},
        {"an origin that goes on",
         up,
         {origin, soft_token::client_data_for(data, origin + ".evil"), {}},
         false},
        {"a quote in the origin", up, {"https://a\",\"b", "", {}}, false},
        {"a backslash in the origin", up, {"https://a\\", "", {}}, false},
        {"another challenge",
         up,
         {origin, soft_token::client_data_for(as_bytes("other"), origin), {}},
         false},
        {"another type",
         up,
         {origin,
          R"({"type":"webauthn.create","challenge":"","origin":"https://example.com"})",
          {}},
         false},
        {"no JSON", up, {origin, "x", {}}, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const bytes signature = token.sign_in_browser(data, c.flags, c.said);
        EXPECT_EQ(key.verify(webauthn, data, signature).has_value(), c.good);
        EXPECT_FALSE(key.verify(key.type(), data, signature));
    }
    const bytes good = token.sign_in_browser(data, up, {});
    for (std::size_t n = 0; n < good.size(); ++n) {
        EXPECT_FALSE(key.verify(webauthn, data, {good.data(), n})) << n;
        bytes changed = good;
        changed[n] ^= 0x20;
        EXPECT_FALSE(key.verify(webauthn, data, changed)) << n;
    }
    EXPECT_FALSE(key.verify(webauthn, data, token.sign(data)));
    const soft_token ed("ssh-ed25519");
    EXPECT_EQ(ed.public_half().verify(webauthn, data, ed.sign(data)).error(),
              errc::unknown_key_type);
}

// Signatures of real tokens, in SSHSIG's envelope (PROTOCOL.sshsig).
TEST(SharedKeys, SecurityKeySignaturesOfOpenSsh) {
    const auto folder = test::shared_vector_folder() / "keys/sshsig";
    if (!test::has_shared_vectors("keys/sshsig")) return;
    const bytes message = to_bytes(as_bytes(test::contents(folder / "signed-data")));
    struct {
        const char* file;
        const char* algorithm;
    } const cases[] = {{"ed25519_sk", "sk-ssh-ed25519@openssh.com"},
                       {"ecdsa_sk", "sk-ecdsa-sha2-nistp256@openssh.com"},
                       {"ecdsa_sk_webauthn", webauthn}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.file);
        const auto key =
            public_key::from_line(test::contents(folder / (std::string(c.file) + ".pub")));
        ASSERT_TRUE(key);
        std::string compact;
        const std::string text = test::contents(folder / (std::string(c.file) + ".sig"));
        const auto start = text.find('\n');
        for (const char ch : text.substr(start, text.find("-----END") - start))
            if (ch != '\n') compact += ch;
        const auto envelope = from_base64(compact).value();
        wire::reader r(envelope);
        std::uint32_t version = 0;
        bytes_view blob, name_space, reserved, hash, signature;
        r.take(6);
        r.read(version);
        for (bytes_view* field : {&blob, &name_space, &reserved, &hash, &signature})
            r.read(*field);
        ASSERT_FALSE(r.error());
        EXPECT_EQ(as_text(blob), as_text(key->blob()));
        bytes covered = to_bytes(as_bytes("SSHSIG"));
        wire::writer w(covered);
        w.write(name_space);
        w.write(reserved);
        w.write(hash);
        w.write(bytes_view(digest(hash_kind::sha512, message)));
        ASSERT_EQ(as_text(hash), "sha512");
        const auto told = key->verify_assertion(c.algorithm, covered, signature);
        ASSERT_TRUE(told) << told.error().message();
        EXPECT_TRUE((*told)->user_present);
        EXPECT_FALSE((*told)->user_verified);
        covered.back() ^= 1;
        EXPECT_FALSE(key->verify(c.algorithm, covered, signature));
    }
}

}  // namespace
}  // namespace sluice::crypto
