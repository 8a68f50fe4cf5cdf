#include "sluice/tools/sluiced_setup.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tools/sluiced_process.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice {
namespace {

class SluicedSetup : public testing::Test {
protected:
    SluicedSetup() {
        std::filesystem::create_directory(folder_.path("root"));
        write_key("key", *key_);
    }

    void write_key(std::string_view name, const crypto::private_key& key) {
        const auto text = crypto::write_private_key(key, {}, crypto::system_random());
        EXPECT_TRUE(text);
        folder_.write(name, *text);
    }

    // All that a server needs, and those lines.
    setup_result<server_options> make(const std::string& lines, bool exec = false) {
        const std::string text = "HostKey " + folder_.path("key") +
                                 "\nAuthorizedKeysFile k\nChrootDirectory " + folder_.path("root") +
                                 "\n" + lines;
        const auto settings = read_sluiced_settings({{"text", text}}, sluiced_algorithms());
        if (!settings) return setup_error{settings.error().message()};
        auto material = read_material(*settings, exec, stays_root({}));
        if (!material) return material.error();
        const log_sink log = [this](const log_record& record) {
            told_ += record.event;
            for (const auto& [name, value] : record.fields)
                told_ += " " + std::string(name) + "=" + value;
        };
        return make_server_options(*settings, std::move(*material), exec, pool_, {pool_, pool_},
                                   log);
    }

    std::string wrong(const std::string& lines) {
        const auto made = make(lines);
        return made ? "no error" : made.error().text;
    }

    std::string certificate_of(const crypto::private_key& key, crypto::certificate_kind kind) {
        crypto::certificate_fields fields;
        fields.kind = kind;
        const auto cert =
            crypto::certificate::issue(key.public_half(), fields, *key_, crypto::system_random());
        EXPECT_TRUE(cert);
        return cert->line() + " comment\n";
    }

    result<crypto::private_key> key_ = crypto::private_key::generate("ssh-ed25519");
    test::key_folder folder_;
    std::string told_;  // in the log
    boost::asio::thread_pool pool_{1};
};

TEST_F(SluicedSetup, HostCertificatesBelongToHostKeys) {
    const auto cert = folder_.write("c", certificate_of(*key_, crypto::certificate_kind::host));
    const auto made = make("HostCertificate " + cert);
    ASSERT_TRUE(made) << made.error().text;
    const auto shows = [&](std::string_view algorithm) {
        return std::ranges::any_of(made->protocol.transport.host_keys,
                                   [&](const auto& k) { return k->signs(algorithm); });
    };
    EXPECT_TRUE(shows("ssh-ed25519-cert-v01@openssh.com"));
    EXPECT_TRUE(shows("ssh-ed25519")) << "for those who do not trust the authority";

    const auto user = folder_.write("u", certificate_of(*key_, crypto::certificate_kind::user));
    EXPECT_EQ(wrong("HostCertificate " + user), user + ": is not a certificate for hosts");
    const auto other = crypto::private_key::generate("ssh-ed25519");
    const auto foreign = folder_.write("f", certificate_of(*other, crypto::certificate_kind::host));
    EXPECT_EQ(wrong("HostCertificate " + foreign), foreign + ": certificate of no HostKey");
    EXPECT_NE(wrong("HostCertificate /absent"), "no error");
    EXPECT_NE(wrong("HostCertificate " + folder_.write("x", "nonsense")), "no error");
}

TEST_F(SluicedSetup, OldClientsAreOfferedWhatNoListNames) {
    const auto offer = [&](const std::string& lines) {
        const auto made = make(lines);
        EXPECT_TRUE(made) << lines;
        return made ? made->protocol.transport.to_old_programs : old_program_offer();
    };
    const auto best = old_program_offer::best();
    for (const char* lines : {"", "OfferToOldClients yes", "Ciphers aes256-ctr"}) {
        SCOPED_TRACE(lines);
        EXPECT_EQ(offer(lines).macs, best.macs);
        EXPECT_EQ(offer(lines).kex_algorithms, best.kex_algorithms);
        EXPECT_EQ(offer(lines).host_key_algorithms, best.host_key_algorithms);
    }
    EXPECT_TRUE(offer("OfferToOldClients no").none());
    EXPECT_TRUE(offer("MACs hmac-sha2-512-etm@openssh.com").macs.empty());
    EXPECT_TRUE(offer("MACs -hmac-sha2-512-etm@openssh.com").macs.empty());
    EXPECT_TRUE(offer("KexAlgorithms curve25519-sha256").kex_algorithms.empty());
    EXPECT_TRUE(offer("HostKeyAlgorithms ssh-ed25519").host_key_algorithms.empty());
    EXPECT_FALSE(make("OfferToOldClients maybe"));
}

TEST_F(SluicedSetup, SettingsReachTheServer) {
    const auto made = make(
        "HostbasedAcceptedAlgorithms ssh-ed25519\nAcceptEnv X*\nMaxSessions 2\nMaxAuthTries 3\n"
        "Subsystem sftp internal-sftp -R\nAllowTcpForwarding local\nPermitOpen a:1\n"
        "Match User bob\nPermitOpen b:2\nMatch User eve\nDisableForwarding yes\n");
    ASSERT_TRUE(made) << made.error().text;
    const auto& auth = made->protocol.auth;
    EXPECT_EQ(auth.host_based_algorithms, std::vector<std::string>{"ssh-ed25519"});
    EXPECT_EQ(auth.attempts_max, 3U);
    EXPECT_TRUE(auth.asks_for_policy);
    EXPECT_EQ(made->accepted_environment, std::vector<std::string>{"X*"});
    EXPECT_EQ(made->sessions_max, 2U);
    EXPECT_TRUE(made->sftp_config({})->protocol.read_only);
    const auto may = [&](std::string user, std::string host, std::uint16_t port) {
        session_info who;
        who.user = std::move(user);
        return made->permit_connect(who, host, port) == connect_answer::permit;
    };
    EXPECT_TRUE(may("ada", "a", 1));
    EXPECT_FALSE(may("ada", "b", 2));
    EXPECT_TRUE(may("bob", "b", 2));
    EXPECT_FALSE(may("bob", "a", 1));
    EXPECT_FALSE(may("eve", "a", 1));
}

TEST_F(SluicedSetup, EachUserSeesTheRootOfHisOwn) {
    std::filesystem::create_directory(folder_.path("bobs"));
    const auto made = make("Match User bob\nChrootDirectory " + folder_.path("bobs") +
                           "\nMatch User eve\nChrootDirectory none\n");
    ASSERT_TRUE(made) << made.error().text;
    const auto opens = [&](std::string user) {
        session_info who;
        who.user = std::move(user);
        return made->filesystem(who, pool_.get_executor()) != nullptr;
    };
    EXPECT_TRUE(opens("ada"));
    EXPECT_FALSE(opens("eve"));
    EXPECT_TRUE(opens("bob"));
    std::filesystem::remove_all(folder_.path("bobs"));
    EXPECT_FALSE(opens("bob")) << "his is another one";
    EXPECT_TRUE(opens("ada"));
}

TEST_F(SluicedSetup, AStartDirectoryThatIsMissingIsTold) {
    std::filesystem::create_directories(folder_.path("root/in/ada"));
    const auto made = make("Subsystem sftp internal-sftp -d /in/%u");
    ASSERT_TRUE(made) << made.error().text;
    session_info who;
    who.user = "ada";
    EXPECT_NE(made->filesystem(who, pool_.get_executor()), nullptr);
    EXPECT_EQ(told_, "");
    who.user = "eve";
    EXPECT_NE(made->filesystem(who, pool_.get_executor()), nullptr) << "it begins at the root";
    EXPECT_EQ(told_,
              "no_start_directory user=eve directory=/in/eve reason=No such file or directory");
    told_.clear();
    const auto plain = make("");
    ASSERT_TRUE(plain);
    who.rights.home_directory = "/absent";
    EXPECT_NE(plain->filesystem(who, pool_.get_executor()), nullptr);
    EXPECT_EQ(told_, "") << "a home need not be there";
}

TEST_F(SluicedSetup, WhatCannotBeDoneIsRefused) {
    // What the stock sshd_config lacks: sshd serves the whole system without being told.
    const auto bare = read_sluiced_settings(
        {{"text", "HostKey " + folder_.path("key") +
                      "\nAuthorizedKeysFile k\nSubsystem sftp internal-sftp\n"}},
        sluiced_algorithms());
    ASSERT_TRUE(bare);
    EXPECT_EQ(
        read_material(*bare, false, false).error().text,
        "nothing to serve: give --root DIR or ChrootDirectory, which is / where the whole system "
        "is to be seen, as by sshd; --exec runs commands");
    EXPECT_TRUE(read_material(*bare, true, false)) << "commands";
    EXPECT_EQ(wrong("ForceCommand /bin/true"), "ForceCommand runs a command, which --exec permits");
    EXPECT_EQ(wrong("ForceCommand internal-sftp"), "no error");
    EXPECT_NE(wrong("Match User x\nForceCommand /bin/true"), "no error");
    EXPECT_NE(wrong("Match User x\nChrootDirectory /absent"), "no error");
    EXPECT_EQ(wrong("UsePAM yes"),
              is_built_with_pam() ? "no error" : "UsePAM: this sluiced is built without PAM");
    EXPECT_EQ(wrong("AuthenticationMethods hostbased\nHostbasedAuthentication yes"),
              "AuthenticationMethods asks for hostbased, which is disabled, or has no file to go "
              "by");
}

// As sshd, which goes on without them.
TEST_F(SluicedSetup, WhatIsNotThereAndCanBeDoneWithoutIsNoted) {
    const auto settings_of = [](const std::string& text) {
        return read_sluiced_settings(
            {{"text", text + "\nAuthorizedKeysFile k\nChrootDirectory /\n"}}, sluiced_algorithms());
    };
    // An ssh-dss key as ssh-keygen wrote it: of a type that is not known.
    std::string dss("openssh-key-v1\0", 15);
    const auto add = [](std::string& to, std::string_view text) {
        for (int shift = 24; shift >= 0; shift -= 8)
            to += static_cast<char>(text.size() >> shift & 0xff);
        to += text;
    };
    for (const char* none : {"none", "none", ""})
        add(dss, none);
    dss += std::string("\0\0\0\1", 4);
    std::string public_half;
    add(public_half, "ssh-dss");
    for (int i = 0; i < 4; ++i)
        add(public_half, "\1");
    std::string private_half("\1\2\3\4\1\2\3\4", 8);
    private_half += public_half;
    add(private_half, "\1");
    add(private_half, "");
    for (char pad = 1; private_half.size() % 8 != 0; ++pad)
        private_half += pad;
    add(dss, public_half);
    add(dss, private_half);
    const auto old = folder_.write("old", "-----BEGIN OPENSSH PRIVATE KEY-----\n" +
                                              crypto::to_base64(as_bytes(dss)) +
                                              "\n-----END OPENSSH PRIVATE KEY-----\n");
    const auto key = folder_.path("key");

    const auto settings = settings_of("HostKey /absent\nHostKey " + old + "\nHostKey " + key +
                                      "\nBanner /nowhere\nMatch User x\nBanner " + key);
    ASSERT_TRUE(settings) << settings.error().message();
    const auto material = read_material(*settings, false, false);
    ASSERT_TRUE(material) << material.error().text;
    EXPECT_EQ(material->protocol.transport.host_keys.size(), 1U);
    EXPECT_EQ(material->banners.at("/nowhere"), "");
    EXPECT_NE(material->banners.at(key), "");
    std::vector<std::string> said;
    for (const auto& note : material->notes)
        said.push_back(note.message());
    EXPECT_EQ(said, (std::vector<std::string>{"/absent: HostKey: No such file or directory",
                                              old + ": HostKey: unknown key type or algorithm",
                                              "/nowhere: Banner: No such file or directory"}));

    // But not what is there and wrong, nor without any key.
    const auto refused = [&](const std::string& text) {
        const auto these = settings_of(text);
        EXPECT_TRUE(these) << text;
        const auto made = read_material(*these, false, false);
        return made ? "" : made.error().text;
    };
    EXPECT_EQ(refused("HostKey /absent"), "/absent: No such file or directory");
    EXPECT_EQ(refused("HostKey " + old), old + ": unknown key type or algorithm");
    EXPECT_EQ(refused("HostKey " + key + "\nHostKey " + folder_.write("x", "nonsense")),
              folder_.path("x") + ": malformed key file");
    EXPECT_NE(refused("HostKey " + key + "\nHostKey /dev/null"), "");
    EXPECT_NE(refused("HostKey " + key + "\nBanner " + folder_.path("root")), "") << "a folder";
}

TEST_F(SluicedSetup, AddressFamily) {
    sluiced_config config;
    config.listen_addresses = {{"127.0.0.1", 1}, {"::1", 2}};
    EXPECT_EQ(listen_endpoints(config)->size(), 2U);
    config.family = listen_family::inet;
    ASSERT_EQ(listen_endpoints(config)->size(), 1U);
    EXPECT_TRUE(listen_endpoints(config)->front().address().is_v4());
    config.family = listen_family::inet6;
    ASSERT_EQ(listen_endpoints(config)->size(), 1U);
    EXPECT_TRUE(listen_endpoints(config)->front().address().is_v6());
    config.listen_addresses = {{"127.0.0.1", 1}};
    EXPECT_FALSE(listen_endpoints(config));
}

}  // namespace
}  // namespace sluice
