#pragma once

#include "sluice/auth/agent_constraints.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// What ties a connection to an agent to one SSH connection (OpenSSH's PROTOCOL.agent §1): the
/// server's host key has signed the session identifier. Views live as long as the call.
struct agent_session_binding {
    bytes_view host_key_blob;
    bytes_view session_id;
    bytes_view signature;        // of the first key exchange
    bool is_forwarding = false;  // the server is let ask; else we log in to it
};

/// What a client signs to log in (RFC 4252 §7), taken apart.
struct agent_login_data {
    bytes_view session_id;
    std::string_view user_name;
    std::optional<bytes_view> host_key_blob{};  // publickey-hostbound-v00@openssh.com names it

    /// Errors: bad_value for data that is something else, or for a login with another key.
    static result<agent_login_data> parse(bytes_view data, bytes_view key_blob);
};

/// The SSH connections that one connection to an agent came through, and what may be done from the
/// last of them.
class agent_bindings {
public:
    /// Errors: unexpected_message behind one that was not for forwarding; protocol_error for the
    /// session identifier of another host; too_long; limit_reached; bad_signature and those of the
    /// key.
    result<> add(const agent_session_binding& binding);

    bool empty() const { return list_.empty(); }

    /// Whether a key so constrained may be seen and removed.
    bool may_see(const std::vector<agent_hop>& hops, std::uint64_t system_seconds) const;

    /// Whether it may sign `data`, which is for a login.
    bool may_sign(const std::vector<agent_hop>& hops, bytes_view data, bytes_view key_blob,
                  std::uint64_t system_seconds) const;

private:
    struct host {
        bytes blob;
        crypto::public_key key;
        std::optional<crypto::certificate> certificate;
    };
    struct binding {
        host server;
        bytes session_id;
        bool is_forwarding = false;
    };

    static result<host> parse_host(bytes_view blob);
    static bool is_at(const host& server, const agent_hop_end& end, std::uint64_t system_seconds);
    static bool permits(const std::vector<agent_hop>& hops, const host* from, const host* to,
                        std::optional<std::string_view> user_name, std::uint64_t system_seconds);
    bool leads_here(const std::vector<agent_hop>& hops, std::optional<std::string_view> user_name,
                    std::uint64_t system_seconds) const;

    std::vector<binding> list_;
    bool failed_ = false;  // one was refused: whoever is there, it is not our own user
};

}  // namespace sluice
