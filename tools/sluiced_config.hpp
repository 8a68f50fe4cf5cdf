#pragma once

#include "sluice/io/connect_answer.hpp"
#include "sluice/io/source_limits.hpp"
#include "sluice/sftp/drain_policy.hpp"
#include "sluice/tools/sluiced_match.hpp"
#include "sluice/tools/sluiced_sftp_options.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"

#include <syslog.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The settings of `sluiced`, as in sshd_config(5).
namespace sluice {

/// An address to listen on. Without a port, every `Port` is meant.
struct listen_address {
    std::string host;  // name or address, IPv6 without brackets
    std::optional<std::uint16_t> port;

    bool operator==(const listen_address&) const = default;
};

/// `*` and `?` are wildcards. The host is a list as in from="…" of authorized_keys, with blocks;
/// an empty one is any.
struct user_pattern {
    std::string user;
    std::string host;

    bool operator==(const user_pattern&) const = default;
};

/// Where connections may go through the server. `*` and `?` in the host are wildcards.
struct open_pattern {
    std::string host;                   // as the client names it; IPv6 without brackets
    std::optional<std::uint16_t> port;  // or any

    bool operator==(const open_pattern&) const = default;
};

/// How many connections may be unauthenticated: above `start`, `rate` per cent of new ones are
/// refused, rising to all of them at `full`.
struct startup_limit {
    unsigned start = 10;
    unsigned rate = 30;  // per cent
    unsigned full = 100;

    bool operator==(const startup_limit&) const = default;
};

/// How many bits of an address make its source.
struct net_block_size {
    unsigned v4 = 32;
    unsigned v6 = 128;

    bool operator==(const net_block_size&) const = default;
};

/// What sources are refused for (PerSourcePenalties). Three of these are never due: a crash is the
/// end of the whole server, there are no system accounts, so no user is invalid, and there is no
/// RefuseConnection.
struct penalty_setting {
    bool on = true;
    std::chrono::seconds crash{90};
    std::chrono::seconds auth_fail{5};
    std::chrono::seconds invalid_user{5};
    std::chrono::seconds no_auth{1};
    std::chrono::seconds grace_exceeded{10};
    std::chrono::seconds refuse_connection{10};
    unsigned cpu = 10;  // ours: seconds for a second of a processor
    std::chrono::seconds max{600};
    std::chrono::seconds min{15};
    std::size_t max_sources4 = 65'536;
    std::size_t max_sources6 = 65'536;
    source_overflow overflow = source_overflow::permissive;
    std::optional<source_overflow> overflow6 = {};  // nothing: as the other

    unsigned given = 0;  // for reading: a bit for each name that has its value

    source_overflow overflow_of_v6() const { return overflow6.value_or(overflow); }
    /// Whether they mean the same.
    bool operator==(const penalty_setting& other) const;
};

/// When to exchange keys again; nothing: what the cipher asks for.
struct rekey_limit {
    std::optional<std::uint64_t> data;  // bytes
    std::optional<std::chrono::seconds> time;

    bool operator==(const rekey_limit&) const = default;
};

enum class compression_setting { no, delayed };  // delayed: after authentication
enum class log_level { quiet, fatal, error, info, verbose, debug1, debug2, debug3 };
enum class log_format { text, json };
enum class listen_family { any, inet, inet6 };
enum class root_login { yes, prohibit_password, no };

/// Defaults are those of sshd_config(5) where the keyword is from there, but for
/// KbdInteractiveAuthentication (no), PermitRootLogin (yes: root is a name like others),
/// ClientAliveInterval (2 minutes: a peer that is gone is noticed) and AcceptEnv (LANG LC_*, as
/// Debian's sshd_config has it).
struct sluiced_config {
    // Listening
    std::vector<std::uint16_t> ports;  // empty: 22, or what the command line says
    std::vector<listen_address> listen_addresses;
    listen_family family = listen_family::any;
    startup_limit max_startups;

    // Sources
    std::optional<unsigned> per_source_max_startups;  // nothing: none
    net_block_size per_source_net_block;
    penalty_setting per_source_penalties;
    std::string per_source_penalty_exempt;  // address patterns; empty: none

    // Keys and algorithms; in order of preference
    std::vector<std::string> host_keys;          // files
    std::vector<std::string> host_certificates;  // files
    std::vector<std::string> kex_algorithms;
    std::string moduli_file;  // of the group exchange; empty: the groups of RFC 3526
    std::vector<std::string> host_key_algorithms;
    std::vector<std::string> pubkey_accepted_algorithms;
    std::vector<std::string> hostbased_accepted_algorithms;
    std::vector<std::string> ca_signature_algorithms;
    std::vector<std::string> ciphers;
    std::vector<std::string> macs;
    bool offer_to_old_clients = true;  // what they need, where the list of that kind is the default
    compression_setting compression = compression_setting::no;
    rekey_limit rekey;

    // The process itself
    std::string user;              // that it becomes; empty: the one that starts it
    std::string group;             // empty: the user's own
    std::string pid_file;          // empty: none
    std::string version_addendum;  // behind the identification
    bool landlock = true;
    bool seccomp = true;

    // Who may log in, and how
    std::vector<std::string> authorized_keys_files;          // empty: none
    std::vector<std::string> authorized_keys_command;        // program and arguments; empty: none
    std::string authorized_keys_command_user;                // who it runs as; empty: not said
    std::vector<std::string> authorized_principals_command;  // likewise
    std::string authorized_principals_command_user;
    std::string trusted_user_ca_keys;  // this and those below: files; empty: none
    std::string authorized_principals_file;
    std::string revoked_keys;
    bool strict_modes = false;       // files that let in are writable by root and us alone
    unsigned required_rsa_size = 0;  // bits; never fewer than limits::rsa_bits_min
    std::string users_file;          // password hashes
    std::vector<std::string> hostbased_known_hosts_files;
    std::vector<std::string> shosts_files;
    bool password_authentication = true;
    bool pubkey_authentication = true;
    bool interactive_authentication = false;  // KbdInteractiveAuthentication
    bool hostbased_authentication = false;
    bool hostbased_name_from_packet_only = false;
    bool use_pam = false;
    std::string pam_service = "sluiced";
    // Each list is one way in: its methods, in order. Empty: any one method will do.
    std::vector<std::vector<std::string>> authentication_methods;
    std::vector<user_pattern> allow_users;  // empty: all
    std::vector<user_pattern> deny_users;
    std::vector<std::string> allow_groups;  // patterns; empty: all
    std::vector<std::string> deny_groups;
    root_login permit_root_login = root_login::yes;
    unsigned max_auth_tries = 6;
    std::chrono::seconds login_grace_time{120};  // 0: none
    std::string banner;                          // file; empty: none

    // Sessions
    std::size_t max_sessions = 10;                    // session channels a connection
    std::chrono::seconds client_alive_interval{120};  // 0: off
    unsigned client_alive_count_max = 3;              // 0: never ends a connection
    std::string root;                                 // ChrootDirectory; empty: not given
    sftp_options sftp;                                // Subsystem sftp internal-sftp ...
    bool stay_on_filesystem = false;  // SFTPStayOnFilesystem: no mount below the root
    bool devices = false;             // SFTPDevices: character devices are opened
    bool set_id = false;              // SFTPSetId: setuid and setgid bits may be set
    bool atomic_uploads = false;      // files appear when they are whole
    std::string force_command;        // empty: none
    std::vector<std::string> accepted_environment{"LANG", "LC_*"};  // patterns
    std::vector<std::pair<std::string, std::string>> environment;   // SetEnv

    // Forwarding
    bool local_forwarding = false;                         // AllowTcpForwarding local
    bool disable_forwarding = false;                       // wins over all of these
    std::optional<std::vector<open_pattern>> permit_open;  // nothing: anywhere

    // The end
    std::chrono::seconds drain_deadline{30};
    sftp::drain_policy drain_policy = sftp::drain_policy::finish_handles;

    log_level level = log_level::info;
    log_format format = log_format::text;
    int syslog_facility = LOG_AUTH;  // where the log goes to syslog

    bool operator==(const sluiced_config&) const = default;
};

/// Whether programs are run for logins (AuthorizedKeysCommand, AuthorizedPrincipalsCommand).
bool asks_a_program(const sluiced_config& config);

/// Whether a connection may go to there through the server. As with OpenSSH, a name is not
/// permitted by the addresses that it has.
connect_answer may_open(const sluiced_config& config, std::string_view host, std::uint16_t port);

/// Whether that user, coming from that address, may log in: no DenyUsers pattern fits, and one of
/// AllowUsers does where there are any; likewise for the groups of his account. Who has no account
/// is in no group.
bool user_allowed(const sluiced_config& config, const login_facts& login);

}  // namespace sluice
