#pragma once

// Both ends of an agent's conversation, in memory.

#include "sluice/auth/agent.hpp"
#include "sluice/auth/agent_server.hpp"
#include "sluice/auth/messages.hpp"
#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"

#include <algorithm>
#include <optional>

namespace sluice::test {

/// One connection to an agent. Requests are made on `client`; `reply` carries bytes until the next
/// reply is there, or nothing is left to carry.
struct agent_talk {
    explicit agent_talk(agent_keyring& keyring,
                        std::optional<std::chrono::seconds> lifetime = std::nullopt)
        : server(keyring, lifetime) {}

    std::optional<agent_reply> reply() {
        for (;;) {
            if (auto next = client.next().value()) return next;
            if (!carry()) return std::nullopt;
        }
    }

    // In pieces of at most `chunk`. False when nothing moved.
    bool carry() {
        const auto out = server.output();
        if (!out.empty()) {
            const std::size_t n = std::min(out.size(), chunk);
            std::ranges::copy(out.first(n), client.prepare_input(n).begin());
            client.commit_input(n);
            server.consume_output(n);
            return true;
        }
        const auto in = client.output();
        const auto space = server.input_space();
        const std::size_t n = std::min({in.size(), space.size(), chunk});
        if (n == 0) return false;
        std::ranges::copy(in.first(n), space.begin());
        client.consume_output(n);
        failed = server.commit_input(n, time).error();
        return !failed;
    }

    template <class Reply>
    bool replies() {
        const auto got = reply();
        return got && std::holds_alternative<Reply>(*got);
    }
    bool succeeds() { return replies<agent_success>(); }
    bool refuses() { return replies<agent_refusal>(); }

    std::vector<std::string> comments() {
        client.request_identities();
        const auto got = reply();
        std::vector<std::string> found;
        for (const auto& one : std::get<agent_identities>(got.value()).identities)
            found.push_back(one.comment);
        return found;
    }

    agent_client client;
    agent_server server;
    agent_time time{};
    std::size_t chunk = 4096;
    error_code failed;
};

/// A server that one logs in to: its host key has signed a session.
struct known_host {
    crypto::private_key key = crypto::private_key::generate("ssh-ed25519").value();
    bytes blob = key.public_half().blob();  // or a certificate of it
    bytes session_id = bytes(32, 1);

    agent_session_binding binding(bool forwarding) {
        signature = key.sign("ssh-ed25519", session_id).value();
        return {blob, session_id, signature, forwarding};
    }
    bytes signature{};
};

/// What a client signs to log in there.
inline bytes login_data(bytes_view session_id, std::string_view user, std::string_view algorithm,
                        bytes_view key_blob, std::optional<bytes_view> host_key_blob) {
    bytes data;
    wire::writer w(data);
    w.write(session_id);
    w.write(std::uint8_t{userauth_request::number});
    w.write(user);
    w.write(connection_service);
    w.write(host_key_blob ? publickey_hostbound : "publickey");
    w.write(true);
    w.write(algorithm);
    w.write(key_blob);
    if (host_key_blob) w.write(*host_key_blob);
    return data;
}

}  // namespace sluice::test
