#include "sluice/channel/plain_text.hpp"

#include "sluice/wire/plain_names.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

namespace sluice {
namespace {

bool has_no_nul(std::string_view text) { return text.find('\0') == text.npos; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool has_no_control(std::string_view text) { return std::ranges::none_of(text, is_control); }

bool is_path(std::string_view text) { return !text.empty() && has_no_nul(text); }

// "" and "*" mean every address (RFC 4254 §7.1).
bool is_address_to_bind(std::string_view text) { return text.empty() || is_host(text); }

// A type without its line here does not compile. Of exit-signal, and of originators, what they say
// is for people only: it is escaped where it is shown.
struct plain {
    bool operator()(const session_channel&) const { return true; }
    bool operator()(const direct_tcpip_channel& c) const { return is_host(c.host_to_connect); }
    bool operator()(const forwarded_tcpip_channel& c) const {
        return is_address_to_bind(c.address_connected);
    }
    bool operator()(const direct_streamlocal_channel& c) const { return is_path(c.socket_path); }
    bool operator()(const forwarded_streamlocal_channel& c) const { return is_path(c.socket_path); }
    bool operator()(const auth_agent_channel&) const { return true; }

    bool operator()(const pty_request& r) const { return has_no_control(r.term); }
    bool operator()(const x11_request& r) const {
        return has_no_control(r.authentication_protocol) && has_no_control(r.authentication_cookie);
    }
    bool operator()(const env_request& r) const {
        return is_variable_name(r.variable_name) && has_no_nul(r.variable_value);
    }
    bool operator()(const shell_request&) const { return true; }
    bool operator()(const exec_request& r) const { return has_no_nul(r.command); }
    bool operator()(const subsystem_request& r) const { return has_no_control(r.subsystem_name); }
    bool operator()(const window_change_request&) const { return true; }
    bool operator()(const xon_xoff_request&) const { return true; }
    bool operator()(const signal_request& r) const { return has_no_control(r.signal_name); }
    bool operator()(const exit_status_request&) const { return true; }
    bool operator()(const exit_signal_request&) const { return true; }
    bool operator()(const break_request&) const { return true; }
    bool operator()(const auth_agent_request&) const { return true; }
    bool operator()(const eow_request&) const { return true; }
    bool operator()(const keepalive_request&) const { return true; }

    bool operator()(const tcpip_forward_request& r) const {
        return is_address_to_bind(r.address_to_bind);
    }
    bool operator()(const cancel_tcpip_forward_request& r) const {
        return is_address_to_bind(r.address_to_bind);
    }
    bool operator()(const streamlocal_forward_request& r) const { return is_path(r.socket_path); }
    bool operator()(const cancel_streamlocal_forward_request& r) const {
        return is_path(r.socket_path);
    }
    bool operator()(const no_more_sessions_request&) const { return true; }
    bool operator()(const hostkeys_request&) const { return true; }
    bool operator()(const hostkeys_prove_request&) const { return true; }
    bool operator()(const global_keepalive_request&) const { return true; }
};

}  // namespace

bool is_plain(const channel_open_type& type) { return std::visit(plain{}, type); }
bool is_plain(const channel_request& request) { return std::visit(plain{}, request); }
bool is_plain(const global_request& request) { return std::visit(plain{}, request); }

}  // namespace sluice
