#include "sluice/tools/sluiced_keywords.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

sluiced_config read(const std::string& text) {
    auto r = read_sluiced_settings({{"text", text}}, sluiced_algorithms());
    EXPECT_TRUE(r) << r.error().message() << "\n" << text;
    return r ? r->base : sluiced_config();
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(SluicedPrint, ReadsBackToTheSame) {
    for (const std::string text : {
             "",
             "Port 22\nPort 23\nListenAddress [::1]:22\nListenAddress a:0\n",
             "RekeyLimit 4294967295G 1h",
             "RekeyLimit 16",
             "RekeyLimit 3M none",
             "Compression delayed\nLogLevel DEBUG\nLogFormat json\nDrainPolicy now",
             "AuthenticationMethods publickey,password keyboard-interactive",
             "KbdInteractiveAuthentication yes\nUsePAM yes\nPAMServiceName x",
             "AllowUsers a@10.0.0.0/8 b*\nDenyUsers \"with blank\" '#x' =y",
             "AllowGroups a 'with blank'\nDenyGroups b*\nSyslogFacility local3",
             "AuthorizedPrincipalsCommand /bin/x '%i %s' %%\nAuthorizedPrincipalsCommandUser y",
             "PermitOpen none",
             "PermitOpen [::1]:* a:80",
             "ForceCommand echo \"a  b\" # 'all",
             "SetEnv \"A=b c\" D='\"' E=\\\\",
             "HostKey \"/with blank\\\"\"\nHostKey /b\nHostCertificate c",
             "AuthorizedKeysFile a b\\ c",
             "Ciphers -aes*\nMACs ^hmac-sha2-512\nPubkeyAcceptedAlgorithms ssh-ed25519",
             "Subsystem sftp internal-sftp -R\nAtomicUploads yes\nMaxStartups 7",
             "PerSourceMaxStartups 3\nPerSourceNetBlockSize 24:56\nPerSourcePenalties no",
             "PerSourcePenalties authfail:1m cpu:0 overflow:deny-all\n"
             "PerSourcePenaltyExemptList 10.0.0.0/8,::1,!10.0.0.1",
             "PerSourcePenalties overflow6:deny-all max-sources6:1",
             "SFTPStayOnFilesystem yes",
             "Subsystem sftp internal-sftp -d \"/a b/%u\" -e -f LOCAL1 -l INFO -P remove,rmdir "
             "-m 640 -p realpath -R -u 027",
             "PidFile /run/x.pid\nVersionAddendum a b\nRequiredRSASize 3072\nStrictModes yes",
             "AddressFamily inet\nPermitRootLogin without-password\nDisableForwarding yes",
         }) {
        SCOPED_TRACE(text);
        const auto c = read(text);
        EXPECT_EQ(read(to_text(c)), c) << to_text(c);
    }
}

// In the order of sshd, whichever of the keywords came first.
TEST(SluicedPrint, AListenAddressHasItsPort) {
    const std::string want =
        "listenaddress 1.2.3.4:1234\nlistenaddress 1.2.3.4:5678\nlistenaddress [::1]:1234\n"
        "listenaddress [::1]:5678\n";
    for (const std::string text :
         {"Port 1234\nPort 5678\nListenAddress 1.2.3.4\nListenAddress ::1\n",
          "ListenAddress 1.2.3.4\nPort 1234\nPort 5678\nListenAddress ::1\n"}) {
        const std::string printed = to_text(read(text));
        EXPECT_NE(printed.find(want), std::string::npos) << printed;
        EXPECT_EQ(to_text(read(printed)), printed);
    }
    EXPECT_TRUE(has_line(to_text(read("ListenAddress ::")), "listenaddress [::]:22"));
    EXPECT_EQ(to_text(read("")).find("listenaddress"), std::string::npos);
}

TEST(SluicedPrint, ARekeyLimitIsInBytesAndSecondsAsSshdSaysIt) {
    struct {
        const char* text;
        const char* want;
    } cases[] = {{"", "rekeylimit 0 0"},
                 {"RekeyLimit 16 1", "rekeylimit 16 1"},
                 {"RekeyLimit 1k 1w", "rekeylimit 1024 604800"},
                 {"RekeyLimit 8G 1D", "rekeylimit 8589934592 86400"},
                 {"RekeyLimit default 1m", "rekeylimit 0 60"},
                 {"RekeyLimit 18446744073709551615", "rekeylimit 18446744073709551615 0"}};
    for (const auto& k : cases) {
        SCOPED_TRACE(k.text);
        EXPECT_TRUE(has_line(to_text(read(k.text)), k.want)) << to_text(read(k.text));
    }
}

// Whatever is set is printed: no row of the table can be forgotten.
TEST(SluicedPrint, EveryKeywordIsThere) {
    const std::string text =
        to_text(read("AllowUsers x\nDenyUsers y\nAllowGroups x\nDenyGroups y\nHostCertificate "
                     "c\nHostKey k\nListenAddress ::\nPort 1\n"
                     "SetEnv A=b\n"));
    for (const auto& row : settings::keywords()) {
        std::string line = "\n" + std::string(row.keyword) + " ";
        for (char& c : line)
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        EXPECT_NE(("\n" + text).find(line), std::string::npos) << row.keyword;
    }
    EXPECT_TRUE(has_line(text, "x11forwarding no"));
    EXPECT_TRUE(has_line(text, "maxauthtries 6"));
    EXPECT_TRUE(has_line(text, "acceptenv LC_*"));
    EXPECT_GE(settings::keywords().size(), 40U);
}

TEST(SluicedPrint, NoKeywordIsThereTwice) {
    std::vector<std::string_view> all;
    for (const auto& row : settings::keywords())
        all.push_back(row.keyword);
    for (const auto& row : settings::fixed_keywords())
        all.push_back(row.keyword);
    for (const auto& row : settings::former_keywords())
        all.push_back(row.keyword);
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_FALSE(equal_ignoring_case(all[i], all[j])) << all[i];
}

}  // namespace
}  // namespace sluice
