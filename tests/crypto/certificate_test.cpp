// OpenSSH's certificates (PROTOCOL.certkeys).

#include "sluice/crypto/certificate.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/shared_vectors.hpp"
#include "sluice/tests/support/soft_token.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

namespace sluice::crypto {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::run;
using verdict = certificate::verdict;
using kind = certificate_kind;

constexpr std::uint64_t now = 1'800'000'000;

const private_key& key_of(const std::string& type) {
    static std::map<std::string, private_key> made;
    const auto found = made.find(type);
    if (found != made.end()) return found->second;
    return made.emplace(type, private_key::generate(type, 2048).value()).first->second;
}

constexpr const char* types[] = {
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    "ssh-ed448"};

constexpr struct {
    const char* type;
    const char* keygen;
} keygen_types[] = {{"ssh-ed25519", "-t ed25519"},
                    {"ecdsa-sha2-nistp256", "-t ecdsa -b 256"},
                    {"ecdsa-sha2-nistp384", "-t ecdsa -b 384"},
                    {"ecdsa-sha2-nistp521", "-t ecdsa -b 521"},
                    {"ssh-rsa", "-t rsa -b 2048"}};

certificate_fields ada() {
    return {.serial = 7,
            .key_id = "ada's key",
            .principals = {"ada", "operators"},
            .valid_after = now - 10,
            .valid_before = now + 10};
}

certificate made(const certificate_fields& fields, const std::string& type = "ssh-ed25519") {
    return certificate::issue(key_of(type).public_half(), fields, key_of("ecdsa-sha2-nistp256"),
                              system_random())
        .value();
}

error_code refusal(const certificate_fields& fields) {
    return certificate::issue(key_of("ssh-ed25519").public_half(), fields, key_of("ssh-ed25519"),
                              system_random())
        .error();
}

TEST(Certificate, WhatSshKeygenIssuesIsRead) {
    const test::key_folder dir;
    for (const auto& authority : keygen_types) {
        fs::remove(dir.path("ca"));
        run(std::string("ssh-keygen -q -N '' ") + authority.keygen + " -f " + dir.path("ca"));
        const auto ca = public_key::from_line(contents(dir.path("ca.pub"))).value();
        for (const auto& t : keygen_types) {
            SCOPED_TRACE(std::string(t.type) + " by " + authority.type);
            fs::remove(dir.path("key"));
            run(std::string("ssh-keygen -q -N '' ") + t.keygen + " -f " + dir.path("key"));
            run("ssh-keygen -q -s " + dir.path("ca") +
                " -I 'an id' -z 18446744073709551615 -n ada,operators -V 20200101:20400101"
                " -O clear -O permit-pty -O 'force-command=/bin/echo a, b'"
                " -O source-address=192.0.2.0/24,2001:db8::/32 -O extension:x@example.com=y " +
                dir.path("key.pub"));
            const auto c = certificate::from_line(contents(dir.path("key-cert.pub")));
            ASSERT_TRUE(c) << c.error().message();
            EXPECT_EQ(c->key(), public_key::from_line(contents(dir.path("key.pub"))).value());
            EXPECT_EQ(c->signature_key(), ca);
            EXPECT_EQ(c->type(), certificate_type_of(t.type));
            EXPECT_EQ(c->fields().kind, kind::user);
            EXPECT_EQ(c->fields().serial, std::numeric_limits<std::uint64_t>::max());
            EXPECT_EQ(c->fields().key_id, "an id");
            EXPECT_EQ(c->fields().principals, (std::vector<std::string>{"ada", "operators"}));
            EXPECT_EQ(c->rights().force_command, "/bin/echo a, b");
            EXPECT_EQ(c->rights().source_address, "192.0.2.0/24,2001:db8::/32");
            EXPECT_TRUE(c->rights().permits_pty);
            EXPECT_FALSE(c->rights().permits_port_forwarding);
            EXPECT_EQ(c->judge({kind::user, "ada", now}), verdict::good);
            EXPECT_EQ(c->judge({kind::user, "eve", now}), verdict::wrong_principal);
            EXPECT_EQ(c->judge({kind::host, "ada", now}), verdict::wrong_kind);
        }
    }
}

TEST(Certificate, WhatWeIssueIsReadBySshKeygen) {
    const test::key_folder dir;
    for (const char* authority : types)
        for (const char* type : types) {
            SCOPED_TRACE(std::string(type) + " by " + authority);
            certificate_fields fields = ada();
            fields.critical_options = {
                certificate::text_option("source-address", "192.0.2.0/24"),
                certificate::text_option("force-command", "/bin/true"),
            };
            fields.extensions = {{"permit-pty"}, {"no-touch-required"}};
            const auto c = certificate::issue(key_of(type).public_half(), fields, key_of(authority),
                                              system_random());
            ASSERT_TRUE(c) << c.error().message();
            EXPECT_EQ(c->rights().force_command, "/bin/true");
            EXPECT_FALSE(c->rights().presence_required);
            // OpenSSH has no ssh-ed448, of either.
            if (c->type().find("448") != std::string::npos ||
                std::string_view(authority) == "ssh-ed448")
                continue;
            // It checks the signature when it reads a certificate.
            const std::string said =
                run("TZ=UTC ssh-keygen -L -f " + dir.write("c-cert.pub", c->line() + '\n'));
            for (const char* part :
                 {"user certificate", "Key ID: \"ada's key\"", "Serial: 7",
                  "Valid: from 2027-01-15T07:59:50 to 2027-01-15T08:00:10", "operators",
                  "force-command /bin/true", "source-address 192.0.2.0/24", "permit-pty"})
                EXPECT_NE(said.find(part), std::string::npos) << part << '\n' << said;
            EXPECT_NE(said.find(key_of(authority).public_half().fingerprint()), std::string::npos);
        }
}

TEST(Certificate, SecurityKeysCanBeCertified) {
    for (const char* inner : {"ssh-ed25519", "ecdsa-sha2-nistp256"}) {
        const test::soft_token token(inner);
        const auto c =
            certificate::issue(token.public_half(), ada(), key_of("ssh-ed25519"), system_random());
        ASSERT_TRUE(c) << c.error().message();
        EXPECT_EQ(c->key(), token.public_half());
        EXPECT_EQ(c->type(), "sk-" + std::string(inner) + "-cert-v01@openssh.com");
        EXPECT_TRUE(c->rights().presence_required);
    }
}

// asyncssh 2.20 and libssh sign by SHA-2 under the name that certified RSA keys first had.
TEST(Certificate, TheOldNameOfRsaStandsForAllOfItsSignatures) {
    const private_key& key = key_of("ssh-rsa");
    const presented_key certified(made(ada(), "ssh-rsa"));
    const bytes data{1, 2, 3};
    for (const char* how : {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"})
        EXPECT_TRUE(
            certified.verify("ssh-rsa-cert-v01@openssh.com", data, key.sign(how, data).value()))
            << how;
    EXPECT_FALSE(certified.verify("rsa-sha2-256-cert-v01@openssh.com", data,
                                  key.sign("rsa-sha2-512", data).value()));
    EXPECT_FALSE(certified.verify("rsa-sha2-512-cert-v01@openssh.com", data,
                                  key.sign("ssh-rsa", data).value()));
    EXPECT_FALSE(certified.verify("ssh-rsa-cert-v01@openssh.com", bytes{1, 2},
                                  key.sign("rsa-sha2-512", data).value()));
    EXPECT_FALSE(certified.verify("ssh-rsa-cert-v01@openssh.com", data,
                                  key_of("ssh-ed25519").sign("ssh-ed25519", data).value()));
    EXPECT_FALSE(presented_key(key.public_half())
                     .verify("ssh-rsa", data, key.sign("rsa-sha2-512", data).value()));
}

TEST(Certificate, ValidityHasAFirstAndALastSecond) {
    const certificate c = made(ada());
    EXPECT_EQ(c.judge({kind::user, "ada", now - 11}), verdict::not_yet_valid);
    EXPECT_EQ(c.judge({kind::user, "ada", now - 10}), verdict::good);
    EXPECT_EQ(c.judge({kind::user, "ada", now + 9}), verdict::good);
    EXPECT_EQ(c.judge({kind::user, "ada", now + 10}), verdict::expired);
    const certificate always = made({.principals = {"ada"}});
    EXPECT_EQ(always.judge({kind::user, "ada", 0}), verdict::good);
    EXPECT_EQ(always.judge({kind::user, "ada", ~std::uint64_t{1}}), verdict::good);
}

TEST(Certificate, OneForAllIsGoodOnlyWhereThatIsAskedFor) {
    certificate_fields fields = ada();
    fields.principals.clear();
    const certificate c = made(fields);
    EXPECT_EQ(c.judge({kind::user, "ada", now}), verdict::no_principals);
    EXPECT_EQ(c.judge({kind::user, "ada", now, true}), verdict::good);
    EXPECT_EQ(made(ada()).judge({kind::user, "eve", now, true}), verdict::wrong_principal);
    EXPECT_EQ(made(ada()).judge({kind::user, "", now}), verdict::wrong_principal);
    EXPECT_EQ(made(ada()).judge({kind::user, "ADA", now}), verdict::wrong_principal);
    EXPECT_EQ(made(ada()).judge({kind::user, "ada,operators", now}), verdict::wrong_principal);
}

TEST(Certificate, CriticalOptionsThatNobodyKnowsRefuseIt) {
    certificate_fields fields = ada();
    fields.critical_options = {{"x@example.com"}};
    EXPECT_EQ(made(fields).judge({kind::user, "ada", now}), verdict::unknown_option);
    // For hosts none is defined.
    fields = ada();
    fields.kind = kind::host;
    EXPECT_EQ(made(fields).judge({kind::host, "ada", now}), verdict::good);
    fields.critical_options = {certificate::text_option("force-command", "x")};
    EXPECT_EQ(made(fields).judge({kind::host, "ada", now}), verdict::unknown_option);
    EXPECT_FALSE(made(fields).rights().force_command);
    // Extensions are not critical.
    fields = ada();
    fields.extensions = {{"x@example.com", {1, 2, 3}}};
    EXPECT_EQ(made(fields).judge({kind::user, "ada", now}), verdict::good);
}

TEST(Certificate, IssuingRefusesWhatCannotBe) {
    EXPECT_FALSE(refusal(ada()));
    const auto changed = [](const auto& change) {
        certificate_fields fields = ada();
        change(fields);
        return refusal(fields);
    };
    using f = certificate_fields;
    EXPECT_EQ(changed([](f& x) { x.valid_before = x.valid_after; }), errc::bad_value);
    EXPECT_EQ(changed([](f& x) { x.principals.emplace_back(); }), errc::bad_value);
    EXPECT_EQ(changed([](f& x) { x.kind = static_cast<kind>(3); }), errc::bad_value);
    EXPECT_EQ(changed([](f& x) {
                  x.extensions = {{"permit-pty"}, {"permit-pty"}};
              }),
              errc::bad_value);
    EXPECT_EQ(changed([](f& x) { x.extensions = {{"permit-pty", {0}}}; }), errc::bad_value);
    EXPECT_EQ(changed([](f& x) {
                  x.critical_options = {{"force-command", {1}}};
              }),
              errc::bad_value);
    EXPECT_EQ(changed([](f& x) { x.principals.assign(256, "a"); }), error_code());
    EXPECT_EQ(changed([](f& x) { x.principals.assign(257, "a"); }), errc::too_long);
    EXPECT_EQ(changed([](f& x) {
                  for (int i = 0; i < 65; ++i)
                      x.extensions.push_back({"x" + std::to_string(100 + i)});
              }),
              errc::too_long);
    EXPECT_EQ(changed([](f& x) { x.key_id.assign(limits::public_key_blob_length_max, 'x'); }),
              errc::too_long);
}

// A certificate whose parts are put together here, with a signature that fits.
bytes assembled(std::string_view type, const bytes& options, const bytes& authority_blob,
                std::string_view algorithm = "ssh-ed25519",
                std::string_view principals = std::string_view("\0\0\0\3ada", 7)) {
    const private_key& authority = key_of("ssh-ed25519");
    bytes out;
    wire::writer w(out);
    w.write(type);
    w.write(bytes_view(bytes(32, 1)));
    w.write(bytes_view(key_of("ssh-ed25519").public_half().blob()).last(32));
    w.write(std::uint64_t{1});
    w.write(std::uint32_t{1});
    w.write("id");
    w.write(principals);
    w.write(std::uint64_t{0});
    w.write(~std::uint64_t{0});
    w.write(bytes_view(options));
    w.write(std::string_view());
    w.write("reserved for later");
    w.write(bytes_view(authority_blob));
    const bytes made = authority.sign("ssh-ed25519", out).value();
    wire::reader r(made);
    std::string_view name;
    r.read(name);
    bytes signature;
    wire::writer s(signature);
    s.write(algorithm);
    s.append(r.left());
    w.write(bytes_view(signature));
    return out;
}

bytes options(std::initializer_list<const char*> names) {
    bytes out;
    wire::writer w(out);
    for (const char* name : names) {
        w.write(name);
        w.write(std::string_view());
    }
    return out;
}

TEST(Certificate, OptionsStandInOrderOnceEach) {
    constexpr const char* type = "ssh-ed25519-cert-v01@openssh.com";
    const bytes authority = key_of("ssh-ed25519").public_half().blob();
    EXPECT_TRUE(certificate::from_blob(assembled(type, options({"a", "b"}), authority)));
    for (const auto& names : {options({"b", "a"}), options({"a", "a"}), bytes{0, 0, 0},
                              bytes{0, 0, 0, 1, 'a'}, bytes{0, 0, 0, 9, 'a', 0, 0, 0, 0}})
        EXPECT_EQ(certificate::from_blob(assembled(type, names, authority)).error(),
                  errc::bad_value);
}

TEST(Certificate, AnEmptyPrincipalIsNobody) {
    constexpr const char* type = "ssh-ed25519-cert-v01@openssh.com";
    const bytes authority = key_of("ssh-ed25519").public_half().blob();
    const auto with = [&](std::initializer_list<std::string_view> names) {
        bytes packed;
        wire::writer w(packed);
        for (const auto name : names)
            w.write(name);
        return certificate::from_blob(
            assembled(type, {}, authority, "ssh-ed25519", as_text(packed)));
    };
    using namespace std::literals;
    EXPECT_TRUE(with({"ada", "b"}));
    for (const std::string_view bad : {""sv, "\0"sv, "ada\0"sv, "a\nda"sv, "a\x7f"sv, "\x1b[m"sv}) {
        EXPECT_EQ(with({bad}).error(), errc::bad_value);
        EXPECT_EQ(with({"ada", bad}).error(), errc::bad_value);
        auto fields = ada();
        fields.principals = {std::string(bad)};
        EXPECT_EQ(refusal(fields), errc::bad_value);
    }
    // What asks for nobody gets nothing, also where the certificate is for all.
    const certificate one = made(ada());
    EXPECT_EQ(one.judge({kind::user, std::nullopt, now}), verdict::wrong_principal);
    EXPECT_EQ(one.judge({kind::user, "", now}), verdict::wrong_principal);
    auto fields = ada();
    fields.principals.clear();
    EXPECT_EQ(made(fields).judge({kind::user, "", now}), verdict::no_principals);
    EXPECT_EQ(made(fields).judge({kind::user, std::nullopt, now}), verdict::no_principals);
}

TEST(Certificate, PrincipalsAreLiteral) {
    auto fields = ada();
    fields.principals = {"*", "a?a", "ada,eve", "!eve", "night shift"};
    const certificate cert = made(fields);
    for (const char* other : {"ada", "eve", "aba", "a", "night", ""})
        EXPECT_EQ(cert.judge({kind::user, other, now}), verdict::wrong_principal) << other;
    for (const std::string& same : fields.principals)
        EXPECT_EQ(cert.judge({kind::user, same, now}), verdict::good) << same;
}

TEST(Certificate, AnEmptyTextIsNoOption) {
    for (const char* name : {"force-command", "source-address"})
        for (const std::string& text : {std::string(), std::string("x\0y", 3)}) {
            auto fields = ada();
            fields.critical_options = {certificate::text_option(name, text)};
            EXPECT_EQ(refusal(fields), errc::bad_value) << name;
        }
}

TEST(Certificate, AnAuthorityIsAPlainKeyThatWeKnow) {
    constexpr const char* type = "ssh-ed25519-cert-v01@openssh.com";
    const bytes authority = key_of("ssh-ed25519").public_half().blob();
    const auto error = [](const bytes& blob) { return certificate::from_blob(blob).error(); };
    EXPECT_FALSE(error(assembled(type, {}, authority)));
    EXPECT_EQ(error(assembled(type, {}, made(ada()).blob())), errc::unknown_key_type);
    EXPECT_EQ(error(assembled(type, {}, {})), errc::truncated);
    EXPECT_EQ(error(assembled(type, {}, key_of("ecdsa-sha2-nistp256").public_half().blob())),
              errc::unknown_key_type);
    EXPECT_EQ(error(assembled(type, {}, authority, "ssh-rsa")), errc::unknown_key_type);
    EXPECT_EQ(error(assembled("ssh-ed25519", {}, authority)), errc::unknown_key_type);
    EXPECT_EQ(error(assembled("ssh-dss-cert-v01@openssh.com", {}, authority)),
              errc::unknown_key_type);
    EXPECT_EQ(error(assembled("-cert-v01@openssh.com", {}, authority)), errc::unknown_key_type);
}

TEST(Certificate, EveryDamageIsRefused) {
    for (const char* type : types) {
        SCOPED_TRACE(type);
        const bytes good = made(ada(), type).blob();
        ASSERT_TRUE(certificate::from_blob(good));
        for (std::size_t n = 0; n < good.size(); ++n) {
            EXPECT_FALSE(certificate::from_blob({good.data(), n})) << n;
            bytes changed = good;
            changed[n] ^= 0x10;
            EXPECT_FALSE(certificate::from_blob(changed)) << n;
        }
        bytes longer = good;
        longer.push_back(0);
        EXPECT_EQ(certificate::from_blob(longer).error(), errc::trailing_bytes);
    }
    EXPECT_EQ(certificate::from_blob(bytes(limits::public_key_blob_length_max + 1)).error(),
              errc::too_long);
}

TEST(Certificate, AClaimIsVerifiedLater) {
    const bytes good = made(ada()).blob();
    const auto claim = certificate::parse_claim(good);
    ASSERT_TRUE(claim);
    EXPECT_TRUE(claim->verify());
    for (std::size_t n = 0; n < good.size(); ++n) {
        bytes changed = good;
        changed[n] ^= 0x10;
        const auto other = certificate::parse_claim(changed);
        EXPECT_FALSE(other && other->verify()) << n;
        EXPECT_FALSE(presented_key::from_blob(changed)) << n;
    }
}

TEST(Certificate, LinesThatAreNone) {
    const certificate c = made(ada());
    ASSERT_TRUE(certificate::from_line("  " + c.line() + " a comment\n"));
    const std::string text = c.line().substr(c.line().find(' '));
    EXPECT_EQ(certificate::from_line("ssh-rsa-cert-v01@openssh.com" + text).error(),
              errc::bad_key_file);
    EXPECT_EQ(certificate::from_line(c.type()).error(), errc::bad_key_file);
    EXPECT_EQ(certificate::from_line("").error(), errc::bad_key_file);
    EXPECT_EQ(certificate::from_line(c.line().substr(0, c.line().size() - 1)).error(),
              errc::bad_key_file);
    EXPECT_EQ(certificate::from_line(c.type() + ' ' + std::string(100'000, 'A')).error(),
              errc::too_long);
    EXPECT_EQ(certificate::from_line(key_of("ssh-ed25519").public_half().line()).error(),
              errc::unknown_key_type);
    // A certificate is no key.
    EXPECT_EQ(public_key::from_blob(c.blob()).error(), errc::unknown_key_type);
}

// --- the shared vectors, as keys/INDEX.md there describes them -----------------------------------

TEST(SharedCertificates, ThoseOfKeys) {
    const fs::path folder = test::shared_vector_folder() / "keys/openssh";
    if (!test::has_shared_vectors("keys/openssh certificates")) return;
    struct {
        const char* name;
        errc error;  // of those that are refused
        std::uint64_t serial;
    } const cases[] = {
        {"ecdsa_1", {}, 7},
        {"ed25519_1", {}, 8},
        {"ecdsa_sk1", {}, 7},
        {"ed25519_sk1", {}, 8},
        {"rsa_1", errc::key_too_small, 0},
        {"rsa_1_sha1", errc::key_too_small, 0},
        {"rsa_1_sha512", errc::key_too_small, 0},
        {"mldsa44_ed25519_1", errc::unknown_key_type, 0},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto read =
            certificate::from_line(contents(folder / (std::string(c.name) + "-cert.pub")));
        if (c.serial == 0) {
            EXPECT_EQ(read.error(), c.error);
            continue;
        }
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(read->key(),
                  public_key::from_line(contents(folder / (std::string(c.name) + ".pub"))).value());
        const std::string print = contents(folder / (std::string(c.name) + "-cert.fp"));
        EXPECT_EQ(print.substr(0, print.find('\n')), read->key().fingerprint());
        EXPECT_EQ(read->fields().serial, c.serial);
        EXPECT_EQ(read->fields().key_id, "julius");
        EXPECT_EQ(read->fields().principals, (std::vector<std::string>{"host1", "host2"}));
        const std::uint64_t then = 1'000'000'000;  // in 2001
        EXPECT_EQ(read->judge({kind::host, "host2", then}), verdict::good);
        EXPECT_EQ(read->judge({kind::host, "host3", then}), verdict::wrong_principal);
        EXPECT_EQ(read->judge({kind::host, "host2", now}), verdict::expired);
        EXPECT_EQ(read->judge({kind::user, "host2", then}), verdict::wrong_kind);
    }
}

TEST(SharedCertificates, ThoseOfOptions) {
    const fs::path folder = test::shared_vector_folder() / "keys/options-certs";
    if (!test::has_shared_vectors("keys/options-certs")) return;
    struct {
        const char* name;
        bool pty, port, agent, x11, rc;
        verdict of_user = verdict::good;
    } const cases[] = {
        {"all_permit", true, true, true, true, true},
        {"no_permit", false, false, false, false, false},
        {"no_agentfwd", true, true, false, true, true},
        {"no_portfwd", true, false, true, true, true},
        {"no_pty", false, true, true, true, true},
        {"no_user_rc", true, true, true, true, false},
        {"no_x11fwd", true, true, true, false, true},
        {"only_agentfwd", false, false, true, false, false},
        {"only_portfwd", false, true, false, false, false},
        {"only_pty", true, false, false, false, false},
        {"only_user_rc", false, false, false, false, true},
        {"only_x11fwd", false, false, false, true, false},
        {"force_command", true, true, true, true, true},
        {"sourceaddr", true, true, true, true, true},
        {"bad_sourceaddr", true, true, true, true, true},
        {"unknown_critical", true, true, true, true, true, verdict::unknown_option},
        {"host", false, false, false, false, false, verdict::wrong_kind},
    };
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder))
        files += entry.path().extension() == ".cert";
    EXPECT_EQ(files, std::size(cases));
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto read =
            certificate::from_line(contents(folder / (std::string(c.name) + ".cert")));
        ASSERT_TRUE(read) << read.error().message();
        const certificate_rights& r = read->rights();
        EXPECT_EQ(r.permits_pty, c.pty);
        EXPECT_EQ(r.permits_port_forwarding, c.port);
        EXPECT_EQ(r.permits_agent_forwarding, c.agent);
        EXPECT_EQ(r.permits_x11_forwarding, c.x11);
        EXPECT_EQ(r.permits_user_rc, c.rc);
        EXPECT_EQ(read->judge({kind::user, "user", read->fields().valid_after}), c.of_user);
        const std::string name = c.name;
        EXPECT_EQ(r.force_command.has_value(), name == "force_command");
        EXPECT_EQ(r.source_address.has_value(), name.ends_with("sourceaddr"));
        // Whoever uses the list of addresses finds out whether it is one.
        if (r.source_address && name == "sourceaddr") {
            EXPECT_TRUE(address_patterns::parse(*r.source_address));
        }
    }
}

}  // namespace
}  // namespace sluice::crypto
