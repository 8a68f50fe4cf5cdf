#include "sluice/io/ssh_config_unserved.hpp"

#include "sluice/wire/limits.hpp"

#include <array>

namespace sluice {
namespace {

using config = ssh_config;

template <auto Member>
bool is_on(const config& c) {
    return *(c.*Member);
}

template <auto Member>
bool is_said(const config& c) {
    return (c.*Member).has_value();
}

// A word that is not this one.
template <auto Member>
bool differs(const config& c, std::string_view usual) {
    return c.*Member && *(c.*Member) != usual;
}

constexpr std::array rows{
    unserved_setting{"CheckHostIP", is_on<&config::check_host_ip>, true,
                     "the address of a host is not looked up in the known hosts"},
    unserved_setting{"VersionAddendum",
                     [](const config& c) { return differs<&config::version_addendum>(c, "none"); },
                     false, "the identification stays as it is"},
    unserved_setting{
        "VerifyHostKeyDNS",
        [](const config& c) { return differs<&config::verify_host_key_dns>(c, "false"); }, false,
        "no host key is trusted by what the DNS says"},
    unserved_setting{"VisualHostKey", is_on<&config::visual_host_key>, false,
                     "no picture of a host key is drawn"},
    unserved_setting{
        "FingerprintHash",
        [](const config& c) { return differs<&config::fingerprint_hash>(c, "SHA256"); }, false,
        "fingerprints are by SHA-256"},
    unserved_setting{
        "AddKeysToAgent",
        [](const config& c) { return differs<&config::add_keys_to_agent>(c, "false"); }, false,
        "no key is added to the agent"},
    unserved_setting{"EnableSSHKeysign", is_on<&config::enable_ssh_keysign>, false,
                     "ssh-keysign is not run"},
    unserved_setting{"HostbasedAuthentication", is_on<&config::hostbased_authentication>, false,
                     "there is no key of this host to vouch by"},
    unserved_setting{"KbdInteractiveDevices", is_said<&config::kbd_interactive_devices>, false,
                     "the server chooses"},
    unserved_setting{"PKCS11Provider", is_said<&config::pkcs11_provider>, false,
                     "keys of tokens are used through an agent only"},
    unserved_setting{
        "SecurityKeyProvider",
        [](const config& c) { return differs<&config::security_key_provider>(c, "internal"); },
        false, "security keys are used through an agent only"},
    unserved_setting{"GSSAPIAuthentication", is_on<&config::gssapi_authentication>, false,
                     "GSSAPI is not served"},
    unserved_setting{"GSSAPIKeyExchange", is_on<&config::gssapi_key_exchange>, false,
                     "GSSAPI is not served"},
    unserved_setting{"GSSAPIDelegateCredentials", is_on<&config::gssapi_delegate_credentials>,
                     false, "GSSAPI is not served"},
    unserved_setting{"GSSAPITrustDns", is_on<&config::gssapi_trust_dns>, false,
                     "GSSAPI is not served"},
    unserved_setting{"GSSAPIRenewalForcesRekey", is_on<&config::gssapi_renewal_forces_rekey>, false,
                     "GSSAPI is not served"},
    unserved_setting{"GSSAPIClientIdentity", is_said<&config::gssapi_client_identity>, false,
                     "GSSAPI is not served"},
    unserved_setting{"GSSAPIServerIdentity", is_said<&config::gssapi_server_identity>, false,
                     "GSSAPI is not served"},
    unserved_setting{"ControlMaster",
                     [](const config& c) { return differs<&config::control_master>(c, "false"); },
                     false, "connections are not shared"},
    unserved_setting{"ControlPath", is_said<&config::control_path>, false,
                     "connections are not shared"},
    unserved_setting{"ControlPersist",
                     [](const config& c) { return differs<&config::control_persist>(c, "no"); },
                     false, "connections are not shared"},
    unserved_setting{"EscapeChar",
                     [](const config& c) {
                         return differs<&config::escape_char>(c, "~") && *c.escape_char != "none";
                     },
                     false, "there are no escapes without a terminal"},
    unserved_setting{"EnableEscapeCommandline", is_on<&config::enable_escape_commandline>, false,
                     "there are no escapes without a terminal"},
    unserved_setting{
        "ObscureKeystrokeTiming",
        [](const config& c) { return differs<&config::obscure_keystroke_timing>(c, "no"); }, false,
        "there are no terminals whose keystrokes could be timed"},
    unserved_setting{
        "ChannelTimeout",
        [](const config& c) { return c.channel_timeout && !c.channel_timeout->empty(); }, false,
        "no channel is closed for being idle"},
    unserved_setting{"WarnWeakCrypto",
                     [](const config& c) { return differs<&config::warn_weak_crypto>(c, "false"); },
                     false, "weak algorithms that are turned on are told all the same"},
    unserved_setting{
        "LogVerbose",
        [](const config& c) { return c.log_verbose && c.log_verbose->front() != "none"; }, false,
        "there are no messages by source file"},
    unserved_setting{"SyslogFacility",
                     [](const config& c) { return differs<&config::syslog_facility>(c, "USER"); },
                     false, "nothing is told to syslog"},
    unserved_setting{"ForwardX11Timeout",
                     [](const config& c) { return *c.forward_x11_timeout != 1200; }, false,
                     "X11 is not served"},
    unserved_setting{"ForwardX11Trusted", is_on<&config::forward_x11_trusted>, false,
                     "X11 is not served"},
    unserved_setting{
        "XAuthLocation",
        [](const config& c) { return differs<&config::xauth_location>(c, "/usr/bin/xauth"); },
        false, "X11 is not served"},
    unserved_setting{"TunnelDevice",
                     [](const config& c) { return differs<&config::tunnel_device>(c, "any:any"); },
                     false, "tunnels are not served"},
    unserved_setting{"PermitRemoteOpen",
                     [](const config& c) {
                         return c.permit_remote_open && c.permit_remote_open->front() != "any";
                     },
                     false, "remote forwards are not served"},
    unserved_setting{
        "StreamLocalBindMask",
        [](const config& c) { return differs<&config::stream_local_bind_mask>(c, "0177"); }, false,
        "sockets with a path are not forwarded"},
    unserved_setting{"StreamLocalBindUnlink", is_on<&config::stream_local_bind_unlink>, false,
                     "sockets with a path are not forwarded"},
};

}  // namespace

std::span<const unserved_setting> unserved_settings() { return rows; }

void note_unserved_settings(ssh_config& c) {
    for (const unserved_setting& row : rows) {
        if (!row.asked_for(c)) continue;
        auto& list = row.weakens ? c.warnings : c.notes;
        if (list.size() >= limits::policy_errors_max) return;
        list.push_back(std::string(row.keyword) + " has no effect: " + std::string(row.instead));
    }
}

}  // namespace sluice
