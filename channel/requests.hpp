#pragma once

#include "sluice/channel/named_list.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

/// What SSH_MSG_CHANNEL_REQUEST carries behind `want_reply`, one struct a request type. Views live
/// as long as the payload. To add one: write the struct, list it in `channel_request`.
namespace sluice {

// RFC 4254 §6.2. Dimensions of 0 are to be ignored.
struct pty_request {
    static constexpr std::string_view name = "pty-req";

    std::string_view term;
    std::uint32_t width_characters = 0;
    std::uint32_t height_rows = 0;
    std::uint32_t width_pixels = 0;
    std::uint32_t height_pixels = 0;
    bytes_view encoded_terminal_modes;  // terminal_modes::parse

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.term, m.width_characters, m.height_rows, m.width_pixels, m.height_pixels,
                     m.encoded_terminal_modes);
    }
};

// RFC 4254 §6.3.1
struct x11_request {
    static constexpr std::string_view name = "x11-req";

    bool single_connection = false;
    std::string_view authentication_protocol;
    std::string_view authentication_cookie;  // hexadecimal; a secret
    std::uint32_t screen_number = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.single_connection, m.authentication_protocol, m.authentication_cookie,
                     m.screen_number);
    }
};

// RFC 4254 §6.4
struct env_request {
    static constexpr std::string_view name = "env";

    std::string_view variable_name;
    std::string_view variable_value;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.variable_name, m.variable_value);
    }
};

// RFC 4254 §6.5
struct shell_request {
    static constexpr std::string_view name = "shell";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// RFC 4254 §6.5
struct exec_request {
    static constexpr std::string_view name = "exec";

    std::string_view command;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.command); }
};

// RFC 4254 §6.5
struct subsystem_request {
    static constexpr std::string_view name = "subsystem";

    std::string_view subsystem_name;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.subsystem_name); }
};

// RFC 4254 §6.7
struct window_change_request {
    static constexpr std::string_view name = "window-change";

    std::uint32_t width_columns = 0;
    std::uint32_t height_rows = 0;
    std::uint32_t width_pixels = 0;
    std::uint32_t height_pixels = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.width_columns, m.height_rows, m.width_pixels, m.height_pixels);
    }
};

// RFC 4254 §6.8
struct xon_xoff_request {
    static constexpr std::string_view name = "xon-xoff";

    bool client_can_do = false;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.client_can_do); }
};

// RFC 4254 §6.9
struct signal_request {
    static constexpr std::string_view name = "signal";

    std::string_view signal_name;  // without "SIG"

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.signal_name); }
};

// RFC 4254 §6.10
struct exit_status_request {
    static constexpr std::string_view name = "exit-status";

    std::uint32_t exit_status = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.exit_status); }
};

// RFC 4254 §6.10
struct exit_signal_request {
    static constexpr std::string_view name = "exit-signal";

    std::string_view signal_name;  // without "SIG"
    bool core_dumped = false;
    std::string_view error_message;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.signal_name, m.core_dumped, m.error_message, m.language_tag);
    }
};

// RFC 4335
struct break_request {
    static constexpr std::string_view name = "break";

    std::uint32_t break_length_milliseconds = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.break_length_milliseconds);
    }
};

// Asks for agent forwarding, in the form that OpenSSH made common (RFC 9987 §7).
struct auth_agent_request {
    static constexpr std::string_view name = "auth-agent-req@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// The sender reads no more (OpenSSH PROTOCOL 2.1).
struct eow_request {
    static constexpr std::string_view name = "eow@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// OpenSSH's sign of life on a channel; any answer will do.
struct keepalive_request {
    static constexpr std::string_view name = "keepalive@openssh.com";

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

using channel_request =
    std::variant<pty_request, x11_request, env_request, shell_request, exec_request,
                 subsystem_request, window_change_request, xon_xoff_request, signal_request,
                 exit_status_request, exit_signal_request, break_request, auth_agent_request,
                 eow_request, keepalive_request>;

/// The request of that name; nothing where we know none. Errors: those of its fields.
result<std::optional<channel_request>> decode_channel_request(std::string_view name,
                                                              bytes_view type_specific);

/// Appends the whole payload of SSH_MSG_CHANNEL_REQUEST.
void encode_channel_request(std::uint32_t recipient_channel, const channel_request& request,
                            bool want_reply, bytes& out);

}  // namespace sluice
