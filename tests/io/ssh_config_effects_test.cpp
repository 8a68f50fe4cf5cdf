// Every keyword of ssh_config(5): it changes something, or it is said that it does not.

#include "sluice/io/load_ssh_config.hpp"
#include "sluice/io/ssh_config_keywords.hpp"
#include "sluice/io/ssh_config_unserved.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice {
namespace {

using strings = std::vector<std::string>;

ssh_config_system nothing_here() {
    ssh_config_system s;
    s.local_user = "own";
    s.home = "/own";
    s.environment = [](std::string_view) { return std::nullopt; };
    s.canonical_name = [](const std::string& name) -> std::optional<std::string> {
        if (name == "h.example.") return "real.example.";
        return std::nullopt;
    };
    return s;
}

ssh_client_settings loaded(const strings& settings) {
    ssh_config_query query{"h", {}, settings, {}};
    const auto s = load_ssh_config(query, nothing_here());
    EXPECT_TRUE(s) << s.error().message();
    return s ? *s : ssh_client_settings();
}

using settings = ssh_client_settings;

// What a setting must change. Some need a second one beside it.
struct effect {
    const char* keyword;
    strings said;
    bool (*shows)(const settings& s);
};
const effect effects[] = {
    {"User", {"User=x"}, [](const settings& s) { return s.connect.user == "x"; }},
    {"HostName", {"HostName=x"}, [](const settings& s) { return s.connect.host == "x"; }},
    {"Port", {"Port=9"}, [](const settings& s) { return s.connect.port == 9; }},
    {"AddressFamily",
     {"AddressFamily=inet"},
     [](const settings& s) { return s.connect.family == address_family::v4; }},
    {"CanonicalizeHostname",
     {"CanonicalizeHostname=yes", "CanonicalDomains=example"},
     [](const settings& s) { return s.connect.host == "h.example"; }},
    {"CanonicalDomains",
     {"CanonicalDomains=example", "CanonicalizeHostname=yes"},
     [](const settings& s) { return s.connect.host == "h.example"; }},
    {"CanonicalizePermittedCNAMEs",
     {"CanonicalizePermittedCNAMEs=*:*", "CanonicalizeHostname=yes", "CanonicalDomains=example"},
     [](const settings& s) { return s.connect.host == "real.example"; }},
    {"Compression",
     {"Compression=yes"},
     [](const settings& s) {
         return s.connect.protocol.transport.compressions.front() == "zlib@openssh.com";
     }},
    {"HashKnownHosts",
     {"HashKnownHosts=yes"},
     [](const settings& s) { return s.connect.hash_known_hosts; }},
    {"KnownHostsCommand",
     {"KnownHostsCommand=/bin/x %H"},
     [](const settings& s) { return static_cast<bool>(s.connect.on_known_hosts); }},
    {"IdentitiesOnly",
     {"IdentitiesOnly=yes"},
     [](const settings& s) { return s.connect.identities_only; }},
    {"KbdInteractiveAuthentication",
     {"KbdInteractiveAuthentication=no"},
     [](const settings& s) {
         return std::ranges::count(s.connect.protocol.auth.methods, "keyboard-interactive") == 0;
     }},
    {"NoHostAuthenticationForLocalhost",
     {"NoHostAuthenticationForLocalhost=yes"},
     [](const settings& s) { return s.connect.trust_loopback; }},
    {"PasswordAuthentication",
     {"PasswordAuthentication=no"},
     [](const settings& s) {
         return std::ranges::count(s.connect.protocol.auth.methods, "password") == 0;
     }},
    {"PermitLocalCommand",
     {"PermitLocalCommand=yes", "LocalCommand=echo %h"},
     [](const settings& s) { return s.local_command == "echo h"; }},
    {"LocalCommand",
     {"LocalCommand=echo %T", "PermitLocalCommand=yes"},
     [](const settings& s) { return s.local_command == "echo NONE"; }},
    {"PubkeyAuthentication",
     {"PubkeyAuthentication=no"},
     [](const settings& s) {
         return std::ranges::count(s.connect.protocol.auth.methods, "publickey") == 0;
     }},
    {"StrictHostKeyChecking",
     {"StrictHostKeyChecking=yes"},
     [](const settings& s) { return s.connect.host_keys_unknown == host_key_policy::strict; }},
    {"TCPKeepAlive",
     {"TCPKeepAlive=no"},
     [](const settings& s) { return !s.connect.tcp_keep_alive; }},
    {"UpdateHostKeys",
     {"UpdateHostKeys=ask"},
     [](const settings& s) { return s.connect.update_host_keys == host_key_updates::ask; }},
    {"ConnectionAttempts",
     {"ConnectionAttempts=9"},
     [](const settings& s) { return s.connect.connection_attempts == 9; }},
    {"NumberOfPasswordPrompts",
     {"NumberOfPasswordPrompts=9"},
     [](const settings& s) { return s.connect.protocol.auth.prompts_max == 9; }},
    {"ServerAliveCountMax",
     {"ServerAliveCountMax=9"},
     [](const settings& s) { return s.connect.protocol.keepalive_count_max == 9; }},
    {"ServerAliveInterval",
     {"ServerAliveInterval=9"},
     [](const settings& s) {
         return s.connect.protocol.keepalive_interval == std::chrono::seconds(9);
     }},
    {"RequiredRSASize",
     {"RequiredRSASize=4096"},
     [](const settings& s) { return s.connect.rsa_bits_min == 4096; }},
    {"BindAddress",
     {"BindAddress=::1"},
     [](const settings& s) { return s.connect.bind_address == "::1"; }},
    {"BindInterface",
     {"BindInterface=lo"},
     [](const settings& s) { return s.connect.bind_interface == "lo"; }},
    {"Ciphers",
     {"Ciphers=aes256-ctr"},
     [](const settings& s) {
         return s.connect.protocol.transport.ciphers == strings{"aes256-ctr"};
     }},
    {"MACs",
     {"MACs=hmac-sha2-512"},
     [](const settings& s) {
         return s.connect.protocol.transport.macs == strings{"hmac-sha2-512"};
     }},
    {"KexAlgorithms",
     {"KexAlgorithms=curve25519-sha256"},
     [](const settings& s) {
         return s.connect.protocol.transport.kex_algorithms == strings{"curve25519-sha256"};
     }},
    {"HostKeyAlgorithms",
     {"HostKeyAlgorithms=ssh-ed25519"},
     [](const settings& s) {
         return s.connect.protocol.transport.host_key_algorithms == strings{"ssh-ed25519"};
     }},
    {"HostbasedAcceptedAlgorithms",
     {"HostbasedAcceptedAlgorithms=ssh-ed25519"},
     [](const settings& s) {
         return s.connect.protocol.auth.host_based.algorithms == strings{"ssh-ed25519"};
     }},
    {"PubkeyAcceptedAlgorithms",
     {"PubkeyAcceptedAlgorithms=ssh-ed25519"},
     [](const settings& s) {
         return s.connect.protocol.auth.public_key_algorithms == strings{"ssh-ed25519"};
     }},
    {"CASignatureAlgorithms",
     {"CASignatureAlgorithms=ssh-ed25519"},
     [](const settings& s) { return s.connect.ca_signature_algorithms == strings{"ssh-ed25519"}; }},
    {"HostKeyAlias",
     {"HostKeyAlias=x"},
     [](const settings& s) { return s.connect.host_key_alias == "x"; }},
    {"IdentityAgent",
     {"IdentityAgent=/x"},
     [](const settings& s) { return s.connect.agent_socket == "/x"; }},
    {"PreferredAuthentications",
     {"PreferredAuthentications=password"},
     [](const settings& s) { return s.connect.protocol.auth.methods == strings{"password"}; }},
    {"RevokedHostKeys",
     {"RevokedHostKeys=/x"},
     [](const settings& s) { return s.connect.revoked_host_keys == "/x"; }},
    {"IdentityFile",
     {"IdentityFile=/x"},
     [](const settings& s) { return s.connect.identity_files == strings{"/x"}; }},
    {"CertificateFile",
     {"CertificateFile=/x"},
     [](const settings& s) { return s.connect.certificate_files == strings{"/x"}; }},
    {"GlobalKnownHostsFile",
     {"GlobalKnownHostsFile=/x"},
     [](const settings& s) { return s.connect.known_hosts_files->back() == "/x"; }},
    {"UserKnownHostsFile",
     {"UserKnownHostsFile=/x"},
     [](const settings& s) { return s.connect.known_hosts_files->front() == "/x"; }},
    {"SetEnv", {"SetEnv=A=1"}, [](const settings& s) { return s.environment.size() == 1; }},
    {"SendEnv", {"SendEnv=PATH"}, [](const settings& s) { return s.environment.size() == 1; }},
    {"ForwardAgent",
     {"ForwardAgent=/x"},
     [](const settings& s) { return s.connect.forward_agent == "/x"; }},
    {"ConnectTimeout",
     {"ConnectTimeout=9"},
     [](const settings& s) { return s.connect.connect_timeout == std::chrono::seconds(9); }},
    {"IPQoS",
     {"IPQoS=af21 af22"},
     [](const settings& s) { return s.connect.type_of_service == 0x50; }},
    {"RekeyLimit",
     {"RekeyLimit=1M"},
     [](const settings& s) { return s.connect.protocol.transport.rekey.bytes == 1u << 20; }},
    {"ProxyCommand",
     {"ProxyCommand=x"},
     [](const settings& s) { return s.connect.proxy_command == "x"; }},
    {"ProxyJump",
     {"ProxyJump=x"},
     [](const settings& s) { return s.connect.jump_hosts.size() == 1; }},
    {"BatchMode", {"BatchMode=yes"}, [](const settings& s) { return *s.config.batch_mode; }},
};

// What the programs do, and the test that sees it.
const std::pair<const char*, const char*> of_programs[] = {
    {"ClearAllForwardings", "tests/interop/ssh_name.py forwards"},
    {"DynamicForward", "tests/interop/ssh_name.py forwards"},
    {"ExitOnForwardFailure", "tests/interop/ssh_name.py forwards"},
    {"ForkAfterAuthentication", "tests/interop/ssh_name.py background"},
    {"ForwardX11", "tests/interop/ssh_name.py forwards"},
    {"GatewayPorts", "SluiceForward.IsReadFromSettings"},
    {"LocalForward", "tests/interop/ssh_name.py forwards"},
    {"LogLevel", "tests/interop/ssh_name.py commands"},
    {"RemoteCommand", "tests/interop/client.py"},
    {"RemoteForward", "tests/interop/ssh_name.py forwards"},
    {"RequestTTY", "tests/interop/ssh_name.py shell"},
    {"SessionType", "tests/interop/ssh_name.py sftp"},
    {"StdinNull", "tests/interop/ssh_name.py commands"},
    {"Tunnel", "tests/interop/ssh_name.py forwards"},
};

// Refused, or of the reading of files itself: SshConfig.* and tests/interop/ssh_config.py.
const char* const of_reading[] = {"CanonicalizeFallbackLocal",
                                  "CanonicalizeMaxDots",
                                  "IgnoreUnknown",
                                  "ProxyUseFdpass",
                                  "RefuseConnection",
                                  "Tag"};

// Without a meaning where there is nothing else to use it.
const char* const beside_others[] = {"GSSAPIKexAlgorithms"};

TEST(SshConfigEffects, EachKeywordHasOneOrIsNoted) {
    std::multiset<std::string> found;
    for (const auto& one : effects)
        found.insert(one.keyword);
    for (const auto& [keyword, where] : of_programs)
        found.insert(keyword);
    for (const char* keyword : of_reading)
        found.insert(keyword);
    for (const char* keyword : beside_others)
        found.insert(keyword);
    for (const unserved_setting& one : unserved_settings())
        found.insert(std::string(one.keyword));
    for (const ssh_keyword& row : ssh_keywords())
        EXPECT_EQ(found.count(std::string(row.name)), 1u) << row.name;
    EXPECT_EQ(found.size(), ssh_keywords().size());
}

TEST(SshConfigEffects, ShowInWhatIsDone) {
    for (const effect& one : effects) {
        SCOPED_TRACE(one.keyword);
        EXPECT_TRUE(one.shows(loaded(one.said)));
        EXPECT_FALSE(one.shows(loaded(strings(one.said.begin() + 1, one.said.end()))));
    }
}

TEST(SshConfigEffects, WhatHasNoneIsSaidOnce) {
    const std::pair<const char*, const char*> said[] = {
        {"CheckHostIP", "yes"},
        {"VersionAddendum", "x"},
        {"VerifyHostKeyDNS", "ask"},
        {"VisualHostKey", "yes"},
        {"FingerprintHash", "md5"},
        {"AddKeysToAgent", "1h"},
        {"EnableSSHKeysign", "yes"},
        {"HostbasedAuthentication", "yes"},
        {"KbdInteractiveDevices", "pam"},
        {"PKCS11Provider", "/x"},
        {"SecurityKeyProvider", "/x"},
        {"GSSAPIAuthentication", "yes"},
        {"GSSAPIKeyExchange", "yes"},
        {"GSSAPIDelegateCredentials", "yes"},
        {"GSSAPITrustDns", "yes"},
        {"GSSAPIRenewalForcesRekey", "yes"},
        {"GSSAPIClientIdentity", "x"},
        {"GSSAPIServerIdentity", "x"},
        {"ControlMaster", "auto"},
        {"ControlPath", "/x"},
        {"ControlPersist", "60"},
        {"EscapeChar", "^A"},
        {"EnableEscapeCommandline", "yes"},
        {"ObscureKeystrokeTiming", "yes"},
        {"ChannelTimeout", "session=5m"},
        {"WarnWeakCrypto", "yes"},
        {"LogVerbose", "x"},
        {"SyslogFacility", "AUTH"},
        {"ForwardX11Timeout", "5"},
        {"ForwardX11Trusted", "yes"},
        {"XAuthLocation", "/x"},
        {"TunnelDevice", "1:2"},
        {"PermitRemoteOpen", "none"},
        {"StreamLocalBindMask", "0077"},
        {"StreamLocalBindUnlink", "yes"},
    };
    EXPECT_EQ(std::size(said), unserved_settings().size());
    const strings usual = loaded({}).config.notes;
    EXPECT_EQ(usual, strings());
    EXPECT_EQ(loaded({}).config.warnings, strings());
    for (const auto& [keyword, value] : said) {
        SCOPED_TRACE(keyword);
        const auto s = loaded({std::string(keyword) + "=" + value});
        const auto row = std::ranges::find(unserved_settings(), std::string_view(keyword),
                                           &unserved_setting::keyword);
        ASSERT_NE(row, unserved_settings().end());
        const strings& here = row->weakens ? s.config.warnings : s.config.notes;
        const strings& there = row->weakens ? s.config.notes : s.config.warnings;
        ASSERT_EQ(here.size(), 1u);
        EXPECT_TRUE(here.front().starts_with(std::string(keyword) + " has no effect: "));
        EXPECT_EQ(there, strings());
    }
}

TEST(SshConfigEffects, RefuseConnectionSaysWhy) {
    ssh_config_query query{"h", {}, {"RefuseConnection=\"ask the operators\""}, {}};
    ASSERT_TRUE(resolve_ssh_config(query, nothing_here()));  // ssh -G prints it
    const auto s = load_ssh_config(query, nothing_here());
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().message(), "refused by RefuseConnection: ask the operators");
}

}  // namespace
}  // namespace sluice
