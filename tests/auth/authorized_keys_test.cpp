#include "sluice/auth/authorized_keys.hpp"

#include "sluice/tests/support/soft_token.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/mpint.hpp"
#include "sluice/wire/writer.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace sluice {
namespace {

using verdict = authorized_key::verdict;

const crypto::public_key& key() {
    static const auto k = crypto::private_key::generate("ssh-ed25519").value().public_half();
    return k;
}

const crypto::public_key& other_key() {
    static const auto k =
        crypto::private_key::generate("ecdsa-sha2-nistp384").value().public_half();
    return k;
}

// The one key of a line with these options; nothing if the line is refused.
std::optional<authorized_key> with(std::string_view options) {
    const auto parsed =
        authorized_keys::parse_line(std::string(options) + ' ' + key().line() + " a comment");
    if (!parsed || !*parsed) return std::nullopt;
    return std::move(**parsed);
}

TEST(AuthorizedKeys, PlainLinesCommentsAndBlankLines) {
    const std::string text = "# a comment\n\n   \t\n" + key().line() + "\n  " + other_key().line() +
                             "  ada at home \r\n#" + key().line();
    const auto list = authorized_keys::parse(text);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->errors().empty());
    ASSERT_EQ(list->keys().size(), 2u);
    EXPECT_EQ(list->keys()[0].key, key());
    EXPECT_EQ(list->keys()[0].comment, "");
    EXPECT_EQ(list->keys()[0].line, 4u);
    EXPECT_EQ(list->keys()[1].comment, "ada at home ");
    EXPECT_EQ(list->keys()[1].line, 5u);
    ASSERT_NE(list->find(other_key()), nullptr);
    EXPECT_TRUE(list->find(other_key())->allows("192.0.2.1", 0));
    EXPECT_TRUE(list->find(key())->options.permits_pty);
}

TEST(AuthorizedKeys, ABadLineCostsOnlyItself) {
    const std::string text = "nonsense\n" + key().line() + "\nssh-dss AAAAB3NzaC1kc3MAAACB x\n" +
                             std::string(limits::policy_line_length_max + 1, 'x') +
                             "\nno-such-option " + other_key().line() + '\n';
    const auto list = authorized_keys::parse(text);
    ASSERT_TRUE(list);
    ASSERT_EQ(list->keys().size(), 1u);
    ASSERT_EQ(list->errors().size(), 4u);
    const std::pair<std::size_t, error_code> want[] = {{1, errc::bad_config},
                                                       {3, errc::unknown_key_type},
                                                       {4, errc::too_long},
                                                       {5, errc::bad_config}};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(list->errors()[i].line, want[i].first);
        EXPECT_EQ(list->errors()[i].error, want[i].second);
    }
    EXPECT_EQ(list->find(other_key()), nullptr);
}

TEST(AuthorizedKeys, FilesAndErrorsAreCapped) {
    EXPECT_EQ(authorized_keys::parse(std::string(limits::policy_file_length_max + 1, '\n')).error(),
              errc::too_long);
    std::string text;
    for (int i = 0; i < 10'000; ++i)
        text += "x\n";
    EXPECT_EQ(authorized_keys::parse(text)->errors().size(), limits::policy_errors_max);
}

TEST(AuthorizedKeys, OneKeyCanBeLookedForAlone) {
    const std::string text = "nonsense\n" + key().line() + "\nrestrict " + other_key().line() +
                             "\npty " + key().line() + "\ncommand=\"" + key().line() + "\" " +
                             other_key().line() + '\n';
    const auto list = authorized_keys::parse(text, &key());
    ASSERT_TRUE(list);
    ASSERT_EQ(list->keys().size(), 2u);
    EXPECT_EQ(list->keys()[0].line, 2u);
    EXPECT_EQ(list->keys()[1].line, 4u);
    EXPECT_TRUE(list->errors().empty());
    EXPECT_EQ(authorized_keys::parse(text, &other_key())->keys().size(), 2u);
}

TEST(AuthorizedKeys, RestrictionsAreTakenAndLifted) {
    struct {
        const char* options;
        bool pty, port, agent, x11, rc;
    } cases[] = {
        {"no-pty", false, true, true, true, true},
        {"no-port-forwarding,no-agent-forwarding", true, false, false, true, true},
        {"no-X11-forwarding,NO-USER-RC", true, true, true, false, false},
        {"restrict", false, false, false, false, false},
        {"restrict,pty,port-forwarding", true, true, false, false, false},
        {"RESTRICT,user-rc,x11-forwarding,agent-forwarding", false, false, true, true, true},
        {"no-touch-required", true, true, true, true, true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.options);
        const auto k = with(c.options);
        ASSERT_TRUE(k);
        EXPECT_EQ(k->options.permits_pty, c.pty);
        EXPECT_EQ(k->options.permits_port_forwarding, c.port);
        EXPECT_EQ(k->options.permits_agent_forwarding, c.agent);
        EXPECT_EQ(k->options.permits_x11_forwarding, c.x11);
        EXPECT_EQ(k->options.permits_user_rc, c.rc);
        EXPECT_EQ(k->comment, "a comment");
        EXPECT_TRUE(k->allows("192.0.2.1", 0));
    }
}

TEST(AuthorizedKeys, WhatWeDoNotServeRefusesTheKey) {
    for (const char* options : {"permitlisten=\"8080\"", "tunnel=\"0\"", "Tunnel=\"0\"",
                                "pty,tunnel=\"1\",command=\"x\""}) {
        SCOPED_TRACE(options);
        const auto k = with(options);
        ASSERT_TRUE(k) << "listed, so that it can be reported";
        EXPECT_NE(k->options.unsupported, "");
        EXPECT_EQ(k->judge("192.0.2.1", 0), verdict::unsupported_option);
    }
}

TEST(AuthorizedKeys, SecurityKeysMustAssertWhatTheLineDemands) {
    const test::soft_token token("ssh-ed25519");
    struct {
        const char* options;
        bool present, verified;  // asserted
        verdict want;
    } const cases[] = {
        {"", true, false, verdict::allowed},
        {"", false, false, verdict::user_not_present},
        {"", false, true, verdict::user_not_present},
        {"no-touch-required ", false, false, verdict::allowed},
        {"No-Touch-Required ", true, true, verdict::allowed},
        {"verify-required ", true, true, verdict::allowed},
        {"verify-required ", true, false, verdict::user_not_verified},
        {"verify-required ", false, true, verdict::user_not_present},
        {"verify-required,no-touch-required ", false, true, verdict::allowed},
        {"verify-required,no-touch-required ", false, false, verdict::user_not_verified},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.options) + (c.present ? "p" : "") + (c.verified ? "v" : ""));
        const auto list = authorized_keys::parse(c.options + token.public_half().line());
        ASSERT_EQ(list->keys().size(), 1u);
        const authorized_key& k = list->keys().front();
        const std::optional assertion = crypto::sk_assertion{c.present, c.verified, 7};
        EXPECT_EQ(k.judge("192.0.2.1", 0, assertion), c.want);
        EXPECT_EQ(list->find_allowed(token.public_half(), "192.0.2.1", 0, assertion) != nullptr,
                  c.want == verdict::allowed);
        EXPECT_TRUE(k.allows("192.0.2.1", 0, authorized_key::may_assert_all));
    }
    // Who passes no assertion on gets no key in.
    EXPECT_EQ(
        authorized_keys::parse_line(token.public_half().line()).value()->judge("192.0.2.1", 0),
        verdict::user_not_present);
}

TEST(AuthorizedKeys, AKeyThatCannotVerifyItsUserDoesNotMeetTheDemand) {
    const auto k = with("verify-required");
    ASSERT_TRUE(k);
    EXPECT_EQ(k->judge("192.0.2.1", 0), verdict::user_not_verified);
    EXPECT_EQ(k->judge("192.0.2.1", 0, authorized_key::may_assert_all), verdict::user_not_verified);
    EXPECT_TRUE(with("no-touch-required")->allows("192.0.2.1", 0));
}

TEST(AuthorizedKeys, CommandsAndQuoting) {
    struct {
        const char* options;
        const char* command;
    } cases[] = {
        {R"(command="/bin/true")", "/bin/true"},
        {R"(no-pty,command="echo \"a, b\"",pty)", "echo \"a, b\""},
        {R"(command="a\b")", "a\\b"},
        {R"(COMMAND="ssh-ed25519 AAAA")", "ssh-ed25519 AAAA"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.options);
        const auto k = with(c.options);
        ASSERT_TRUE(k);
        EXPECT_EQ(k->options.command, c.command);
    }
}

TEST(AuthorizedKeys, EnvironmentIsExposed) {
    const auto k = with(R"(environment="A=1",environment="B_2=x=y z")");
    ASSERT_TRUE(k);
    ASSERT_EQ(k->options.environment.size(), 2u);
    EXPECT_EQ(k->options.environment[0], (std::pair<std::string, std::string>("A", "1")));
    EXPECT_EQ(k->options.environment[1], (std::pair<std::string, std::string>("B_2", "x=y z")));
    std::string many = "environment=\"A=1\"";
    for (std::size_t i = 1; i < limits::environment_variables_max; ++i)
        many += ",environment=\"A" + std::to_string(i) + "=1\"";
    EXPECT_TRUE(with(many));
    EXPECT_FALSE(with(many + ",environment=\"B=1\""));
    const auto twice = with(R"(environment="A=1",environment="A=2")");
    ASSERT_TRUE(twice);
    EXPECT_EQ(twice->options.environment,
              (std::vector<std::pair<std::string, std::string>>{{"A", "1"}}))
        << "the first counts";
}

TEST(AuthorizedKeys, TheSameModulusWithAnotherExponentIsAnotherKey) {
    const auto with_exponent = [](bytes e) {
        const bytes n(256, 0xff);
        bytes blob;
        wire::writer w(blob);
        w.write("ssh-rsa");
        w.write(wire::mpint{e});
        w.write(wire::mpint{n});
        return crypto::public_key::from_blob(blob).value();
    };
    const auto listed = with_exponent({1, 0, 1});
    const auto other = with_exponent({3});
    const std::string text = listed.line() + '\n';
    EXPECT_NE(authorized_keys::parse(text).value().find(listed), nullptr);
    EXPECT_EQ(authorized_keys::parse(text).value().find(other), nullptr);
    EXPECT_TRUE(authorized_keys::parse(text, &other).value().keys().empty());
    EXPECT_EQ(authorized_keys::parse(text).value().find_allowed(other, "192.0.2.1", 0), nullptr);
}

TEST(AuthorizedKeys, AnEmptyValueIsNoValue) {
    using namespace std::literals;
    for (const auto text : {"principals=\"\""sv,
                            "principals=\"a,,b\""sv,
                            "principals=\",a\""sv,
                            "principals=\"a,\""sv,
                            "principals=\"a\0\""sv,
                            "command=\"\""sv,
                            "command=\"a\0b\""sv,
                            "from=\"\""sv,
                            "from=\"10.0.0.1,\""sv,
                            "from=\"!\""sv,
                            "expiry-time=\"\""sv,
                            "permitopen=\"\""sv,
                            "permitopen=\":22\""sv,
                            "permitopen=\"[]:22\""sv,
                            "permitopen=\"a:\""sv,
                            "permitopen=\"a:0\""sv,
                            "permitopen=\"a\0b:1\""sv,
                            "environment=\"\""sv,
                            "environment=\"=x\""sv,
                            "environment=\"A=\0\""sv,
                            "environment=\"1A=b\""sv,
                            "environment=\"A B=b\""sv,
                            "permitopen=\"a b:1\""sv,
                            "permitopen=\"a\n:1\""sv,
                            ""sv}) {
        EXPECT_EQ(key_options::parse(text).error(), errc::bad_config) << text;
        EXPECT_EQ(key_options::parse("cert-authority," + std::string(text)).error(),
                  errc::bad_config)
            << text;
    }
}

TEST(AuthorizedKeys, OptionsThatMakeNoSenseRefuseTheLine) {
    for (const char* options : {"command",
                                "command=",
                                "command=x",
                                "command=\"x",
                                "command=\"x\"y",
                                "command=\"x\"\"y\"",
                                "command=\"a\",command=\"b\"",
                                "from=\"10.0.0.1\",from=\"10.0.0.2\"",
                                "from=\"\"",
                                "from=\"10.0.0.1/8\"",
                                "from=\"10.0.0.0/33\"",
                                "from=\"a,,b\"",
                                "from=\"!\"",
                                "environment=\"=x\"",
                                "environment=\"x\"",
                                "environment=\"A B=x\"",
                                "expiry-time=\"tomorrow\"",
                                "expiry-time=\"20301301Z\"",
                                "expiry-time=\"20300229Z\"",
                                "expiry-time=\"21000229Z\"",
                                "expiry-time=\"20300431Z\"",
                                "expiry-time=\"20300100Z\"",
                                "expiry-time=\"20300001Z\"",
                                "expiry-time=\"203001012400Z\"",
                                "expiry-time=\"2030010112Z\"",
                                "expiry-time=\"\"",
                                "pty=\"yes\"",
                                "no-restrict",
                                "no-command=\"x\"",
                                "no-",
                                "pty,",
                                ",pty",
                                "pty,,pty",
                                "=",
                                "ptyx",
                                "\"pty\""}) {
        SCOPED_TRACE(options);
        EXPECT_FALSE(with(options));
    }
}

TEST(AuthorizedKeys, KeysExpire) {
    struct {
        const char* time;
        std::int64_t last;
    } cases[] = {
        {"19700101Z", 0},
        {"19700102Z", 86'400},
        {"20000229Z", 951'782'400},
        {"20240229Z", 1'709'164'800},
        {"20000301Z", 951'868'800},
        {"200112312359Z", 1'009'843'140},
        {"20380119031408Z", 2'147'483'648},
        {"21000301000000z", 4'107'542'400},
        {"99991231235959Z", 253'402'300'799},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.time);
        const auto k = with("expiry-time=\"" + std::string(c.time) + '"');
        ASSERT_TRUE(k);
        EXPECT_EQ(k->options.expires, c.last);
        EXPECT_EQ(k->judge("192.0.2.1", c.last), verdict::allowed);
        EXPECT_EQ(k->judge("192.0.2.1", c.last + 1), verdict::expired);
    }
    for (const char* const both : {"expiry-time=\"20300101Z\",expiry-time=\"20200101Z\"",
                                   "expiry-time=\"20200101Z\",expiry-time=\"20300101Z\""}) {
        const auto k = with(both);
        ASSERT_TRUE(k);
        EXPECT_EQ(k->options.expires, 1'577'836'800) << "the earlier one, wherever it stands";
    }

    std::tm local{};
    local.tm_year = 130;
    local.tm_mday = 1;
    local.tm_hour = 12;
    local.tm_isdst = -1;
    EXPECT_EQ(with("expiry-time=\"203001011200\"")->options.expires, std::mktime(&local));
}

TEST(AuthorizedKeys, AKeyIsLookedForInAllItsLines) {
    const std::string text = "tunnel=\"0\" " + key().line() + "\nfrom=\"10.*\" " + key().line() +
                             " second\n" + key().line() + " third\n" + other_key().line();
    const auto list = authorized_keys::parse(text);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->find(key())->options.unsupported, "tunnel");
    EXPECT_EQ(list->find_allowed(key(), "10.1.2.3", 0)->comment, "second");
    EXPECT_EQ(list->find_allowed(key(), "192.0.2.1", 0)->comment, "third");
}

TEST(AuthorizedKeys, AuthoritiesLetNoKeyInThemselves) {
    const auto list = authorized_keys::parse("cert-authority,principals=\"ops,night\" " +
                                             key().line() + "\nCert-Authority " +
                                             other_key().line() + "\n" + other_key().line());
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->find(key())->options.cert_authority);
    EXPECT_EQ(list->find(key())->options.principals, (std::vector<std::string>{"ops", "night"}));
    EXPECT_EQ(list->find_allowed(key(), "192.0.2.1", 0), nullptr);
    EXPECT_EQ(list->find_allowed(other_key(), "192.0.2.1", 0)->line, 3u);
    for (const char* bad :
         {"principals=\"\"", "principals=\"a,,b\"", "principals=\"a,\"", "principals",
          "principals=\"a\",principals=\"b\"", "cert-authority=\"yes\"", "no-cert-authority"})
        EXPECT_FALSE(with(std::string("cert-authority,") + bad)) << bad;
}

TEST(AuthorizedKeys, PermitOpenNamesDestinations) {
    const auto k = with(R"(permitopen="localhost:80",PermitOpen="[2001:db8::1]:*")");
    ASSERT_TRUE(k);
    EXPECT_EQ(k->options.permit_open,
              (std::vector<open_destination>{{"localhost", 80}, {"2001:db8::1", std::nullopt}}));
    for (const char* bad :
         {"localhost", ":80", "localhost:0", "localhost:65536", "localhost:x", ""})
        EXPECT_FALSE(with("permitopen=\"" + std::string(bad) + '"')) << bad;
    std::string many = "permitopen=\"a:1\"";
    for (std::size_t i = 1; i < limits::permit_open_max; ++i)
        many += ",permitopen=\"a:1\"";
    EXPECT_TRUE(with(many));
    EXPECT_FALSE(with(many + ",permitopen=\"a:1\""));
}

TEST(AddressPatterns, WhoIsAllowed) {
    struct {
        const char* list;
        const char* address;
        bool allowed;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.10", false},
        {"192.0.2.?", "192.0.2.7", true},
        {"192.0.2.?", "192.0.2.17", false},
        {"192.0.2.*", "192.0.2.17", true},
        {"*", "192.0.2.17", true},
        {"*", "2001:db8::1", true},
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/9", "10.127.255.255", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.1/32", "192.0.2.2", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:DB8:0:0::0001", "2001:db8::1", true},
        {"fe80::/10", "fe80::1%eth0", true},
        {"2001:db8:*", "2001:db8::5", true},
        // A dual-stack socket's IPv4 peers.
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"192.0.2.*", "::ffff:192.0.2.9", true},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
        // Exceptions win wherever they stand, and alone allow nobody.
        {"10.0.0.0/8,!10.0.0.5", "10.0.0.5", false},
        {"!10.0.0.5,10.0.0.0/8", "10.0.0.5", false},
        {"!10.0.0.5,10.0.0.0/8", "10.0.0.6", true},
        {"!10.0.0.5", "10.0.0.6", false},
        {"10.*,!10.1.*", "10.1.2.3", false},
        // Names are not looked up.
        {"*.example.com", "192.0.2.1", false},
        {"host.example.com,192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "", false},
        {"192.0.2.1", "not an address", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.list) + " for " + c.address);
        const auto patterns = address_patterns::parse(c.list);
        ASSERT_TRUE(patterns);
        EXPECT_EQ(patterns->allows(c.address), c.allowed);
        const auto k = with("from=\"" + std::string(c.list) + '"');
        ASSERT_TRUE(k);
        EXPECT_EQ(k->judge(c.address, 0), c.allowed ? verdict::allowed : verdict::wrong_address);
    }
    EXPECT_FALSE(address_patterns::parse("10.0.0.0/8")->allows(std::string(1000, '1')));
}

TEST(AddressPatterns, AddressesAsText) {
    struct {
        const char* text;
        bool good;
    } cases[] = {
        {"0.0.0.0", true},
        {"255.255.255.255", true},
        {"1.2.3", false},
        {"1.2.3.4.5", false},
        {"256.1.1.1", false},
        {"1.2.3.", false},
        {".1.2.3", false},
        {"01.2.3.4", false},
        {"1.2.3.+4", false},
        {"1.2.3.4 ", false},
        {"::", true},
        {"::1", true},
        {"1::", true},
        {"1:2:3:4:5:6:7:8", true},
        {"1:2:3:4:5:6:7", false},
        {"1:2:3:4:5:6:7:8:9", false},
        {"1::2::3", false},
        {":1", false},
        {"1:", false},
        {":", false},
        {":::", false},
        {"1:2:3:4:5:6:7::", true},
        {"1:2:3:4:5:6:7:8::", false},
        {"12345::", false},
        {"g::", false},
        {"::1.2.3.4", true},
        {"1:2:3:4:5:6:1.2.3.4", true},
        {"1:2:3:4:5:6:7:1.2.3.4", false},
        {"::1.2.3", false},
        {"1.2.3.4::", false},
        {"", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        EXPECT_EQ(ip_address::parse(c.text).has_value(), c.good);
    }
}

TEST(AddressPatterns, Wildcards) {
    struct {
        const char* text;
        const char* pattern;
        bool match;
    } cases[] = {{"", "", true},         {"", "*", true},
                 {"", "?", false},       {"abc", "a*c", true},
                 {"abc", "a*b", false},  {"aXbXc", "a*b*c", true},
                 {"aaab", "*aab", true}, {"ab", "a?b", false},
                 {"abcd", "**?d", true}, {"mississippi", "*iss*ip?i", true}};
    for (const auto& c : cases)
        EXPECT_EQ(matches_wildcards(c.text, c.pattern), c.match) << c.text << ' ' << c.pattern;
    // What is exponential when done by recursion.
    std::string stars;
    for (int i = 0; i < 2000; ++i)
        stars += "*a";
    EXPECT_FALSE(matches_wildcards(std::string(1999, 'a'), stars));
}

}  // namespace
}  // namespace sluice
