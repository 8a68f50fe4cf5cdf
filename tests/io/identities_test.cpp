// Which keys a client logs in with, in which order, and which it does not use.

#include "sluice/auth/agent.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/running_agent.hpp"

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace asio = boost::asio;
using crypto::private_key;
using test::served;

private_key new_key(unsigned rsa_bits = 0) {
    return private_key::generate(rsa_bits == 0 ? "ssh-ed25519" : "ssh-rsa", rsa_bits).value();
}

// A server that lets in nobody, or one key, and notes which keys it is shown.
struct key_server {
    explicit key_server(std::shared_ptr<const host_key> host = test::test_host_key()) {
        s.options.protocol.transport.host_keys = {std::move(host)};
        s.options.protocol.auth.method_chains = {{"publickey"}};
        s.options.protocol.auth.attempts_max = 20;
        s.options.logins = std::make_shared<test::test_logins>(
            [this](login_attempt a) -> asio::awaitable<login_verdict> {
                if (a.question.what == auth_question::kind::public_key_query && a.question.key)
                    shown.push_back(*a.question.key);
                const bool in = wanted && a.question.key == wanted;
                co_return login_verdict{in ? auth_answer::accept : auth_answer::refuse, {}};
            });
        s.start();
        options.on_failure = [this](const connect_failure& f) { failure = f.text; };
        options.log = [this](const log_record& r) {
            if (r.level == log_severity::debug) return;  // each exchange of keys
            std::string line(r.event);
            for (const auto& [name, value] : r.fields)
                line += ' ' + std::string(name) + '=' + value;
            log.push_back(std::move(line));
        };
    }

    error_code log_in() {
        shown.clear();
        log.clear();
        return test::log_in(s, options);
    }

    served s;
    connect_options options = test::test_options();
    std::optional<crypto::public_key> wanted;
    std::vector<crypto::public_key> shown;
    std::vector<std::string> log;
    std::string failure;
};

std::string write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    return path;
}

std::string write_key(const std::filesystem::path& path, const private_key& key) {
    return write_file(path, crypto::write_private_key(key, {}, crypto::system_random()).value());
}

std::string write_public_half(const std::filesystem::path& path, const private_key& key) {
    std::ofstream(path) << key.public_half().line() << " a comment\n";
    return path;
}

// --- the least size of RSA keys -----------------------------------------------------------------

TEST(RequiredRsaSize, OfTheHostKey) {
    const auto key = new_key(2048);
    key_server to(make_host_key(key));
    to.options.host_keys = {key.public_half()};
    to.options.keys = {new_key()};
    to.wanted = to.options.keys.front().public_half();
    EXPECT_FALSE(to.log_in());
    to.options.rsa_bits_min = 2049;
    EXPECT_EQ(to.log_in(), errc::host_key_rejected);
    EXPECT_EQ(to.failure,
              "the host key of files.example is refused: RSA of 2048 bits, less than the 2049 of "
              "RequiredRSASize");
}

TEST(RequiredRsaSize, OfTheKeysThatWeLogInWith) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto given = new_key(2048);
    const auto in_file = new_key(2048);
    const auto in_agent = new_key(2048);
    ASSERT_TRUE(agent.add(in_agent, "agent"));
    key_server to;
    to.options.keys = {given};
    to.options.identity_files = {{write_key(dir / "id", in_file)}};
    to.options.agent_socket = agent.path();
    EXPECT_EQ(to.log_in(), errc::auth_denied);
    EXPECT_EQ(to.shown.size(), 3u);
    EXPECT_TRUE(to.log.empty());
    to.options.rsa_bits_min = 3072;
    EXPECT_EQ(to.log_in(), errc::auth_denied);
    EXPECT_TRUE(to.shown.empty());
    ASSERT_EQ(to.log.size(), 3u);
    for (const std::string& line : to.log)
        EXPECT_TRUE(line.ends_with("RSA of 2048 bits, less than the 3072 of RequiredRSASize"))
            << line;
}

// --- public halves ------------------------------------------------------------------------------

TEST(Identities, APublicKeyStandsForTheAgentsPrivateHalf) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto key = new_key();
    ASSERT_TRUE(agent.add(new_key(), "other"));
    ASSERT_TRUE(agent.add(key, "wanted"));
    const std::string file = write_public_half(dir / "id.pub", key);
    key_server to;
    to.wanted = key.public_half();
    to.options.identities_only = true;
    for (const std::string& name : {file, std::string(dir / "id")}) {
        SCOPED_TRACE(name);
        to.options.identity_files = {{name}};
        to.options.agent_socket = agent.path();
        EXPECT_FALSE(to.log_in());
        EXPECT_TRUE(to.log.empty()) << to.log.front();
        EXPECT_EQ(to.shown, std::vector{key.public_half()});
        // What nobody can sign with costs no attempt.
        to.options.agent_socket = "";
        EXPECT_EQ(to.log_in(), errc::auth_denied);
        EXPECT_TRUE(to.shown.empty());
        EXPECT_EQ(to.log, std::vector{"identity_unusable path=" + name +
                                      " reason=a public key whose private half no agent has"});
    }
}

TEST(Identities, ACertificateStandsForTheAgentsPrivateHalf) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto key = new_key();
    ASSERT_TRUE(agent.add(key, "wanted"));
    const auto certificate =
        crypto::certificate::issue(key.public_half(), {}, new_key(), crypto::system_random());
    std::ofstream(dir / "id-cert.pub") << certificate->line() << '\n';
    key_server to;
    to.options.identities_only = true;
    to.options.identity_files = {{dir / "id-cert.pub"}};
    to.options.agent_socket = agent.path();
    EXPECT_EQ(to.log_in(), errc::auth_denied);
    EXPECT_TRUE(to.log.empty()) << to.log.front();
    EXPECT_EQ(to.shown, std::vector{key.public_half()});
}

TEST(Identities, AnEncryptedFileThatTheAgentHoldsCostsNoPassphrase) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto key = new_key();
    const auto other = new_key();
    ASSERT_TRUE(agent.add(other, "other"));
    ASSERT_TRUE(agent.add(key, "wanted"));
    key_server to;
    to.wanted = key.public_half();
    to.options.agent_socket = agent.path();
    to.options.identity_files = {
        {write_file(dir / "id", crypto::write_private_key(key, {.passphrase = "open", .rounds = 1},
                                                          crypto::system_random())
                                    .value())}};
    unsigned asked = 0;
    to.options.on_passphrase = [&](const std::string&) -> std::optional<secret_bytes> {
        ++asked;
        return secret_bytes(as_bytes("open"));
    };
    for (const bool only : {false, true}) {
        to.options.identities_only = only;
        EXPECT_FALSE(to.log_in());
        EXPECT_EQ(to.shown.front(), key.public_half());
        EXPECT_EQ(asked, 0u);
    }
    // Without the agent it is asked for, once the server would take the key.
    to.options.agent_socket = "";
    EXPECT_FALSE(to.log_in());
    EXPECT_EQ(asked, 1u);
    // A file of another kind does not show whose it is.
    to.options.agent_socket = agent.path();
    to.options.identity_files = {{write_file(
        dir / "other-kind",
        crypto::write_pkcs8(key, {.passphrase = "open", .rounds = 1}, crypto::system_random())
            .value())}};
    EXPECT_FALSE(to.log_in());
    EXPECT_EQ(asked, 2u);
}

// --- the order ----------------------------------------------------------------------------------

TEST(Identities, NamedOnesOfTheAgentGoFirstAndFilesLast) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto given = new_key();
    std::vector<private_key> held;
    for (int i = 0; i < 4; ++i) {
        held.push_back(new_key());
        ASSERT_TRUE(agent.add(held.back(), std::to_string(i)));
    }
    const auto in_file = new_key();
    key_server to;
    to.options.keys = {given};
    to.options.agent_socket = agent.path();
    to.options.identity_files = {{write_key(dir / "file", in_file),
                                  write_public_half(dir / "third.pub", held[3]),
                                  write_key(dir / "second", held[1])}};
    const auto want = [](std::initializer_list<private_key> keys) {
        std::vector<crypto::public_key> halves;
        for (const private_key& key : keys)
            halves.push_back(key.public_half());
        return halves;
    };
    EXPECT_EQ(to.log_in(), errc::auth_denied);
    EXPECT_EQ(to.shown, want({given, held[1], held[3], held[0], held[2], in_file}));
    to.options.identities_only = true;
    EXPECT_EQ(to.log_in(), errc::auth_denied);
    EXPECT_EQ(to.shown, want({given, held[1], held[3], in_file}));
}

// --- permissions --------------------------------------------------------------------------------

TEST(Identities, EachRightOfOthersToAFileRefusesIt) {
    test::temp_dir dir;
    const auto key = new_key();
    const std::string file = write_key(dir / "id", key);
    key_server to;
    to.wanted = key.public_half();
    to.options.identity_files = {{file}};
    for (const unsigned mode : {0600u, 0400u, 0700u}) {
        std::filesystem::permissions(file, std::filesystem::perms(mode));
        EXPECT_FALSE(to.log_in()) << mode;
    }
    for (const unsigned bit : {040u, 020u, 010u, 04u, 02u, 01u}) {
        std::filesystem::permissions(file, std::filesystem::perms(0600u | bit));
        EXPECT_EQ(to.log_in(), errc::auth_denied) << bit;
        EXPECT_TRUE(to.shown.empty());
    }
}

TEST(Identities, AFileThatOthersMayReadIsRefusedOnce) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    test::temp_dir dir;
    const auto key = new_key();
    const std::string file = write_key(dir / "id", key);
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    const std::vector refused{"identity_unusable path=" + file +
                              " reason=permissions 0644 are too open: others have access"};
    key_server to;
    to.wanted = key.public_half();
    to.options.identity_files = {{file}};
    for (const bool public_half_beside : {false, true}) {
        SCOPED_TRACE(public_half_beside);
        if (public_half_beside) write_public_half(file + ".pub", key);
        for (const bool only : {false, true}) {
            to.options.identities_only = only;
            EXPECT_EQ(to.log_in(), errc::auth_denied);
            EXPECT_EQ(to.log, refused);
            EXPECT_TRUE(to.shown.empty());
        }
    }
    // The agent's key is another matter.
    ASSERT_TRUE(agent.add(key, "wanted"));
    to.options.agent_socket = agent.path();
    EXPECT_FALSE(to.log_in());
    EXPECT_EQ(to.log, refused);
}

}  // namespace
}  // namespace sluice
