#pragma once

#include "sluice/wire/codec.hpp"

#include <cstdint>
#include <string_view>

/// Messages 80 to 100 of the connection protocol (RFC 4254). Views live as long as the payload that
/// was decoded. Those whose RFC name is also the name of a list of requests end in `_message`.
namespace sluice {

// SSH_MSG_GLOBAL_REQUEST (§4)
struct global_request_message {
    static constexpr std::uint8_t number = 80;

    std::string_view request_name;
    bool want_reply = false;
    wire::rest request_specific;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.request_name, m.want_reply, m.request_specific);
    }
};

// SSH_MSG_REQUEST_SUCCESS (§4)
struct request_success {
    static constexpr std::uint8_t number = 81;

    wire::rest response_specific;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.response_specific); }
};

// SSH_MSG_REQUEST_FAILURE (§4)
struct request_failure {
    static constexpr std::uint8_t number = 82;

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// SSH_MSG_CHANNEL_OPEN (§5.1)
struct channel_open {
    static constexpr std::uint8_t number = 90;

    std::string_view channel_type;
    std::uint32_t sender_channel = 0;
    std::uint32_t initial_window_size = 0;  // bytes
    std::uint32_t maximum_packet_size = 0;  // bytes of data in one packet
    wire::rest type_specific;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.channel_type, m.sender_channel, m.initial_window_size, m.maximum_packet_size,
                     m.type_specific);
    }
};

// SSH_MSG_CHANNEL_OPEN_CONFIRMATION (§5.1)
struct channel_open_confirmation {
    static constexpr std::uint8_t number = 91;

    std::uint32_t recipient_channel = 0;
    std::uint32_t sender_channel = 0;
    std::uint32_t initial_window_size = 0;  // bytes
    std::uint32_t maximum_packet_size = 0;  // bytes of data in one packet
    wire::rest type_specific;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.sender_channel, m.initial_window_size,
                     m.maximum_packet_size, m.type_specific);
    }
};

/// Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (§5.1).
namespace open_failure {
inline constexpr std::uint32_t administratively_prohibited = 1;
inline constexpr std::uint32_t connect_failed = 2;
inline constexpr std::uint32_t unknown_channel_type = 3;
inline constexpr std::uint32_t resource_shortage = 4;
}  // namespace open_failure

// SSH_MSG_CHANNEL_OPEN_FAILURE (§5.1)
struct channel_open_failure {
    static constexpr std::uint8_t number = 92;

    std::uint32_t recipient_channel = 0;
    std::uint32_t reason_code = 0;
    std::string_view description;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.reason_code, m.description, m.language_tag);
    }
};

// SSH_MSG_CHANNEL_WINDOW_ADJUST (§5.2)
struct channel_window_adjust {
    static constexpr std::uint8_t number = 93;

    std::uint32_t recipient_channel = 0;
    std::uint32_t bytes_to_add = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.bytes_to_add);
    }
};

// SSH_MSG_CHANNEL_DATA (§5.2)
struct channel_data {
    static constexpr std::uint8_t number = 94;

    std::uint32_t recipient_channel = 0;
    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.data);
    }
};

/// The one type of extended data that is defined (§5.2).
inline constexpr std::uint32_t extended_data_stderr = 1;

// SSH_MSG_CHANNEL_EXTENDED_DATA (§5.2)
struct channel_extended_data {
    static constexpr std::uint8_t number = 95;

    std::uint32_t recipient_channel = 0;
    std::uint32_t data_type_code = 0;
    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.data_type_code, m.data);
    }
};

// SSH_MSG_CHANNEL_EOF (§5.3)
struct channel_eof {
    static constexpr std::uint8_t number = 96;

    std::uint32_t recipient_channel = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.recipient_channel); }
};

// SSH_MSG_CHANNEL_CLOSE (§5.3)
struct channel_close {
    static constexpr std::uint8_t number = 97;

    std::uint32_t recipient_channel = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.recipient_channel); }
};

// SSH_MSG_CHANNEL_REQUEST (§5.4)
struct channel_request_message {
    static constexpr std::uint8_t number = 98;

    std::uint32_t recipient_channel = 0;
    std::string_view request_type;
    bool want_reply = false;
    wire::rest type_specific;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.recipient_channel, m.request_type, m.want_reply, m.type_specific);
    }
};

// SSH_MSG_CHANNEL_SUCCESS (§5.4)
struct channel_success {
    static constexpr std::uint8_t number = 99;

    std::uint32_t recipient_channel = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.recipient_channel); }
};

// SSH_MSG_CHANNEL_FAILURE (§5.4)
struct channel_failure {
    static constexpr std::uint8_t number = 100;

    std::uint32_t recipient_channel = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.recipient_channel); }
};

}  // namespace sluice
