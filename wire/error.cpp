#include "sluice/wire/error.hpp"

#include <string>

namespace sluice {
namespace {

const char* message_of(errc e) {
    switch (e) {
    case errc::truncated: return "field runs past the end of the packet";
    case errc::trailing_bytes: return "bytes behind the last field";
    case errc::bad_mpint: return "mpint not in minimal form";
    case errc::bad_name_list: return "malformed name-list";
    case errc::bad_value: return "field holds a forbidden value";
    case errc::too_long: return "longer than the limit";
    case errc::unexpected_message: return "message not allowed in this state";
    case errc::protocol_error: return "protocol error";
    case errc::bad_identification: return "no valid SSH identification line";
    case errc::unsupported_version: return "protocol version not supported";
    case errc::packet_too_long: return "packet above the length limit";
    case errc::bad_packet_length: return "impossible packet or padding length";
    case errc::bad_mac: return "message authentication code incorrect";
    case errc::bad_compression: return "compressed data is damaged";
    case errc::inflated_too_long: return "inflated packet above the length limit";
    case errc::no_common_kex: return "no common key exchange method";
    case errc::no_common_host_key: return "no common host key algorithm";
    case errc::no_common_cipher: return "no common cipher";
    case errc::no_common_mac: return "no common MAC";
    case errc::no_common_compression: return "no common compression";
    case errc::strict_kex_violation: return "strict key exchange violated";
    case errc::bad_public_value: return "invalid public value in key exchange";
    case errc::key_exchange_failed: return "key exchange failed";
    case errc::host_key_rejected: return "host key not trusted";
    case errc::unknown_service: return "service not available";
    case errc::rekey_overdue: return "key exchange not finished in time";
    case errc::too_many_messages: return "too many messages of one kind";
    case errc::too_many_key_exchanges: return "more key exchanges than there is reason for";
    case errc::unknown_key_type: return "unknown key type or algorithm";
    case errc::bad_key: return "invalid key";
    case errc::key_too_small: return "RSA key below 2048 bits";
    case errc::bad_signature: return "signature does not verify";
    case errc::bad_key_file: return "malformed key file";
    case errc::passphrase_required: return "key file is encrypted and there is no passphrase";
    case errc::wrong_passphrase: return "wrong passphrase";
    case errc::crypto_failure: return "cryptographic library failure";
    case errc::too_many_attempts: return "too many authentication failures";
    case errc::login_timeout: return "not authenticated in time";
    case errc::auth_denied: return "authentication denied";
    case errc::bad_config: return "invalid configuration";
    case errc::unknown_channel: return "message for a channel that is not open";
    case errc::window_exceeded: return "data beyond the window";
    case errc::window_overflow: return "window adjusted past 2^32 - 1";
    case errc::too_much_data: return "data packet above the channel's maximum";
    case errc::too_many_channels: return "too many channels";
    case errc::too_many_requests: return "too many outstanding requests";
    case errc::draining: return "connection is draining";
    case errc::channel_closed: return "channel closed";
    case errc::queue_full: return "output queue full";
    case errc::open_refused: return "peer refused to open a channel";
    case errc::connect_failed: return "peer could not connect";
    case errc::request_refused: return "peer refused a request";
    case errc::sftp_no_such_file: return "no such file";
    case errc::sftp_permission_denied: return "permission denied";
    case errc::sftp_failure: return "failure";
    case errc::sftp_bad_message: return "bad SFTP message";
    case errc::sftp_unsupported: return "operation not supported";
    case errc::sftp_eof: return "end of file";
    case errc::set_id_not_permitted: return "setuid and setgid may not be set here";
    case errc::peer_disconnected: return "peer disconnected";
    case errc::connection_lost: return "connection lost";
    case errc::keepalive_timeout: return "peer does not answer";
    case errc::idle_timeout: return "idle for too long";
    case errc::cancelled: return "cancelled";
    case errc::limit_reached: return "limit reached";
    }
    return "unknown error";
}

class category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "sluice"; }
    std::string message(int value) const override { return message_of(static_cast<errc>(value)); }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

disconnect_reason reason_for(error_code error) noexcept {
    if (error.category() != error_category()) return disconnect_reason::by_application;
    switch (static_cast<errc>(error.value())) {
    case errc::bad_identification:
    case errc::unsupported_version: return disconnect_reason::protocol_version_not_supported;
    case errc::no_common_kex:
    case errc::no_common_host_key:
    case errc::no_common_cipher:
    case errc::no_common_mac:
    case errc::no_common_compression:
    case errc::strict_kex_violation:
    case errc::bad_public_value:
    case errc::rekey_overdue:
    case errc::too_many_key_exchanges:
    case errc::key_exchange_failed: return disconnect_reason::key_exchange_failed;
    case errc::bad_mac: return disconnect_reason::mac_error;
    case errc::bad_compression:
    case errc::inflated_too_long: return disconnect_reason::compression_error;
    case errc::host_key_rejected: return disconnect_reason::host_key_not_verifiable;
    case errc::unknown_service: return disconnect_reason::service_not_available;
    case errc::too_many_attempts:
    case errc::auth_denied: return disconnect_reason::no_more_auth_methods_available;
    case errc::limit_reached: return disconnect_reason::too_many_connections;
    case errc::keepalive_timeout:
    case errc::connection_lost: return disconnect_reason::connection_lost;
    case errc::login_timeout:
    case errc::idle_timeout:
    case errc::cancelled: return disconnect_reason::by_application;
    default: return disconnect_reason::protocol_error;
    }
}

std::string_view text_for(disconnect_reason reason) noexcept {
    switch (reason) {
    case disconnect_reason::host_not_allowed_to_connect: return "Host not allowed to connect";
    case disconnect_reason::protocol_error: return "Protocol error";
    case disconnect_reason::key_exchange_failed: return "Key exchange failed";
    case disconnect_reason::reserved: return "Reserved";
    case disconnect_reason::mac_error: return "Corrupted packet";
    case disconnect_reason::compression_error: return "Compression error";
    case disconnect_reason::service_not_available: return "Service not available";
    case disconnect_reason::protocol_version_not_supported: return "Protocol version not supported";
    case disconnect_reason::host_key_not_verifiable: return "Host key not verifiable";
    case disconnect_reason::connection_lost: return "Connection lost";
    case disconnect_reason::by_application: return "Disconnected";
    case disconnect_reason::too_many_connections: return "Too many connections";
    case disconnect_reason::auth_cancelled_by_user: return "Authentication cancelled";
    case disconnect_reason::no_more_auth_methods_available:
        return "No more authentication methods available";
    case disconnect_reason::illegal_user_name: return "Illegal user name";
    }
    return "Disconnected";
}

}  // namespace sluice
