#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace sluice {

/// Every failure that a peer, a user or the system can cause. The comment names what makes it one.
enum class errc {
    // Encoding
    truncated = 1,   // a field runs past the end of its packet (RFC 4251 §5)
    trailing_bytes,  // bytes left behind the last field
    bad_mpint,       // not in minimal form, or negative where that cannot be (RFC 4251 §5)
    bad_name_list,   // empty name, forbidden character or too many names (RFC 4251 §5, §6)
    bad_value,       // a field holds what its type or its message forbids
    too_long,        // longer than the cap in wire/limits.hpp

    // Order
    unexpected_message,  // not allowed in this state
    protocol_error,      // a rule of the protocol broken otherwise

    // Transport (RFC 4253)
    bad_identification,   // no valid SSH-2.0 line (§4.2)
    unsupported_version,  // a protocol version other than 2.0 (§5)
    packet_too_long,      // packet_length above the limit (§6.1)
    bad_packet_length,    // packet_length or padding that cannot be (§6)
    bad_mac,              // MAC or authentication tag does not match (§6.4)
    bad_compression,      // data that does not inflate (§6.2)
    inflated_too_long,    // inflates past the packet limit
    no_common_kex,        // negotiation found no common method (§7.1) ...
    no_common_host_key,
    no_common_cipher,
    no_common_mac,
    no_common_compression,
    strict_kex_violation,  // a message strict kex forbids, or a sequence number that would wrap
    bad_public_value,  // e, f, Q or K outside its valid range or off the curve (§8, RFC 5656 §4)
    key_exchange_failed,     // any other failure of the exchange
    host_key_rejected,       // host key not trusted, or its signature over H is wrong
    unknown_service,         // SERVICE_REQUEST for a service not offered (§10)
    rekey_overdue,           // the peer did not finish a key exchange while the caps lasted
    too_many_messages,       // more of a message than wire/limits.hpp allows
    too_many_key_exchanges,  // one before the login is enough, later ones have a reason (§9)

    // Keys
    unknown_key_type,     // a key type or algorithm we do not know
    bad_key,              // a key blob or a key's numbers are invalid
    key_too_small,        // RSA below 2048 bits
    bad_signature,        // the signature does not verify, or is malformed
    bad_key_file,         // a key file we cannot make sense of
    passphrase_required,  // an encrypted key file and no passphrase
    wrong_passphrase,     // the passphrase does not open the file
    crypto_failure,       // the cryptographic library refused for another reason

    // Authentication (RFC 4252)
    too_many_attempts,  // attempt limit reached
    login_timeout,      // not authenticated within the login grace
    auth_denied,        // the user may not log in this way
    bad_config,         // a line of a configuration or policy file that cannot be understood

    // Channels (RFC 4254)
    unknown_channel,    // message for a channel that is not open
    window_exceeded,    // data beyond the window (§5.2)
    window_overflow,    // WINDOW_ADJUST past 2^32 - 1 (§5.2)
    too_much_data,      // data packet above the channel's maximum packet size
    too_many_channels,  // channel cap
    too_many_requests,  // requests or replies queued above the cap
    draining,           // nothing new is admitted: the connection is on its way to its end
    channel_closed,     // the channel is closed for what was asked
    queue_full,         // the output queue is at its bound; wait for room
    open_refused,       // the peer refused to open a channel (§5.1)
    connect_failed,     // the peer could not connect where the channel was to lead (§5.1)
    request_refused,    // the peer answered a request with FAILURE (§4, §5.4)

    // SFTP
    sftp_no_such_file,  // status codes of draft-ietf-secsh-filexfer-02 §7 ...
    sftp_permission_denied,
    sftp_failure,
    sftp_bad_message,
    sftp_unsupported,
    sftp_eof,

    // Connection
    peer_disconnected,  // the peer sent DISCONNECT
    connection_lost,    // the stream ended without DISCONNECT
    keepalive_timeout,  // the peer answered no keepalive
    idle_timeout,
    cancelled,      // ended by us
    limit_reached,  // a connection, thread or memory limit of the server

    // Filesystems
    set_id_not_permitted,  // a mode with setuid or setgid, where clients may not set them
};

using error_code = boost::system::error_code;

const boost::system::error_category& error_category() noexcept;

inline error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

/// A value or the error that prevented it.
template <class T = void>
using result = boost::system::result<T, error_code>;

/// Reason codes of SSH_MSG_DISCONNECT (RFC 4253 §11.1).
enum class disconnect_reason : std::uint32_t {
    host_not_allowed_to_connect = 1,
    protocol_error = 2,
    key_exchange_failed = 3,
    reserved = 4,
    mac_error = 5,
    compression_error = 6,
    service_not_available = 7,
    protocol_version_not_supported = 8,
    host_key_not_verifiable = 9,
    connection_lost = 10,
    by_application = 11,
    too_many_connections = 12,
    auth_cancelled_by_user = 13,
    no_more_auth_methods_available = 14,
    illegal_user_name = 15,
};

/// What a peer is told of an error: the reason and nothing more.
disconnect_reason reason_for(error_code error) noexcept;

/// A short text for SSH_MSG_DISCONNECT that gives away no more than the reason does.
std::string_view text_for(disconnect_reason reason) noexcept;

}  // namespace sluice

template <>
struct boost::system::is_error_code_enum<sluice::errc> : std::true_type {};
