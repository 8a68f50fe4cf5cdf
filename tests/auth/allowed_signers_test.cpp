// Who may sign messages (ssh-keygen(1), ALLOWED SIGNERS), beside what ssh-keygen itself says.

#include "sluice/auth/allowed_signers.hpp"

#include "sluice/tests/support/key_folder.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

const bytes message = to_bytes(as_bytes("what is signed\n"));
constexpr std::int64_t then = 1'700'000'000;  // 20231114221320Z

const crypto::private_key& key() {
    static const auto k = crypto::private_key::generate("ssh-ed25519").value();
    return k;
}

const crypto::private_key& authority() {
    static const auto k = crypto::private_key::generate("ecdsa-sha2-nistp256").value();
    return k;
}

std::string line() { return key().public_half().line(); }

std::string authority_line() { return authority().public_half().line(); }

std::string plain_signature() { return crypto::sign_message(key(), "file", message).value(); }

std::string certified_signature(crypto::certificate_fields fields) {
    const auto cert = crypto::certificate::issue(key().public_half(), std::move(fields),
                                                 authority(), crypto::system_random())
                          .value();
    return crypto::sign_message(key(), "file", message, {.cert = &cert}).value();
}

TEST(AllowedSigners, SaysWhatSshKeygenSays) {
    const test::key_folder dir;
    const std::string file = dir.write("message", as_text(message));
    const std::string plain = plain_signature();
    const std::string certified = certified_signature(
        {.principals = {"ada"}, .valid_after = then - 10, .valid_before = then + 10});
    const std::string other =
        crypto::private_key::generate("ssh-ed25519").value().public_half().line();
    struct {
        const char* name;
        std::string signers;
        const std::string& signature;
        bool good;
    } const cases[] = {
        {"the key", "ada " + line(), plain, true},
        {"behind comments and bad lines", "# no\n\nada\nada x " + line() + "\nada " + line(), plain,
         true},
        {"another's", "eve " + line(), plain, false},
        {"another key", "ada " + other, plain, false},
        {"nobody's", "", plain, false},
        {"a list", "eve,ada " + line(), plain, true},
        {"a pattern", "a?a " + line(), plain, true},
        {"an exception", "!ada,* " + line(), plain, false},
        {"quoted", "\"ada\" " + line(), plain, true},
        {"the namespace", "ada namespaces=\"file\" " + line(), plain, true},
        {"of several", "ada namespaces=\"git,f*\" " + line(), plain, true},
        {"another namespace", "ada namespaces=\"git\" " + line(), plain, false},
        {"excepted namespace", "ada namespaces=\"!file,*\" " + line(), plain, false},
        {"valid from then on", "ada valid-after=\"20231114221320Z\" " + line(), plain, true},
        {"later", "ada valid-after=\"20231114221321Z\" " + line(), plain, false},
        {"valid until then", "ada valid-before=\"20231114221320Z\" " + line(), plain, true},
        {"no longer", "ada valid-before=\"20231114221319Z\" " + line(), plain, false},
        {"a second line", "ada namespaces=\"git\" " + line() + "\nada " + line(), plain, true},
        {"an authority signs by certificates", "ada cert-authority " + line(), plain, false},
        {"the authority", "ada cert-authority " + authority_line(), certified, true},
        {"the authority of all", "* Cert-Authority " + authority_line(), certified, true},
        {"as a plain key", "ada " + authority_line(), certified, false},
        {"another authority", "ada cert-authority " + other, certified, false},
        {"an authority for others", "eve cert-authority " + authority_line(), certified, false},
        {"both options", "ada cert-authority,namespaces=\"file\" " + authority_line(), certified,
         true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto list = allowed_signers::parse(c.signers + '\n');
        ASSERT_TRUE(list);
        const auto s = crypto::sshsig::parse(c.signature);
        ASSERT_TRUE(s);
        EXPECT_EQ(list->verify(*s, message, "file", "ada", then),
                  c.good ? result<>() : result<>(errc::auth_denied));
        const auto keygen =
            test::try_run("ssh-keygen -Y verify -O verify-time=20231114221320Z -I ada -n file -f " +
                          dir.write("signers", c.signers + '\n') + " -s " +
                          dir.write("sig", c.signature) + " < " + file);
        EXPECT_EQ(keygen.status == 0, c.good) << keygen.output;
    }
}

TEST(AllowedSigners, TheSignatureComesFirst) {
    const auto list = allowed_signers::parse("ada " + line()).value();
    const auto s = crypto::sshsig::parse(plain_signature()).value();
    EXPECT_TRUE(list.verify(s, message, "file", "ada", then));
    EXPECT_EQ(list.verify(s, as_bytes("other"), "file", "ada", then).error(), errc::bad_signature);
    EXPECT_EQ(list.verify(s, message, "email", "ada", then).error(), errc::bad_signature);
    EXPECT_EQ(list.verify(s, message, "file", "", then).error(), errc::auth_denied);
    EXPECT_EQ(list.verify(s, message, "file", "ada", -1).error(), errc::auth_denied);
}

TEST(AllowedSigners, ACertificateIsAUsersAndGoodThen) {
    const auto list = allowed_signers::parse("* cert-authority " + authority_line()).value();
    const auto error = [&](crypto::certificate_fields fields) {
        const auto s = crypto::sshsig::parse(certified_signature(std::move(fields))).value();
        return list.verify(s, message, "file", "ada", then).error();
    };
    EXPECT_FALSE(error({.principals = {"ada"}}));
    EXPECT_EQ(error({.principals = {"eve"}}), errc::auth_denied);
    EXPECT_EQ(error({}), errc::auth_denied) << "for all";
    EXPECT_EQ(error({.kind = crypto::certificate_kind::host, .principals = {"ada"}}),
              errc::auth_denied);
    EXPECT_EQ(error({.principals = {"ada"}, .valid_before = then}), errc::auth_denied);
    EXPECT_EQ(error({.principals = {"ada"}, .valid_after = then + 1}), errc::auth_denied);
    EXPECT_EQ(error({.principals = {"ada"}, .critical_options = {{"x@example.com"}}}),
              errc::auth_denied);
}

TEST(AllowedSigners, LinesThatCannotBeUnderstood) {
    struct {
        const char* name;
        std::string text;
        errc error;
    } const cases[] = {
        {"no key", "ada", errc::bad_config},
        {"no principals", line(), errc::bad_config},
        {"open quote", "\"ada " + line(), errc::bad_config},
        {"empty quotes", "\"\" " + line(), errc::bad_config},
        {"unknown option", "ada no-pty " + line(), errc::bad_config},
        {"trailing comma", "ada cert-authority, " + line(), errc::bad_config},
        {"flag with a value", "ada cert-authority=\"x\" " + line(), errc::bad_config},
        {"no namespaces", "ada namespaces=\"\" " + line(), errc::bad_config},
        {"unquoted", "ada namespaces=file " + line(), errc::bad_config},
        {"twice", "ada namespaces=\"a\",namespaces=\"b\" " + line(), errc::bad_config},
        {"no time", "ada valid-after=\"soon\" " + line(), errc::bad_config},
        {"never", "ada valid-after=\"20250101Z\",valid-before=\"20240101Z\" " + line(),
         errc::bad_config},
        {"unknown key", "ada ssh-dss AAAAB3NzaC1kc3MAAACB", errc::unknown_key_type},
        {"long", "ada " + std::string(limits::policy_line_length_max, 'x'), errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(allowed_signers::parse_line(c.text).error(), c.error);
        const auto list = allowed_signers::parse("\n" + c.text + "\neve " + line());
        ASSERT_EQ(list->errors().size(), 1u);
        EXPECT_EQ(list->errors()[0].line, 2u);
        ASSERT_EQ(list->signers().size(), 1u);
        EXPECT_EQ(list->signers()[0].line, 3u);
    }
    EXPECT_EQ(allowed_signers::parse(std::string(limits::policy_file_length_max + 1, '\n')).error(),
              errc::too_long);
    std::string text;
    for (int i = 0; i < 1000; ++i)
        text += "x\n";
    EXPECT_EQ(allowed_signers::parse(text)->errors().size(), limits::policy_errors_max);
}

}  // namespace
}  // namespace sluice
