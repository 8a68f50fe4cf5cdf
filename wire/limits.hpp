#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every cap on what a peer can send or make grow: value, unit, where the number comes from.
namespace sluice::limits {

// RFC 4251
inline constexpr std::size_t name_length_max = 64;         // characters, §6
inline constexpr std::size_t name_list_length_max = 8192;  // bytes; largest seen in use: 1.5 KiB
inline constexpr std::size_t name_list_names_max = 512;    // names

// Transport, RFC 4253
inline constexpr std::size_t identification_length_max = 255;         // bytes with CR LF, §4.2
inline constexpr std::size_t banner_lines_max = 1024;                 // lines before it, as OpenSSH
inline constexpr std::size_t banner_line_length_max = 8192;           // bytes
inline constexpr std::size_t packet_length_max_before_auth = 35'000;  // bytes, §6.1
inline constexpr std::size_t packet_length_max = 256 * 1024;          // bytes, as OpenSSH and Go
inline constexpr std::size_t output_high_water = 192 * 1024;  // sealed bytes before room() is 0
inline constexpr std::size_t held_payload_bytes_max = 1024 * 1024;  // kept during a key exchange
inline constexpr std::size_t held_payload_overhead = 64;  // bytes counted for each: vector, heap
inline constexpr std::chrono::seconds key_exchange_time_max{120};  // KEXINIT to NEWKEYS
inline constexpr std::size_t key_exchange_data_min = 4 * 1024;     // payload bytes that justify one
inline constexpr std::size_t key_exchange_message_min = 128;       // bytes: no message counts less
inline constexpr std::size_t idle_key_exchanges_max = 16;  // the peer's, without them, in a period
inline constexpr std::chrono::seconds idle_key_exchanges_period{10};  // clients rekey by the hour
inline constexpr std::uint32_t dh_group_bits_min = 2048;             // group exchange, RFC 8270 §4
inline constexpr std::uint32_t dh_group_bits_max = 8192;             // likewise; RFC 4419 §3
inline constexpr std::size_t input_stops_at_output = 1024 * 1024;    // replies nobody reads, bytes
inline constexpr std::size_t unauthenticated_bytes_max = 64 * 1024;  // kept besides one packet
inline constexpr std::size_t ext_info_extensions_max = 64;           // extensions in one EXT_INFO
inline constexpr std::size_t ext_info_messages_max = 2;              // RFC 8308 §2.4: one, or two

// A connection's report
inline constexpr std::size_t report_channels_max = 64;  // listed one by one, and SFTP sessions
inline constexpr std::size_t report_text_max = 1024;    // bytes of DISCONNECT's text

// Authentication, RFC 4252
inline constexpr std::size_t user_name_length_max = 255;              // bytes
inline constexpr std::size_t password_length_max = 1024;              // bytes, as OpenSSH
inline constexpr std::size_t public_key_blob_length_max = 16 * 1024;  // bytes
inline constexpr std::size_t signature_length_max = 16 * 1024;        // bytes
inline constexpr unsigned auth_requests_max = 128;   // requests of any kind a connection
inline constexpr unsigned auth_banners_max = 64;     // that a client takes, OpenSSH sends a few
inline constexpr std::size_t auth_prompts_max = 64;  // in one INFO_REQUEST
inline constexpr std::size_t auth_submethods_length_max = 1024;          // bytes, RFC 4256 §3.1
inline constexpr std::size_t host_name_length_max = 255;                 // bytes, RFC 1035 §2.3.4
inline constexpr std::size_t known_hosts_length_max = 16 * 1024 * 1024;  // bytes, as a fleet's
inline constexpr std::size_t agent_message_length_max = 256 * 1024;      // bytes, as OpenSSH
inline constexpr std::size_t agent_identities_max = 1024;                // in one answer
inline constexpr std::size_t agent_extensions_max = 256;                 // names in one answer
inline constexpr std::size_t agent_keys_max = 512;                       // that our agent holds
inline constexpr std::size_t agent_comment_length_max = 1024;    // bytes, of a key that is added
inline constexpr std::size_t agent_hops_max = 1024;              // of one key, as OpenSSH
inline constexpr std::size_t agent_hop_keys_max = 1024;          // of one end of a hop, as OpenSSH
inline constexpr std::size_t agent_bindings_max = 16;            // hops to our agent, as OpenSSH
inline constexpr std::size_t agent_session_id_length_max = 128;  // bytes; a hash has 64
inline constexpr std::size_t agent_connections_max = 128;        // to our agent at once
inline constexpr std::chrono::seconds agent_unlock_pause_max{10};  // after wrong passphrases
inline constexpr std::size_t agent_channels_max = 16;  // to the agent, that a server has open
inline constexpr std::size_t policy_line_length_max = 16 * 1024;    // authorized_keys line
inline constexpr std::size_t policy_file_length_max = 1024 * 1024;  // bytes
inline constexpr std::size_t policy_errors_max = 64;                // lines reported of one file
inline constexpr std::size_t policy_files_kept_max = 64;            // parsed, of an authenticator
inline constexpr std::size_t policy_bytes_kept_max = 16 * 1024 * 1024;  // of their texts
inline constexpr std::size_t passwords_waiting_max = 64;  // to be hashed; a second of one thread
inline constexpr std::chrono::milliseconds refusal_time_min{5};     // as OpenSSH's auth2.c
inline constexpr std::chrono::seconds refusal_time_max{5};          // likewise; no doubling beyond
inline constexpr std::chrono::milliseconds refusal_time_spread{4};  // likewise, by user name
inline constexpr std::size_t key_file_length_max = 1024 * 1024;     // bytes, as OpenSSH
inline constexpr std::size_t permit_open_max = 256;                 // destinations of one key
inline constexpr std::uint32_t bcrypt_rounds_max = 4096;          // a key file may not cost minutes
inline constexpr std::uint32_t pbkdf2_rounds_max = 4'000'000;     // likewise; OpenSSL writes 2048
inline constexpr std::uint32_t argon2_memory_kib_max = 1 << 20;   // 1 GiB; PuTTY writes 8 MiB
inline constexpr std::uint32_t argon2_work_kib_max = 1 << 25;     // times passes: half a minute
inline constexpr std::size_t certificate_principals_max = 256;    // as OpenSSH
inline constexpr std::size_t certificate_options_max = 64;        // of each kind; six are defined
inline constexpr std::size_t sshsig_length_max = 128 * 1024;      // bytes of text
inline constexpr std::size_t sshsig_namespace_length_max = 1024;  // bytes, that we sign for
inline constexpr std::size_t moduli_length_max = 4 * 1024 * 1024;  // bytes of text
inline constexpr std::size_t moduli_max = 2048;                    // OpenSSH has about 450
inline constexpr std::size_t krl_length_max = 16 * 1024 * 1024;    // bytes: 400,000 hashes
inline constexpr unsigned rsa_bits_min = 2048;
inline constexpr unsigned rsa_bits_max = 16384;
inline constexpr unsigned rsa_bits_of_strangers_max = 8192;  // before a login; 16384 cost 5 ms
inline constexpr unsigned rsa_exponent_bits_of_strangers_max = 32;  // nearly all have 17

// Channels, RFC 4254
inline constexpr std::size_t channels_max = 128;               // open at once on a connection
inline constexpr std::uint32_t window_size = 2 * 1024 * 1024;  // bytes we offer, as OpenSSH
inline constexpr std::uint32_t channel_packet_size_max = 255 * 1024;  // bytes of data we announce
inline constexpr std::size_t channel_output_max = 1024 * 1024;  // bytes queued for a closed window
inline constexpr std::size_t connection_output_max = 16 * 1024 * 1024;  // the same, all channels
inline constexpr std::size_t pending_requests_max = 64;                 // unanswered, a channel
inline constexpr std::size_t pending_global_requests_max = 64;          // unanswered, a connection
inline constexpr std::size_t unasked_replies_max = 64;   // ignored, a connection; each costs a look
inline constexpr std::size_t lookups_waiting_max = 256;  // of names of hosts, in a server
inline constexpr std::size_t lookups_of_user_max = 16;   // of these, behind the one under way
inline constexpr std::size_t lookup_threads = 8;         // each may be held by a silent name server
inline constexpr std::chrono::seconds lookup_time_max{15};     // resolvers ask twice for 5 s
inline constexpr std::chrono::seconds connect_time_max{30};    // to one address, for a user
inline constexpr std::size_t connects_of_user_max = 64;        // not yet connected; a browser's
inline constexpr std::size_t environment_variables_max = 128;  // a session, as OpenSSH
inline constexpr std::size_t environment_bytes_max = 64 * 1024;
inline constexpr std::size_t command_length_max = 64 * 1024;  // bytes of exec
// To the process that starts commands: a command, its environment, and what keys and settings add.
inline constexpr std::size_t helper_message_length_max = 192 * 1024;  // bytes; sockets take 208 KiB
inline constexpr std::size_t helper_variables_max = 1024;
inline constexpr std::size_t host_keys_max = 64;           // in one hostkeys-00 or prove request
inline constexpr std::size_t lately_closed_channels = 32;  // whose late WINDOW_ADJUST is ignored

// ssh_config(5): a user's own files, which tools write too
inline constexpr std::size_t ssh_config_file_length_max = 4 * 1024 * 1024;  // bytes: a fleet's
inline constexpr std::size_t ssh_config_line_length_max = 64 * 1024;        // bytes
inline constexpr std::size_t ssh_config_files_max = 1024;     // read at once, with included ones
inline constexpr unsigned ssh_config_include_depth_max = 16;  // as OpenSSH
inline constexpr std::size_t ssh_config_values_max = 1024;    // of one keyword
inline constexpr std::size_t ssh_config_text_length_max = 64 * 1024;  // bytes with tokens expanded
inline constexpr std::size_t jump_hosts_max = 8;  // servers a connection goes through, for loops

// Sources: addresses, or blocks of them, of connections without a login
inline constexpr std::size_t sources_max = 1 << 20;  // with penalties, of a family; 160 MB
inline constexpr std::chrono::milliseconds source_cpu_step{100};  // told to the server at once

// A server's log
inline constexpr std::size_t log_field_length_max = 256;     // bytes of one value
inline constexpr std::size_t log_connection_lines_max = 64;  // at once; its life long it gets more
inline constexpr std::size_t log_connection_lines_rate = 1;  // a second
inline constexpr std::size_t log_source_lines_max = 1024;    // at once, of all its connections
inline constexpr std::size_t log_source_lines_rate = 32;     // a second
inline constexpr std::size_t log_sources_max = 4096;         // followed; the quietest is forgotten
inline constexpr std::size_t log_queue_bytes_max = 4 * 1024 * 1024;  // lines nobody has read yet
inline constexpr std::chrono::milliseconds log_flush_time_max{500};  // at exit, for a slow reader

// SFTP
inline constexpr std::size_t sftp_packet_length_max = 256 * 1024;  // bytes, as OpenSSH
inline constexpr std::size_t sftp_data_length_max = sftp_packet_length_max - 1024;  // READ, WRITE
inline constexpr std::size_t sftp_handles_max = 1024;       // open at once in a session
inline constexpr std::size_t sftp_handle_length_max = 256;  // bytes, draft-02 §6.3
inline constexpr std::size_t sftp_path_length_max = 4096;   // bytes
inline constexpr std::size_t sftp_components_max =
    4096;                                              // of a REALPATH with its links; twice a path
inline constexpr std::size_t sftp_requests_max = 256;  // in flight before reading stops
inline constexpr std::size_t sftp_directory_batch_max = 256;     // entries in one NAME reply
inline constexpr std::size_t sftp_extended_attributes_max = 32;  // pairs in one ATTRS
inline constexpr std::size_t sftp_name_length_max = 1024;        // bytes of one directory entry
inline constexpr std::size_t sftp_ids_max = 1024;  // of each kind in one users-groups-by-id
inline constexpr std::size_t sftp_input_max = 2 * 1024 * 1024;   // bytes of unanswered requests
inline constexpr std::size_t sftp_output_max = 2 * 1024 * 1024;  // bytes of replies, queued or due
inline constexpr std::size_t sftp_write_gaps_max = 256;        // runs of writes remembered a handle
inline constexpr std::size_t sftp_client_requests_max = 1024;  // made and not worked off
inline constexpr std::size_t sftp_client_output_max = 1024 * 1024;  // bytes of requests not sent
inline constexpr std::size_t sftp_names_max = 8192;  // in one NAME reply; OpenSSH sends 100
inline constexpr std::size_t sftp_longname_length_max = 1024;  // bytes kept of a server's own line
inline constexpr std::size_t sftp_list_max = 1'000'000;        // entries that `list` collects
inline constexpr std::size_t sftp_list_bytes_max = 256 * 1024 * 1024;  // of them, with overhead
inline constexpr std::size_t sftp_error_text_max = 256;         // bytes kept of a server's words
inline constexpr std::size_t descriptors_of_user_max = 16'384;  // open files, 1 KiB of kernel each
inline constexpr std::size_t descriptors_of_connection_max = 4'096;  // likewise: four full sessions
inline constexpr std::size_t id_file_length_max = 256 * 1024;  // bytes of etc/passwd below a root
inline constexpr std::size_t id_file_names_max = 4096;         // of it; as kept of the system's
inline constexpr std::size_t sftp_transfer_bytes_max = 16 * 1024 * 1024;  // 320 MB/s at 50 ms

// What `sluice` does with what a server makes up
inline constexpr std::size_t listing_sorted_max =
    100'000;  // entries `ls` keeps until all are there
inline constexpr std::size_t listing_sorted_bytes_max = 32 * 1024 * 1024;  // of their text
inline constexpr unsigned copied_depth_max = 128;  // directories in each other, in `get -r`

}  // namespace sluice::limits
