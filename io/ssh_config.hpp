#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// One end of a forwarding: a port, or the path of a socket.
struct ssh_forward_end {
    std::optional<std::string> host = {};  // a listener's: the address to bind to
    std::uint16_t port = 0;
    std::string path = {};  // of a unix socket; then there is no port

    bool operator==(const ssh_forward_end&) const = default;
};

/// A line of LocalForward, RemoteForward or DynamicForward.
struct ssh_forward {
    ssh_forward_end listen = {};
    std::optional<ssh_forward_end> connect = {};  // nothing: SOCKS decides

    bool operator==(const ssh_forward&) const = default;
};

/// A server of ProxyJump.
struct ssh_jump {
    std::string user = {};  // empty: not said
    std::string host = {};
    std::optional<std::uint16_t> port = {};

    bool operator==(const ssh_jump&) const = default;
};

/// What ssh_config(5) says about one host: a member a keyword, in the words of the manual page. A
/// member without a value was not mentioned, until `resolve_ssh_config` fills in the defaults.
///
/// A `std::string` that is one of a few words is the one that `ssh -G` prints: "true" for yes where
/// a keyword knows other answers too. Lists of algorithms are as they were written, with +, - or ^,
/// until they are resolved.
struct ssh_config {
    template <class T>
    using maybe = std::optional<T>;
    using strings = std::vector<std::string>;

    std::string host = {};  // as it was asked for

    // Where to, and how
    maybe<std::string> host_name = {};
    maybe<std::uint16_t> port = {};
    maybe<std::string> user = {};
    maybe<std::string> address_family = {};  // any, inet, inet6
    maybe<std::string> bind_address = {};
    maybe<std::string> bind_interface = {};
    maybe<std::int64_t> connection_attempts = {};
    maybe<std::int64_t> connect_timeout = {};  // seconds; -1: none
    maybe<bool> tcp_keep_alive = {};
    maybe<std::string> proxy_command = {};
    maybe<std::vector<ssh_jump>> proxy_jump = {};  // empty: none
    maybe<bool> proxy_use_fdpass = {};
    maybe<std::string> canonicalize_hostname = {};  // true, false, always
    maybe<strings> canonical_domains = {};
    maybe<bool> canonicalize_fallback_local = {};
    maybe<std::int64_t> canonicalize_max_dots = {};
    maybe<strings> canonicalize_permitted_cnames = {};  // "source:target" in lower case

    // Who the server is
    maybe<std::string> strict_host_key_checking = {};  // true, false, ask, accept-new
    maybe<strings> user_known_hosts_file = {};
    maybe<strings> global_known_hosts_file = {};
    maybe<std::string> known_hosts_command = {};
    maybe<std::string> host_key_alias = {};
    maybe<bool> hash_known_hosts = {};
    maybe<bool> check_host_ip = {};
    maybe<std::string> update_host_keys = {};  // true, false, ask
    maybe<std::string> revoked_host_keys = {};
    maybe<std::string> verify_host_key_dns = {};  // true, false, ask
    maybe<bool> visual_host_key = {};
    maybe<bool> no_host_authentication_for_localhost = {};
    maybe<std::string> fingerprint_hash = {};  // SHA256, MD5

    // Who we are
    strings identity_file = {};
    strings certificate_file = {};
    maybe<bool> identities_only = {};
    maybe<std::string> identity_agent = {};
    maybe<std::string> add_keys_to_agent = {};  // true, false, ask, confirm
    std::int64_t add_keys_to_agent_seconds = 0;
    maybe<std::string> preferred_authentications = {};
    maybe<bool> password_authentication = {};
    maybe<bool> kbd_interactive_authentication = {};
    maybe<std::string> kbd_interactive_devices = {};
    maybe<std::string> pubkey_authentication = {};  // true, false, unbound, host-bound
    maybe<bool> hostbased_authentication = {};
    maybe<bool> enable_ssh_keysign = {};
    maybe<std::int64_t> number_of_password_prompts = {};
    maybe<bool> batch_mode = {};
    maybe<std::int64_t> required_rsa_size = {};
    maybe<std::string> pkcs11_provider = {};
    maybe<std::string> security_key_provider = {};
    maybe<bool> gssapi_authentication = {};
    maybe<bool> gssapi_key_exchange = {};
    maybe<bool> gssapi_delegate_credentials = {};
    maybe<bool> gssapi_trust_dns = {};
    maybe<bool> gssapi_renewal_forces_rekey = {};
    maybe<std::string> gssapi_client_identity = {};
    maybe<std::string> gssapi_server_identity = {};
    maybe<std::string> gssapi_kex_algorithms = {};

    // Algorithms and the connection
    maybe<std::string> ciphers = {};
    maybe<std::string> macs = {};
    maybe<std::string> kex_algorithms = {};
    maybe<std::string> host_key_algorithms = {};
    maybe<std::string> pubkey_accepted_algorithms = {};
    maybe<std::string> hostbased_accepted_algorithms = {};
    maybe<std::string> ca_signature_algorithms = {};
    maybe<bool> compression = {};
    maybe<std::uint64_t> rekey_bytes = {};   // 0: what the cipher asks for
    maybe<std::int64_t> rekey_seconds = {};  // 0: no limit
    maybe<std::int64_t> server_alive_interval = {};
    maybe<std::int64_t> server_alive_count_max = {};
    maybe<strings> ip_qos = {};  // interactive, bulk

    // Sessions
    strings send_env = {};
    strings set_env = {};  // "NAME=value"
    maybe<std::string> remote_command = {};
    maybe<std::string> local_command = {};
    maybe<bool> permit_local_command = {};
    maybe<std::string> request_tty = {};   // true, false, force, auto
    maybe<std::string> session_type = {};  // none, subsystem, default
    maybe<bool> stdin_null = {};
    maybe<bool> fork_after_authentication = {};
    maybe<std::string> escape_char = {};
    maybe<bool> enable_escape_commandline = {};

    // Forwarding
    std::vector<ssh_forward> local_forward = {};
    std::vector<ssh_forward> remote_forward = {};
    std::vector<ssh_forward> dynamic_forward = {};
    maybe<bool> clear_all_forwardings = {};
    maybe<bool> exit_on_forward_failure = {};
    maybe<bool> gateway_ports = {};
    maybe<strings> permit_remote_open = {};
    maybe<std::string> stream_local_bind_mask = {};  // octal
    maybe<bool> stream_local_bind_unlink = {};
    maybe<std::string> forward_agent = {};  // yes, no, a path or $VARIABLE
    maybe<bool> forward_x11 = {};
    maybe<std::int64_t> forward_x11_timeout = {};
    maybe<bool> forward_x11_trusted = {};
    maybe<std::string> xauth_location = {};
    maybe<std::string> tunnel = {};  // ethernet, point-to-point, false
    maybe<std::string> tunnel_device = {};

    // The program
    maybe<std::string> control_master = {};
    maybe<std::string> control_path = {};
    maybe<std::string> control_persist = {};  // yes, no, seconds
    maybe<std::string> log_level = {};
    maybe<strings> log_verbose = {};
    maybe<std::string> syslog_facility = {};
    maybe<std::string> ignore_unknown = {};
    maybe<std::string> tag = {};
    maybe<std::string> refuse_connection = {};  // what is said in place of connecting
    maybe<std::string> version_addendum = {};
    maybe<std::string> obscure_keystroke_timing = {};  // yes, no, interval:MILLISECONDS
    maybe<strings> channel_timeout = {};               // "type=time"; empty: none
    maybe<std::string> warn_weak_crypto = {};          // true, false, no-pq-kex

    /// What was passed over, "FILE:LINE: …": keywords of former releases, conditions of Match that
    /// are not known; and settings without effect here. At most limits::policy_errors_max.
    strings notes = {};
    /// Settings without effect whose absence makes a connection less safe than was asked for.
    strings warnings = {};

    bool operator==(const ssh_config&) const = default;
};

}  // namespace sluice
