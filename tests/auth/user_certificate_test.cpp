#include "sluice/auth/user_certificate.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/auth/key_options.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/soft_token.hpp"
#include "sluice/tests/support/transport_pair.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace sluice {
namespace {

using crypto::certificate;
using crypto::certificate_fields;
using crypto::certificate_kind;

const crypto::public_key& key() {
    static const auto made = crypto::private_key::generate("ssh-ed25519").value().public_half();
    return made;
}

certificate_fields fields(std::vector<std::string> principals = {"ada"}) {
    return {.kind = certificate_kind::user,
            .principals = std::move(principals),
            .valid_after = 1000,
            .valid_before = 2000};
}

std::string_view fault(const certificate& cert, std::vector<std::string> principals = {"ada"},
                       std::int64_t now = 1500, std::string_view address = "192.0.2.1") {
    return user_certificate_fault(
        cert, {.principals = principals, .address = address, .system_seconds = now});
}

TEST(UserCertificate, ItsTimeKindAndPrincipals) {
    const auto good = test::test_certificate(key(), fields());
    EXPECT_EQ(fault(good), "");
    EXPECT_EQ(fault(good, {"eve", "ada"}), "") << "one of them will do";
    EXPECT_EQ(fault(good, {"ada"}, 1000), "");
    EXPECT_EQ(fault(good, {"ada"}, 999), "certificate is not yet valid");
    EXPECT_EQ(fault(good, {"ada"}, 2000), "certificate has expired");
    EXPECT_EQ(fault(good, {"Ada"}), "certificate is for others");
    EXPECT_EQ(fault(good, {}), "certificate is for others");
    EXPECT_EQ(fault(good, {""}), "certificate is for others");
    EXPECT_EQ(fault(test::test_certificate(key(), fields({"*", "ada,eve"})), {"ada"}),
              "certificate is for others");
    EXPECT_EQ(fault(test::test_certificate(key(), fields({}))), "certificate lists no principals");
    auto host = fields();
    host.kind = certificate_kind::host;
    EXPECT_EQ(fault(test::test_certificate(key(), host)), "certificate of the wrong kind");
    auto unknown = fields();
    unknown.critical_options = {{"unheard-of@example.org"}};
    EXPECT_EQ(fault(test::test_certificate(key(), unknown)),
              "certificate has a critical option that is not known");
}

TEST(UserCertificate, ItsAuthoritySignsByWhatIsAccepted) {
    const auto cert = test::test_certificate(key(), fields());
    const std::vector<std::string> user{"ada"};
    const std::vector<std::string> rsa{"rsa-sha2-512"};
    const std::vector<std::string> both{"rsa-sha2-512", "ssh-ed25519"};
    user_certificate_use use{.principals = user, .address = "::1", .system_seconds = 1500};
    use.signature_algorithms = rsa;
    EXPECT_EQ(user_certificate_fault(cert, use),
              "certificate is signed by an algorithm that is not accepted");
    use.signature_algorithms = both;
    EXPECT_EQ(user_certificate_fault(cert, use), "");
}

TEST(UserCertificate, SourceAddressHoldsBlocksOnly) {
    const struct {
        const char* list;
        const char* address;
        std::string_view want;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.1", ""},
        {"10.0.0.0/8,192.0.2.1", "192.0.2.1", ""},
        {"192.0.2.0/24", "::ffff:192.0.2.1", ""},
        {"2001:db8::/32", "2001:db8::9", ""},
        {"10.0.0.0/8", "192.0.2.1", "certificate is not for this address"},
        {"2001:db8::/32", "192.0.2.1", "certificate is not for this address"},
        {"192.0.2.0/24", "", "certificate is not for this address"},
        {"192.0.2.0/24,xyzzy", "192.0.2.1", "certificate has a malformed source-address"},
        {"192.0.2.*", "192.0.2.1", "certificate has a malformed source-address"},
        {"192.0.2.0/24,!192.0.2.9", "192.0.2.1", "certificate has a malformed source-address"},
        {"192.0.2.1/24", "192.0.2.1", "certificate has a malformed source-address"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.list);
        auto f = fields();
        f.critical_options = {certificate::text_option("source-address", c.list)};
        EXPECT_EQ(fault(test::test_certificate(key(), f), {"ada"}, 1500, c.address), c.want);
    }
}

TEST(UserCertificate, WhatASecurityKeyAsserts) {
    const test::soft_token token("ssh-ed25519");
    const std::vector<std::string> user{"ada"};
    const auto judge = [&](std::vector<crypto::certificate_option> critical,
                           std::vector<crypto::certificate_option> extensions,
                           std::optional<crypto::sk_assertion> said) {
        auto f = fields();
        f.critical_options = std::move(critical);
        f.extensions = std::move(extensions);
        return user_certificate_fault(
            test::test_certificate(token.public_half(), f),
            {.principals = user, .address = "::1", .system_seconds = 1500, .assertion = said});
    };
    using said = crypto::sk_assertion;
    EXPECT_EQ(judge({}, {}, said{true, false, 1}), "");
    EXPECT_EQ(judge({}, {}, said{false, false, 1}), "nobody touched the security key");
    EXPECT_EQ(judge({}, {}, std::nullopt), "nobody touched the security key");
    EXPECT_EQ(judge({}, {{"no-touch-required"}}, said{false, false, 1}), "");
    EXPECT_EQ(judge({{"verify-required"}}, {}, said{true, false, 1}),
              "the security key verified nobody");
    EXPECT_EQ(judge({{"verify-required"}}, {}, said{true, true, 1}), "");
    EXPECT_EQ(judge({{"verify-required"}}, {}, key_options::may_assert_all), "");
}

// The certificates of OpenSSH's unit tests, those for logins that must fail among them.
TEST(SharedUserCertificates, LogInAsTheirOptionsSay) {
    const auto folder = test::shared_vector_folder() / "keys/options-certs";
    if (!test::has_shared_vectors("keys/options-certs (logins)")) return;
    const auto judged = [&](const char* name, std::string_view address) {
        const auto cert =
            certificate::from_line(test::contents(folder / (std::string(name) + ".cert"))).value();
        return std::string(
            fault(cert, {"user"}, static_cast<std::int64_t>(cert.fields().valid_after), address));
    };
    EXPECT_EQ(judged("all_permit", "192.0.2.1"), "");
    EXPECT_EQ(judged("force_command", "192.0.2.1"), "");
    EXPECT_EQ(judged("sourceaddr", "127.0.0.1"), "");
    EXPECT_EQ(judged("sourceaddr", "192.0.2.1"), "certificate is not for this address");
    EXPECT_EQ(judged("bad_sourceaddr", "127.0.0.1"), "certificate has a malformed source-address");
    EXPECT_EQ(judged("unknown_critical", "127.0.0.1"),
              "certificate has a critical option that is not known");
    EXPECT_EQ(judged("host", "127.0.0.1"), "certificate of the wrong kind");
}

}  // namespace
}  // namespace sluice
