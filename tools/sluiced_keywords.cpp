#include "sluice/tools/sluiced_keywords.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice::settings {
namespace {

using config = sluiced_config;
using choices = algorithm_choices;

// --- words that stand for values -----------------------------------------------------------------

constexpr word_table<bool, 2> yes_no_words{"yes or no", {{{"no", false}, {"yes", true}}}};
constexpr word_table<bool, 5> forwarding_words{
    "yes, all, local, remote or no",
    {{{"no", false}, {"local", true}, {"yes", true}, {"all", true}, {"remote", false}}}};
// As sshd: "yes" has meant "delayed" since compression before authentication went away.
constexpr word_table<compression_setting, 3> compression_words{
    "yes, delayed or no",
    {{{"no", compression_setting::no},
      {"yes", compression_setting::delayed},
      {"delayed", compression_setting::delayed}}}};
constexpr word_table<log_level, 9> level_words{
    "QUIET, FATAL, ERROR, INFO, VERBOSE or DEBUG to DEBUG3",
    {{{"QUIET", log_level::quiet},
      {"FATAL", log_level::fatal},
      {"ERROR", log_level::error},
      {"INFO", log_level::info},
      {"VERBOSE", log_level::verbose},
      {"DEBUG", log_level::debug1},
      {"DEBUG1", log_level::debug1},
      {"DEBUG2", log_level::debug2},
      {"DEBUG3", log_level::debug3}}}};
constexpr word_table<log_format, 2> format_words{
    "text or json", {{{"text", log_format::text}, {"json", log_format::json}}}};
constexpr word_table<sftp::drain_policy, 3> drain_words{
    "finish_handles, finish_session or now",
    {{{"finish_handles", sftp::drain_policy::finish_handles},
      {"finish_session", sftp::drain_policy::finish_session},
      {"now", sftp::drain_policy::now}}}};
constexpr word_table<listen_family, 3> family_words{"any, inet or inet6",
                                                    {{{"any", listen_family::any},
                                                      {"inet", listen_family::inet},
                                                      {"inet6", listen_family::inet6}}}};
constexpr word_table<root_login, 4> root_words{
    "yes, prohibit-password or no",
    {{{"yes", root_login::yes},
      {"prohibit-password", root_login::prohibit_password},
      {"without-password", root_login::prohibit_password},
      {"no", root_login::no}}}};

constexpr word_table<int, 12> facility_words{"a facility of syslog such as AUTH or LOCAL0",
                                             {{{"DAEMON", LOG_DAEMON},
                                               {"USER", LOG_USER},
                                               {"AUTH", LOG_AUTH},
                                               {"AUTHPRIV", LOG_AUTHPRIV},
                                               {"LOCAL0", LOG_LOCAL0},
                                               {"LOCAL1", LOG_LOCAL1},
                                               {"LOCAL2", LOG_LOCAL2},
                                               {"LOCAL3", LOG_LOCAL3},
                                               {"LOCAL4", LOG_LOCAL4},
                                               {"LOCAL5", LOG_LOCAL5},
                                               {"LOCAL6", LOG_LOCAL6},
                                               {"LOCAL7", LOG_LOCAL7}}}};

using yes_or_no = one_of<yes_no_words>;

bool is_one_of(std::string_view word, std::string_view list) {
    while (!list.empty()) {
        const auto end = std::min(list.find(' '), list.size());
        if (equal_ignoring_case(word, list.substr(0, end))) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// --- kinds of rows -------------------------------------------------------------------------------

constexpr bool in_match = true;
constexpr std::size_t any_number = config_values_max;

template <class Kind, auto Member>
constexpr keyword_row first_of(std::string_view keyword, bool match = false,
                               std::size_t arguments_max = 1) {
    return {keyword,
            match,
            arguments_max,
            false,
            false,
            [](const words& w, const choices&, config& c) { return Kind::read(w, c.*Member); },
            [](config& c) { c.*Member = {}; },
            [](const config& c) { return Kind::write(c.*Member); }};
}

template <class Kind, auto Member>
constexpr keyword_row all_of(std::string_view keyword, bool match = false,
                             std::size_t arguments_max = 1) {
    keyword_row row = first_of<Kind, Member>(keyword, match, arguments_max);
    row.adds_up = true;
    return row;
}

template <class Kind, auto Member>
constexpr keyword_row rest_of_line(std::string_view keyword, bool match = false) {
    keyword_row row = first_of<Kind, Member>(keyword, match);
    row.raw = true;
    return row;
}

template <auto Choice, auto Member>
constexpr keyword_row algorithms_of(std::string_view keyword, bool match = false) {
    return {keyword,
            match,
            1,
            false,
            false,
            [](const words& w, const choices& all, config& c) {
                return read_algorithms(w, all.*Choice, c.*Member);
            },
            [](config& c) { (c.*Member).clear(); },
            [](const config& c) { return write_algorithms(c.*Member); },
            [](const words& w, const choices& all) { return note_on_algorithms(w, all.*Choice); }};
}

// --- what is taken in part -----------------------------------------------------------------------

template <std::string_view (*Note)(const words&, const algorithm_choices&)>
constexpr keyword_row noting(keyword_row row) {
    row.note = Note;
    return row;
}

std::string_view note_on_forwarding(const words& w, const choices&) {
    const bool remote_too = is_one_of(w[0], "yes all remote");
    return remote_too ? "remote forwarding is not served, local forwarding is" : "";
}

std::string_view note_on_subsystem(const words& w, const choices&) {
    return w[0] == sftp_subsystem::name ? "" : "there is no subsystem but sftp";
}

std::string_view note_on_rsa_size(const words& w, const choices&) {
    const auto bits = number_from<unsigned>(w[0]);
    return bits && *bits < limits::rsa_bits_min ? "RSA keys below 2048 bits are never taken" : "";
}

std::string_view note_on_syslog(const words&, const choices&) {
    return "the log goes to standard error, where a service manager takes it, unless --syslog is "
           "given";
}

// --- the tables ----------------------------------------------------------------------------------

constexpr std::array keyword_rows{
    all_of<variable_patterns, &config::accepted_environment>("AcceptEnv", false, any_number),
    first_of<one_of<family_words>, &config::family>("AddressFamily"),
    all_of<group_lines, &config::allow_groups>("AllowGroups", in_match, any_number),
    noting<note_on_forwarding>(first_of<one_of<forwarding_words>, &config::local_forwarding>(
        "AllowTcpForwarding", in_match)),
    all_of<user_lines, &config::allow_users>("AllowUsers", in_match, any_number),
    first_of<yes_or_no, &config::atomic_uploads>("AtomicUploads"),
    first_of<method_lists, &config::authentication_methods>("AuthenticationMethods", in_match,
                                                            any_number),
    first_of<keys_program, &config::authorized_keys_command>("AuthorizedKeysCommand", in_match,
                                                             any_number),
    first_of<account_name, &config::authorized_keys_command_user>("AuthorizedKeysCommandUser",
                                                                  in_match),
    first_of<user_files, &config::authorized_keys_files>("AuthorizedKeysFile", in_match,
                                                         any_number),
    first_of<principals_program, &config::authorized_principals_command>(
        "AuthorizedPrincipalsCommand", in_match, any_number),
    first_of<account_name, &config::authorized_principals_command_user>(
        "AuthorizedPrincipalsCommandUser", in_match),
    first_of<user_file, &config::authorized_principals_file>("AuthorizedPrincipalsFile", in_match),
    first_of<file, &config::banner>("Banner", in_match),
    algorithms_of<&choices::ca_signature, &config::ca_signature_algorithms>("CASignatureAlgorithms",
                                                                            in_match),
    first_of<file, &config::root>("ChrootDirectory", in_match),
    algorithms_of<&choices::cipher, &config::ciphers>("Ciphers"),
    first_of<number<0, 1000>, &config::client_alive_count_max>("ClientAliveCountMax"),
    first_of<time, &config::client_alive_interval>("ClientAliveInterval"),
    first_of<one_of<compression_words>, &config::compression>("Compression"),
    all_of<group_lines, &config::deny_groups>("DenyGroups", in_match, any_number),
    all_of<user_lines, &config::deny_users>("DenyUsers", in_match, any_number),
    first_of<yes_or_no, &config::disable_forwarding>("DisableForwarding", in_match),
    first_of<time, &config::drain_deadline>("DrainDeadline"),
    first_of<one_of<drain_words>, &config::drain_policy>("DrainPolicy"),
    rest_of_line<command, &config::force_command>("ForceCommand", in_match),
    first_of<account_name, &config::group>("Group"),
    algorithms_of<&choices::hostbased, &config::hostbased_accepted_algorithms>(
        "HostbasedAcceptedAlgorithms"),
    first_of<yes_or_no, &config::hostbased_authentication>("HostbasedAuthentication", in_match),
    first_of<files, &config::hostbased_known_hosts_files>("HostbasedKnownHostsFile", in_match,
                                                          any_number),
    first_of<yes_or_no, &config::hostbased_name_from_packet_only>("HostbasedUsesNameFromPacketOnly",
                                                                  in_match),
    all_of<file_lines, &config::host_certificates>("HostCertificate"),
    all_of<file_lines, &config::host_keys>("HostKey"),
    algorithms_of<&choices::host_key, &config::host_key_algorithms>("HostKeyAlgorithms"),
    first_of<yes_or_no, &config::interactive_authentication>("KbdInteractiveAuthentication",
                                                             in_match),
    algorithms_of<&choices::kex, &config::kex_algorithms>("KexAlgorithms"),
    first_of<yes_or_no, &config::landlock>("Landlock"),
    all_of<listen_lines, &config::listen_addresses>("ListenAddress"),
    first_of<one_of<format_words>, &config::format>("LogFormat"),
    first_of<one_of<level_words>, &config::level>("LogLevel"),
    first_of<time, &config::login_grace_time>("LoginGraceTime"),
    algorithms_of<&choices::mac, &config::macs>("MACs"),
    first_of<number<1, 1000>, &config::max_auth_tries>("MaxAuthTries", in_match),
    first_of<number<0, limits::channels_max>, &config::max_sessions>("MaxSessions"),
    first_of<startups, &config::max_startups>("MaxStartups"),
    first_of<file, &config::moduli_file>("ModuliFile"),
    first_of<yes_or_no, &config::offer_to_old_clients>("OfferToOldClients"),
    first_of<service_name, &config::pam_service>("PAMServiceName"),
    first_of<yes_or_no, &config::password_authentication>("PasswordAuthentication", in_match),
    first_of<source_startups, &config::per_source_max_startups>("PerSourceMaxStartups"),
    first_of<net_block, &config::per_source_net_block>("PerSourceNetBlockSize"),
    all_of<penalties, &config::per_source_penalties>("PerSourcePenalties", false, any_number),
    first_of<address_list, &config::per_source_penalty_exempt>("PerSourcePenaltyExemptList"),
    first_of<open_patterns, &config::permit_open>("PermitOpen", in_match, any_number),
    first_of<one_of<root_words>, &config::permit_root_login>("PermitRootLogin", in_match),
    first_of<file, &config::pid_file>("PidFile"),
    all_of<port_lines, &config::ports>("Port"),
    algorithms_of<&choices::pubkey, &config::pubkey_accepted_algorithms>("PubkeyAcceptedAlgorithms",
                                                                         in_match),
    first_of<yes_or_no, &config::pubkey_authentication>("PubkeyAuthentication", in_match),
    first_of<rekeying, &config::rekey>("RekeyLimit", false, 2),
    noting<note_on_rsa_size>(first_of<number<0, 2'147'483'647>, &config::required_rsa_size>(
        "RequiredRSASize", in_match)),
    first_of<file, &config::revoked_keys>("RevokedKeys", in_match),
    first_of<yes_or_no, &config::seccomp>("Seccomp"),
    first_of<variables, &config::environment>("SetEnv", in_match, any_number),
    first_of<yes_or_no, &config::devices>("SFTPDevices", in_match),
    first_of<yes_or_no, &config::set_id>("SFTPSetId", in_match),
    first_of<yes_or_no, &config::stay_on_filesystem>("SFTPStayOnFilesystem", in_match),
    first_of<user_files, &config::shosts_files>("ShostsFile", in_match, any_number),
    first_of<yes_or_no, &config::strict_modes>("StrictModes"),
    noting<note_on_subsystem>(
        all_of<sftp_subsystem, &config::sftp>("Subsystem", false, any_number)),
    noting<note_on_syslog>(
        first_of<one_of<facility_words>, &config::syslog_facility>("SyslogFacility")),
    first_of<file, &config::trusted_user_ca_keys>("TrustedUserCAKeys", in_match),
    first_of<yes_or_no, &config::use_pam>("UsePAM"),
    first_of<account_name, &config::user>("User"),
    first_of<file, &config::users_file>("UsersFile", in_match),
    rest_of_line<addendum, &config::version_addendum>("VersionAddendum"),
};

constexpr auto noted = fixed_row::others::noted;
constexpr auto refused = fixed_row::others::refused;
constexpr std::string_view yes_or_no_only = "yes no";
constexpr std::string_view forwarding_only = "yes all no local remote";
constexpr std::string_view anything{};

constexpr std::string_view no_forwarding = "only connections through the server are served";
constexpr std::string_view no_terminals = "there are no terminals";
constexpr std::string_view no_x11 = "X11 is not forwarded";
constexpr std::string_view no_gssapi = "there are no logins by GSSAPI";
constexpr std::string_view no_kerberos = "there are no logins by Kerberos";
constexpr std::string_view obsolete = "obsolete, as for sshd";

constexpr std::array fixed_rows{
    fixed_row{"AllowAgentForwarding", "no", true, noted, yes_or_no_only,
              "agents are not forwarded"},
    fixed_row{"AllowStreamLocalForwarding", "no", true, noted, forwarding_only, no_forwarding},
    fixed_row{"ChannelTimeout", "none", true, refused, anything,
              "channels are not closed for being idle"},
    fixed_row{"DebianBanner", "no", false, noted, yes_or_no_only,
              "the distribution is not in what the server calls itself"},
    fixed_row{"ExposeAuthInfo", "no", true, noted, yes_or_no_only, "SSH_USER_AUTH is not set"},
    fixed_row{"FingerprintHash", "sha256", false, noted, "sha256 md5",
              "fingerprints in the log are SHA256"},
    fixed_row{"GatewayPorts", "no", true, noted, "yes no clientspecified", no_forwarding},
    fixed_row{"GSSAPIAuthentication", "no", true, noted, yes_or_no_only, no_gssapi},
    fixed_row{"GSSAPICleanupCredentials", {}, false, noted, yes_or_no_only, no_gssapi},
    fixed_row{"GSSAPIKexAlgorithms", {}, false, noted, anything, no_gssapi},
    fixed_row{"GSSAPIKeyExchange", "no", false, noted, yes_or_no_only, no_gssapi},
    fixed_row{"GSSAPIStoreCredentialsOnRekey", "no", false, noted, yes_or_no_only, no_gssapi},
    fixed_row{"GSSAPIStrictAcceptorCheck", {}, false, noted, yes_or_no_only, no_gssapi},
    fixed_row{"HostKeyAgent", "none", false, refused, anything, "host keys are read from files"},
    fixed_row{"IgnoreRhosts", "yes", true, refused, anything,
              "files of users let in no host: use ShostsFile"},
    fixed_row{"IgnoreUserKnownHosts", "yes", false, noted, yes_or_no_only,
              "keys of hosts are those of HostbasedKnownHostsFile alone"},
    fixed_row{"IPQoS", {}, true, noted, anything, "packets are not marked"},
    fixed_row{"KerberosAuthentication", "no", true, noted, yes_or_no_only, no_kerberos},
    fixed_row{"KerberosGetAFSToken", "no", false, noted, yes_or_no_only, no_kerberos},
    fixed_row{"KerberosOrLocalPasswd", {}, false, noted, yes_or_no_only, no_kerberos},
    fixed_row{"KerberosTicketCleanup", {}, false, noted, yes_or_no_only, no_kerberos},
    fixed_row{"LogVerbose", "none", true, noted, anything, "LogLevel alone decides"},
    fixed_row{"PermitEmptyPasswords", "no", true, refused, anything,
              "an empty password never opens anything"},
    fixed_row{"PermitListen", "none", true, noted, anything, no_forwarding},
    fixed_row{"PermitTTY", "no", true, noted, yes_or_no_only, no_terminals},
    fixed_row{"PermitTunnel", "no", true, noted, "yes no point-to-point ethernet",
              "there are no tunnels"},
    fixed_row{"PermitUserEnvironment", "no", false, refused, anything,
              "files of users set no variables: use AcceptEnv or SetEnv"},
    fixed_row{"PermitUserRC", "no", true, noted, yes_or_no_only, "no ~/.ssh/rc is run"},
    fixed_row{"PrintLastLog", "no", false, noted, yes_or_no_only, no_terminals},
    fixed_row{"PrintMotd", "no", false, noted, yes_or_no_only, no_terminals},
    fixed_row{"PubkeyAuthOptions", "none", true, refused, anything,
              "a touch is asked for unless the key's line has no-touch-required; put "
              "verify-required there"},
    fixed_row{"RDomain", "none", true, refused, anything, "there are no routing domains"},
    fixed_row{"RefuseConnection", "no", true, refused, anything,
              "who may connect is decided at the login: use DenyUsers or AuthenticationMethods"},
    fixed_row{"SecurityKeyProvider", "internal", false, noted, anything,
              "signatures of security keys are verified without a library of their own"},
    fixed_row{"SshdAuthPath", {}, false, noted, anything, "there is no such program"},
    fixed_row{"SshdSessionPath", {}, false, noted, anything, "there is no such program"},
    fixed_row{"StreamLocalBindMask", {}, true, noted, anything, no_forwarding},
    fixed_row{"StreamLocalBindUnlink", "no", true, noted, yes_or_no_only, no_forwarding},
    fixed_row{"TCPKeepAlive", "yes", false, noted, yes_or_no_only,
              "TCP always looks whether its peer is there"},
    fixed_row{"UnusedConnectionTimeout", "none", true, refused, anything,
              "connections are not closed for being idle"},
    fixed_row{"UseDNS", "no", false, noted, yes_or_no_only,
              "names of addresses are not looked up: patterns of hosts are for addresses"},
    fixed_row{"X11DisplayOffset", {}, true, noted, anything, no_x11},
    fixed_row{"X11Forwarding", "no", true, noted, yes_or_no_only, no_x11},
    fixed_row{"X11UseLocalhost", {}, true, noted, yes_or_no_only, no_x11},
    fixed_row{"XAuthLocation", {}, false, noted, anything, no_x11},

    // What sshd still takes and has no use for.
    fixed_row{"AFSTokenPassing", {}, false, noted, anything, obsolete},
    fixed_row{"AuthorizedKeysFile2", {}, false, noted, anything, obsolete},
    fixed_row{"CheckMail", {}, false, noted, anything, obsolete},
    fixed_row{"GSSAPIUseSessionCredCache", {}, false, noted, anything, obsolete},
    fixed_row{"GSSUsesSessionCCache", {}, false, noted, anything, obsolete},
    fixed_row{"KerberosTgtPassing", {}, false, noted, anything, obsolete},
    fixed_row{"KeyRegenerationInterval", {}, false, noted, anything, obsolete},
    fixed_row{"PAMAuthenticationViaKbdInt", {}, false, noted, anything, obsolete},
    fixed_row{"Protocol", {}, false, noted, anything, obsolete},
    fixed_row{"ReverseMappingCheck", {}, false, noted, anything, obsolete},
    fixed_row{"RhostsAuthentication", {}, false, noted, anything, obsolete},
    fixed_row{"RhostsRSAAuthentication", {}, false, noted, anything, obsolete},
    fixed_row{"RSAAuthentication", {}, false, noted, anything, obsolete},
    fixed_row{"ServerKeyBits", {}, false, noted, anything, obsolete},
    fixed_row{"UseLogin", {}, false, noted, anything, obsolete},
    fixed_row{"UsePrivilegeSeparation", {}, false, noted, anything, obsolete},
    fixed_row{"VerifyReverseMapping", {}, false, noted, anything, obsolete},
};

constexpr std::array former_rows{
    former_row{"ChallengeResponseAuthentication", "KbdInteractiveAuthentication"},
    former_row{"DSAAuthentication", "PubkeyAuthentication"},
    former_row{"GSSAPICleanupCreds", "GSSAPICleanupCredentials"},
    former_row{"HostbasedAcceptedKeyTypes", "HostbasedAcceptedAlgorithms"},
    former_row{"HostDSAKey", "HostKey"},
    former_row{"KeepAlive", "TCPKeepAlive"},
    former_row{"PubkeyAcceptedKeyTypes", "PubkeyAcceptedAlgorithms"},
    former_row{"SkeyAuthentication", "KbdInteractiveAuthentication"},
};

}  // namespace

std::span<const keyword_row> keywords() { return keyword_rows; }
std::span<const fixed_row> fixed_keywords() { return fixed_rows; }
std::span<const former_row> former_keywords() { return former_rows; }

config_fault read_fixed(const fixed_row& row, const words& values, std::string_view& note) {
    note = {};
    if (values.size() == 1 && !row.value.empty() && equal_ignoring_case(values[0], row.value))
        return {};
    if (row.other_values == refused)
        return "'" + values[0] + "' is not served, only " + std::string(row.value) + ": " +
               std::string(row.why);
    if (!row.words.empty() && values.size() > 1) return "too many values";
    if (!row.words.empty() && !is_one_of(values[0], row.words))
        return expected("one of " + std::string(row.words), values[0]);
    note = row.why;
    return {};
}

}  // namespace sluice::settings
