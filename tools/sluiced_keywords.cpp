#include "sluice/tools/sluiced_keywords.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice::settings {
namespace {

using config = sluiced_config;
using choices = algorithm_choices;

// --- words that stand for values -----------------------------------------------------------------

constexpr word_table<bool, 2> yes_no_words{"yes or no", {{{"no", false}, {"yes", true}}}};
constexpr word_table<bool, 2> forwarding_words{"local or no (remote forwarding is not served)",
                                               {{{"no", false}, {"local", true}}}};
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
constexpr word_table<address_family, 3> family_words{"any, inet or inet6",
                                                     {{{"any", address_family::any},
                                                       {"inet", address_family::inet},
                                                       {"inet6", address_family::inet6}}}};
constexpr word_table<root_login, 4> root_words{
    "yes, prohibit-password or no",
    {{{"yes", root_login::yes},
      {"prohibit-password", root_login::prohibit_password},
      {"without-password", root_login::prohibit_password},
      {"no", root_login::no}}}};

using yes_or_no = one_of<yes_no_words>;

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
            [](const config& c) { return write_algorithms(c.*Member); }};
}

// --- the tables ----------------------------------------------------------------------------------

constexpr std::array keyword_rows{
    all_of<variable_patterns, &config::accepted_environment>("AcceptEnv", false, any_number),
    first_of<one_of<family_words>, &config::family>("AddressFamily"),
    first_of<one_of<forwarding_words>, &config::local_forwarding>("AllowTcpForwarding", in_match),
    all_of<user_lines, &config::allow_users>("AllowUsers", in_match, any_number),
    first_of<yes_or_no, &config::atomic_uploads>("AtomicUploads"),
    first_of<method_lists, &config::authentication_methods>("AuthenticationMethods", in_match,
                                                            any_number),
    first_of<files, &config::authorized_keys_files>("AuthorizedKeysFile", in_match, any_number),
    first_of<file, &config::authorized_principals_file>("AuthorizedPrincipalsFile", in_match),
    first_of<file, &config::banner>("Banner", in_match),
    algorithms_of<&choices::ca_signature, &config::ca_signature_algorithms>("CASignatureAlgorithms",
                                                                            in_match),
    first_of<file, &config::root>("ChrootDirectory", in_match),
    algorithms_of<&choices::cipher, &config::ciphers>("Ciphers"),
    first_of<number<0, 1000>, &config::client_alive_count_max>("ClientAliveCountMax"),
    first_of<time, &config::client_alive_interval>("ClientAliveInterval"),
    first_of<one_of<compression_words>, &config::compression>("Compression"),
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
    first_of<service_name, &config::pam_service>("PAMServiceName"),
    first_of<yes_or_no, &config::password_authentication>("PasswordAuthentication", in_match),
    first_of<source_startups, &config::per_source_max_startups>("PerSourceMaxStartups"),
    first_of<net_block, &config::per_source_net_block>("PerSourceNetBlockSize"),
    all_of<penalties, &config::per_source_penalties>("PerSourcePenalties", false, any_number),
    first_of<address_list, &config::per_source_penalty_exempt>("PerSourcePenaltyExemptList"),
    first_of<open_patterns, &config::permit_open>("PermitOpen", in_match, any_number),
    first_of<one_of<root_words>, &config::permit_root_login>("PermitRootLogin", in_match),
    all_of<port_lines, &config::ports>("Port"),
    algorithms_of<&choices::pubkey, &config::pubkey_accepted_algorithms>("PubkeyAcceptedAlgorithms",
                                                                         in_match),
    first_of<yes_or_no, &config::pubkey_authentication>("PubkeyAuthentication", in_match),
    first_of<rekeying, &config::rekey>("RekeyLimit", false, 2),
    first_of<file, &config::revoked_keys>("RevokedKeys", in_match),
    first_of<yes_or_no, &config::seccomp>("Seccomp"),
    first_of<variables, &config::environment>("SetEnv", in_match, any_number),
    first_of<yes_or_no, &config::stay_on_filesystem>("SFTPStayOnFilesystem", in_match),
    first_of<files, &config::shosts_files>("ShostsFile", in_match, any_number),
    all_of<sftp_subsystem, &config::sftp_read_only>("Subsystem", false, any_number),
    first_of<file, &config::trusted_user_ca_keys>("TrustedUserCAKeys", in_match),
    first_of<yes_or_no, &config::use_pam>("UsePAM"),
    first_of<account_name, &config::user>("User"),
    first_of<file, &config::users_file>("UsersFile", in_match),
};

constexpr std::array fixed_rows{
    fixed_row{"AllowAgentForwarding", "no", true},
    fixed_row{"AllowStreamLocalForwarding", "no", true},
    fixed_row{"AuthorizedKeysCommand", "none", true},
    fixed_row{"AuthorizedPrincipalsCommand", "none", true},
    fixed_row{"ExposeAuthInfo", "no", true},
    fixed_row{"FingerprintHash", "sha256", false},
    fixed_row{"GatewayPorts", "no", true},
    fixed_row{"GSSAPIAuthentication", "no", true},
    fixed_row{"HostKeyAgent", "none", false},
    fixed_row{"IgnoreRhosts", "yes", true},
    fixed_row{"IgnoreUserKnownHosts", "yes", false},
    fixed_row{"KerberosAuthentication", "no", true},
    fixed_row{"PermitEmptyPasswords", "no", true},
    fixed_row{"PermitListen", "none", true},
    fixed_row{"PermitTTY", "no", true},
    fixed_row{"PermitTunnel", "no", true},
    fixed_row{"PermitUserRC", "no", true},
    fixed_row{"PidFile", "none", false},
    fixed_row{"PrintLastLog", "no", false},
    fixed_row{"PrintMotd", "no", false},
    fixed_row{"StrictModes", "no", false},
    fixed_row{"TCPKeepAlive", "no", false},
    fixed_row{"UseDNS", "no", false},
    fixed_row{"VersionAddendum", "none", false},
    fixed_row{"X11Forwarding", "no", true},
};

constexpr std::array refused_rows{
    refused_row{"AllowGroups", "there are no system accounts, so no groups; use AllowUsers"},
    refused_row{"DenyGroups", "there are no system accounts, so no groups; use DenyUsers"},
};

}  // namespace

std::span<const keyword_row> keywords() { return keyword_rows; }
std::span<const fixed_row> fixed_keywords() { return fixed_rows; }
std::span<const refused_row> refused_keywords() { return refused_rows; }

}  // namespace sluice::settings
